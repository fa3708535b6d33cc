"""PC/SC calls in the caller's own thread that a bound or Ctrl-C ends all the same.

An exchange with a card takes tens of microseconds, and having another thread make it a third more.
So the fast ones are made directly, and one thread a process watches them. It cannot interrupt
libpcsclite, but it can end the socket between it and pcscd: the call returns at once with an error,
and pcscd lets go of the card as for any program that goes away. Ctrl-C reaches the watching thread
through `signal.set_wakeup_fd`, which is set by the first call and given back when the connection
closes.

Where that socket cannot be told apart (no pcsc-lite, no /proc) or somebody else uses the signals
(another wake-up descriptor, a handler of one's own for SIGINT), there is no such lane and `Caller`
makes the call.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from jukihost.waiting import GRACE, TELL_AFTER, leave_signals_to_others

T = TypeVar("T")

_TICK: Final = 0.05  # seconds between two looks while calls are made
_HEEDED: Final = 0.1  # seconds until it is asked again whether the signals are still ours
_DROWSY: Final = 1.0  # seconds without a call until the watch sleeps
_MOST_FILES: Final = 4096  # with more open files, looking through them would cost too much
_WAKE: Final = b"\0"  # no signal has the number 0
_DIRECTORY: Final = "/proc/self/fd"
# The function of the C module: its wrapper tries to make an enum member of every handler, which
# costs a hundred times as much.
_handler_of: Final[Callable[[int], object]] = getattr(signal, "_signal", signal).getsignal
_INTERRUPT: Final = int(signal.SIGINT)


_Running = tuple[float, float, bool]
"""A call under way: when it began and when its time is over (of time.monotonic), and whether the
main thread made it, the one that Ctrl-C is for."""


class Lane:
    """The direct way of one connection. `cut` says that the socket was ended: it is of no use."""

    def __init__(self, sock: socket.socket, tell: Callable[[], None]) -> None:
        """`tell` is called, in the watching thread, when a call takes longer than `TELL_AFTER`."""
        self._socket = sock
        self._tell = tell
        self._told: _Running | None = None
        self._running: list[_Running] = []
        self._cutting = threading.Lock()
        self.cut = False
        self._watch = _watch()
        self._watch.add(self)

    def run(self, seconds: float, function: Callable[..., T], *arguments: object) -> T | None:
        """Call the function, for at most `seconds`; None when this thread cannot, now.

        What it returns is worth nothing once `cut` is true.
        """
        watch, now = self._watch, time.monotonic()
        main = threading.get_ident() == _main
        if main and not watch.heeds_signals(now):
            return None
        running = (now, now + seconds, main)
        try:
            self._running[:] = (running,)
            if watch.asleep:
                watch.wake()
            return function(*arguments)
        finally:
            try:
                self._running.remove(running)
            except ValueError:
                with self._cutting:  # the watch has taken it, and is ending the socket
                    pass

    def close(self) -> None:
        """Give up the socket; what libpcsclite has of it stays as it is."""
        self._watch.remove(self)
        self._socket.close()

    def rest(self) -> None:
        """No call is to come for now: what was needed of the signals is given back."""
        self._watch.heeds_no_more()

    def running(self) -> _Running | None:
        """Return the call that is under way."""
        try:
            return self._running[-1]
        except IndexError:
            return None

    def look(self, running: _Running, now: float) -> None:
        """End the call when its time is over, tell when it takes long."""
        begun, deadline, _ = running
        if now >= deadline:
            self.end(running)
        elif now - begun >= TELL_AFTER and self._told is not running:
            self._told = running
            with contextlib.suppress(Exception):  # whoever listens must not end the watch
                self._tell()

    def end(self, running: _Running, *, interrupted: bool = False) -> None:
        """End the call, if it is still under way: whoever takes it from the list wins.

        Between two questions to pcscd libpcsclite sleeps for a tenth of a second, from which only a
        signal wakes it. For who is `interrupted` a second one changes nothing: until the call is
        over and `_cutting` is let go of, both are the same KeyboardInterrupt.
        """
        with self._cutting:
            try:
                self._running.remove(running)
            except ValueError:
                return
            self.cut = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            if interrupted and _main is not None:
                signal.pthread_kill(_main, signal.SIGINT)


class _Watch:
    """The thread that watches all lanes; sleeps while nothing is called."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._number = self._near.fileno()
        self._lanes: set[Lane] = set()
        self._busy_at = time.monotonic()
        self._heeds_until = 0.0
        self.asleep = False
        threading.Thread(target=self._run, name="pcsc-watch", daemon=True).start()

    def add(self, lane: Lane) -> None:
        """Watch one more."""
        self._lanes = self._lanes | {lane}

    def remove(self, lane: Lane) -> None:
        """Watch it no more."""
        self._lanes = self._lanes - {lane}

    def wake(self) -> None:
        """Wake the thread up."""
        self.asleep = False
        with contextlib.suppress(BlockingIOError):
            self._near.send(_WAKE)

    def heeds_signals(self, now: float) -> bool:
        """Have Ctrl-C wake the thread; False where it is somebody else's. Main thread only.

        Asking costs more than all the rest of a call, so it is asked again after a while only.
        """
        if _handler_of(_INTERRUPT) is not signal.default_int_handler:
            return False
        if now < self._heeds_until:
            return True
        before = signal.set_wakeup_fd(self._number)
        if before not in (-1, self._number):
            signal.set_wakeup_fd(before)
            return False
        self._heeds_until = now + _HEEDED
        return True

    def heeds_no_more(self) -> None:
        """Give the signals back, where this may be done: in the main thread."""
        if self._heeds_until and threading.get_ident() == _main:
            self._heeds_until = 0.0
            before = signal.set_wakeup_fd(-1)
            if before != self._number:
                signal.set_wakeup_fd(before)

    def _run(self) -> None:
        leave_signals_to_others()
        selector = selectors.DefaultSelector()
        selector.register(self._far, selectors.EVENT_READ)
        while True:
            ready = selector.select(self._pause())
            if ready and _INTERRUPT in self._far.recv(4096):
                self._interrupt()
            now = time.monotonic()
            for lane in self._lanes:
                running = lane.running()
                if running is not None:
                    self._busy_at = now
                    lane.look(running, now)

    def _pause(self) -> float | None:
        """Return the seconds until the next look, None to sleep until woken."""
        now = time.monotonic()
        calls = [running for lane in self._lanes if (running := lane.running()) is not None]
        if not calls and now - self._busy_at > _DROWSY:
            self.asleep = True
            if not any(lane.running() for lane in self._lanes):
                return None
            self.asleep = False  # one that began meanwhile has not seen that it must wake
        return max(0.0, min([_TICK, *(deadline - now for _, deadline, _ in calls)]))

    def _interrupt(self) -> None:
        """End the call of the main thread, unless it ends by itself within `GRACE`."""
        for lane in self._lanes:
            running = lane.running()
            if running is None or not running[2]:
                continue
            patience = time.monotonic() + GRACE
            while lane.running() is running:
                if time.monotonic() >= patience:
                    lane.end(running, interrupted=True)
                    break
                time.sleep(GRACE / 10)


_main = threading.main_thread().ident
_the_watch: _Watch | None = None
_making: threading.Lock = threading.Lock()


def _watch() -> _Watch:
    """Return the one of this process, made by who needs it first."""
    global _the_watch  # noqa: PLW0603
    found = _the_watch
    if found is None:
        with _making:
            found = _the_watch = _the_watch or _Watch()
    return found


def _forget_the_watch() -> None:
    """A forked process has no threads but one, and no connection of its parent's."""
    global _the_watch, _making, _main  # noqa: PLW0603
    if _the_watch is not None:
        _main = threading.get_ident()
        _the_watch.heeds_no_more()  # or the child's signals would be told to its parent
    _the_watch, _making, _main = None, threading.Lock(), threading.get_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_watch)


def open_sockets() -> Mapping[int, int] | None:
    """Return the sockets of this process, descriptors by inode; None where that cannot be told."""
    try:
        numbers = os.listdir(_DIRECTORY)
    except OSError:
        return None
    if len(numbers) > _MOST_FILES:
        return None
    found = {}
    for number in map(int, numbers):
        with contextlib.suppress(OSError):  # closed meanwhile, like that of the listing itself
            status = os.fstat(number)
            if stat.S_ISSOCK(status.st_mode):
                found[status.st_ino] = number
    return found


def new_socket(before: Mapping[int, int] | None) -> socket.socket | None:
    """Return a descriptor of our own for the one socket to pcscd that was not there before.

    None when there is none, or more than one: nobody's but our own may be ended.
    """
    after = open_sockets()
    if before is None or after is None:
        return None
    made = []
    for inode in after.keys() - before.keys():
        with contextlib.suppress(OSError):
            made.append(socket.socket(fileno=os.dup(after[inode])))
    ours = [sock for sock in made if _leads_to_pcscd(sock)]
    for sock in made:
        if len(ours) != 1 or sock is not ours[0]:
            sock.close()
    return ours[0] if len(ours) == 1 else None


def _leads_to_pcscd(sock: socket.socket) -> bool:
    if sock.family != getattr(socket, "AF_UNIX", None):
        return False
    try:
        peer = sock.getpeername()
    except OSError:
        return False
    # pcsc-lite, PCSCLITE_CSOCK_NAME
    wanted = os.environ.get("PCSCLITE_CSOCK_NAME", "/pcscd.comm")
    return isinstance(peer, str) and (peer == wanted or peer.endswith("/pcscd.comm"))

"""Calls that block in a foreign library, made so that whoever waits for one can stop waiting.

A C function that waits for another program cannot be interrupted from Python: no signal handler
runs until it returns. So it runs in a thread of its own, and the one that asked waits with a bound
and is interrupted at once. A call that nobody waits for any more is left to itself; what was to be
cleaned up behind it is done in its thread when it returns.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

T = TypeVar("T")

TELL_AFTER: Final = 1.0
"""Seconds after which a person is told what is waited for."""
GRACE: Final = 0.05
"""Seconds that a running call gets to end by itself when the one that waits is interrupted."""
_SLICE: Final = 0.05
"""Seconds between two looks of who waits.

Windows does not interrupt a wait for a lock. Elsewhere a signal may come just before the wait, or
be given to another thread, and then does not interrupt it either.
"""
_ASKED_TO_END: Final = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}


class Late(Exception):
    """The call did not return within its bound; it is left to itself."""


class Left:
    """Something to be done in a thread, once, and whether it is `done`.

    Not `Thread.join` and `is_alive`: up to Python 3.12 a `join` that Ctrl-C breaks off takes the
    thread for ended.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work: Callable[[], object] | None = work
        self.done = False
        self._running = threading.Lock()  # who waits may be broken off and leave it locked
        self._running.acquire()

    def __call__(self) -> None:
        """Do it, in the thread that is there for it."""
        work, self._work = self._work, None  # which may hold what holds this
        assert work is not None  # noqa: S101
        try:
            self._do(work)
        finally:
            del work
            self.done = True
            self._running.release()

    def _do(self, work: Callable[[], object]) -> None:
        work()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; tell whether it came."""
        deadline = time.monotonic() + seconds
        while not self.done:
            left = deadline - time.monotonic()
            if self._running.acquire(timeout=min(max(left, 0.0), _SLICE)):
                self._running.release()
                return True
            if left <= _SLICE:
                return self.done
        return True


class _Call(Left, Generic[T]):
    """One call that somebody waits for, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(work)
        self._result: T
        self._error: BaseException | None = None

    def _do(self, work: Callable[[], object]) -> None:
        try:
            self._result = work()  # type: ignore[assignment]  # what was given is of T
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error

    def outcome(self) -> T:
        """Return what it returned, or raise what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # or the traceback and the error would keep each other
        return self._result


class Caller:
    """A thread for the blocking calls of one connection, one after the other; made when needed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._last: _Call[object] | None = None
        self.thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a call has not returned yet."""
        return self._last is not None and not self._last.done

    def call(
        self, work: Callable[[], T], seconds: float, tell: Callable[[], None] | None = None
    ) -> T:
        """Run `work` in the thread and return what it returns, or raise what it raises.

        Late after `seconds`; `tell` is called once, when it takes longer than `TELL_AFTER`. After
        that, and after an interrupt that it did not end within `GRACE`, `busy` is true.
        """
        call = _Call(work)
        try:
            self._begin(call)
            if not call.wait(min(seconds, TELL_AFTER)):
                if seconds > TELL_AFTER and tell is not None:
                    tell()
                if not call.wait(seconds - TELL_AFTER):
                    raise Late
        except Late:
            raise
        except BaseException:
            call.wait(GRACE)
            raise
        return call.outcome()

    def end(self, last: Callable[[], None]) -> Left | None:
        """Have `last` done behind everything else, then let the thread end; None without one.

        A forked process has none of its parent's threads, and lets its parent do what is last.
        """
        if self.thread is None or not self.thread.is_alive():
            return None
        left = Left(last)
        self._calls.put(left)
        self._calls.put(None)
        return left

    def _begin(self, call: _Call[T]) -> None:
        if self.thread is None:
            # A daemon: a program that ends does not wait for what it left to itself.
            thread = threading.Thread(
                target=_run, args=(self._calls,), name=self._name, daemon=True
            )
            thread.start()
            self.thread = thread
        self._last = call  # type: ignore[assignment]  # of a result's type nothing is asked
        self._calls.put(call)


def _run(calls: SimpleQueue[Callable[[], None] | None]) -> None:
    """Do what is asked for until the end; knows nothing of who asks, so that it can go away."""
    leave_signals_to_others()
    while True:
        call = calls.get()
        if call is None:
            return
        call()
        del call


def call_once(
    name: str, work: Callable[[], T], seconds: float, tell: Callable[[], None] | None = None
) -> T:
    """Run one call in a thread called `name`, which ends with it; see `Caller.call`. Late."""
    caller = Caller(name)
    try:
        return caller.call(work, seconds, tell)
    finally:
        caller.end(_nothing)


def leave_signals_to_others() -> None:
    """Have this thread take no signal that asks a program to end: it interrupts who takes it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED_TO_END)


def _nothing() -> None:
    """Do nothing more, then end."""

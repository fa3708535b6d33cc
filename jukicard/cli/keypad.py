"""The PIN pad of a CCID reader at the operator's terminal: keys without echo, and what is shown."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from jukicard.cli.problems import UserError
from jukicard.transport.ccid.keypad import PadKey, PinPrompt

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from jukicard.cli.ending import Ending

try:
    import resource
    import termios
except ImportError:  # no Unix: there is no terminal of this kind to open
    pass

_ESC: Final = 0x1B
_KEYS: Final = {
    0x0A: PadKey.OK,
    0x0D: PadKey.OK,
    0x08: PadKey.BACK,
    0x7F: PadKey.BACK,
    0x15: PadKey.CLEAR,  # Ctrl-U, as everywhere on a terminal
    ord("c"): PadKey.CLEAR,
    _ESC: PadKey.CANCEL,
} | {0x30 + key.value: key for key in PadKey if key.value < 10}
_HELP: Final = "Enter: OK, Backspace: last digit, c: all digits, Esc: cancel"
_PR_SET_DUMPABLE: Final = 4
_TURN: Final = 0.2
"""The longest wait, in seconds, before somebody looks whose the terminal is."""


class Display(Protocol):
    """What a person sees; it never learns a digit."""

    def begin(self, prompt: PinPrompt) -> None:
        """Show what is asked for."""
        ...

    def typed(self, count: int) -> None:
        """Show how many digits there are."""
        ...

    def end(self, outcome: str) -> None:
        """Show how it ended."""
        ...


class TerminalKeypad:
    """A key pad on a terminal, shared with whoever types commands there: one at a time.

    terminal: its file descriptor; it is the caller's to close.

    While a PIN is typed the terminal echoes nothing. `lines` is what is typed otherwise. OSError
    where the program is in the background, or the terminal is gone.
    """

    def __init__(self, terminal: int, display: Display) -> None:
        self._terminal = terminal
        self._display = display
        self._before: list[Any] | None = None  # the terminal as it is when no PIN is typed
        self._lock = threading.Lock()  # held by whoever reads or changes it
        self._left: list[PadKey] = []

    def begin(self, prompt: PinPrompt) -> None:
        """Take the terminal and show what is asked for; what was typed before is forgotten."""
        with self._lock, _as_os_error():
            if os.tcgetpgrp(self._terminal) != os.getpgrp():
                raise OSError("the program is in the background: nobody can type")
            silent = termios.tcgetattr(self._terminal)
            if self._before is None:
                self._before = silent.copy()
            silent[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON)
            termios.tcsetattr(self._terminal, termios.TCSAFLUSH, silent)
            self._left.clear()
        self._display.begin(prompt)

    def key(self, seconds: float) -> PadKey | None:
        """Return the next key, or None when none came in that time."""
        if not self._left:
            if not select.select([self._terminal], [], [], seconds)[0]:
                return None
            came = os.read(self._terminal, 64)
            if not came:
                raise OSError("the terminal is gone")
            self._left = list(_keys(came))
        return self._left.pop(0) if self._left else None

    def typed(self, count: int) -> None:
        """Show how many digits there are."""
        self._display.typed(count)

    def end(self, outcome: str) -> None:
        """Give the terminal back and show how it ended."""
        self.release()
        self._display.end(outcome)

    def release(self) -> None:
        """Give the terminal back as it was."""
        with self._lock, contextlib.suppress(OSError), _as_os_error():
            before, self._before = self._before, None
            self._left.clear()
            if before is not None:
                termios.tcsetattr(self._terminal, termios.TCSAFLUSH, before)

    def lines(self, ending: Ending) -> Iterator[str]:
        """Return the lines that are typed while no PIN is, until the end of input. OSError.

        KeyboardInterrupt when told to end.
        """
        kept = b""
        while True:
            ending.check()
            came = self._line()
            if came == b"":
                return
            *whole, kept = (kept + (came or b"")).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)

    def _line(self) -> bytes | None:
        """Return what is there to read; None when nothing is, or it belongs to the pad."""
        select.select([self._terminal], [], [], _TURN)
        with self._lock:
            if self._before is None and select.select([self._terminal], [], [], 0)[0]:
                return os.read(self._terminal, 4096)
        threading.Event().wait(_TURN / 10)  # the pad's keys are waiting for the pad
        return None


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """A terminal that is gone is told in one way: termios has an error of its own."""
    try:
        yield
    except termios.error as error:
        raise OSError(*error.args) from None


def _keys(came: bytes) -> Iterator[PadKey]:
    """Return the keys in what a terminal sent; an arrow or function key is none, not a cancel."""
    if came[:1] == bytes((_ESC,)) and len(came) > 1:
        return
    yield from (_KEYS[byte] for byte in came if byte in _KEYS)


def _asked(prompt: PinPrompt) -> str:
    count = str(prompt.minimum)
    if prompt.maximum != prompt.minimum:
        count += f" to {prompt.maximum}"
    return f"{prompt.message or 'PIN'} ({count} digits, {prompt.seconds} s)"


class LineDisplay:
    """Asks in a line, as a password is asked for: what is typed leaves no trace at all."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal

    def begin(self, prompt: PinPrompt) -> None:
        """Show what is asked for."""
        self._write(f"\nPIN pad: {_asked(prompt)}. {_HELP}: ")

    def typed(self, count: int) -> None:
        """Show nothing."""

    def end(self, outcome: str) -> None:
        """Show how it ended."""
        self._write(f"\nPIN pad: {outcome}\n")

    def _write(self, text: str) -> None:
        os.write(self._terminal, text.encode())


class WindowDisplay:
    """Draws a small pad in a window of the terminal: the message, a star a digit, and the keys."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._live: Live | None = None
        self._prompt = PinPrompt("", 0, 0, 0)

    def begin(self, prompt: PinPrompt) -> None:
        """Draw the pad, or another message in it."""
        from rich.console import Console
        from rich.live import Live

        self._prompt = prompt
        if self._live is None:
            stream = os.fdopen(self._terminal, "w", encoding="utf-8", closefd=False)
            console = Console(file=stream, force_terminal=True)
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        self.typed(0)

    def typed(self, count: int) -> None:
        """Draw the stars."""
        if self._live is not None:
            self._live.update(self._drawn(count), refresh=True)

    def end(self, outcome: str) -> None:
        """Take the window away and say how it ended."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
            live.console.print(f"PIN pad: {outcome}", markup=False, highlight=False)

    def _drawn(self, count: int) -> RenderableType:
        from rich.align import Align
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        keys = Text("1  2  3\n4  5  6\n7  8  9\n   0   ")
        parts: list[RenderableType] = [
            Text(_asked(self._prompt)),
            Panel(Text("*" * count), width=24),
            keys,
            Text(_HELP),
        ]
        return Panel(Group(*(Align(part, "center") for part in parts)), title="PIN pad", width=64)


@contextlib.contextmanager
def pad_at_terminal(*, window: bool) -> Iterator[TerminalKeypad]:
    """Open the terminal of this program as a key pad. UserError without one.

    From then on the process leaves no core file: it holds PINs while they are typed.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0))
    except OSError:
        raise UserError(
            "a PIN pad needs a terminal to type at: start this in one, or choose a reader without"
        ) from None
    no_core_file()
    pad = TerminalKeypad(terminal, (WindowDisplay if window else LineDisplay)(terminal))
    try:
        yield pad
    finally:
        pad.release()
        os.close(terminal)


def no_core_file() -> None:
    """Make the system write no memory of this process into a file or to a helper, if it crashes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux: also where a helper takes what crashes
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

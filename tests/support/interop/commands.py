"""A command line as a program of its own, to be interrupted; it says when it begins and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.support.rest import rest_of
from tests.support.stalls import Stalls

ROOT: Final = Path(__file__).parents[3]
# Imported before it begins: whoever presses Ctrl-C while Python itself starts meets Python.
_START: Final = """
import fcntl, importlib, os, signal, sys, termios, time
if os.isatty(0):
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
seconds, package = float(sys.argv.pop(1)), sys.argv.pop(1)
importlib.import_module(f"{package}.cli")
main = importlib.import_module(f"{package}.start").main
bounded = importlib.import_module("jukihost.cli.bounded")
bounded.SECONDS = seconds
print("ready", file=sys.stderr, flush=True)
code = main(sys.argv[1:])
print(f"ended {time.monotonic()}", file=sys.stderr, flush=True)
sys.exit(code)
"""


class Ended(NamedTuple):
    """How a command ended: exit code, seconds after Ctrl-C, and what it said to whom."""

    code: int
    seconds: float
    said: str
    output: str


class Command:
    """`jukihost` or `jukicard` with these arguments; it has begun once this is made."""

    def __init__(
        self,
        package: str,
        *arguments: str,
        stdin: int = subprocess.PIPE,
        terminal: int | None = None,
        bound: float = 300.0,
    ) -> None:
        """`terminal`: a terminal that the program has for itself. `bound`: of its prompts."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, str(bound), package, *arguments],
            stdin=stdin if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            env={**os.environ, "JUKIHOST_PASSPHRASE": "correct horse battery"},
            start_new_session=terminal is not None,
        )
        assert self.line() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.process:
            self.process.kill()

    def line(self) -> str:
        """Return the next line of its standard error."""
        assert self.process.stderr is not None
        line = str(self.process.stderr.readline())
        assert line
        return line.strip()

    def interrupt(self) -> float:
        """Press Ctrl-C; return when that was."""
        self.process.send_signal(signal.SIGINT)
        return time.monotonic()

    def end(self, pressed: float = 0.0) -> Ended:
        """Wait for its end."""
        *output, said = rest_of(self.process)
        said, _, ended = said.rpartition("ended ")
        assert ended, said
        return Ended(self.process.returncode, float(ended) - pressed, said, "".join(output))

    def interrupted(self, *, code: int = 130) -> Ended:
        """Press Ctrl-C and check that it ends at once, in words unless it is there to be ended."""
        with Stalls() as stalls:
            ended = self.end(self.interrupt())
        self._check(ended, code, stalls)
        return ended

    def interrupted_whenever(self, *, code: int = 130) -> None:
        """Press Ctrl-C at an instant that may be too late: then nothing is checked."""
        if self.process.poll() is not None:
            return
        with Stalls() as stalls:
            ended = self.end(self.interrupt())
        if ended.seconds > 0:  # 130 also from what is there to be ended, before it has begun
            self._check(ended, max(code, ended.code) if ended.code == 130 else code, stalls)

    def _check(self, ended: Ended, code: int, stalls: Stalls) -> None:
        assert ended.code == code, ended
        assert ended.said.endswith("interrupted\n") or code == 0, ended
        assert "Traceback" not in ended.said
        assert ended.seconds <= stalls.allowed(0), ended

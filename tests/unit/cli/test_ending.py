"""A wish to end is heard whenever it comes: also one that Python has noted, and nobody acted on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BEGIN = """
import os, signal, sys, threading, time
from jukicard.cli.ending import ended_by_signals

def kill(number=signal.SIGINT):
    os.kill(os.getpid(), number)

def later(act, seconds=0.3):
    threading.Timer(seconds, act).start()

class Wished:
    def __del__(self):  # whatever is raised here nobody can catch
        kill()
        for _ in range(1000):
            pass

reached = []
with ended_by_signals() as ending:
"""
END = """
print("ended", *reached)
"""

HOW = {
    "a signal": """
    later(kill)
    ending.wait()
""",
    "before it waits": """
    kill()
    ending.wait()
""",
    # what comes between the last step of Python and a call that waits interrupts no call either
    "a signal that interrupts no call": """
    later(kill)  # this thread takes it
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    ending.wait()
""",
    "a signal that interrupts no call, and who reads lines": """
    later(kill)  # this thread takes it
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    for line in ending.lines(sys.stdin):
        reached.append(line)
""",
    "a wish that was lost": """
    one = Wished()
    del one
    reached.append("on")
    ending.wait()
""",
    "a wish that was lost, and who reads lines": """
    one = Wished()
    del one
    for line in ending.lines(sys.stdin):
        reached.append(line)
""",
    "a wish that was lost, and who waits a moment": """
    one = Wished()
    del one
    while True:
        ending.wait(0.01)
""",
    "a wish that was lost, and who asks": """
    one = Wished()
    del one
    while True:
        ending.check()
""",
    "SIGTERM": """
    later(lambda: kill(signal.SIGTERM))
    ending.wait()
""",
    "SIGHUP": """
    later(lambda: kill(signal.SIGHUP))
    ending.wait()
""",
    "after a signal that is no wish": """
    signal.signal(signal.SIGUSR1, lambda *_: reached.append("usr1"))
    later(lambda: kill(signal.SIGUSR1), 0.1)
    later(kill, 0.5)
    spent = time.process_time()
    try:
        ending.wait()
    finally:
        assert time.process_time() - spent < 0.2, "it did not wait"
""",
}
REACHED = {"a wish that was lost": " on", "after a signal that is no wish": " usr1"}


def run(body: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that waits; nothing is typed for it unless it is said, nor does input end."""
    into, out = map(os.fdopen, os.pipe(), "rw")
    with into, out:
        if typed is not None:
            out.write(typed)
            out.close()
        return subprocess.run(
            [sys.executable, "-c", BEGIN + body + END],
            stdin=into,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.mark.parametrize("how", HOW)
def test_it_ends(how: str) -> None:
    ended = run(HOW[how])
    assert ended.stdout == f"ended{REACHED.get(how, '')}\n", ended
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("typed", "read"),
    [("", []), ("\n", [""]), ("one\ntwo", ["one", "two"]), ("é\n" * 3000, ["é"] * 3000)],
    ids=["nothing", "an empty line", "a line without end", "more than is read at once"],
)
def test_what_is_typed_comes_line_by_line(typed: str, read: list[str]) -> None:
    ended = run("    reached += [repr(line) for line in ending.lines(sys.stdin)]\n", typed)
    assert ended.stdout.split() == ["ended", *map(repr, read)]
    assert ended.stderr == ""


def test_a_text_in_memory_is_read_too() -> None:
    ended = run("""
    import io
    reached += ending.lines(io.StringIO("one\\ntwo"))
""")
    assert ended.stdout.split() == ["ended", "one", "two"], ended


def test_a_wait_has_the_length_that_was_asked_for() -> None:
    ended = run("""
    begun = time.monotonic()
    ending.wait(0.3)
    reached.append(time.monotonic() - begun >= 0.3)
    ending.wait(0)
    ending.wait(-1)
""")
    assert ended.stdout == "ended True\n", ended


def test_handlers_are_as_they_were_afterwards() -> None:
    ended = run("""
    pass
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGTTIN"):
    reached.append(signal.getsignal(getattr(signal, name)).__class__.__name__)
reached.append(signal.set_wakeup_fd(-1))
""")
    assert ended.stdout == "ended builtin_function_or_method Handlers Handlers Handlers -1\n", ended

"""The pad at a terminal: keys, no echo, a window with stars, and the terminal as it was before."""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from textwrap import dedent

import pytest

from jukicard.cli.keypad import TerminalKeypad, _keys
from jukicard.cli.problems import UserError
from jukicard.transport.ccid.keypad import PadKey, PinPrompt

CANARY = "739182640"
SECONDS = 10.0

PROGRAM = dedent(
    """
    import fcntl, os, socket, sys, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    from jukicard.cli.ending import Ending
    from jukicard.cli.keypad import pad_at_terminal
    from jukicard.transport.ccid.messages import CcidError
    from jukicard.transport.ccid.pinpad import PinPad
    from jukicard.transport.ccid.seam import SecureRequest
    from jukicard.transport.tpdu import LRC
    from tests.support.readers.secure_messages import verification, modification

    body = eval(sys.argv[1])
    sent = []
    def card(command):
        sent.append(command)
        return bytes.fromhex("9000")
    request = SecureRequest(0, body, 0, 1, LRC, False, card, lambda: None, lambda: False)
    with pad_at_terminal(window=sys.argv[2] == "window") as pad:
        try:
            answer = PinPad(pad)(request).hex()
        except CcidError as error:
            answer = f"error {error.code:02X}"
        said = [command[5:].hex() for command in sent]
        os.write(3, f"{answer} {' '.join(said)}\\n".encode())
        for line in pad.lines(Ending(socket.socketpair()[0])):
            os.write(3, f"line {line}\\n".encode())
            break
        if "crash" in sys.argv:
            os.abort()
    """
)


class Terminal:
    """A terminal of the tests' own with a program at it; `told` is what it says beside it."""

    def __init__(self, body: str, *words: str) -> None:
        self.master, slave = pty.openpty()
        self.told, out = os.pipe()
        os.set_inheritable(out, True)
        self.screen = b""
        self.slave = slave
        code = f"import os; os.dup2({out}, 3)\n{PROGRAM}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, body, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            pass_fds=(out,),
            start_new_session=True,
            env=os.environ | {"TERM": "xterm"},
        )
        os.close(out)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        for number in (self.master, self.slave, self.told):
            os.close(number)

    def wait_for(self, text: str) -> None:
        over = time.monotonic() + SECONDS
        while text.encode() not in self.screen:
            assert time.monotonic() < over, self.screen
            if select.select([self.master], [], [], 0.1)[0]:
                self.screen += os.read(self.master, 65536)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def says(self) -> str:
        assert select.select([self.told], [], [], SECONDS)[0], self.screen
        return os.read(self.told, 65536).decode().strip()

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)


@pytest.fixture
def at_terminal() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.close()


@pytest.mark.parametrize("display", ["line", "window"])
def test_a_pin_is_typed_without_a_trace_on_the_terminal(
    display: str, at_terminal: list[Terminal]
) -> None:
    terminal = Terminal("verification(most=9, least=4)", display)
    at_terminal.append(terminal)
    terminal.wait_for("Enter PIN (4 to 9 digits, 30 s)")
    assert not terminal.echoes()
    for digit in f"{CANARY}\x7f0":
        terminal.type(digit)
    terminal.type("\r")
    assert terminal.says() == f"9000 {CANARY.encode().hex()}"
    terminal.wait_for("PIN pad: done")
    assert terminal.echoes()
    terminal.type("status\n")
    assert terminal.says() == "line status"
    assert terminal.process.wait(SECONDS) == 0
    screen = terminal.screen.decode()
    assert ("*********" in screen) == (display == "window")
    without_pad = screen.replace("1  2  3", "").replace("4  5  6", "").replace("7  8  9", "")
    assert not any(CANARY[at : at + 3] in without_pad for at in range(7))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("12\x1b", "error EF"),
        ("\x1b[A\x1b", "error EF"),
        ("12c345\x156\r", "6403"),
        ("", "error F0"),
    ],
)
def test_other_ends_give_the_terminal_back(
    typed: str, told: str, at_terminal: list[Terminal]
) -> None:
    terminal = Terminal("verification(seconds=2)", "window")
    at_terminal.append(terminal)
    terminal.wait_for("Enter PIN (4 digits, 2 s)")
    for at, part in enumerate(typed.partition("\x1b[A")):
        terminal.type(part)
        time.sleep(0.05 * (at < 2))
    assert terminal.says().strip() == told
    terminal.wait_for("PIN pad: ")
    assert terminal.echoes()


def test_a_modification_shows_its_messages_one_after_the_other(at_terminal: list[Terminal]) -> None:
    terminal = Terminal("modification()", "window")
    at_terminal.append(terminal)
    for message, pin in (("Enter PIN", 1234), ("Enter new PIN", 5678), ("Confirm new PIN", 5678)):
        terminal.wait_for(message)
        terminal.type(f"{pin}\r")
    assert terminal.says() == f"9000 {b'12345678'.hex()}"


def test_a_crash_leaves_no_core_file(at_terminal: list[Terminal]) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        terminal = Terminal("verification()", "line", "crash")
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    at_terminal.append(terminal)
    terminal.wait_for("Enter PIN")
    terminal.type("1234\r")
    terminal.says()
    terminal.type("quit\n")
    _, status = os.waitpid(terminal.process.pid, 0)
    terminal.process.returncode = -os.WTERMSIG(status)
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)


def test_without_a_terminal_the_program_says_what_to_do() -> None:
    code = "from jukicard.cli.keypad import pad_at_terminal as p\nwith p(window=True): pass"
    done = subprocess.run(
        [sys.executable, "-c", code],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert UserError.__name__ in done.stderr
    assert "a PIN pad needs a terminal to type at" in done.stderr


def test_a_terminal_of_others_is_not_typed_at() -> None:
    master, slave = pty.openpty()
    try:
        with pytest.raises(OSError, match=r"background|ioctl"):
            TerminalKeypad(slave, _Silent()).begin(PinPrompt("", 4, 4, 1))
    finally:
        os.close(master)
        os.close(slave)


class _Silent:
    def begin(self, prompt: PinPrompt) -> None: ...

    def typed(self, count: int) -> None: ...

    def end(self, outcome: str) -> None: ...


def test_only_keys_of_a_pad_are_heard() -> None:
    heard = {byte: list(_keys(bytes((byte,)))) for byte in range(256)}
    assert [heard[byte] for byte in range(0x30, 0x3A)] == [[PadKey(n)] for n in range(10)]
    meant = {0x0A, 0x0D, 0x08, 0x7F, 0x15, 0x63, 0x1B, *range(0x30, 0x3A)}
    assert {byte for byte, keys in heard.items() if keys} == meant
    assert not list(_keys(b"\x1b[15~"))

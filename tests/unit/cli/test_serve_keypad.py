"""`jukicard serve --ccid --keypad`: a program asks for a PIN, a person types it, all goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.readers.ccid_driver import lrc, message
from tests.support.readers.secure_messages import verification
from tests.support.readers.serial_line import Line
from tests.support.readers.served import SECONDS, Served

PIN: Final = "739182"
TIME: Final = "80"


def ask(link: str, answers: list[str]) -> None:
    """Be a driver: power, the Juki PIN's file, and a PIN from the pad; time is given as asked."""
    line = Line(link)
    try:
        line.exchange(message(0x62))
        line.exchange(message(0x61, "1110FF4500FE00", "010000"))
        for block in ("00000F00A4040C0AD3921000310001010401", "00400700A4020C02001C"):
            line.exchange(message(0x6F, lrc(block)))
        secure = message(0x69, verification(most=6, least=4).hex())
        line.write(_frame(secure))
        line.read(len(secure) + 3)
        while (first := line.read(1, 2.0)) == TIME:
            pass
        if not first:
            return  # the reader is gone
        head = first + line.read(11)
        answers.append(line.read(bytes.fromhex(head)[3] + 1)[:-2])
        answers.append(head)
    finally:
        line.close()


def _frame(sent: bytes) -> bytes:
    return bytes.fromhex(lrc((b"\x03\x06" + sent).hex()))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[list[Served]]:
    started: list[Served] = []
    yield started
    for one in started:
        one.close()


@pytest.mark.parametrize("words", [("--keypad",), ("--model", "GemPCPinPad")])
@pytest.mark.parametrize(("typed", "answer"), [(f"{PIN}\r", "00000263C2A3"), ("73\x1b", "")])
def test_a_pin_is_asked_for_at_the_terminal_and_commands_go_on(
    words: tuple[str, ...], typed: str, answer: str, tmp_path: Path, served: list[Served]
) -> None:
    recording = tmp_path / "all.json"
    at = Served(tmp_path, *words, "--trace", "--record", str(recording))
    served.append(at)
    at.wait_for("start it now")
    at.type("status\n")
    at.wait_for("waiting for pcscd")
    answers: list[str] = []
    driver = threading.Thread(target=ask, args=(at.link, answers), daemon=True)
    driver.start()
    at.wait_for("Enter PIN (4 to 6 digits, 30 s)")
    at.type(typed)
    driver.join(SECONDS)
    assert answers[0] == answer
    assert answers[1][18:22] == ("0000" if answer else "40EF")
    at.wait_for("PIN pad: done" if answer else "PIN pad: cancelled")
    at.type("remove\nquit\n")
    at.wait_for("removed")
    assert at.process.wait(SECONDS) == 0
    screen = at.screen.decode() + recording.read_text()
    assert ("VERIFY" in screen) == bool(answer), "the trace tells of the command"
    assert ("******" in screen) == (words == ("--keypad",) and bool(answer))
    for secret in (PIN, PIN.encode().hex(), PIN.encode().hex(" ")):
        assert secret not in screen
    assert not os.path.lexists(at.link)


def test_ctrl_c_while_a_pin_is_typed_ends_it_and_gives_the_terminal_back(
    tmp_path: Path, served: list[Served]
) -> None:
    at = Served(tmp_path, "--keypad")
    served.append(at)
    at.wait_for("start it now")
    answers: list[str] = []
    driver = threading.Thread(target=ask, args=(at.link, answers), daemon=True)
    driver.start()
    at.wait_for("Enter PIN")
    assert not termios.tcgetattr(at.slave)[3] & termios.ECHO
    at.type("73\x03")
    assert at.process.wait(SECONDS) == 0
    assert termios.tcgetattr(at.slave)[3] & termios.ECHO
    assert not os.path.lexists(at.link)
    driver.join(SECONDS)


def test_without_a_terminal_a_window_is_refused_and_a_line_told_of(tmp_path: Path) -> None:
    (tmp_path / "driver").touch()
    place = ["--ccid", str(tmp_path / "desk"), "--ccid-driver", str(tmp_path / "driver")]
    for words, code in ((["--keypad"], 1), (["--model", "GemPCPinPad"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "jukicard", "serve", "--control", *words, *place],
            input="quit\n",
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert ("a PIN pad needs a terminal" in done.stderr) == bool(code)
        assert ("nobody can type on the reader's keys" in done.stdout) != bool(code)

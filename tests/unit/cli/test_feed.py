"""`jukicard feed` in a process of its own, and a terminal in front of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jukicard import list_cards
from jukicard.cli import main
from jukihost import CardRemoved, TcpConnection
from jukihost.cli import main as host
from tests.support.cards.blanks import make_model, personalise
from tests.support.rest import rest_of

MODEL = make_model("juki-v1")


class Feed:
    """The program, and where it listens."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.program = program
        line = self.line()
        assert line.startswith("blank cards, ")
        host_name, _, port = line.rsplit(" ", 1)[1].rpartition(":")
        self.address = host_name, int(port)

    def line(self) -> str:
        assert self.program.stdout is not None
        return self.program.stdout.readline().strip()

    def connect(self, card: str | None = None) -> TcpConnection:
        return TcpConnection(*self.address, card=card)

    def rest(self) -> list[str]:
        self.program.send_signal(signal.SIGINT)
        out = rest_of(self.program)[0]
        assert self.program.returncode == 0
        return out.splitlines()


@contextmanager
def feeding(path: Path, *options: str) -> Iterator[Feed]:
    program = subprocess.Popen(
        [sys.executable, "-m", "jukicard", "feed", "--tcp", "127.0.0.1", "--image", str(path),
         *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    with program:
        try:
            yield Feed(program)
        finally:
            program.kill()


def number_in(connection: TcpConnection) -> str:
    return connection.transmit(bytes.fromhex("00CA005A00"))[2:10].hex().upper()


def test_cards_are_fed_issued_and_served_and_it_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cards.juki"
    with feeding(path, "--count", "2", "--seed", "7", "--profile", "juki-v1") as feed:
        with feed.connect() as connection:
            number = number_in(connection)
            assert feed.line() == f"card {number}: given out"
        assert feed.line() == f"card {number}: untouched: it comes again"
        personalise(lambda: feed.connect(number), MODEL)
        with feed.connect() as connection:
            other = number_in(connection)
        assert other != number
        said = feed.rest()
    assert f"card {number}: done (1 of 2)" in said
    assert said[-1] == "1 done, 1 untouched"
    assert not any(len(digits) > 4 for line in said for digits in re.findall(r"\b\d+\b", line))
    assert {entry.card_id for entry in list_cards(path)} == {number, other}
    with feeding(path, "--count", "2", "--seed", "7") as feed:
        with feed.connect() as connection:
            assert number_in(connection) == other
            with pytest.raises(CardRemoved):
                feed.connect().open()
        where = ":".join(map(str, feed.address))
        assert host(["status", "--tcp", f"{where}#{number}"]) == 0
        said = feed.rest()
    assert sum("no blank card is left" in line for line in said) == 1
    capsys.readouterr()
    assert main(["inspect", f"{path}#{number}"]) == 0
    assert "blank" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--count", "0"], 2, "is no number of cards"),
        (["--count", "many"], 2, "is no number of cards"),
        (["--count", "1", "--profile", "no-such"], 2, "there is no profile of this name"),
        (["--count", "1", "--profile", "mynumber", "--compat"], 2, "My Number card has"),
        (["--count", "1", "--access-number", "12"], 2, "an access number has six digits"),
        (["--count", "1", "--issuer-key-file", "there is none"], 1, "cannot be read"),
        (["--count", "1", "--master-file", "there is none"], 1, "cannot be read"),
        (["--count", "1", "--pin-file", "x"], 2, "there is no option --pin-file"),
        (["--count", "1", "--form", "1"], 2, "there is no option --form"),
        (["--count", "1", "--image", "cards.juki#1"], 2, "choose a name without it"),
        (["--count", "1", "--image", ""], 2, "the card needs a file"),
        (["--count", "1", "--image", "/nowhere/cards.juki"], 1, "/nowhere"),
        (["--count", "1", "--tcp", "127.0.0.1:port"], 2, "port"),
        (["--count", "1", "--tcp", "0.0.0.0"], 2, "--allow-remote"),
        ([], 2, "--count"),
    ],
)
def test_what_cannot_be_is_answered_and_nothing_is_waited_for(
    tmp_path: Path,
    options: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["feed", "--tcp", "127.0.0.1", "--image", "cards.juki", *options]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_file_of_something_else_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes"
    path.write_text("what I must not forget")
    assert main(["feed", "--tcp", "127.0.0.1", "--image", str(path), "--count", "1"]) == 1
    assert str(path) in capsys.readouterr().err
    assert path.read_text() == "what I must not forget"

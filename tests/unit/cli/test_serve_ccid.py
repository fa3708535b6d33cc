"""`jukicard serve --ccid`: line and link, the entry for pcscd, refusals, and a clean end."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard.apdu.atr import Atr
from jukicard.cli import main, serve_ccid
from jukicard.transport.ccid.models import MODELS
from tests.support.readers.ccid_driver import message
from tests.support.readers.serial_line import Line
from tests.support.rest import rest_of


@pytest.fixture
def driver(tmp_path: Path) -> str:
    """A file that stands where the driver would: nothing here loads it."""
    path = tmp_path / "libccidtwin.so"
    path.touch()
    return str(path)


def asked(link: str, sent: bytes) -> bytes:
    """Open a line as a driver does and send a message; return the answer."""
    line = Line(link)
    try:
        return line.exchange(sent)
    finally:
        line.close()


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "jukicard", "serve", "--control", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"{words!r} was not said, but: {said}")


def test_a_reader_a_card_stands_there_with_its_entry_and_obeys(tmp_path: Path, driver: str) -> None:
    link, folder = str(tmp_path / "desk"), tmp_path / "conf"
    folder.mkdir()
    where = ("--ccid", link, "--ccid-driver", driver, "--write-reader-conf", str(folder))
    with started(*where, "--protocol", "0,1", "juki-v1:1", "mynumber:2") as process:
        assert process.stdin is not None
        said = read_until(process, "start")
        assert f"slot 1: a card reader at {link}-1, waiting for pcscd" in said
        assert (folder / "desk-1").read_text() == (
            f'FRIENDLYNAME "desk-1"\nDEVICENAME {link}-1:GemPCTwin\nLIBPATH {driver}\nCHANNELID 1\n'
        )
        for reader, speed in ((link, None), (f"{link}-1", 0x13)):
            atr = Atr.parse(asked(reader, message(0x62))[10:])
            assert (atr.protocols, atr.interface_bytes.get("TA1")) == ((0, 1), speed)
        process.stdin.write("remove 1\nstatus\n")
        process.stdin.flush()
        read_until(process, "slot 1 at")
        assert [asked(link + n, message(0x63))[7] for n in ("", "-1")] == [1, 2]
        out = rest_of(process, "insert 1\nstatus\nreset\nquit\n")[0]
    assert "slot 1: mynumber:2 inserted" in out
    assert "slot 0: the card has no power, nothing to reset" in out
    assert process.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "libccidtwin.so"]
    assert not list(folder.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_link_and_entry(
    number: signal.Signals, tmp_path: Path, driver: str
) -> None:
    link = str(tmp_path / "desk")
    folder = tmp_path / "conf"
    folder.mkdir()
    where = ("--ccid", link, "--ccid-driver", driver, "--write-reader-conf", str(folder))
    with started(*where) as process:
        read_until(process, "start")
        assert os.path.exists(link)
        assert (folder / "desk").exists()
        process.send_signal(number)
        assert process.wait(60) == 0
    assert walk(tmp_path) == [folder, Path(driver)]


def nothing(link: Path) -> None:
    pass


def in_use(link: Path) -> None:
    link.symlink_to("/dev/null")


def a_file(link: Path) -> None:
    link.write_text("mine")


def another_entry(link: Path) -> None:
    (link.parent / "conf").mkdir()
    (link.parent / "conf" / link.name).write_text("mine")


REFUSED: list[tuple[Callable[[Path], None], str, int, str]] = [
    (nothing, "--ccid-driver {link}.so", 1, "no reader driver at .*: install libccid"),
    (in_use, "", 1, "leads to /dev/null, where no reader led it: choose another name, or rm"),
    (a_file, "", 1, "exists and is no link to a line: choose another name"),
    (nothing, "--ccid {link}/desk", 1, "name a path in a folder that is there"),
    (nothing, "--ccid a:b", 2, "is no name for a reader"),
    (nothing, "--write-reader-conf {link}", 1, "cannot be written: .*reader.conf.d"),
    (another_entry, "--write-reader-conf {conf}", 1, "says something else: remove it"),
    (nothing, "--write-reader-conf {folder}", 1, "says something else: remove it"),
    (nothing, "--contactless", 2, "GemPCTwin has contacts"),
    (nothing, "--contactless --protocol 0", 2, "--protocol is for a card with contacts"),
    (nothing, "--many {link}.juki", 2, "--many puts its cards behind one port"),
    (nothing, "--tcp 127.0.0.1:0", 2, "not allowed with"),
    (nothing, "--keypad --model GemPCTwin", 2, "has no keys: leave --model out"),
    (nothing, "--keypad juki-v1:1 juki-v1:2", 2, "for one reader at a terminal: name one card"),
    (nothing, "--model GemPCTwain", 2, "there is no such value"),
    (nothing, "--protocol 2", 2, "a protocol is 0 for T=0, 1 for T=1, or 0,1 for both"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "words", "code", "why"), REFUSED, ids=[f[3] for f in REFUSED])
def test_what_cannot_be_is_said_and_leaves_nothing(
    before: Callable[[Path], None],
    words: str,
    code: int,
    why: str,
    tmp_path: Path,
    driver: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    link = tmp_path / "desk"
    before(link)
    was = {path: path.is_symlink() or path.is_dir() or path.read_text() for path in walk(tmp_path)}
    given = words.format(link=link, conf=tmp_path / "conf", folder=tmp_path).split()
    assert main(["serve", "--ccid", str(link), "--ccid-driver", driver, *given]) == code
    captured = capsys.readouterr()
    assert re.search(why, captured.err)
    assert "Traceback" not in captured.err
    now = {path: path.is_symlink() or path.is_dir() or path.read_text() for path in walk(tmp_path)}
    assert now == was


def walk(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize(
    "option", ["--model=GemPCTwin", "--keypad", "--write-reader-conf=/x", "--ccid-driver=x"]
)
def test_what_is_for_a_line_is_refused_without_one(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", option]) == 2
    assert f"{option.partition('=')[0]} is for --ccid NAME" in capsys.readouterr().err


@pytest.mark.parametrize("running", [True, False])
def test_a_pcscd_that_was_started_before_is_told_of(
    running: bool,
    tmp_path: Path,
    driver: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    number = os.getpid()
    if not running:
        with subprocess.Popen([sys.executable, "-c", ""]) as gone:
            number = gone.pid
    (tmp_path / "pid").write_text(f"{number}\n")
    monkeypatch.setattr(serve_ccid, "_PROCESS", tmp_path / "pid")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    link = str(tmp_path / "desk")
    assert main(["serve", "--control", "--ccid", link, "--ccid-driver", driver, "juki-v1:1"]) == 0
    out = capsys.readouterr().out
    assert ("restart it now" in out) is running
    assert ("start it now" in out) is True
    assert f"DEVICENAME {link}:GemPCTwin\n" in out


def test_the_models_are_those_there_are() -> None:
    assert set(serve_ccid._MODELS) == set(MODELS)


def test_a_line_that_cannot_be_made_is_said(
    tmp_path: Path, driver: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", none)
    assert main(["serve", "--ccid", str(tmp_path / "desk"), "--ccid-driver", driver]) == 1
    assert "no pseudo-terminal can be made" in capsys.readouterr().err

"""Where a new card goes: what is never replaced, what is left behind, and which file is named."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from jukicard.cli import main
from jukicard.cli.place import Place
from tests.support.interrupts import at_every_line

SECONDS: Final = 60


def run(*arguments: str, expect: int = 0) -> None:
    assert main(arguments) == expect


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything in a directory: mode, number and, of a regular file, what is in it."""
    return {
        one.name: (
            one.lstat().st_mode,
            one.lstat().st_ino,
            one.read_bytes() if one.is_file() and not one.is_symlink() else b"",
        )
        for one in folder.iterdir()
    }


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def link_to_a_card(path: Path) -> None:
    run("new", str(path.with_name("other.juki")))
    path.symlink_to("other.juki")


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def link_to_a_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def notes(path: Path) -> None:
    path.write_text("not a card\n")


def beginning(path: Path) -> None:
    path.write_bytes(b"SQL")


def foreign_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()


def one_byte(path: Path) -> None:
    path.write_bytes(b"\0")


FOREIGN: Final = (
    fifo,
    directory,
    link_to_a_card,
    link_to_nothing,
    link_to_a_fifo,
    link_to_itself,
    notes,
    beginning,
    foreign_database,
    one_byte,
)


@pytest.mark.parametrize("force", [["--force"], []])
@pytest.mark.parametrize("make", FOREIGN)
def test_what_is_no_card_file_is_never_replaced(
    tmp_path: Path,
    make: Callable[[Path], None],
    force: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "x.juki"
    make(path)
    before = contents(tmp_path)
    capsys.readouterr()
    run("new", *force, str(path), expect=1)
    assert contents(tmp_path) == before
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"{path} exists and is " in said.err
    assert "--force" not in said.err


def empty(path: Path) -> None:
    path.touch()


def a_card(path: Path) -> None:
    run("new", "--seed", "other", str(path))


def a_damaged_card(path: Path) -> None:
    a_card(path)
    path.write_bytes(path.read_bytes()[:5000])


def a_newer_card(path: Path) -> None:
    a_card(path)
    header = bytearray(path.read_bytes())
    header[60:64] = (99).to_bytes(4, "big")
    path.write_bytes(header)


@pytest.mark.parametrize("make", [empty, a_card, a_damaged_card, a_newer_card])
def test_a_card_file_or_an_empty_one_is_replaced_when_that_is_wanted(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.juki"
    make(path)
    before = contents(tmp_path)
    run("new", str(path), expect=1)
    assert "--force replaces it, and every card in it is lost" in capsys.readouterr().err
    assert contents(tmp_path) == before
    run("new", "--force", str(path))
    run("inspect", str(path))
    assert list(tmp_path.iterdir()) == [path]


NAMES: Final = {
    "": 2,
    "a#b.juki": 2,
    "a#b/c.juki": 2,
    "folder/": 2,
    ".": 1,
    "..": 1,
    "/": 2,
    "folder": 1,
    "nowhere/c.juki": 1,
    "file/c.juki": 1,
    "x" * 300 + ".juki": 1,
    "x" * 250: 1,  # it would do, were it not for the journal beside it
    "folder/" * 1000 + "c.juki": 1,
}


@pytest.mark.parametrize("force", [["--force"], []])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_cannot_be(
    tmp_path: Path,
    name: str,
    force: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    before = contents(tmp_path)
    run("new", *force, name, expect=NAMES[name])
    said = capsys.readouterr().err
    assert said.startswith("jukicard: ")
    assert said.count("\n") == 1
    assert (name if not name.endswith("/") else "the card needs a file") in said
    assert ".jukicard-" not in said
    assert contents(tmp_path) == before
    assert contents(tmp_path / "folder") == {}


@pytest.mark.parametrize("command", [["inspect"], ["serve", "--image"]])
@pytest.mark.parametrize("name", [name for name in NAMES if name])
def test_a_name_that_cannot_be_opened(
    tmp_path: Path,
    name: str,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    run(*command, name, expect=1)
    said = capsys.readouterr().err
    assert said.startswith("jukicard: ")
    assert said.count("\n") == 1


def test_the_longest_name_that_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * (255 - len("-journal")))
    run("new", str(path))
    run("inspect", str(path))


PROGRAM: Final = (sys.executable, "-m", "jukicard")


@pytest.mark.parametrize("size", [1, 512, 8192, 30000])
@pytest.mark.parametrize("before", [None, a_card])
def test_a_card_for_which_there_is_no_room(
    tmp_path: Path, size: int, before: Callable[[Path], None] | None
) -> None:
    path = tmp_path / "c.juki"
    if before:
        before(path)
    was = contents(tmp_path)
    done = subprocess.run(
        [*PROGRAM, "new", "--force", str(path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    error = done.stderr
    assert error.startswith("jukicard: ")
    assert error.count("\n") == 1
    assert str(path) in error
    assert ".jukicard-" not in error
    assert contents(tmp_path) == was


def test_a_card_that_somebody_serves_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.juki"
    run("new", str(path))
    before = contents(tmp_path)
    with subprocess.Popen(
        [*PROGRAM, "serve", "--image", str(path), "--tcp", "127.0.0.1:0", "--control"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        assert "listening" in served.stdout.readline()
        capsys.readouterr()
        run("new", "--force", str(path), expect=1)
        assert f"{path} is in use" in capsys.readouterr().err
        assert contents(tmp_path) == before
        run("inspect", str(path))
        served.send_signal(signal.SIGTERM)
        served.communicate(timeout=SECONDS)
    run("new", "--force", str(path))
    assert contents(tmp_path) != before


def test_a_journal_without_its_file_is_another_cards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite would play it into the new file, and the old card would be there again."""
    journal = tmp_path / "card.juki-journal"
    journal.write_bytes(bytes.fromhex("D9D505F920A163D7") + bytes(504))
    before = journal.read_bytes()
    for options in ([], ["--force"]):
        assert main(["new", *options, str(tmp_path / "card.juki")]) != 0
        assert "card.juki-journal is left of another card" in capsys.readouterr().err
        assert [it.name for it in tmp_path.iterdir()] == [journal.name]
        assert journal.read_bytes() == before


def test_ctrl_c_at_every_line_leaves_no_draft(tmp_path: Path) -> None:
    def draft() -> None:
        with Place(str(tmp_path / "card.juki"), force=False).draft() as path:
            path.write_bytes(b"unfinished")

    instants = 0
    for number in at_every_line(("cli/place.py", "contextlib.py", Path(__file__).name), draft):
        instants = number
        assert contents(tmp_path) == {}, f"left at line {number}"
    assert instants > 30

"""Files that are none, or not ours, given to every command: told in words, nothing left behind."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard import cli

Make = Callable[[Path], None]


def _sql(*statements: str) -> Make:
    def make(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return make


def _image(*statements: str) -> Make:
    def make(path: Path) -> None:
        assert cli.main(["new", "--seed", "1", str(path)]) == 0
        _sql(*statements)(path)

    return make


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _cut(path: Path) -> None:
    _image()(path)
    os.truncate(path, path.stat().st_size - 1)


def _of_two_cards(path: Path) -> None:
    assert cli.main(["new", "--count", "2", "--seed", "1", str(path)]) == 0


def _read_only(path: Path) -> None:
    _image()(path)
    path.chmod(0o400)


def _without_access(path: Path) -> None:
    _image()(path)
    path.chmod(0)


def _text(path: Path) -> None:
    path.write_text("notes")


HOSTILE: dict[str, tuple[Make, str]] = {
    "a named pipe": (os.mkfifo, "not a regular file"),
    "a directory": (Path.mkdir, "is a directory"),
    "a socket": (_socket, "not a regular file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "does not exist"),
    "a link to itself": (lambda path: path.symlink_to(path), "name another file"),
    "a link to a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "nothing": (lambda _: None, "does not exist"),
    "an empty file": (Path.touch, "is empty"),
    "text": (_text, "not a card image"),
    "a terabyte of zeros": (_huge, "not a card image"),
    "another program's SQLite file": (_sql("CREATE TABLE notes (text)"), "of another program"),
    "its write-ahead log": (
        _sql("PRAGMA journal_mode = WAL", "CREATE TABLE notes (text)"),
        "of another program",
    ),
    "a newer format": (_image("PRAGMA user_version = 9"), "upgrade jukicard"),
    "format 0": (_image("PRAGMA user_version = 0"), "use another copy"),
    "another table": (_image("CREATE TABLE more (a)"), "use another copy"),
    "no card": (_image("DELETE FROM card"), "use another copy|there is no card"),
    "a file cut off": (_cut, "use a complete copy"),
    "a read-only file": (_read_only, "make it writable"),
    "a file without access": (_without_access, "make it writable"),
}
"""What is put in the place of a card file, and what is said of it."""
REPLACEABLE = {
    "nothing", "an empty file", "a newer format", "format 0", "another table", "no card",
    "a file cut off", "a read-only file", "a file without access",
}  # fmt: skip
"""What `new --force` puts a card in the place of: nothing, and files of cards whatever they are."""

READING = {
    "inspect": ["inspect", "FILE"],
    "inspect one": ["inspect", "FILE#card"],
    "inspect --json --send": ["inspect", "--json", "FILE", "--send", "00A40400"],
    "serve": ["serve", "--tcp", "127.0.0.1", "--image", "FILE"],
    "serve with another": ["serve", "--tcp", "127.0.0.1", "--image", "FILE", "juki-v1:1"],
    "serve many": ["serve", "--tcp", "127.0.0.1:0", "--many", "FILE"],
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "card.juki"


def _seen(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """All that a command would change about the files of a folder by touching them."""
    return {
        entry.name: (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns)
        for entry in folder.iterdir()
        for found in [entry.lstat()]
    }


def _one_sentence(said: str) -> str:
    assert re.fullmatch(r"jukicard: [^\n]+\n", said), said
    assert ": " in said.removeprefix("jukicard: ") or "; " in said, f"not what to do: {said}"
    return said


@pytest.mark.parametrize("command", READING.values(), ids=READING)
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.timeout(20)
def test_what_is_to_be_read_is_refused_in_words(
    kind: str, command: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = HOSTILE[kind]
    make(place)
    capsys.readouterr()
    before = _seen(place.parent)
    assert cli.main([word.replace("FILE", str(place)) for word in command]) == 1
    said = capsys.readouterr()
    assert re.search(words, _one_sentence(said.err))
    assert not said.out
    assert _seen(place.parent) == before


@pytest.mark.parametrize("force", [False, True], ids=["new", "new --force"])
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.timeout(20)
def test_what_is_in_the_place_of_a_new_card_stays_or_is_replaced_whole(
    kind: str, force: bool, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    HOSTILE[kind][0](place)
    capsys.readouterr()
    before = _seen(place.parent)
    code = cli.main(["new", "--seed", "2", *["--force"] * force, str(place)])
    said = capsys.readouterr()
    if kind == "nothing" or (force and kind in REPLACEABLE):
        assert (code, said.err) == (0, "")
        assert list(_seen(place.parent)) == ["card.juki"]
        assert cli.main(["inspect", str(place)]) == 0
        return
    assert code == 1
    _one_sentence(said.err)
    assert _seen(place.parent) == before


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("absent/card.juki", "choose a directory that exists"),
        ("text/card.juki", "choose a directory that exists"),
        ("n" * 300, "choose a shorter name"),
        ("n" * 250, "choose a shorter name"),
    ],
)
def test_a_name_that_no_file_can_have(
    name: str, advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").touch()
    before = _seen(tmp_path)
    for command in (["new"], ["new", "--force"], ["new", "--count", "3"]):
        assert cli.main([*command, str(tmp_path / name)]) == 1
        assert advice in _one_sentence(capsys.readouterr().err)
    assert _seen(tmp_path) == before


def test_a_damaged_card_among_others_is_refused_by_its_name(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _of_two_cards(place)
    _sql("UPDATE value SET value = x'FF' WHERE card = 1 AND key = 'tries/001C'")(place)
    capsys.readouterr()
    assert cli.main(["inspect", f"{place}#1"]) == 1
    assert "use another copy" in _one_sentence(capsys.readouterr().err)
    assert cli.main(["inspect", f"{place}#2"]) == 0
    capsys.readouterr()
    copy = Path(shutil.copy(place, place.with_name("copy.juki")))
    assert cli.main(["serve", "--tcp", "127.0.0.1", "--image", f"{copy}#1"]) == 1
    assert "use another copy" in _one_sentence(capsys.readouterr().err)

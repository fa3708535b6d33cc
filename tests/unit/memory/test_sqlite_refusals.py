"""A file that is no image of ours, or may not be used, is refused for that and not touched."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard.memory import (
    ImageError,
    ImageProblem,
    MemorySnapshot,
    SqliteBackend,
    create_card,
    delete_card,
    list_cards,
)
from jukicard.memory.imagefile import ImageFile

SAMPLE = MemorySnapshot({"A": {f"key {n}": bytes(200) for n in range(200)}})
OPENINGS: dict[str, Callable[[Path], object]] = {
    "open": lambda path: SqliteBackend(path, "card", timeout=0.01),
    "list": lambda path: list_cards(path, timeout=0.01),
    "delete": lambda path: delete_card(path, "card", timeout=0.01),
    "create": lambda path: create_card(path, "new", timeout=0.01),
}
every_opening = pytest.mark.parametrize("opening", OPENINGS)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "cards.sqlite"
    create_card(path, "card", SAMPLE)
    return path


def state(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything about the files of a directory that a touch would change."""
    return {
        entry.name: (entry.stat().st_mtime_ns, entry.stat().st_mode, entry.read_bytes())
        for entry in (directory if directory.is_dir() else directory.parent).iterdir()
        if entry.is_file()
    }


def refused(opening: str, path: Path, problem: ImageProblem, advice: str) -> None:
    """The opening is refused with one sentence that says what to do; nothing is touched."""
    before, open_before = state(path.parent), set(ImageFile._opened)
    with pytest.raises(ImageError) as caught:
        OPENINGS[opening](path)
    assert state(path.parent) == before
    assert set(ImageFile._opened) == open_before, "a refused file is not kept open"
    assert caught.value.problem is problem
    sentence = str(caught.value)
    assert advice in sentence
    assert "\n" not in sentence


def alter(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@every_opening
@pytest.mark.parametrize(
    "contents",
    [
        b"\0" * 4096,
        b"SQLite format 2\0" + bytes(4096),
        b"x",
        SAMPLE.export_with_keys(),
        b"PK\x03\x04" * 99,
    ],
)
def test_no_sqlite_file(tmp_path: Path, opening: str, contents: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(contents)
    refused(opening, path, ImageProblem.FOREIGN, "choose another")


@every_opening
@pytest.mark.parametrize("application_id", [0, 1, 0x4A554B48])
def test_an_sqlite_file_of_another_program(
    tmp_path: Path, opening: str, application_id: int
) -> None:
    path = tmp_path / "file"
    alter(path, f"PRAGMA application_id = {application_id}", "CREATE TABLE card (number)")
    refused(opening, path, ImageProblem.FOREIGN, "of another program: choose another")


@every_opening
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_newer_schema(image: Path, opening: str, journal: str) -> None:
    alter(image, "PRAGMA user_version = 7", f"PRAGMA journal_mode = {journal}")
    refused(
        opening, image, ImageProblem.NEWER, "(format 7, this one reads up to 2): upgrade jukicard"
    )


@every_opening
def test_a_schema_that_never_was(image: Path, opening: str) -> None:
    alter(image, "PRAGMA user_version = 0")
    refused(opening, image, ImageProblem.DAMAGED, "use another copy")


@pytest.mark.parametrize("opening", ["open", "list", "delete"])
def test_an_empty_file(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "file"
    path.touch()
    refused(opening, path, ImageProblem.EMPTY, "create a card in it first")


@every_opening
def test_every_way_to_truncate(image: Path, opening: str) -> None:
    whole = image.read_bytes()
    sizes = {1, 15, 16, 99, 100, 101, len(whole) - 1} | set(range(512, len(whole), 512))
    assert len(sizes) > 50
    for size in sorted(sizes):
        image.write_bytes(whole[:size])
        refused(opening, image, ImageProblem.TRUNCATED, "use a complete copy")


@pytest.mark.parametrize("opening", ["open", "list"])
def test_a_damaged_first_page(image: Path, opening: str) -> None:
    whole = bytearray(image.read_bytes())
    whole[100:4096] = b"\xff" * 3996
    image.write_bytes(whole)
    refused(opening, image, ImageProblem.DAMAGED, "use another copy")


@pytest.mark.parametrize("opening", ["open", "list"])
def test_missing_tables(image: Path, opening: str) -> None:
    alter(image, "DROP TABLE card")
    refused(opening, image, ImageProblem.DAMAGED, "use another copy")


@pytest.mark.parametrize("opening", ["open", "list", "delete"])
@pytest.mark.parametrize("name", ["absent", "cards.sqlite/below"])
def test_a_missing_file(image: Path, opening: str, name: str) -> None:
    refused(opening, image.parent / name, ImageProblem.MISSING, "create a card in it first")


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        create_card(tmp_path / "absent" / "file", "card")
    assert caught.value.problem is ImageProblem.MISSING
    assert "choose a directory" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@every_opening
def test_a_directory(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "directory"
    path.mkdir()
    refused(opening, path, ImageProblem.NOT_A_FILE, "is a directory: name a file")


@every_opening
def test_a_device_or_a_pipe(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    refused(opening, path, ImageProblem.NOT_A_FILE, "not a regular file: name a file")


@every_opening
def test_a_circle_of_links(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "link"
    path.symlink_to(path)
    with pytest.raises(ImageError) as caught:
        OPENINGS[opening](path)
    assert caught.value.problem is ImageProblem.UNREADABLE


@pytest.mark.parametrize("opening", ["open", "delete", "create"])
def test_a_read_only_file(image: Path, opening: str) -> None:
    image.chmod(0o444)
    refused(opening, image, ImageProblem.READ_ONLY, "make it writable or work on a copy")


def test_a_read_only_file_may_be_listed(image: Path) -> None:
    image.chmod(0o444)
    before = state(image.parent)
    assert [entry.card_id for entry in list_cards(image)] == ["card"]
    assert state(image.parent) == before


@pytest.mark.parametrize(
    ("forbidden", "problem"),
    [
        (("cards.sqlite", os.R_OK), ImageProblem.UNREADABLE),
        (("cards.sqlite", os.W_OK), ImageProblem.READ_ONLY),
        (("directory", os.W_OK), ImageProblem.READ_ONLY),
    ],
)
def test_what_the_system_forbids(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    forbidden: tuple[str, int],
    problem: ImageProblem,
) -> None:
    """The system is asked by `os.access`, which lets the superuser pass: it is told what to say."""
    path = tmp_path / "directory" / "cards.sqlite"
    path.parent.mkdir()
    create_card(path, "card")
    monkeypatch.setattr(os, "access", lambda place, mode: (Path(place).name, mode) != forbidden)
    refused("open", path, problem, ":")


@pytest.mark.parametrize("opening", ["open", "delete"])
def test_a_card_that_is_not_in_the_file(image: Path, opening: str) -> None:
    alter(image, "UPDATE card SET id = 'other'")
    refused(opening, image, ImageProblem.NO_SUCH_CARD, "'card' is not in")


def test_a_card_that_is_in_the_file_already(image: Path) -> None:
    alter(image, "UPDATE card SET id = 'new'")
    whole = image.read_bytes()
    with pytest.raises(ImageError) as caught:
        create_card(image, "new")
    assert caught.value.problem is ImageProblem.CARD_EXISTS
    assert "delete it or choose another name" in str(caught.value)
    assert image.read_bytes() == whole


@every_opening
def test_a_file_that_another_program_has_locked(image: Path, opening: str) -> None:
    connection = sqlite3.connect(image, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    refused(opening, image, ImageProblem.LOCKED, "end that program or try again")
    connection.execute("ROLLBACK")
    connection.close()


def test_every_problem_is_tested_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for problem in ImageProblem:
        assert f"ImageProblem.{problem.name}" in source

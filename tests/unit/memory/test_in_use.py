"""Who has an image open: whoever wants to replace it is told, and whoever serves it after all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jukicard.memory import (
    ImageError,
    ImageProblem,
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    SqliteBackend,
    create_card,
    list_cards,
)
from jukicard.memory.imagefile import ImageFile, has_our_header
from jukicard.memory.inuse import alone_with

OTHER = Path(__file__).with_name("other_process.py")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cards.sqlite"
    create_card(path, "card", MemorySnapshot({"one": {"x": b"1"}}))
    return path


@contextmanager
def other(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(OTHER), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process


def refused(path: Path) -> bool:
    try:
        with alone_with(path):
            return False
    except ImageError as error:
        return error.problem is ImageProblem.LOCKED and "is in use" in str(error)


def test_a_file_that_nobody_has_open(path: Path) -> None:
    assert not refused(path)
    list_cards(path)
    assert not refused(path)


def test_a_card_that_another_process_has_open_without_writing(path: Path) -> None:
    with other("keep_open", str(path), "card") as process:
        assert refused(path)
        assert [entry.card_id for entry in list_cards(path)] == ["card"]
        SqliteBackend(path, "card").close()
        assert refused(path), "our own closing has not dropped the other's lock"
        process.communicate()
    assert not refused(path)


def test_a_process_that_was_killed_has_nothing_open(path: Path) -> None:
    with other("keep_open", str(path), "card") as process:
        process.send_signal(signal.SIGKILL)
    assert not refused(path)


def test_a_card_that_this_process_has_open(path: Path) -> None:
    cards = [SqliteBackend(path, "card") for _ in range(2)]
    assert refused(path)
    with ImageFile.open(path, timeout=0, writable=False):
        for card in cards:
            card.close()
        assert refused(path), "somebody still reads it"
    assert not refused(path)


def test_an_opening_that_fails_leaves_the_file_free(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100] + bytes(path.stat().st_size - 100))
    with pytest.raises(ImageError):
        SqliteBackend(path, "card")
    assert not refused(path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(ImageError):
            SqliteBackend(path, "card")
    assert len(os.listdir("/proc/self/fd")) == before


def test_nobody_opens_a_file_that_is_being_replaced(path: Path) -> None:
    with alone_with(path), pytest.raises(ImageError, match="being replaced") as told:
        SqliteBackend(path, "card")
    assert told.value.problem is ImageProblem.LOCKED
    SqliteBackend(path, "card").close()


def test_a_file_that_was_replaced_just_before_it_was_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opened the old one must neither replace the new one nor take it for the old."""
    another = path.with_name("another")
    opened = os.open

    def replaced(name: str | Path, *rest: int) -> int:
        number = opened(name, *rest)
        if Path(name) == path and another.exists():
            another.replace(path)
        return number

    monkeypatch.setattr(os, "open", replaced)
    create_card(another, "card", MemorySnapshot({"one": {"x": b"2"}}))
    assert refused(path), "what is locked is not what has the name"
    create_card(another, "card", MemorySnapshot({"one": {"x": b"3"}}))
    with pytest.raises(ImageError, match="just being replaced"):
        SqliteBackend(path, "card")
    assert PersistentMemory(SqliteBackend(path, "card")).partition("one").get("x") == b"3"


def test_a_link_is_not_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic"), alone_with(link):
        pass


def test_an_opening_that_is_refused_leaves_nothing_open(path: Path) -> None:
    with alone_with(path):
        before = os.listdir("/proc/self/fd")
        with pytest.raises(ImageError):
            SqliteBackend(path, "card")
        with pytest.raises(ImageError), alone_with(path):
            pass
        assert os.listdir("/proc/self/fd") == before


def remove(path: Path) -> None:
    path.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def replace(path: Path) -> None:
    create_card(path.with_name("new"), "card")
    path.with_name("new").replace(path)


@pytest.mark.parametrize("act", [remove, rename, replace])
def test_a_file_taken_from_under_the_card_is_called_that(
    path: Path, act: Callable[[Path], None]
) -> None:
    memory = PersistentMemory(SqliteBackend(path, "card"))
    act(path)
    for _ in range(2):
        with pytest.raises(MemoryFailureError, match="the file was replaced or removed"):
            memory.partition("one").put_now("x", b"2")
    assert memory.partition("one").get("x") == b"1"
    memory.close()


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        (b"", False),
        (b"SQL", False),
        (b"notes", False),
        (b"SQLite format 3\0" + bytes(84), False),
        (b"SQLite format 3\0" + bytes(52) + b"JUKI", True),
    ],
)
def test_what_begins_as_an_image(tmp_path: Path, content: bytes, ours: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert has_our_header(tmp_path / "file") is ours

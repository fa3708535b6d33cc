"""Arguments that are none, or in another order, are refused before anything is made or touched."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jukicard.memory import (
    ImageError,
    ImageProblem,
    MemoryFailureError,
    MemorySnapshot,
    SqliteBackend,
    create_card,
    create_cards,
    delete_card,
    imagefile,
    list_cards,
)
from jukicard.memory.imagefile import ImageFile

SAMPLE = MemorySnapshot({"A": {"x": b"1"}})
Call = Callable[[Path], object]

WRONG: dict[str, Call] = {
    "name and path": lambda path: create_card("card", path, SAMPLE),  # type: ignore[arg-type]
    "snapshot and name": lambda path: create_card(path, SAMPLE, "card"),  # type: ignore[arg-type]
    "snapshot first": lambda path: create_card(SAMPLE, path, "card"),  # type: ignore[arg-type]
    "a number for a name": lambda path: create_card(path, 1),  # type: ignore[arg-type]
    "bytes for a name": lambda path: create_card(path, b"card"),  # type: ignore[arg-type]
    "no name": lambda path: create_card(path, ""),
    "a name that UTF-8 cannot hold": lambda path: create_card(path, "\udc80"),
    "bytes for a snapshot": lambda path: create_card(path, "card", b"1"),  # type: ignore[arg-type]
    "a dictionary for a snapshot": lambda path: create_card(path, "card", {}),  # type: ignore[arg-type]
    "bytes for a path": lambda path: create_card(bytes(path), "card"),  # type: ignore[arg-type]
    "a number for a path": lambda _: create_card(3, "card"),  # type: ignore[arg-type]
    "cards the other way round": lambda path: create_cards(path, [(SAMPLE, "card")]),  # type: ignore[list-item]
    "no pairs": lambda path: create_cards(path, ["card"]),  # type: ignore[list-item]
    "open: name and path": lambda path: SqliteBackend("card", path),  # type: ignore[arg-type]
    "open: no name": lambda path: SqliteBackend(path, ""),
    "delete: name and path": lambda path: delete_card("card", path),  # type: ignore[arg-type]
    "list: bytes": lambda path: list_cards(bytes(path)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("there", [False, True], ids=["no file", "a file"])
@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_told_and_leave_nothing(
    call: Call, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cards.juki"
    if there:
        create_card(path, "other", SAMPLE)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    opened = set(ImageFile._opened)
    with pytest.raises((TypeError, ValueError)) as refused:
        call(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
    assert set(ImageFile._opened) == opened
    assert not isinstance(refused.value, ImageError)
    assert "disk" not in str(refused.value)
    assert "bind" not in str(refused.value)


def test_the_text_says_what_to_give() -> None:
    with pytest.raises(TypeError, match="give the file first, then the card's name"):
        create_card("card", Path("cards.juki"), SAMPLE)  # type: ignore[arg-type]


def test_a_file_made_for_cards_that_then_fail_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "cards.juki"

    def failing() -> Iterator[tuple[str, MemorySnapshot]]:
        yield "one", SAMPLE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_cards(path, failing())
    with pytest.raises(ImageError):
        create_cards(path, [("one", SAMPLE), ("one", SAMPLE)])
    assert not list(tmp_path.iterdir())
    create_card(path, "here", SAMPLE)
    with pytest.raises(KeyboardInterrupt):
        create_cards(path, failing())
    assert [entry.card_id for entry in list_cards(path)] == ["here"]


def test_a_file_that_another_put_a_card_into_stays(tmp_path: Path) -> None:
    path = tmp_path / "cards.juki"

    made = imagefile.create_file(path, timeout=1)
    assert made
    create_card(path, "theirs", SAMPLE)
    imagefile.remove_empty(path)
    assert [entry.card_id for entry in list_cards(path)] == ["theirs"]
    delete_card(path, "theirs")
    with ImageFile.open(path, timeout=1):
        imagefile.remove_empty(path)
        assert path.exists(), "somebody has it open"
    imagefile.remove_empty(path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError):
        create_cards(path, ((str(1 // n), SAMPLE) for n in (0,)))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_filled_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(place: Path, timeout: float) -> None:
        raise MemoryFailureError("nothing was changed, the disk is full: make room")

    monkeypatch.setattr(imagefile, "_make_tables", full)
    with pytest.raises(MemoryFailureError, match="make room"):
        create_card(tmp_path / "cards.juki", "card", SAMPLE)
    assert not list(tmp_path.iterdir())


def test_a_file_that_becomes_a_pipe_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was a moment ago is not believed: opening a pipe would wait for ever."""
    import os

    path = tmp_path / "cards.juki"
    create_card(path, "card", SAMPLE)
    found = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(imagefile, "_look_at", lambda _: found)
    for call in (lambda: SqliteBackend(path, "card"), lambda: list_cards(path)):
        with pytest.raises(ImageError) as refused:
            call()
        assert refused.value.problem is ImageProblem.NOT_A_FILE


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.EACCES, "ask its owner for access"), (errno.ENAMETOOLONG, "name another file")],
)
def test_who_cannot_read_is_told_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    path = tmp_path / "cards.juki"
    create_card(path, "card", SAMPLE)

    def refuse(*_: object) -> int:
        raise OSError(number, "Because")

    monkeypatch.setattr(imagefile, "_beginning", refuse)
    with pytest.raises(ImageError, match=rf"cannot be read \(Because\): {advice}"):
        list_cards(path)

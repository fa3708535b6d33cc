"""Cards in an SQLite file: they stay, are listed and deleted, and ten thousand cost no more."""

from __future__ import annotations

import os
import sqlite3
import stat
from functools import partial
from pathlib import Path

import pytest

from jukicard.memory import (
    CardEntry,
    ImageError,
    ImageProblem,
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    SqliteBackend,
    create_card,
    create_cards,
    delete_card,
    list_cards,
)
from jukicard.memory.imagefile import ImageFile

SECRET = b"resident code 12345678901"
SAMPLE = MemorySnapshot({"A": {"x": b"1", "": b""}, "B": {"y": SECRET}}, {"profile": "住基 v1"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cards.sqlite"


def opened(path: Path, card_id: str = "card") -> PersistentMemory:
    return PersistentMemory(SqliteBackend(path, card_id))


def read(path: Path, card_id: str = "card") -> MemorySnapshot:
    memory = opened(path, card_id)
    memory.close()
    return memory.snapshot()


def test_a_card_is_found_as_it_was_left(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    assert read(path) == SAMPLE
    memory = opened(path)
    with memory.transaction():
        memory.drop_partition("A")
        memory.partition("B").put("z", b"\0" * 100_000)
    memory.partition("C").put_now("now", b"")
    memory.begin()
    memory.partition("C").put("lost", b"")
    memory.close()
    values = {"B": {"y": SECRET, "z": b"\0" * 100_000}, "C": {"now": b""}}
    assert read(path) == MemorySnapshot(values, SAMPLE.meta)


def test_one_file_keeps_cards_apart(path: Path) -> None:
    create_cards(path, [(name, SAMPLE) for name in ("one", "two", "three")])
    one, two = opened(path, "one"), opened(path, "two")
    for memory, value in ((one, b"1"), (two, b"2")):
        with memory.transaction():
            memory.partition("A").put("x", value)
            memory.drop_partition("B")
    one.close()
    two.close()
    kept = [dict(read(path, name).partitions) for name in ("one", "two")]
    assert kept == [{"A": {"": b"", "x": b"1"}}, {"A": {"": b"", "x": b"2"}}]
    assert read(path, "three") == SAMPLE


def test_the_meta_is_read_without_opening_the_card(path: Path) -> None:
    create_card(path, "b", SAMPLE)
    create_card(path, "a")
    assert list_cards(path) == [CardEntry("a", {}), CardEntry("b", {"profile": "住基 v1"})]
    backend = SqliteBackend(path, "b")
    assert backend.meta == {"profile": "住基 v1"}
    backend.close()


def test_a_card_is_restored_over_another_one(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    backend = SqliteBackend(path, "card")
    wanted = MemorySnapshot({"A": {"x": b"2"}, "D": {"z": b""}}, {"other": "meta"})
    PersistentMemory.restore(wanted, backend).close()
    assert read(path) == wanted
    assert list_cards(path) == [CardEntry("card", {"other": "meta"})]


def test_a_deleted_card_is_gone_and_its_values_are_overwritten(path: Path) -> None:
    create_cards(path, [("card", SAMPLE), ("other", MemorySnapshot({}))])
    assert SECRET in path.read_bytes()
    delete_card(path, "card")
    assert SECRET not in path.read_bytes()
    assert [entry.card_id for entry in list_cards(path)] == ["other"]
    with pytest.raises(ImageError) as caught:
        delete_card(path, "card")
    assert caught.value.problem is ImageProblem.NO_SUCH_CARD


def test_an_overwritten_key_does_not_stay_in_the_file(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    memory = opened(path)
    memory.partition("B").put_now("y", bytes(len(SECRET)))
    memory.close()
    assert SECRET not in path.read_bytes()


def test_a_new_card_is_not_mistaken_for_a_deleted_one_of_the_same_name(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    memory = opened(path)
    delete_card(path, "card")
    with pytest.raises(MemoryFailureError, match="power it on again"):
        memory.partition("A").put_now("x", b"9")
    with pytest.raises(MemoryFailureError, match="deleted"):
        memory.recover()
    create_card(path, "card")
    with pytest.raises(MemoryFailureError, match="power it on again"):
        SqliteBackend.write(memory._backend, {"A": {"x": b"9"}})  # type: ignore[arg-type]
    memory.recover()
    assert memory.partitions() == []
    memory.partition("A").put_now("x", b"9")
    memory.close()


def test_a_file_is_for_its_owner_and_marked_as_ours(path: Path) -> None:
    old = os.umask(0)
    try:
        create_card(path, "card", SAMPLE)
        memory = opened(path)
        memory.partition("A").put_now("x", b"2")
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == {"cards.sqlite": 0o600, "cards.sqlite-journal": 0o600}
    memory.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["cards.sqlite"], "one file again"
    header = path.read_bytes()[:72]
    assert (header[60:64], header[68:72]) == (b"\0\0\0\2", b"JUKI")


def test_between_two_commits_the_file_alone_is_complete(path: Path, tmp_path: Path) -> None:
    create_card(path, "card", SAMPLE)
    memory = opened(path)
    memory.partition("A").put_now("x", b"2")
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(path.read_bytes())
    assert read(copy).partitions["A"]["x"] == b"2"
    memory.close()


def test_many_cards_are_created_all_or_none(path: Path) -> None:
    create_card(path, "taken")
    with pytest.raises(ImageError) as caught:
        create_cards(path, [("new", SAMPLE), ("taken", SAMPLE)])
    assert caught.value.problem is ImageProblem.CARD_EXISTS
    assert list_cards(path) == [CardEntry("taken", {})]


def test_cards_may_be_made_from_cards_of_another_file_but_not_from_the_one_being_written(
    path: Path, tmp_path: Path
) -> None:
    create_card(path, "card", SAMPLE)
    other = tmp_path / "other.sqlite"
    create_cards(other, ((name, read(path)) for name in ("one", "two")))
    assert read(other, "two") == SAMPLE
    with pytest.raises(RuntimeError, match="is running"):
        create_cards(path, ((name, read(path)) for name in ("one", "two")))
    assert [entry.card_id for entry in list_cards(path)] == ["card"]


def test_an_empty_file_becomes_an_image(path: Path) -> None:
    path.touch()
    create_card(path, "card", SAMPLE)
    assert read(path) == SAMPLE


@pytest.mark.parametrize("name", ["with space", "per%cent?mode=ro#x", "名前.sqlite", "it's; --"])
def test_any_file_name_and_card_name_will_do(tmp_path: Path, name: str) -> None:
    create_card(tmp_path / name, name, SAMPLE)
    assert read(tmp_path / name, name) == SAMPLE
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_link_leads_to_the_file_and_its_journal(path: Path, tmp_path: Path) -> None:
    create_card(path, "card", SAMPLE)
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(path)
    memory = opened(link)
    memory.partition("A").put_now("x", b"2")
    assert [entry.name for entry in link.parent.iterdir()] == ["link"]
    memory.close()
    assert read(path).partitions["A"]["x"] == b"2"


def test_a_file_that_was_switched_to_a_write_ahead_log_is_switched_back(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    memory = opened(path)
    memory.partition("A").put_now("x", b"2")
    assert {entry.name for entry in path.parent.iterdir()} == {
        "cards.sqlite",
        "cards.sqlite-journal",
    }
    memory.close()
    assert read(path).partitions["A"]["x"] == b"2"


def test_a_closed_backend_says_so(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    memory = opened(path)
    memory.close()
    memory.close()
    with pytest.raises(MemoryFailureError, match="closed"):
        memory.partition("A").put_now("x", b"2")
    with pytest.raises(MemoryFailureError, match="closed"):
        memory.recover()


def test_all_cards_of_a_process_share_one_descriptor(path: Path) -> None:
    create_cards(path, ((f"{n}", SAMPLE) for n in range(200)))
    before, open_before = len(os.listdir("/proc/self/fd")), set(ImageFile._opened)
    cards = [opened(path, f"{n}") for n in range(200)]
    assert len(os.listdir("/proc/self/fd")) - before <= 2
    for card in cards:
        card.close()
    assert len(os.listdir("/proc/self/fd")) <= before
    assert set(ImageFile._opened) == open_before


def test_repr_shows_no_value(path: Path) -> None:
    create_card(path, "card", SAMPLE)
    backend = SqliteBackend(path, "card")
    shown = repr(backend) + repr(backend._file)
    backend.close()
    shown += repr(backend)
    assert "resident" not in shown
    assert "card card in closed" in shown


@pytest.fixture(scope="module")
def steps_to_open(tmp_path_factory: pytest.TempPathFactory) -> dict[int, int]:
    """How many steps of SQLite's machine it takes to open one card among so many."""
    steps: dict[int, int] = {}
    for number in (1, 10_000):
        path = tmp_path_factory.mktemp("many") / "cards.sqlite"
        create_cards(path, ((f"card {n}", SAMPLE) for n in range(number)))
        last = f"card {number - 1}"
        backend = SqliteBackend(path, last)
        assert backend._file is not None
        ticks: list[None] = []
        backend._file._connection.set_progress_handler(partial(ticks.append, None), 1)
        assert PersistentMemory(SqliteBackend(path, last)).snapshot() == SAMPLE
        steps[number] = len(ticks)
        backend._file._connection.set_progress_handler(None, 0)
        backend._file.release()
        backend.close()
    return steps


def test_ten_thousand_cards_in_a_file_make_opening_one_no_slower(
    steps_to_open: dict[int, int],
) -> None:
    assert 0 < steps_to_open[10_000] <= steps_to_open[1] + 2

"""A backup is everything in one state, whichever database it came from and goes to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from jukihost.database import (
    AddressError,
    DatabaseError,
    DatabaseFull,
    backup_database,
    open_database,
    restore_database,
)
from jukihost.log import (
    NotAdopted,
    WitnessRefused,
    adopt_log,
    publish_log,
    sequence_log,
)
from tests.support.host.databases import KINDS
from tests.support.host.postgresql import Server
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, LOG, WITNESS_KEY


@pytest.fixture(params=KINDS)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield str(tmp_path / "elsewhere.db")
        return
    server: Server = request.getfixturevalue("postgresql_server")
    try:
        yield server.make("elsewhere")
    finally:
        server.drop("elsewhere")


def test_a_log_goes_on_in_another_database(
    stored: StoredTown, elsewhere: str, tmp_path: Path
) -> None:
    stored.use(*CODES)
    stored.end_day()
    stored.use(CODES[0], CODES[1])  # these are queued
    place = tmp_path / "backup"
    assert backup_database(stored.database, place) > 10
    stored.clock.move(timedelta(minutes=1))

    restore_database(place, elsewhere, clock=stored.clock)
    with pytest.raises(AddressError, match="holds something"):
        restore_database(place, elsewhere, clock=stored.clock)
    with copied(stored, elsewhere) as back:
        database = back.database
        with pytest.raises(NotAdopted):
            sequence_log(database)
        adopt_log(database, back.ask, WITNESS_KEY, LOG)
        [use] = back.use(CODES[0])
        assert use.number == 3
        back.end_day()
        assert back.verify().problems == ()
        assert len(back.disclosure(CODES[0]).entries) == 3


@contextmanager
def copied(stored: StoredTown, address: str | Path) -> Iterator[StoredTown]:
    """Open another database as the town's, with the same witness."""
    with open_database(address, clock=stored.clock, terminal="counter-1") as database:
        back = StoredTown.__new__(StoredTown)
        back.database, back.clock, back.prefecture = database, stored.clock, stored.prefecture
        yield back


@pytest.mark.parametrize("again", [False, True])
def test_a_backup_that_is_opened_as_it_is_signs_no_other_tree(
    stored: StoredTown, tmp_path: Path, again: bool
) -> None:
    """Not the copy, and not a copy of the copy."""
    stored.use(CODES[0])
    stored.publish()
    place = tmp_path / "backup"
    backup_database(stored.database, place)
    if again:
        with copied(stored, place) as back:
            place = tmp_path / "second"
            backup_database(back.database, place)
    with copied(stored, place) as back:
        back.use(CODES[1])
        with pytest.raises(NotAdopted, match="log adopt"):
            sequence_log(back.database)
        assert publish_log(back.database, LOG).text == publish_log(stored.database, LOG).text
    stored.use(CODES[2])
    stored.publish()
    with copied(stored, place) as back:
        with pytest.raises(WitnessRefused, match="old copy"):
            adopt_log(back.database, back.ask, WITNESS_KEY, LOG)
        with pytest.raises(NotAdopted):
            sequence_log(back.database)


def test_a_backup_that_is_cut_off_leaves_no_file(
    in_file: StoredTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file.use(*CODES)

    def full(*rest: object) -> int:
        raise DatabaseFull

    monkeypatch.setattr("jukihost.database.backup._copy", full)
    with pytest.raises(DatabaseFull):
        backup_database(in_file.database, tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))


def test_a_backup_that_is_cut_off_removes_no_other_file(
    in_file: StoredTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file.use(*CODES)
    others = ["terminal.db", "terminal.key", "terminal-1", "terminal-wal.old", "terminal[1]"]
    for name in others:
        (tmp_path / name).write_text(name)
    monkeypatch.setattr("jukihost.database.backup._copy", cut)
    with pytest.raises(KeyboardInterrupt):
        backup_database(in_file.database, tmp_path / "terminal")
    assert {path.name for path in tmp_path.glob("terminal*")} >= set(others)
    assert not (tmp_path / "terminal").exists()


@pytest.mark.parametrize("there", ["", "-wal", "-shm", "-journal"])
def test_what_lies_where_a_backup_would_is_left(
    in_file: StoredTown, tmp_path: Path, there: str
) -> None:
    other = tmp_path / f"backup{there}"
    other.symlink_to(tmp_path / "nowhere")
    with pytest.raises(AddressError, match="another name"):
        backup_database(in_file.database, tmp_path / "backup")
    assert other.is_symlink()
    assert not (tmp_path / "nowhere").exists()


def cut(*rest: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_restore_that_is_cut_off_can_be_done_again(
    in_file: StoredTown, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file.use(*CODES)
    place = tmp_path / "backup"
    backup_database(in_file.database, place)
    new = Path(elsewhere)
    for empty in (False, True):  # not there, or there without anything in it
        if empty and "://" not in elsewhere:
            new.touch()
        with monkeypatch.context() as patched:
            patched.setattr("jukihost.database.backup._stop_log", cut)
            with pytest.raises(KeyboardInterrupt):
                restore_database(place, elsewhere, clock=in_file.clock)
        assert "://" in elsewhere or new.exists() is empty
    assert restore_database(place, elsewhere, clock=in_file.clock) > 5


def test_what_is_no_backup_is_refused_and_nothing_restored(
    in_file: StoredTown, tmp_path: Path
) -> None:
    for content in (b"", b"no database at all" * 100):
        place = tmp_path / "other"
        place.write_bytes(content)
        with pytest.raises(DatabaseError):
            restore_database(place, tmp_path / "new.db", clock=in_file.clock)
        assert not (tmp_path / "new.db").exists()
    with sqlite3.connect(tmp_path / "other.db") as file:
        file.execute("CREATE TABLE a (b)")
    file.close()
    with pytest.raises(DatabaseError):
        restore_database(tmp_path / "other.db", tmp_path / "new.db", clock=in_file.clock)

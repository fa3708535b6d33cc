"""A database in a file that cannot be used: not there, none, full, held, closed to this user."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from jukihost.clock import MovableClock
from jukihost.database import (
    Database,
    DatabaseAway,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseLocked,
    open_database,
    upgrade_database,
)
from jukihost.database.tables import clocks
from tests.support.host.databases import NOON
from tests.unit.host_database.test_database import names


def fill(database: Database) -> None:
    with database.begin() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count={pages}"))
        for number in range(10_000):
            connection.execute(insert(clocks).values(terminal=f"t{number}" * 50, seen=NOON))


def opened(path: Path) -> Database:
    return open_database(path, clock=MovableClock(NOON), terminal="a")


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    upgrade_database(tmp_path / "a.db")
    with opened(tmp_path / "a.db") as database, database.begin():
        files = sorted(tmp_path.iterdir())
        assert len(files) == 3, "the database, its log, and the log's index"
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway, match="SQLITE_CANTOPEN"):
        opened(tmp_path / "a.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"hello " * 1000, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(DatabaseDamaged, match="last backup"):
        opened(tmp_path / "a.db")
    with pytest.raises(DatabaseDamaged, match="last backup"):
        upgrade_database(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == content


def test_a_full_disk_is_said_and_nothing_is_changed(tmp_path: Path) -> None:
    upgrade_database(tmp_path / "a.db")
    with opened(tmp_path / "a.db") as database:
        with pytest.raises(DatabaseFull, match="make room"):
            fill(database)
        assert names(database) == ["a"]


def test_a_file_that_another_program_holds_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukihost.database.engine.WAIT", 0.1)
    upgrade_database(tmp_path / "a.db")
    with opened(tmp_path / "a.db") as database:
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked, match="try again"), database.begin():
            pytest.fail("it was let in")
        assert names(database) == [], "others read all the same"
        other.close()


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "said"),
    [
        (0o555, 0o444, "DatabaseReadOnly the database is read-only"),
        (0o000, 0o444, "AddressError the database's file cannot be reached (Permission denied)"),
    ],
)
def test_what_another_user_may_not_do_is_said(folder_mode: int, file_mode: int, said: str) -> None:
    program = (
        "import os, sys\n"
        "os.umask(0)\n"
        "from jukihost.clock import Clock\n"
        "from jukihost.database import open_database, DatabaseError\n"
        "if os.geteuid() == 0: os.setgid(65534), os.setuid(65534)\n"
        "try:\n"
        "    with open_database(sys.argv[1], clock=Clock(), terminal='a') as database:\n"
        "        with database.begin(): pass\n"
        "except DatabaseError as error: print(type(error).__name__, error)\n"
    )
    # Not below pytest's own folder, which is closed to others.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = folder / "a.db"
        upgrade_database(path)
        with opened(path) as database:
            database.engine.dispose()
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        try:
            done = subprocess.run(
                [sys.executable, "-c", program, path],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        finally:
            folder.chmod(0o700)
    assert done.stdout.startswith(said), done

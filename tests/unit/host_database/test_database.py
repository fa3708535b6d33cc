"""The terminal's database: transactions, clocks, and each way it can be unusable, in words."""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Executable, event, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from jukihost.clock import Clock, ClockRanBackwards, ClocksDisagree, MovableClock
from jukihost.database import (
    AddressError,
    AlreadyStored,
    Database,
    DatabaseAway,
    DatabaseError,
    DatabaseLocked,
    DatabaseReadOnly,
    NoSchema,
    SchemaNewer,
    SchemaOlder,
    open_database,
    upgrade_database,
)
from jukihost.database.engine import LOOK_EVERY
from jukihost.database.schema import versions
from jukihost.database.tables import clocks
from tests.support.host.databases import NOON
from tests.support.host.postgresql import Server

SECRET: Final = "12345678903"
ROW: Final = insert(clocks).values(terminal="other", seen=NOON)
NAMES: Final = select(clocks.c.terminal).order_by(clocks.c.terminal)


def run(database: Database, *statements: Executable) -> None:
    """Run statements in one transaction."""
    with database.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def delete_and_fail(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(clocks.delete())
        raise KeyError


def lose(database: Database, server: Server) -> None:
    with database.begin() as connection:
        end_all(server, "lost")
        connection.execute(ROW)


def end_all(server: Server, name: str) -> None:
    """Have the server end whoever is connected to a database, as when it starts again."""
    with server.connect() as boss:
        ended = boss.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        assert ended.fetchall()


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(NAMES).scalars())


# -- transactions ----------------------------------------------------------------------------------


def test_a_transaction_lands_whole_or_not_at_all(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(ROW)
    assert names(database) == ["counter-1", "other"]
    with pytest.raises(KeyError):
        delete_and_fail(database)
    assert names(database) == ["counter-1", "other"]


def test_reading_sees_one_state_and_cannot_write(database: Database) -> None:
    with database.read() as connection:
        assert list(connection.execute(NAMES).scalars()) == []
        with database.begin() as other:
            other.execute(ROW)
        assert list(connection.execute(NAMES).scalars()) == []
    with pytest.raises(DatabaseReadOnly), database.read() as connection:
        connection.execute(ROW)


def test_a_moment_is_kept_to_the_microsecond(database: Database) -> None:
    moment = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    with database.begin() as connection:
        connection.execute(insert(clocks).values(terminal="x", seen=moment))
    with database.read() as connection:
        found = connection.execute(select(clocks.c.seen).where(clocks.c.terminal == "x"))
        assert found.scalar_one() == moment


def test_what_is_unique_is_said_without_its_values(database: Database) -> None:
    secret = insert(clocks).values(terminal=SECRET, seen=NOON)
    with pytest.raises(AlreadyStored) as raised:
        run(database, secret, secret)
    assert SECRET not in f"{raised.value!s} {raised.value!r}"
    assert raised.value.__suppress_context__
    engine = database.engine.execution_options(jukihost_writes=True)
    run(database, secret)
    with pytest.raises(IntegrityError) as inside, engine.begin() as connection:
        connection.execute(secret)
    assert SECRET not in str(inside.value).partition("\nDETAIL")[0], "parameters are hidden"


def test_commits_wait_for_the_disk_unless_told_otherwise(tmp_path: Path) -> None:
    upgrade_database(tmp_path / "a.db")
    with open_database(tmp_path / "a.db", clock=Clock(), terminal="a") as database:
        for durable, level in ((True, 2), (False, 1), (True, 2)):
            with database.begin(durable=durable) as connection:
                assert connection.execute(text("PRAGMA synchronous")).scalar_one() == level
                assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
                assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        with database.begin() as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2


def test_nothing_but_sequencing_may_be_forgotten_after_a_power_cut() -> None:
    """Whoever touches a card has written down before what is done to it, on the disk."""
    host = Path(__file__).parents[3] / "host/jukihost"
    said = {
        str(path.relative_to(host))
        for path in host.rglob("*.py")
        if re.search(r"durable\s*=\s*(?!True)\w", path.read_text("utf-8"))
    }
    assert said == {"database/engine.py", "log/sequencing.py"}


def add(address: str, terminal: str, times: int) -> None:
    with open_database(address, clock=MovableClock(NOON), terminal=terminal) as database:
        for _ in range(times):
            with database.begin() as connection:
                old = connection.execute(
                    select(clocks.c.seen).where(clocks.c.terminal == "other").with_for_update()
                ).scalar_one()
                connection.execute(
                    update(clocks)
                    .where(clocks.c.terminal == "other")
                    .values(seen=old + timedelta(microseconds=1))
                )


def test_several_processes_lose_nothing(address: str, database: Database) -> None:
    with database.begin() as connection:
        connection.execute(ROW)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=add, args=(address, f"t{n}", 20)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with database.read() as connection:
        seen = connection.execute(select(clocks.c.seen).where(clocks.c.terminal == "other"))
        assert seen.scalar_one() - NOON == timedelta(microseconds=60)


def test_threads_share_a_database(database: Database) -> None:
    def write(number: int) -> None:
        with database.begin() as connection:
            connection.execute(insert(clocks).values(terminal=f"t{number}", seen=NOON))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(names(database)) == 9


def test_another_process_does_not_go_on_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_process", os.getpid() + 1)
    with pytest.raises(DatabaseError, match="open it in each"):
        names(database)


# -- clocks ----------------------------------------------------------------------------------------


def test_a_clock_that_went_back_between_two_starts_is_noticed(
    address: str, database: Database
) -> None:
    names_before = database.clock.now()
    with database.begin():
        pass
    corrected = MovableClock(names_before - timedelta(seconds=2))
    with open_database(address, clock=corrected, terminal="counter-1") as later, later.begin():
        pass
    earlier = MovableClock(names_before - timedelta(seconds=2, microseconds=1))
    with open_database(address, clock=earlier, terminal="counter-1") as later:
        with pytest.raises(ClockRanBackwards, match="accept_clock"), later.begin():
            pytest.fail("it was let in")
        later.accept_clock()
        with later.begin():
            pass


def test_what_was_said_latest_is_kept_of_two_that_look_at_once(
    address: str, database: Database
) -> None:
    with database.begin():
        pass
    behind = MovableClock(NOON - timedelta(seconds=1))
    with open_database(address, clock=behind, terminal="counter-1") as other:
        with other.begin():
            pass
        with other.read() as connection:
            assert connection.execute(select(clocks.c.seen)).scalars().all() == [NOON]


def test_of_many_that_begin_under_one_name_none_is_refused(
    address: str, database: Database
) -> None:
    with ThreadPoolExecutor(8) as pool:

        def begin(_: int) -> None:
            with (
                open_database(address, clock=Clock(), terminal="counter-7") as mine,
                mine.begin(),
            ):
                pass

        assert [*pool.map(begin, range(24))] == [None] * 24


def test_two_clocks_that_disagree_are_noticed(
    address: str, database: Database, clock: MovableClock
) -> None:
    with database.begin():
        pass
    behind = MovableClock(NOON - timedelta(seconds=61))
    with open_database(address, clock=behind, terminal="counter-2") as other:
        with pytest.raises(ClocksDisagree, match=r"terminal counter-1 has said .* 12:00:00 JST"):
            run(other)
        behind.move(timedelta(seconds=1))
        with other.begin():
            pass


def test_clocks_are_compared_again_while_it_is_open(
    address: str, database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0
    monkeypatch.setattr("jukihost.database.engine.time.monotonic", lambda: passed)
    with database.begin():
        pass
    with open_database(address, clock=MovableClock(NOON + timedelta(1)), terminal="x") as ahead:
        run(ahead)
    passed = LOOK_EVERY - 0.001
    with database.begin():
        pass
    passed = LOOK_EVERY
    with pytest.raises(ClocksDisagree), database.begin():
        pass


# -- whose tables ----------------------------------------------------------------------------------


def test_a_database_without_tables_or_of_another_version_is_refused(
    address: str, database: Database, clock: MovableClock
) -> None:
    for found, kind, said in (
        ("9999", SchemaNewer, "9999.*install that version"),
        ("0000", SchemaNewer, "later version"),
        (versions()[0], SchemaOlder, "make a backup"),
    ):
        if found == versions()[-1]:
            continue
        with database.begin() as connection:
            connection.execute(text("UPDATE database_history SET version_num = :v"), {"v": found})
        with pytest.raises(kind, match=said):
            open_database(address, clock=clock, terminal="a")
    with database.begin() as connection:
        connection.execute(text("UPDATE database_history SET version_num = '9999'"))
    with pytest.raises(SchemaNewer):
        upgrade_database(address)
    with database.begin() as connection:
        connection.execute(text("DROP TABLE database_history"))
    with pytest.raises(NoSchema, match="upgrade_database"):
        open_database(address, clock=clock, terminal="a")


def test_upgrading_twice_changes_nothing(address: str, database: Database) -> None:
    with database.begin() as connection:
        connection.execute(ROW)
    upgrade_database(address)
    assert "other" in names(database)


def test_a_terminal_without_a_name_is_refused(address: str, clock: MovableClock) -> None:
    with pytest.raises(AddressError, match="needs a name"):
        open_database(address, clock=clock, terminal="")


# -- a server that cannot be used ------------------------------------------------------------------


@pytest.mark.interop
@pytest.mark.xdist_group("postgresql")
class TestServer:
    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseAway, match="see that its file is there, or that its server"):
            opened_at(f"postgresql://nobody:{SECRET}@/x?host={tmp_path}")

    def test_a_database_that_is_not_there(self, postgresql_server: Server) -> None:
        with pytest.raises(DatabaseError, match="knows this database, user"):
            opened_at(postgresql_server.address("missing"))

    def test_a_connection_that_is_lost(self, postgresql_server: Server) -> None:
        address = postgresql_server.make("lost", "jukihost_template")
        with opened_at(address) as database:
            with pytest.raises(DatabaseAway):
                lose(database, postgresql_server)
            run(database, ROW)
            assert names(database) == ["a", "other"]
        postgresql_server.drop("lost")

    def test_connections_that_died_while_they_were_kept_are_made_anew_unseen(
        self, postgresql_server: Server
    ) -> None:
        """Each shows it when a transaction begins, before anything else is said."""
        address = postgresql_server.make("kept", "jukihost_template")
        with opened_at(address) as database:
            for round_ in range(3):
                with database.begin(), database.read(), database.read():
                    pass
                end_all(postgresql_server, "kept")
                if round_ == 1:
                    assert names(database) == ["a", "other"]
                with database.begin() as connection:
                    connection.execute(update(clocks).values(seen=NOON))
                    if round_ == 0:
                        connection.execute(ROW)
            assert names(database) == ["a", "other"]
        postgresql_server.drop("kept")

    def test_a_server_that_does_not_come_back_is_away(self, postgresql_server: Server) -> None:
        address = postgresql_server.make("gone", "jukihost_template")
        with opened_at(address) as database:
            with database.begin():
                pass
            postgresql_server.drop("gone")
            for _ in range(2):
                with pytest.raises(DatabaseError, match="knows this database, user"):
                    run(database, ROW)

    def test_what_a_transaction_says_to_the_server(self, postgresql_server: Server) -> None:
        """No more than this: going there and back is what a short transaction takes."""
        address = postgresql_server.make("said", "jukihost_template")
        said: list[str] = []
        with opened_at(address) as database:
            run(database, ROW)
            event.listen(database.engine, "before_cursor_execute", lambda *of: said.append(of[2]))
            run(database, text("SELECT 1"))
            with database.read() as connection:
                connection.execute(text("SELECT 2"))
                isolation = connection.execute(text("SHOW transaction_isolation")).scalar_one()
                reads = connection.execute(text("SHOW transaction_read_only")).scalar_one()
        assert said[:4] == [
            "BEGIN", "SELECT 1", "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SELECT 2",
        ]  # fmt: skip
        assert (isolation, reads) == ("repeatable read", "on")
        postgresql_server.drop("said")

    def test_a_row_that_another_terminal_holds(self, postgresql_server: Server) -> None:
        address = postgresql_server.make("held", "jukihost_template")
        change = update(clocks).values(seen=NOON)
        with opened_at(address) as one, opened_at(address, "b") as two:
            with one.begin(), two.begin():
                pass
            with one.begin() as first:
                first.execute(change)
                with pytest.raises(DatabaseLocked, match="try again"):
                    run(two, text("SET LOCAL lock_timeout = '100ms'"), change)
        postgresql_server.drop("held")

    def test_one_that_takes_no_changes(self, postgresql_server: Server) -> None:
        with opened_at(postgresql_server.address("jukihost_template")) as database:
            said = pytest.raises(DatabaseReadOnly, match="the server that takes changes")
            with said, database.read() as connection:
                connection.execute(ROW)

    def test_one_that_has_not_all_characters(self, postgresql_server: Server) -> None:
        with postgresql_server.connect() as boss:
            boss.execute("CREATE DATABASE euc TEMPLATE template0 ENCODING 'EUC_JP' LOCALE 'C'")
        with pytest.raises(AddressError, match="EUC_JP, which has not all characters of names"):
            upgrade_database(postgresql_server.address("euc"))
        postgresql_server.drop("euc")


def opened_at(address: str, terminal: str = "a") -> Database:
    return open_database(address, clock=MovableClock(NOON), terminal=terminal)

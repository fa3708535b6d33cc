"""A log in a database: queued with what it speaks of, sequenced once, its tree as in memory."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from datetime import date, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import insert, select

from jukihost import PublishedKeys
from jukihost.clock import Clock
from jukihost.database import Database, DatabaseReadOnly, open_database
from jukihost.database.tables import clocks
from jukihost.keys.counted import CountedCustody
from jukihost.log import (
    Day,
    Derivations,
    LastEntries,
    LastEntry,
    LogExists,
    MemoryNodes,
    NoLog,
    Outcome,
    StoredNodes,
    Use,
    append_derivations,
    append_entry,
    append_use,
    create_log,
    end_day,
    leaf_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    sequence_log,
)
from jukihost.log.dayroots import StoredLasts
from jukihost.log.stored import TileWriter, head_of
from jukihost.log.tables import queue
from tests.support.host.databases import NOON
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, PSEUDONYMS

FORK = multiprocessing.get_context("forkserver")


def queued(database: Database) -> list[bytes]:
    with database.read() as connection:
        return list(connection.execute(select(queue.c.entry).order_by(queue.c.id)).scalars())


def fail_after_use(stored: StoredTown) -> None:
    with stored.database.begin() as connection:
        connection.execute(insert(clocks).values(terminal="other", seen=NOON))
        append_use(
            connection,
            PSEUDONYMS,
            at=NOON,
            operator="o",
            terminal="t",
            body="b",
            purpose="p",
            outcome=Outcome.DONE,
            resident=CODES[0],
        )
        raise KeyError


def test_an_entry_lands_with_its_transaction_or_not_at_all(stored: StoredTown) -> None:
    with pytest.raises(KeyError):
        fail_after_use(stored)
    assert queued(stored.database) == []
    [use] = stored.use(CODES[0])
    assert (use.number, use.before) == (1, bytes(32))
    assert queued(stored.database) == [bytes(use)]


def test_the_bytes_are_those_that_were_hashed_and_follow_one_another(stored: StoredTown) -> None:
    uses = stored.use(CODES[0], CODES[1], None, CODES[0])
    uses += stored.use(CODES[0])
    assert sequence_log(stored.database) == 5
    assert sequence_log(stored.database) == 0
    assert queued(stored.database) == []
    assert stored.entries() == {index: bytes(use) for index, use in enumerate(uses)}
    assert [use.number for use in uses] == [1, 1, 0, 2, 3]
    assert uses[4].before == leaf_hash(bytes(uses[3]))
    assert len({use.salt for use in uses}) == 5


def test_more_is_sequenced_than_fits_into_one_transaction(stored: StoredTown) -> None:
    uses = [*stored.use(*CODES * 9), *stored.use(*CODES)]
    assert sequence_log(stored.database, most=7) == 30
    assert list(stored.entries().values()) == [bytes(use) for use in uses]


def test_what_is_of_no_resident_is_queued_too(stored: StoredTown) -> None:
    made = Derivations(NOON, "counter-1", "COUNTER", 1, 12)
    with stored.database.begin() as connection:
        append_entry(connection, made)
    stored.publish()
    assert stored.entries() == {0: bytes(made)}
    assert stored.verify().problems == ()


def test_derivations_are_counted_again_when_they_could_not_be_written(
    stored: StoredTown,
) -> None:
    custody = CountedCustody(PublishedKeys())
    for system in ("COUNTER", "COUNTER", "SUSPEND"):
        custody.derive_card_keys(system, bytes(8), bytes(8), 1)

    def write() -> None:
        with custody.taken() as counts, stored.database.begin() as connection:
            append_derivations(connection, counts, at=NOON, terminal="counter-1")
            if not written:
                raise OSError

    written = False
    with pytest.raises(OSError):  # noqa: PT011 - ours
        write()
    assert queued(stored.database) == []
    written = True
    write()
    write()
    stored.publish()
    found = [Derivations.parse(entry) for entry in stored.entries().values()]
    assert [(one.system, one.version, one.count) for one in found] == [
        ("COUNTER", 1, 2),
        ("SUSPEND", 1, 1),
    ]
    assert stored.verify().problems == ()


def test_without_a_log_everything_says_so(database: Database) -> None:
    for work in (sequence_log, end_day):
        with pytest.raises(NoLog, match="log create"):
            work(database)


def test_a_log_is_begun_once(stored: StoredTown) -> None:
    with stored.database.begin() as connection, pytest.raises(LogExists):
        create_log(connection, "town.example/other")


@pytest.mark.parametrize("sizes", [[1, 2, 255, 256, 257, 1000], [65_535, 65_536, 65_800]])
def test_the_stored_tree_is_the_tree(in_file: StoredTown, sizes: list[int]) -> None:
    leaves = [sha256(b"%d" % number).digest() for number in range(sizes[-1])]
    nodes = MemoryNodes(leaves)
    done = 0
    for size in sizes:
        with in_file.database.begin() as connection:
            writer = TileWriter(connection, done)
            for leaf in leaves[done:size]:
                writer.append(leaf)
            writer.store()
        done = size
        with in_file.database.read() as connection:
            found = StoredNodes(connection)
            assert root_of(found, size) == root_of(nodes, size)
            for index in {0, size // 3, size - 1}:
                assert prove_inclusion(found, index, size) == prove_inclusion(nodes, index, size)
            old = size // 2 or 1
            assert prove_consistency(found, old, size) == prove_consistency(nodes, old, size)


# -- days ------------------------------------------------------------------------------------------


def test_a_day_ends_once_with_the_root_over_everybodys_last_entry(stored: StoredTown) -> None:
    stored.use(*CODES, CODES[0])
    stored.end_day()
    stored.use(CODES[0], CODES[1])
    stored.clock.move(timedelta(days=3))
    made = end_day(stored.database)
    assert end_day(stored.database) is None
    lasts = {}
    for entry in list(stored.entries().values())[:-1]:
        if entry.startswith(b"jukihost-use"):
            use = Use.parse(entry)
            assert use.resident
            lasts[use.resident] = LastEntry(use.resident, use.number, leaf_hash(entry))
    whole = LastEntries([lasts[one] for one in sorted(lasts)])
    assert made == Day(date(2014, 4, 4), 3, whole.root())
    with stored.database.read() as connection:
        for code in CODES:
            resident = PSEUDONYMS.resident(code)
            assert StoredLasts(connection).prove(resident) == whole.prove(resident)
            assert StoredLasts(connection).of(resident) == whole.of(resident)


def test_the_day_ends_five_minutes_after_midnight_in_japan(in_file: StoredTown) -> None:
    assert end_day(in_file.database)  # of yesterday
    in_file.clock.move(timedelta(hours=12, minutes=4, seconds=59))
    assert end_day(in_file.database) is None
    in_file.clock.move(timedelta(seconds=1))
    ended = end_day(in_file.database)
    assert ended
    assert ended.day == date(2014, 4, 1)


# -- several at once -------------------------------------------------------------------------------


def _counter(address: str, terminal: str, times: int) -> None:
    """Write of the same three residents as the others, and sequence now and then."""
    with open_database(address, clock=Clock(), terminal=terminal) as database:
        for number in range(times):
            with database.begin() as connection:
                for code in CODES:
                    append_use(
                        connection,
                        PSEUDONYMS,
                        at=database.clock.now(),
                        operator="operator-1",
                        terminal=terminal,
                        body="b",
                        purpose=f"{number}",
                        outcome=Outcome.DONE,
                        resident=code,
                    )
            if number % 3 == 0:
                sequence_log(database)


def test_terminals_at_once_break_no_chain_and_sequence_nothing_twice(
    address: str, database: Database
) -> None:
    with database.begin() as connection:
        create_log(connection, "town.example/uses")
    FORK.set_forkserver_preload([__name__, "jukihost.log.appending", "jukihost.log.sequencing"])
    work = [FORK.Process(target=_counter, args=(address, f"t{one}", 8)) for one in range(4)]
    for one in work:
        one.start()
    for one in work:
        one.join(60)
        assert one.exitcode == 0
    sequence_log(database)
    with database.read() as connection:
        assert head_of(connection).size == 4 * 8 * 3
    last: dict[bytes, Use] = {}
    seen: Counter[tuple[str, str, bytes]] = Counter()
    town = StoredTown.__new__(StoredTown)
    town.database = database
    for index, entry in sorted(town.entries().items()):
        use = Use.parse(entry)
        assert use.resident
        before = last.get(use.resident)
        assert use.number == (before.number if before else 0) + 1, index
        assert use.before == (leaf_hash(bytes(before)) if before else bytes(32)), index
        last[use.resident] = use
        seen[use.terminal, use.purpose, use.resident] += 1
    assert set(seen.values()) == {1}
    assert len(seen) == 4 * 8 * 3


def test_reading_only_does_not_write(stored: StoredTown) -> None:
    with pytest.raises(DatabaseReadOnly), stored.database.read() as connection:
        create_log(connection, "x.example")

"""After seven years content and salt go, from the file too; hashes stay, and old proofs hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from jukihost.clock import JAPAN
from jukihost.database import DatabaseLocked, open_database
from jukihost.log import (
    Disclosure,
    EntryError,
    NotPublished,
    Pruned,
    TooEarly,
    Use,
    leaf_hash,
    prove_stored,
    prune_log,
)
from jukihost.log.entries import over
from jukihost.log.stored import extend, head_of
from jukihost.log.tables import entries
from tests.support.host.postgresql import Server
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, POLICY


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2014, 4, 1), date(2021, 4, 1)),
        (date(2016, 2, 29), date(2023, 3, 1)),
        (date(2013, 12, 31), date(2020, 12, 31)),
    ],
)
def test_a_use_is_kept_through_the_same_day_seven_years_later(day: date, last: date) -> None:
    assert not over(day, last)
    assert over(day, last + timedelta(days=1))


def test_no_term_is_shorter_than_seven_years(in_file: StoredTown) -> None:
    with pytest.raises(TooEarly, match="7 years at least"):
        prune_log(in_file.database, years=6)


@pytest.mark.parametrize("years", [1000, 5000, 10**23])
def test_a_term_longer_than_the_calendar_keeps_all(in_file: StoredTown, years: int) -> None:
    assert prune_log(in_file.database, years=years) is None


def files_of(stored: StoredTown, request: pytest.FixtureRequest) -> Iterator[bytes]:
    """Everything that the database keeps in files: for a server, those of the whole database."""
    if stored.database.dialect == "sqlite":
        place = Path(str(stored.database.engine.url.database))
        for path in place.parent.glob(f"{place.name}*"):
            yield path.read_bytes()
        return
    with stored.database.read() as connection:
        where = connection.execute(text("SELECT pg_relation_filepath('log_entries')")).scalar_one()
    server: Server = request.getfixturevalue("postgresql_server")
    with server.connect() as boss:
        boss.execute("CHECKPOINT")
    folder = (server.folder / "data" / where).parent
    yield from (path.read_bytes() for path in folder.iterdir())


def found(stored: StoredTown, request: pytest.FixtureRequest, what: str) -> bool:
    return any(what.encode() in content for content in files_of(stored, request))


def test_what_is_pruned_is_gone_from_the_file_and_still_proven(
    stored: StoredTown, request: pytest.FixtureRequest
) -> None:
    old = stored.use(*CODES, CODES[0], purpose="an old purpose")
    stored.end_day()
    shown = stored.disclosure(CODES[0])
    with stored.database.read() as connection:
        before = prove_stored(connection, 0)
    stored.clock.move(timedelta(days=1))
    stored.use(CODES[0], CODES[1], purpose="a later purpose")
    stored.end_day()
    size = len(stored.entries())
    stored.database.close()  # what is only in memory, or beside the file
    assert found(stored, request, "an old purpose")

    stored.clock.put(datetime(2021, 4, 1, 23, 59, tzinfo=JAPAN))
    assert prune_log(stored.database) is None
    stored.clock.move(timedelta(minutes=1))
    made = prune_log(stored.database)
    assert made == Pruned(stored.clock.now(), 4, 5, date(2014, 4, 1))
    for word in ("an old purpose", old[0].salt.hex(), old[3].salt.hex()):
        assert not found(stored, request, word)
    assert found(stored, request, "a later purpose")
    assert prune_log(stored.database) is None

    with pytest.raises(NotPublished, match="latest pruning"):
        stored.disclosure(CODES[1])
    stored.publish()
    after = stored.verify()
    assert after.problems == ()
    assert (after.size, after.pruned) == (size + 1, 4)
    with stored.database.read() as connection:
        for proof in (before, prove_stored(connection, 0)):
            proof.check(leaf_hash(bytes(old[0])), POLICY)
    assert Disclosure.parse(bytes(shown), CODES[0]).check(CODES[0], POLICY).erased == 0
    stored.end_day()
    now = stored.disclosure(CODES[0]).check(CODES[0], POLICY)
    assert [use.purpose for use in now.uses] == [
        "disclosure of the log to the resident",
        "a later purpose",
    ]
    assert now.erased == 2


def test_in_place_too_every_byte_of_it_is_overwritten(
    in_file: StoredTown, request: pytest.FixtureRequest
) -> None:
    """Of what was queued and of what was sequenced, in the file and beside it."""
    old = [in_file.use(*CODES, purpose=f"an old purpose {at}") for at in range(40)]
    in_file.end_day()
    in_file.database.close()
    assert found(in_file, request, "an old purpose 7")
    in_file.clock.put(datetime(2022, 1, 1, tzinfo=JAPAN))
    made = prune_log(in_file.database, compact=False)
    assert made
    assert made.count == 40 * len(CODES)
    for uses in old:
        for word in ("an old purpose", *(use.salt.hex() for use in uses)):
            assert not found(in_file, request, word)


def test_of_many_pages_that_are_written_anew_no_byte_is_left(
    stored: StoredTown, request: pytest.FixtureRequest
) -> None:
    """Also where what is kept stands behind it, so that no page falls off the end."""
    for at in range(20):
        stored.use(*CODES, purpose=f"an old purpose {at}")
    stored.end_day()
    stored.clock.put(datetime(2022, 1, 1, tzinfo=JAPAN))
    stored.use(*CODES, purpose="a later purpose")
    stored.publish()
    assert prune_log(stored.database)
    assert not found(stored, request, "an old purpose")
    assert found(stored, request, "a later purpose")


def test_a_file_gets_smaller_by_what_is_pruned(in_file: StoredTown) -> None:
    for _ in range(100):
        in_file.use(*CODES * 10, purpose="p" * 200)
    in_file.publish()
    place = Path(str(in_file.database.engine.url.database))
    in_file.clock.put(datetime(2022, 1, 1, tzinfo=JAPAN))
    prune_log(in_file.database, compact=False)
    before = place.stat().st_size
    prune_log(in_file.database)
    assert place.stat().st_size < before / 3


def test_while_others_read_it_is_said_that_bytes_may_be_left(
    in_file: StoredTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file.use(CODES[0])
    in_file.publish()
    in_file.clock.put(datetime(2022, 1, 1, tzinfo=JAPAN))
    place = str(in_file.database.engine.url.database)
    monkeypatch.setattr("jukihost.database.engine.WAIT", 0.1)
    with (
        in_file.database.read() as connection,
        open_database(place, clock=in_file.clock, terminal="other") as other,
    ):
        connection.exec_driver_sql("SELECT count(*) FROM log_entries")
        with pytest.raises(DatabaseLocked):
            prune_log(other, compact=False)
    prune_log(in_file.database)
    assert in_file.verify().pruned == 1


def pruned(town: StoredTown) -> None:
    """Two days whose uses are over, a later one, and a pruning."""
    for day in (1, 2):
        town.clock.put(datetime(2014, 4, day, 12, tzinfo=JAPAN))
        town.use(*CODES)
        town.end_day()
    town.clock.put(datetime(2014, 6, 1, 12, tzinfo=JAPAN))
    town.use(*CODES)
    town.end_day()
    town.clock.put(datetime(2021, 5, 1, 12, tzinfo=JAPAN))
    assert prune_log(town.database)
    town.publish()
    assert town.verify().problems == ()


def test_what_no_pruning_speaks_of_was_removed(in_file: StoredTown) -> None:
    pruned(in_file)
    in_file.spoil(delete(entries).where(entries.c.leaf_index == 9))
    assert in_file.verify().problems == ("entry 9 is missing, and no pruning says so: removed",)


def test_the_end_of_a_day_that_is_removed_with_what_was_pruned_is_found(
    in_file: StoredTown,
) -> None:
    pruned(in_file)
    in_file.spoil(delete(entries).where(entries.c.leaf_index == 3))
    assert in_file.verify().problems == (
        "7 entries below 8 are gone, and the prunings say 6: removed",
    )


def test_a_pruning_before_its_time_is_found(in_file: StoredTown) -> None:
    in_file.use(*CODES)
    in_file.publish()
    early = Pruned(in_file.clock.now(), 3, 3, date(2014, 4, 1))

    in_file.spoil(delete(entries))
    with in_file.database.begin() as connection:
        extend(connection, head_of(connection), [(bytes(early), None, None)])
    in_file.publish()
    assert in_file.verify().problems == (
        "entry 3 says that uses of 2014-04-01 were pruned before their time",
    )


def test_a_pruning_that_says_less_than_it_took_is_found(in_file: StoredTown) -> None:
    for day in (1, 2):
        in_file.clock.put(datetime(2014, 4, day, 12, tzinfo=JAPAN))
        in_file.use(*CODES)
        in_file.end_day()
    in_file.clock.put(datetime(2021, 4, 2, 12, tzinfo=JAPAN))
    in_file.spoil(
        update(entries)
        .where(entries.c.at.is_not(None))
        .values(at=in_file.clock.now() - timedelta(days=2600))
    )
    made = prune_log(in_file.database)
    assert made
    assert (made.count, made.below) == (3, 4)  # the end of the first day stands against the rest
    assert in_file.verify().problems == ()
    forge(in_file, (4, 5, 6), made.until)
    problems = in_file.verify().problems
    assert any("uses of 2014-04-02 were pruned before their time" in one for one in problems)


def forge(town: StoredTown, gone: tuple[int, ...], until: date, **said: datetime) -> None:
    """Remove entries and append that they were pruned, as who has the database can."""
    town.spoil(delete(entries).where(entries.c.leaf_index.in_(gone)))
    made = Pruned(said.get("at", town.clock.now()), len(gone), gone[-1] + 1, until)
    with town.database.begin() as connection:
        extend(connection, head_of(connection), [(bytes(made), None, None)])
    town.publish()


@pytest.mark.parametrize("gone", [(0, 1, 2), (0,), (4, 5), (4, 5, 6)])
@pytest.mark.parametrize("days", [0, 2])
def test_a_forged_pruning_is_found_by_the_ends_of_days_before_and_behind(
    in_file: StoredTown, gone: tuple[int, ...], days: int
) -> None:
    """Of the first day's uses, or of those behind its end, with later days ended or none."""
    in_file.use(*CODES)
    in_file.end_day()
    in_file.use(*CODES)
    in_file.publish()
    for _ in range(days):
        in_file.end_day()
    forge(in_file, gone, in_file.clock.now().date().replace(year=2005))
    problems = in_file.verify().problems
    assert len(problems) == 1
    assert "were pruned before their time" in problems[0]


def test_a_pruning_that_is_dated_ahead_is_found(in_file: StoredTown) -> None:
    in_file.use(*CODES)
    in_file.end_day()
    later = in_file.clock.now() + timedelta(days=3000)
    forge(in_file, (0, 1, 2), date(2014, 4, 1), at=later)
    assert any("is dated after" in one for one in in_file.verify().problems)
    in_file.end_day()
    in_file.clock.put(later + timedelta(days=1))  # found then too
    assert any("is dated after" in one for one in in_file.verify().problems)


def test_uses_before_the_first_end_of_a_day_wait_for_that_day(in_file: StoredTown) -> None:
    in_file.clock.put(datetime(2014, 4, 1, 12, tzinfo=JAPAN))
    in_file.use(CODES[0])
    in_file.clock.move(timedelta(days=2))
    in_file.use(CODES[0])
    in_file.end_day()
    in_file.clock.put(datetime(2021, 4, 3, 12, tzinfo=JAPAN))
    assert prune_log(in_file.database) is None
    in_file.clock.move(timedelta(days=1))
    assert prune_log(in_file.database)
    in_file.publish()
    assert in_file.verify().problems == ()


def test_what_lands_late_or_on_a_day_that_is_ended_later_is_pruned_with_the_ends_of_days(
    in_file: StoredTown,
) -> None:
    """A use dated before midnight behind the day's end, and days without any, are no early ones."""
    at = datetime(2014, 4, 1, 23, 59, tzinfo=JAPAN)
    in_file.clock.put(at)
    in_file.use(CODES[0])
    in_file.end_day()
    in_file.use(CODES[0], at=at)
    in_file.end_day()
    in_file.end_day()
    in_file.use(CODES[1])
    in_file.end_day()
    for day in (date(2021, 4, 2), date(2021, 4, 3)):
        in_file.clock.put(datetime(day.year, day.month, day.day, 12, tzinfo=JAPAN))
        made = prune_log(in_file.database)
        assert made
        assert made.count == 1
        in_file.publish()
        assert in_file.verify().problems == ()


def test_a_pruned_entry_is_written_as_it_is_read() -> None:
    made = Pruned(datetime(2021, 4, 2, tzinfo=JAPAN), 5, 7, date(2014, 4, 1))
    assert bytes(Pruned.parse(bytes(made))) == bytes(made)
    for wrong in (bytes(made) + b"\n", bytes(made).replace(b"below 7", b"below 07")):
        with pytest.raises(EntryError):
            Pruned.parse(wrong)
    with pytest.raises(EntryError, match="kind"):
        Use.parse(bytes(made))

"""What the making of a card asks of its database: of no table all rows, and of the switch once."""

from __future__ import annotations

import re
from collections import Counter as Counts
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import event

from jukicard.testing import BlankCards
from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from jukihost.ledger import LedgerState, Stopped, cards_of, check_running, lift_stop, stop
from jukihost.workflows import (
    Alone,
    Bench,
    Bins,
    CardAtDesk,
    Run,
    check_people,
    hand_over,
    read_people,
)
from tests.support.host.counters import Clerk, Counter
from tests.support.host.issuing_office import NEW, PHOTO, WORD, quick_keys, without_card
from tests.support.host.ledgers import ADMIN, staffed

__all__ = ["quick_keys"]
pytestmark = pytest.mark.usefixtures("quick_keys")

SMALL: Final = {"ledger_switch", "ledger_operators", "ledger_lendings", "log_state"}
"""Tables that do not grow with cards and residents."""
SWITCH: Final = "FROM ledger_switch"


class Asked:
    """Statements with their values, by the transactions they were made in."""

    def __init__(self, database: Database) -> None:
        self.statements: list[tuple[str, Any]] = []
        self.switch: Counts[int] = Counts()
        self._transactions = 0
        event.listen(database.engine, "begin", self._begun)
        event.listen(database.engine, "before_cursor_execute", self._look)

    def _begun(self, connection: object) -> None:
        self._transactions += 1

    def _look(self, conn: object, cursor: object, statement: str, values: Any, *_: object) -> None:
        self.statements.append((statement, values))
        self.switch[self._transactions] += SWITCH in statement


@pytest.fixture
def counter(sqlite_template: Path, clock: MovableClock, tmp_path: Path) -> Iterator[Counter]:
    file = tmp_path / "terminal.db"
    file.write_bytes(sqlite_template.read_bytes())
    with open_database(file, clock=clock, terminal="counter-1") as database:
        yield without_card(Counter(database, clock)).counter


def test_a_card_that_is_made_and_handed_over_reads_no_whole_table_and_asks_the_switch_once(
    counter: Counter, tmp_path: Path
) -> None:
    asked = Asked(counter.database)
    people = read_people(f"holder,papers\n{counter.holder},photo\n".encode(), tmp_path)
    desk = counter.desk(talk=Clerk(NEW, WORD))
    cards = BlankCards("juki-v1", 1, seed="asked")
    checked = check_people(desk, people)
    with Bins(tmp_path, "people") as bins:
        assert Run(checked, Alone(Bench(desk, cards, people)), bins).run().made == 1
    with counter.database.read() as connection:
        [number] = [
            one.number
            for one in cards_of(connection, counter.holder)
            if one.state is LedgerState.ISSUING
        ]
    with cards.connect(number) as reader:
        hand_over(desk, CardAtDesk(reader), PHOTO)

    assert max(asked.switch.values()) == 1
    assert sum(asked.switch.values()) > 10
    scanned = {}
    with counter.database.read() as connection:
        for statement, values in list(asked.statements):
            if not re.match("SELECT|UPDATE|DELETE", statement):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            for said in (str(row[-1]) for row in plan):
                found = re.fullmatch(r"SCAN (\w+)", said)  # an index would be named behind
                if found and found[1] not in SMALL:
                    scanned[found[1]] = statement
    assert len(asked.statements) > 40
    assert scanned == {}


def test_who_turns_the_switch_sees_it_turned_in_the_same_transaction(database: Database) -> None:
    staffed(database)
    with database.begin() as connection:
        check_running(connection)
        stop(connection, ADMIN, "admin-2", "rehearsal")
        with pytest.raises(Stopped):
            check_running(connection)
        lift_stop(connection, ADMIN, "admin-2", "over")
        check_running(connection)


def test_what_was_asked_in_one_transaction_is_asked_again_in_the_next(database: Database) -> None:
    staffed(database)
    for transaction in (database.begin, database.read):
        with transaction() as connection:
            check_running(connection)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "rehearsal")
    for transaction in (database.begin, database.read):
        with transaction() as connection, pytest.raises(Stopped):
            check_running(connection)

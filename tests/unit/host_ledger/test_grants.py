"""Grants to unlock operator cards: of many that use one at once, one does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from jukihost.database import Database
from jukihost.ledger import (
    By,
    Operator,
    OperatorRefused,
    Role,
    enter_operator,
    grant_unlock,
    lend_card,
    list_grants,
    use_grant,
)
from tests.support.host.ledgers import ADMIN, staffed

CARD = bytes(range(8))
DAY = timedelta(days=1)


@pytest.fixture
def office(database: Database) -> Database:
    """Two administrators, and a clerk with a card."""
    staffed(database)
    with database.begin() as connection:
        enter_operator(connection, Operator("clerk-1", "窓口", Role.CLERK), ADMIN)
        lend_card(connection, CARD, "clerk-1", ADMIN)
    return database


def at_once(database: Database, what: str) -> list[str]:
    """Let four threads do it at the same moment; return how each ended."""
    ready = Barrier(4)

    def one(number: int) -> str:
        by = replace(ADMIN, operator=f"admin-{number % 2 + 1}", terminal=f"office-{number}")
        ready.wait(60)
        try:
            with database.begin() as connection:
                if what == "use":
                    use_grant(connection, CARD, by)
                else:
                    grant_unlock(connection, CARD, DAY, by)
        except OperatorRefused:
            return "refused"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        return sorted(pool.map(one, range(4)))


@pytest.mark.parametrize("what", ["grant", "use"])
def test_of_those_who_do_it_at_once_one_does(office: Database, what: str) -> None:
    for _ in range(5):
        if what == "use":
            with office.begin() as connection:
                grant_unlock(connection, CARD, DAY, ADMIN)
        assert at_once(office, what) == ["done", "refused", "refused", "refused"]
        if what == "grant":
            with office.begin() as connection:
                use_grant(connection, CARD, ADMIN)
    with office.read() as connection:
        assert [one.outcome for one in list_grants(connection)] == ["used"] * 5


def test_a_grant_is_good_to_its_last_moment(office: Database) -> None:
    with office.begin() as connection:
        grant = grant_unlock(connection, CARD, DAY, ADMIN)
    late: By = replace(ADMIN, at=grant.until + timedelta(microseconds=1))
    with office.begin() as connection, pytest.raises(OperatorRefused, match="lapsed"):
        use_grant(connection, CARD, late)
    with office.begin() as connection:
        used = use_grant(connection, CARD, replace(ADMIN, at=grant.until))
    assert (used.outcome, used.ended) == ("used", grant.until)

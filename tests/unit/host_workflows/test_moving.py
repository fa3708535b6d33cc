"""Moves on a card: a letter that announces, and one visit in the new town."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from jukihost.clock import MovableClock
from jukihost.database.errors import DatabaseAway
from jukihost.errors import PinBlocked, TerminalError
from jukihost.ledger import (
    By,
    LedgerState,
    PersonAct,
    Reason,
    move_card,
)
from jukihost.models import Residence
from jukihost.register import (
    Asking,
    Body,
    Item,
    NotAnnounced,
    RestrictionKind,
    Use,
    restrict,
    show_by_code,
    untold_arrivals,
    withdraw_move,
)
from jukihost.workflows import (
    Impossible,
    MovedOut,
    NewHome,
    Paper,
    Presented,
    PresentedBy,
    SupervisorDecides,
    announce_by_post,
    identify,
    move_in,
    tell_old_towns,
)
from tests.support.host.counters import CLERK, PIN, SUPERVISOR, Clerk
from tests.support.host.movers import (
    ADDRESS,
    HOME,
    LETTER,
    TODAY,
    announced,
    days,
    is_open,
    moved,
    residence,
)
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN, code
from tests.support.host.towns import Towns

# -- by post ---------------------------------------------------------------------------------------


def test_p13_a_move_is_announced_by_post_and_the_card_moves_out(towns: Towns) -> None:
    wife = towns.here.another_resident("wife", relation="妻")
    announced(towns, towns.here.holder, wife)
    assert towns.here.ledger().state is LedgerState.MOVED_OUT
    assert towns.here.told() == [("move_out", "done", "")]
    assert residence(towns.here, towns.here.card) == (TOWN, Residence.RESIDENT)
    for _ in range(2):
        with towns.here.on_desk() as (hand, _), pytest.raises(MovedOut):
            identify(towns.here.desk(talk=Clerk(PIN)), hand)
        assert residence(towns.here, towns.here.card) == (TOWN, Residence.MOVED_OUT)


def test_a_suspended_card_moves_out_too_where_another_is_in_use(towns: Towns) -> None:
    wife = towns.here.another_resident("wife", relation="妻")
    _, number = towns.here.issued_card(wife, code("wife").reveal())
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        move_card(connection, towns.here.ledger(), PersonAct.SUSPEND, Reason.MISSING, by)
    announced(towns, towns.here.holder, wife)
    assert str(towns.here.ledger().standing) == "suspended, returns to moved_out"
    assert towns.here.ledger(number).state is LedgerState.MOVED_OUT


@pytest.mark.parametrize(
    ("by", "papers", "error"),
    [
        (PresentedBy.HOLDER, {Paper.OTHER}, None),
        (PresentedBy.HOUSEHOLD, {Paper.PHOTO}, None),
        (PresentedBy.HOLDER, set(), Impossible),
        (PresentedBy.PROXY, {Paper.LETTER_OF_ATTORNEY}, SupervisorDecides),
    ],
)
def test_who_may_write(
    towns: Towns, by: PresentedBy, papers: set[Paper], error: type[TerminalError] | None
) -> None:
    presented = Presented(by, frozenset(papers))
    if error is None:
        announce_by_post(towns.here.desk(), [towns.here.holder], TODAY, presented)
        return
    with pytest.raises(error):
        announce_by_post(towns.here.desk(), [towns.here.holder], TODAY, presented)
    assert towns.here.ledger().state is LedgerState.ACTIVE


def test_without_a_card_in_use_a_move_needs_paper(towns: Towns) -> None:
    alone = towns.here.another_resident("alone", household=9)
    for members in ([alone], []):
        with pytest.raises(Impossible):
            announce_by_post(towns.here.desk(), members, TODAY, LETTER)
    moved_card = towns.here.ledger()
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        move_card(connection, moved_card, PersonAct.REPORT_LOST, Reason.NOT_FOUND, by)
    with pytest.raises(Impossible, match="on paper"):
        announced(towns)


def test_a_letter_of_who_is_protected_is_decided_about(towns: Towns) -> None:
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        restrict(connection, [1], RestrictionKind.VIOLENCE, date(2015, 3, 31), by)
    with pytest.raises(SupervisorDecides):
        announced(towns)
    desk = towns.here.desk()
    desk.supervisor = towns.here.desk(SUPERVISOR).duty
    announce_by_post(desk, [towns.here.holder], TODAY, LETTER)
    assert towns.here.told()[-1] == ("move_out", "done", f"decided by {SUPERVISOR}")
    assert moved(towns).restricted, "it does not move along, and is told"
    asking = Asking(By.at_terminal(towns.there.database, CLERK), Body.COUNTER, Use.PROCEDURE)
    with towns.there.database.read() as connection:
        assert not show_by_code(connection, RESIDENT.code, asking).restricted


# -- moving in -------------------------------------------------------------------------------------


def test_p13_one_visit_with_the_card_of_one_moves_the_household(towns: Towns) -> None:
    wife = towns.here.another_resident("wife", relation="妻", residence_until=None)
    towns.here.another_resident("son who stays", relation="子")
    announced(towns, wife, towns.here.holder)
    arrived = moved(towns)
    assert (arrived.origin, len(arrived.members), arrived.restricted, arrived.untold) == (
        TOWN,
        2,
        False,
        False,
    )
    asking = Asking(By.at_terminal(towns.there.database, CLERK), Body.COUNTER, Use.PROCEDURE)
    with towns.there.database.read() as connection:
        head, her = (show_by_code(connection, one, asking) for one in (RESIDENT.code, code("wife")))
        assert untold_arrivals(connection) == []
    for item in (Item.NAME, Item.BORN, Item.ALIAS, Item.DOMICILE, Item.RESIDENCE_UNTIL):
        assert head[item] == getattr(RESIDENT, item.value)
    assert head[Item.ADDRESS] == her[Item.ADDRESS] == ADDRESS
    assert head[Item.HOUSEHOLD] == her[Item.HOUSEHOLD] != RESIDENT.household
    assert (head.municipality, head[Item.CHANGED]) == (OTHER_TOWN, TODAY)
    assert [is_open(towns.here, who) for who in (None, "wife", "son who stays")] == [
        False,
        False,
        True,
    ]
    assert towns.there.told() == [("move_in", "done", "")]


def test_who_joins_a_household_says_so(towns: Towns) -> None:
    announced(towns)
    moved(towns, NewHome(ADDRESS, TODAY, household=7, relation="同居人"))
    asking = Asking(By.at_terminal(towns.there.database, CLERK), Body.COUNTER, Use.PROCEDURE)
    with towns.there.database.read() as connection:
        record = show_by_code(connection, RESIDENT.code, asking)
    assert (record[Item.HOUSEHOLD], record[Item.RELATION]) == (7, "同居人")


@pytest.mark.parametrize(
    ("since_moving", "since_announced", "goes"),
    [(14, 30, True), (0, 0, True), (15, 15, False), (14, 31, False), (-1, 5, False), (3, -5, True)],
)
def test_p13_within_14_days_of_moving_and_30_of_the_announced_day(
    towns: Towns, clock: MovableClock, since_moving: int, since_announced: int, goes: bool
) -> None:
    announced(towns, day=TODAY + timedelta(days=40 - since_announced))
    days(clock, 40)
    home = NewHome(ADDRESS, TODAY + timedelta(days=40 - since_moving))
    if goes:
        assert moved(towns, home).members
    else:
        with pytest.raises(Impossible):
            moved(towns, home)
        assert is_open(towns.here)
        assert not is_open(towns.there)


def test_without_an_announcement_nobody_moves_on_a_card(towns: Towns) -> None:
    with pytest.raises(NotAnnounced, match="on paper"):
        moved(towns)
    announced(towns)
    with towns.here.database.begin() as connection:
        withdraw_move(connection, 1, By.at_terminal(towns.here.database, CLERK))
    with pytest.raises(NotAnnounced):
        moved(towns)


def test_a_wrong_pin_moves_nobody(towns: Towns) -> None:
    announced(towns)
    with pytest.raises(PinBlocked):
        moved(towns, pin="0000")
    assert not is_open(towns.there)


def test_a_card_is_of_another_town_or_it_moves_nobody_in(towns: Towns) -> None:
    announced(towns)
    with towns.here.on_desk() as (hand, _), pytest.raises(Impossible, match="has not left"):
        move_in(towns.here.desk(talk=Clerk(PIN)), hand, HOME)


@pytest.mark.parametrize("presented", [Presented(), Presented(PresentedBy.PROXY)])
def test_who_moves_in_on_a_card_shows_it(towns: Towns, presented: Presented) -> None:
    announced(towns)
    with pytest.raises(Impossible):
        moved(towns, presented=presented)


def test_twice_is_once(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    with pytest.raises(TerminalError):
        moved(towns)
    assert len(towns.there.told()) == 2
    assert is_open(towns.there)
    assert not is_open(towns.here)


def test_an_old_town_out_of_reach_is_told_later(towns: Towns) -> None:
    announced(towns)
    there = towns.visited()

    class Deaf:
        """Registers whose `moved_in` comes to nobody."""

        def __getattr__(self, name: str) -> Any:
            return getattr(towns.registers, name)

        def moved_in(self, *_: object) -> None:
            raise DatabaseAway

    desk = there.desk(talk=Clerk(PIN))
    desk.office = replace(desk.office, registers=Deaf())
    with there.on_desk() as (hand, _):
        assert move_in(desk, hand, HOME).untold
    assert is_open(towns.here), "in both, never in none"
    assert is_open(towns.there)
    assert len(tell_old_towns(desk)) == 1
    assert tell_old_towns(there.desk()) == ()
    assert not is_open(towns.here)
    assert tell_old_towns(there.desk()) == ()

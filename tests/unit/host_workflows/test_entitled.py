"""Who may have a card, when it is made and when it is handed over, and who of a town may not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from jukihost.clock import day_in_japan
from jukihost.errors import CardError
from jukihost.ledger import LedgerState, Reason
from jukihost.register import (
    AddressRestricted,
    Asking,
    Body,
    ChangeReason,
    NotNotified,
    RestrictionKind,
    UnknownResident,
    Use,
    close_record,
    end_restriction,
    restrict,
    restrictions_of,
    set_notified,
    show_resident,
)
from jukihost.workflows import (
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    SupervisorDecides,
    Task,
    abolish_card,
    announce_by_post,
    change_code,
    hand_over,
    inquire,
    issue_card,
    reissue_certificate,
)
from tests.support.host.counters import SUPERVISOR, Counter
from tests.support.host.issuing_office import (
    NAME_ONLY,
    PHOTO,
    Office,
    issued,
    office,
    quick_keys,
    taken,
)
from tests.support.host.movers import LETTER
from tests.support.host.residents import code as code_of

__all__ = ["office", "quick_keys"]
pytestmark = pytest.mark.usefixtures("quick_keys")


def closed(counter: Counter) -> None:
    """Their record is closed: they have moved, or died."""
    by = counter.desk().by()
    with counter.database.begin() as connection:
        asking = Asking(by, Body.COUNTER, Use.PROCEDURE)
        provided = show_resident(connection, counter.holder, asking)
        close_record(connection, provided, ChangeReason.DIED, today(counter), by)


def not_notified(counter: Counter) -> None:
    """They ask that the prefecture is not given notice of them (P23)."""
    by = counter.desk().by()
    with counter.database.begin() as connection:
        asking = Asking(by, Body.COUNTER, Use.PROCEDURE)
        set_notified(connection, show_resident(connection, counter.holder, asking), False, by)


def stay_over(counter: Counter) -> None:
    """Their period of stay ends, and a day passes."""
    counter.clock.move(timedelta(days=2))


def today(counter: Counter) -> date:
    return day_in_japan(counter.clock.now())


NOT_ENTITLED = pytest.mark.parametrize(
    ("becomes", "kind"),
    [(closed, UnknownResident), (not_notified, NotNotified), (stay_over, CardError)],
)


@pytest.fixture
def counter_of_somebody(office: Office) -> Counter:
    """A counter at which somebody stands whose stay lasts until tomorrow."""
    counter = office.counter
    until = today(counter) + timedelta(days=1)
    counter.holder = counter.another_resident("somebody", residence_until=until)
    office.blank()
    return counter


@NOT_ENTITLED
def test_p23_who_may_have_no_card_gets_none_made(
    counter_of_somebody: Counter, becomes: Callable[[Counter], None], kind: type[CardError]
) -> None:
    counter = counter_of_somebody
    becomes(counter)
    with pytest.raises(kind if kind is not CardError else Impossible):
        issued(counter, NAME_ONLY)
    assert not counter.knows_card()


@NOT_ENTITLED
def test_nor_is_one_handed_over_that_was_made_before(
    counter_of_somebody: Counter, becomes: Callable[[Counter], None], kind: type[CardError]
) -> None:
    counter = counter_of_somebody
    issued(counter, NAME_ONLY)
    becomes(counter)
    with pytest.raises(kind):
        taken(counter)
    assert counter.ledger().state is LedgerState.ISSUING
    assert counter.undecided() == 0


def test_p21_on_the_last_day_of_a_stay_a_card_is_made_and_handed_over(
    counter_of_somebody: Counter,
) -> None:
    counter_of_somebody.clock.move(timedelta(days=1))
    issued(counter_of_somebody, NAME_ONLY)
    taken(counter_of_somebody)
    assert counter_of_somebody.ledger().state is LedgerState.ACTIVE


def test_a_card_that_was_begun_for_another_is_not_made_theirs(office: Office) -> None:
    counter = office.counter
    office.blank()
    first = counter.holder
    counter.holder = counter.another_resident("the first", residence_until=None)
    issued(counter, NAME_ONLY)
    with counter.on_desk() as (hand, _), pytest.raises(Impossible, match="another holder"):
        issue_card(counter.desk(), hand, first, NAME_ONLY, PHOTO)


def test_a_card_is_handed_over_to_who_may_have_it(office: Office) -> None:
    counter = office.counter
    counter.holder = counter.another_resident("somebody", residence_until=None)
    office.blank()
    issued(counter, NAME_ONLY)
    for by, papers in ((PresentedBy.HOUSEHOLD, set(Paper)), (PresentedBy.HOLDER, {Paper.OTHER})):
        with counter.on_desk() as (hand, _), pytest.raises(Impossible):
            hand_over(counter.desk(), hand, Presented(by, frozenset(papers)))
    assert counter.ledger().state is LedgerState.ISSUING


def test_what_nobody_collects_is_abolished_and_no_card_in_use_with_it(office: Office) -> None:
    counter = office.counter
    with pytest.raises(Impossible, match="no card"):
        abolish_card(counter.desk(), counter.holder, Reason.NOT_COLLECTED, None)
    counter.holder = counter.another_resident("somebody", residence_until=None)
    office.blank()
    number = issued(counter, NAME_ONLY)
    assert abolish_card(counter.desk(), counter.holder, Reason.NOT_COLLECTED, None).card == number
    assert counter.ledger().state is LedgerState.ABOLISHED


@pytest.mark.parametrize(("becomes", "why"), [(closed, "closed"), (stay_over, "period of stay")])
def test_nor_is_another_certificate_given(
    counter: Counter, becomes: Callable[[Counter], None], why: str
) -> None:
    """On a card that the ledger says to be good for longer."""
    Office(counter)
    until = today(counter) + timedelta(days=1)
    counter.holder = counter.another_resident("somebody", residence_until=until)
    code = code_of("somebody").reveal()
    counter.card, counter.number = counter.issued_card(counter.holder, code)
    becomes(counter)
    with counter.on_desk() as (hand, _), pytest.raises(Impossible, match=why):
        reissue_certificate(counter.desk(), hand, PHOTO)


# --- restrictions ---


def restricted(counter: Counter, holder: int, until: date) -> None:
    with counter.database.begin() as connection:
        restrict(connection, [holder], RestrictionKind.OTHER, until, counter.desk().by())


def test_no_letter_goes_to_an_address_under_restriction_unless_a_supervisor_decides(
    counter: Counter,
) -> None:
    restricted(counter, counter.holder, today(counter))
    with pytest.raises(AddressRestricted):
        inquire(counter.desk(), counter.holder, Task.UNBLOCK_PIN)
    assert counter.told() == [("inquire", "refused", "address_restricted; unblock_pin")]


def test_a_letter_about_moving_is_looked_at_twice_while_one_of_them_is_protected(
    counter: Counter,
) -> None:
    other = counter.another_resident("another one", residence_until=None)
    restricted(counter, other, today(counter))
    members = [counter.holder, other]
    with pytest.raises(SupervisorDecides):
        announce_by_post(counter.desk(), members, today(counter), LETTER)
    with counter.database.begin() as connection:
        by = counter.desk(SUPERVISOR).by()
        for who in members:
            for one in restrictions_of(connection, who):
                if one.ended is None:
                    end_restriction(connection, one.number, "asked by the resident", by)
    announce_by_post(counter.desk(), members, today(counter), LETTER)


def test_a_restriction_that_is_over_stops_no_letter(counter: Counter) -> None:
    restricted(counter, counter.holder, today(counter))
    counter.clock.move(timedelta(days=1))
    announce_by_post(counter.desk(), [counter.holder], today(counter), LETTER)


def test_who_has_left_does_not_announce_it_once_more(counter: Counter) -> None:
    other = counter.another_resident("another one", residence_until=None)
    first, counter.holder = counter.holder, other
    closed(counter)
    with pytest.raises(Impossible, match="closed"):
        announce_by_post(counter.desk(), [first, other], today(counter), LETTER)


def test_a_card_that_is_being_made_ends_with_the_code_that_it_holds(office: Office) -> None:
    counter = office.counter
    counter.holder = counter.another_resident("somebody", residence_until=None)
    office.blank()
    number = issued(counter, NAME_ONLY)
    changed = change_code(counter.desk(), counter.holder, PHOTO)
    assert changed.over == (number,)
    assert counter.ledger().state is LedgerState.ABOLISHED

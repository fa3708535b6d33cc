"""A card goes on in the town that its holder has moved to: when it may, and when it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from jukihost.clock import MovableClock
from jukihost.errors import CardRemoved, PinBlocked
from jukihost.ledger import (
    By,
    CardAct,
    CertificateState,
    HasCard,
    IntentOpen,
    IntentState,
    LedgerState,
    NewCard,
    PersonAct,
    Reason,
    certificates_of,
    enter_card,
    gaps,
    move_card,
)
from jukihost.models import CardForm, Residence
from jukihost.register import (
    AsReceived,
    UnknownResident,
    enter_mover,
    known_by_code,
    note_arrival,
)
from jukihost.sessions.juki import JukiSession
from jukihost.workflows import (
    CardExpired,
    CardStopped,
    CutOff,
    Impossible,
    MovedOut,
    NewHome,
    announce_by_post,
    continue_use,
    identify,
    move_in,
    recover_card,
)
from tests.support.host.authority import certified
from tests.support.host.counters import CLERK, PIN, Clerk
from tests.support.host.movers import (
    ADDRESS,
    LETTER,
    TODAY,
    announced,
    continued,
    days,
    moved,
    residence,
)
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN
from tests.support.host.towns import Towns

# -- the card goes on ------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [False, True])
def test_p11_the_card_goes_on_in_the_new_town(towns: Towns, seen: bool) -> None:
    announced(towns)
    if seen:
        with towns.here.on_desk() as (hand, _), pytest.raises(MovedOut):
            identify(towns.here.desk(talk=Clerk(PIN)), hand)
    moved(towns)
    for at in (towns.here, towns.there):
        with at.on_desk(towns.here.card) as (hand, _), pytest.raises(MovedOut):
            identify(at.desk(talk=Clerk(PIN)), hand)
    gone_on = continued(towns)
    assert (gone_on.card, gone_on.origin) == (towns.here.number, TOWN)
    assert residence(towns.there, towns.here.card) == (OTHER_TOWN, Residence.RESIDENT)
    assert towns.here.ledger().state is LedgerState.TRANSFERRED
    card = towns.there.ledger(towns.here.number)
    assert (card.state, card.municipality, card.expires) == (
        LedgerState.ACTIVE,
        OTHER_TOWN,
        gone_on.expires,
    )
    for at in (towns.there, towns.here):
        with at.on_desk(towns.here.card) as (hand, _):
            found = identify(at.desk(talk=Clerk(PIN)), hand)
        assert (found.town, found.code) == (OTHER_TOWN, RESIDENT.code)
    for counter in (towns.here, towns.there):
        with counter.database.read() as connection:
            assert gaps(connection) == []
    with pytest.raises(Impossible, match="in use already"):
        continued(towns)


@pytest.mark.parametrize(("later", "goes"), [(90, True), (91, False)])
def test_p11_a_card_goes_on_for_90_days_after_the_notification(
    towns: Towns, clock: MovableClock, later: int, goes: bool
) -> None:
    announced(towns)
    moved(towns)
    days(clock, later)
    if goes:
        assert continued(towns).card == towns.here.number
    else:
        with pytest.raises(Impossible, match="90 days"):
            continued(towns)
        assert towns.here.ledger().state is LedgerState.MOVED_OUT


@pytest.mark.parametrize(
    ("since_moving", "since_announced", "goes"), [(14, 30, True), (15, 30, False), (14, 31, False)]
)
def test_p11_who_gave_notice_too_late_does_not_go_on(
    towns: Towns, since_moving: int, since_announced: int, goes: bool
) -> None:
    """As for who moved in with the certificate on paper, which is noted all the same."""
    announced(towns)
    home = replace(RESIDENT, municipality=OTHER_TOWN)
    by = By.at_terminal(towns.there.database, CLERK)
    with towns.there.database.begin() as connection:
        number = enter_mover(connection, home, by)
        note_arrival(
            connection,
            number,
            TOWN,
            TODAY - timedelta(days=since_moving),
            TODAY - timedelta(days=since_announced),
            by,
        )
    if goes:
        assert continued(towns).card == towns.here.number
    else:
        with pytest.raises(Impossible, match="days have passed"):
            continued(towns)


def test_p11_without_notice_a_card_does_not_go_on(towns: Towns) -> None:
    announced(towns)
    with pytest.raises(UnknownResident):
        continued(towns)
    with towns.there.database.begin() as connection:
        by = By.at_terminal(towns.there.database, CLERK)
        enter_mover(connection, replace(RESIDENT, municipality=OTHER_TOWN), by)
    with pytest.raises(Impossible, match="notice"):
        continued(towns)


def test_p11_a_card_whose_pin_does_not_match_does_not_go_on(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    with pytest.raises(PinBlocked):
        continued(towns, pin="0000")
    assert towns.here.ledger().state is LedgerState.MOVED_OUT


def test_p11_a_card_that_its_town_still_has_in_use_does_not_go_on(towns: Towns) -> None:
    with pytest.raises(Impossible, match="does not know"):
        continued(towns)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (PersonAct.SUSPEND, Reason.MISSING),
        (PersonAct.ABOLISH, Reason.SURRENDERED),
        (PersonAct.REPORT_LOST, Reason.NOT_FOUND),
    ],
)
def test_p11_a_card_that_is_suspended_or_over_does_not_go_on(
    towns: Towns, act: PersonAct, reason: Reason
) -> None:
    announced(towns)
    moved(towns)
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        move_card(connection, towns.here.ledger(), act, reason, by)
    with pytest.raises(CardStopped):
        continued(towns)


def test_p11_a_card_that_has_expired_does_not_go_on(towns: Towns, clock: MovableClock) -> None:
    days(clock, (date(2016, 4, 20) - TODAY).days)
    announced(towns, day=date(2016, 4, 20))
    moved(towns, NewHome(ADDRESS, date(2016, 4, 20)))
    days(clock, 16)
    with pytest.raises(CardExpired):
        continued(towns)


def test_p11_who_moved_on_before_the_card_went_on_has_lost_it(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    by = By.at_terminal(towns.there.database, CLERK)
    with towns.there.database.begin() as connection:
        number = known_by_code(connection, RESIDENT.code).resident
        note_arrival(connection, number, "01202", TODAY, TODAY, by)
    with pytest.raises(Impossible, match="moved on"):
        continued(towns)


def test_a_holder_with_another_card_keeps_that(towns: Towns) -> None:
    announced(towns)
    number = moved(towns).members[0]
    by = By.at_terminal(towns.there.database, CLERK)
    new = NewCard(bytes(8), number, CardForm.NAME_ONLY, OTHER_TOWN, TODAY, date(2024, 3, 31))
    with towns.there.database.begin() as connection:
        card = enter_card(connection, new, by)
        move_card(connection, card, CardAct.HAND_OVER, Reason.APPLICATION, by)
    with pytest.raises(HasCard):
        continued(towns)
    assert towns.here.ledger().state is LedgerState.MOVED_OUT, "it is not given up for nothing"


def test_there_and_back_again(towns: Towns, clock: MovableClock) -> None:
    announced(towns)
    moved(towns)
    continued(towns)
    days(clock, 100)
    then = TODAY + timedelta(days=100)
    with towns.there.database.read() as connection:
        number = known_by_code(connection, RESIDENT.code).resident
    announce_by_post(towns.there.desk(), [number], then, LETTER)
    with towns.here.on_desk() as (hand, _):
        desk = towns.here.desk(talk=Clerk(PIN))
        arrived = move_in(desk, hand, NewHome(AsReceived("東京都千代田区永田町一丁目"), then))
    assert arrived.members == (towns.here.holder,), "the closed record is opened again"
    with towns.here.on_desk() as (hand, _):
        continue_use(towns.here.desk(talk=Clerk(PIN)), hand)
    assert towns.here.ledger().state is LedgerState.ACTIVE
    assert towns.there.ledger(towns.here.number).state is LedgerState.TRANSFERRED
    assert residence(towns.here, towns.here.card) == (TOWN, Residence.RESIDENT)


def test_a_card_that_goes_on_is_lost_in_its_new_town(towns: Towns) -> None:
    announced(towns)
    number = moved(towns).members[0]
    continued(towns)
    by = By.at_terminal(towns.there.database, CLERK)
    with towns.there.database.begin() as connection:
        card = towns.there.ledger(towns.here.number)
        assert card.holder == number
        move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, by)
    with towns.here.on_desk() as (hand, _), pytest.raises(CardStopped):
        identify(towns.here.desk(talk=Clerk(PIN)), hand)
    assert towns.there.undecided() == 0


def test_a_card_that_was_changed_by_half_goes_on_at_another_terminal(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced(towns)
    moved(towns)
    whole = JukiSession.move_in

    def cut(juki: JukiSession) -> None:
        monkeypatch.setattr(JukiSession, "move_in", whole)
        raise CardRemoved("between the two changes")

    monkeypatch.setattr(JukiSession, "move_in", cut)
    with pytest.raises(CutOff):
        continued(towns)
    assert towns.there.told()[-1] == ("continued_use", "unknown", "cut_off")
    assert towns.there.undecided() == 1
    with towns.here.on_desk() as (hand, _), pytest.raises(IntentOpen):
        identify(towns.here.desk(talk=Clerk(PIN)), hand)
    with towns.there.on_desk(towns.here.card) as (hand, _):
        assert recover_card(towns.there.desk(), hand) is IntentState.FINISHED
    assert towns.there.ledger(towns.here.number).state is LedgerState.ACTIVE
    assert residence(towns.there, towns.here.card) == (OTHER_TOWN, Residence.RESIDENT)


def test_p13_the_certificates_of_who_moves_are_revoked_and_stay_so(towns: Towns) -> None:
    authority = certified(towns.here, 11, 12)
    announced(towns)
    told = {serial: known and known[1] for serial, known in authority.known.items()}
    assert told == {11: 3, 12: 3}, "affiliationChanged (RFC 5280, 5.3.1)"
    moved(towns)
    continued(towns)
    assert {serial: known and known[1] for serial, known in authority.known.items()} == told
    with towns.here.database.read() as connection:
        states = {one.state for one in certificates_of(connection, towns.here.number)}
    assert states == {CertificateState.REVOKED}

"""Identification: PIN, card, ledger and register agree, in the card's own town and elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from jukicard import Card, Printed, issue_card
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardError, PinBlocked
from jukihost.ledger import (
    By,
    IntentOpen,
    LedgerState,
    PersonAct,
    Reason,
    ReceiptGap,
    Stopped,
    find_card,
    find_intent,
    gaps,
    move_card,
    open_intent,
    stop,
)
from jukihost.models import CardForm, CardState
from jukihost.register import (
    Asking,
    Body,
    ChangeReason,
    HolderDiffers,
    Item,
    Use,
    change_resident,
    show_resident,
)
from jukihost.workflows import (
    Cancelled,
    CardExpired,
    CardStopped,
    ForeignTown,
    Identified,
    Impossible,
    MovedOut,
    Paper,
    Presented,
    PresentedBy,
    Question,
    Task,
    identify,
    resume_card,
)
from tests.support.host.counters import CLERK, PIN, SUPERVISOR, Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.ledgers import FIRST, SECOND
from tests.support.host.residents import OTHER_TOWN, TOWN, code
from tests.support.host.towns import Towns, two_towns

DEAD: Final = {
    PersonAct.SUSPEND: Reason.MISSING,
    PersonAct.REPORT_LOST: Reason.NOT_FOUND,
    PersonAct.REPORT_DAMAGED: Reason.BROKEN,
    PersonAct.ABOLISH: Reason.SURRENDERED,
}


def identified(counter: Counter, *secrets: str, card: Card | None = None) -> Identified:
    """Identify the holder of a card, the resident's unless another is given, at a counter."""
    with counter.on_desk(card) as (hand, _):
        return identify(counter.desk(talk=Clerk(*(secrets or (PIN,)))), hand)


def moved(counter: Counter, act: PersonAct, reason: Reason) -> None:
    by = By.at_terminal(counter.database, CLERK)
    with counter.database.begin() as connection:
        move_card(connection, find_card(connection, counter.number), act, reason, by)


def test_the_holder_is_identified_by_card_and_pin(counter: Counter) -> None:
    found = identified(counter)
    assert (found.card, found.town, found.resident) == (counter.number, TOWN, counter.holder)
    assert found.code == counter.code
    assert found.form is CardForm.WITH_PHOTO
    assert found.expires == date(2016, 5, 5), "a foreign resident's stay ends before the card"
    assert counter.code.reveal() not in repr(found)
    assert counter.told() == [("identify", "done", "")]
    assert counter.uses()[0].resident == counter.office.pseudonyms.resident(counter.code)


def test_a_wrong_pin_costs_a_try_and_the_last_one_is_agreed_to(counter: Counter) -> None:
    talk = Clerk("0000", "1111", PIN)
    with counter.on_desk() as (hand, _):
        identify(counter.desk(talk=talk), hand)
    assert [getattr(one, "tries", one) for one in talk.asked] == [3, 2, Question.LAST_TRY, 1]
    with pytest.raises(PinBlocked):
        identified(counter, "0000", "1111", "2222")
    assert counter.told()[-1] == ("identify", "refused", "pin_blocked")
    with counter.on_desk() as (hand, _), pytest.raises(PinBlocked):
        identify(counter.desk(talk=Clerk()), hand)


def test_nobody_who_types_is_nobody_identified(counter: Counter) -> None:
    with counter.on_desk() as (hand, _), pytest.raises(Cancelled):
        identify(counter.desk(), hand)
    assert counter.told() == [("identify", "refused", "cancelled")]


@pytest.mark.parametrize(
    ("by", "papers", "goes"),
    [
        (PresentedBy.HOLDER, {Paper.CARD}, True),
        (PresentedBy.LEGAL_REPRESENTATIVE, {Paper.CARD, Paper.PROOF_OF_OFFICE}, True),
        (PresentedBy.LEGAL_REPRESENTATIVE, {Paper.CARD}, False),
        (PresentedBy.HOUSEHOLD, {Paper.CARD}, False),
        (PresentedBy.PROXY, {Paper.CARD, Paper.LETTER_OF_ATTORNEY}, False),
    ],
)
def test_who_may_be_identified_by_a_card(
    counter: Counter, by: PresentedBy, papers: set[Paper], goes: bool
) -> None:
    talk = Clerk(PIN)
    with counter.on_desk() as (hand, _):
        if goes:
            identify(counter.desk(talk=talk), hand, Presented(by, frozenset(papers)))
        else:
            with pytest.raises(Impossible):
                identify(counter.desk(talk=talk), hand, Presented(by, frozenset(papers)))
            assert talk.asked == [], "no PIN is asked for"


@pytest.mark.parametrize("act", DEAD)
def test_a_stopped_card_is_stopped_itself_and_identifies_nobody(
    counter: Counter, act: PersonAct
) -> None:
    moved(counter, act, DEAD[act])
    with pytest.raises(CardStopped):
        identified(counter)
    assert counter.card_state() is CardState.SUSPENDED
    with pytest.raises(CardStopped):
        identified(counter)
    assert [purpose for purpose, _, _ in counter.told()] == [
        "suspend_on_sight",
        "identify",
        "identify",
    ]


@pytest.mark.parametrize("receipts", [True, False])
def test_p11_a_card_that_moved_out_is_deactivated_where_it_is_seen(
    database: Database, clock: MovableClock, receipts: bool
) -> None:
    counter = Counter(database, clock, receipts=receipts)
    moved(counter, PersonAct.MOVE_OUT, Reason.MOVED_OUT)
    for _ in range(2):
        with pytest.raises(MovedOut, match="moved out"):
            identified(counter)
    assert counter.told() == [
        ("move_out", "done", ""),
        ("identify", "refused", "moved_out"),
        ("identify", "refused", "moved_out"),
    ]
    assert counter.ledger().state is LedgerState.MOVED_OUT


def test_p9_a_card_is_refused_on_the_day_after_its_last(
    counter: Counter, clock: MovableClock
) -> None:
    with counter.database.begin() as connection:
        by = By.at_terminal(counter.database, SUPERVISOR)
        record = show_resident(connection, counter.holder, Asking(by, Body.COUNTER, Use.PROCEDURE))
        change_resident(
            connection,
            record,
            {Item.RESIDENCE_UNTIL: None},
            ChangeReason.STAY_EXTENDED,
            date(2014, 4, 1),
            by,
        )
    last = counter.ledger().expires
    assert last == date(2024, 3, 31)
    clock.move(timedelta(days=(last - date(2014, 4, 1)).days))
    assert identified(counter).expires == last
    clock.move(timedelta(days=1))
    with pytest.raises(CardExpired, match="new one"):
        identified(counter)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_p21_a_foreign_resident_is_identified_to_the_last_day_of_their_stay(
    towns: Towns, clock: MovableClock, elsewhere: bool
) -> None:
    at = towns.there if elsewhere else towns.here
    clock.move(timedelta(days=(date(2016, 5, 5) - date(2014, 4, 1)).days))
    assert identified(at, card=towns.here.card).expires == date(2016, 5, 5)
    clock.move(timedelta(days=1))
    with pytest.raises(CardExpired):
        identified(at, card=towns.here.card)


# -- cards that are not what they say -------------------------------------------------------------


def test_a_card_with_another_code_identifies_nobody(towns: Towns) -> None:
    for at, counter in ((towns.here, towns.here), (towns.there, towns.here)):
        number = counter.number
        liar = issue_card(
            "juki-v2",
            seed=99,
            pin=PIN,
            code=code("somebody else").reveal(),
            municipality=TOWN,
            issued=date(2014, 4, 1),
            printed=Printed(card_number=number),
        )
        with pytest.raises(HolderDiffers):
            identified(at, card=liar)
        assert at.told()[-1] == ("identify", "refused", "holder_differs")


def test_a_card_that_lies_about_its_number_is_not_let_in(counter: Counter) -> None:
    """The keys are made from the number that it says; it has those of another one."""

    class Liar:
        def __init__(self, inner: object, number: bytes) -> None:
            self.inner, self.number = inner, number

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def transmit(self, command: bytes) -> bytes:
            answer: bytes = self.inner.transmit(command)  # type: ignore[attr-defined]
            return answer.replace(counter.number, self.number)

    with counter.on_desk() as (hand, reader):
        hand.connection = Liar(reader, counter.number[:-1] + b"\x77")  # type: ignore[assignment]
        with pytest.raises(CardError) as raised:
            identify(counter.desk(talk=Clerk(PIN)), hand)
    assert not isinstance(raised.value, HolderDiffers)
    ((purpose, outcome, _),) = counter.told()
    assert (purpose, outcome) == ("identify", "refused")


def test_a_card_that_no_ledger_has_is_foreign(towns: Towns) -> None:
    for town in (TOWN, OTHER_TOWN, "01202"):
        stranger = issue_card(
            "juki-v2",
            seed=98,
            pin=PIN,
            code=code("somebody else").reveal(),
            municipality=town,
            issued=date(2014, 4, 1),
            printed=Printed(card_number=bytes.fromhex("8139200000AAAAAA")),
        )
        talk = Clerk(PIN)
        with towns.here.on_desk(stranger) as (hand, _), pytest.raises(ForeignTown):
            identify(towns.here.desk(talk=talk), hand)
        assert talk.asked == []


def test_a_town_that_reaches_no_other_refuses_their_cards(counter: Counter, towns: Towns) -> None:
    with counter.on_desk(towns.there.card) as (hand, _), pytest.raises(ForeignTown):
        identify(counter.desk(talk=Clerk(PIN)), hand)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_old_copy_of_a_card_is_an_alarm_in_its_town(towns: Towns, elsewhere: bool) -> None:
    copy = Card.restore(towns.here.card.snapshot())
    moved(towns.here, PersonAct.SUSPEND, Reason.MISSING)
    with pytest.raises(CardStopped):
        identified(towns.here)
    with pytest.raises(ReceiptGap, match="copy"):
        identified(towns.there if elsewhere else towns.here, card=copy)
    with towns.here.database.read() as connection:
        assert len(gaps(connection)) == 1


# -- a card of another town ------------------------------------------------------------------------


def test_a_card_of_another_town_is_identified_by_that_town(towns: Towns) -> None:
    found = identified(towns.there, card=towns.here.card)
    assert (found.card, found.town, found.resident) == (towns.here.number, TOWN, None)
    assert found.code == towns.here.code
    assert towns.there.told() == [("identify", "done", "")]
    assert [(use.purpose, use.body, use.outcome.value) for use in towns.here.uses()] == [
        ("card_seen, card_seen", f"other_town {OTHER_TOWN}", "done"),
        ("check_holder, card_seen", f"other_town {OTHER_TOWN}", "done"),
    ]
    pseudonym = towns.here.office.pseudonyms.resident(towns.here.code)
    assert {use.resident for use in towns.here.uses()} == {pseudonym}


@pytest.mark.parametrize("act", DEAD)
def test_p7_a_card_suspended_elsewhere_is_stopped_on_sight_and_its_town_knows(
    towns: Towns, act: PersonAct
) -> None:
    moved(towns.here, act, DEAD[act])
    for _ in range(2):
        with pytest.raises(CardStopped, match="keep it"):
            identified(towns.there, card=towns.here.card)
    assert towns.here.card_state() is CardState.SUSPENDED
    assert towns.here.undecided() == 0
    assert towns.here.ledger().receipt == 1
    assert [purpose for purpose, _, _ in towns.there.told()] == [
        "suspend_on_sight",
        "identify",
        "identify",
    ]
    with pytest.raises(CardStopped):
        identified(towns.here)
    with towns.here.database.read() as connection:
        assert gaps(connection) == []


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("receipts", [True, False])
def test_a_stop_elsewhere_cut_anywhere_is_settled_at_the_next_sight(
    request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    with two_towns(request, tmp_path, clock, "sqlite", receipts=receipts) as towns:
        home = towns.here
        moved(home, PersonAct.SUSPEND, Reason.MISSING)
        for at in range(60):
            if home.card_state() is CardState.SUSPENDED:
                with home.on_desk() as (hand, _):
                    resume_card(home.desk(), hand, Presented(papers=frozenset({Paper.PHOTO})))
                moved(home, PersonAct.SUSPEND, Reason.MISSING)
            with towns.there.on_desk(home.card) as (hand, reader):
                reader.pull(at, acts=cut.acts)
                with pytest.raises(CardError):
                    identify(towns.there.desk(talk=Clerk(PIN, puts_back=cut.puts_back)), hand)
                ended = reader.exchanges <= at
            assert not (home.undecided() and cut.puts_back)
            with pytest.raises(CardStopped):
                identified(towns.there, card=home.card)
            if home.undecided():  # a suspended card tells nobody elsewhere its town
                with pytest.raises(CardStopped):
                    identified(home)
            assert home.card_state() is CardState.SUSPENDED
            assert home.undecided() == 0
            if ended:
                break
        else:
            raise AssertionError("it has no end")
        assert at > 10
        with home.database.read() as connection:
            assert gaps(connection) == []


def test_what_another_town_has_begun_is_left_to_it(towns: Towns) -> None:
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        card = find_card(connection, towns.here.number)
        open_intent(connection, card, bytes(range(16)), "unblock_pin", by)
    with pytest.raises(IntentOpen):
        identified(towns.there, card=towns.here.card)
    with towns.here.database.read() as connection:
        assert find_intent(connection, towns.here.number) is not None


def test_a_card_that_moved_out_elsewhere_identifies_nobody(towns: Towns) -> None:
    moved(towns.here, PersonAct.MOVE_OUT, Reason.MOVED_OUT)
    with pytest.raises(MovedOut):
        identified(towns.there, card=towns.here.card)


@pytest.mark.parametrize("where", ["here", "there"])
def test_p22_the_stop_of_either_town_stops_it(towns: Towns, where: str) -> None:
    counter: Counter = getattr(towns, where)
    with counter.database.begin() as connection:
        by = By.at_terminal(counter.database, FIRST.identifier)
        stop(connection, by, SECOND.identifier, "攻撃")
    with pytest.raises(Stopped):
        identified(towns.there, card=towns.here.card)
    assert towns.there.told()[-1][:2] == ("identify", "refused")


# -- the same for all ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", CardForm)
@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2"])
def test_p10_both_faces_are_served_alike(counter: Counter, form: CardForm, profile: str) -> None:
    holder = counter.another_resident(f"{form} {profile}", residence_until=None)
    secret = code(f"{form} {profile}")
    card, number = counter.issued_card(holder, secret.reveal(), profile=profile, form=form)
    found = identified(counter, card=card)
    assert (found.form, found.resident, found.code) == (form, holder, secret)
    assert found.card == number


@pytest.mark.parametrize("cut", CUTS)
def test_identification_cut_anywhere_changes_nothing(counter: Counter, cut: Cut) -> None:
    before = counter.ledger()

    def check(done: bool) -> None:
        assert counter.ledger() == before

    cutting = Cutting(counter, Task.IDENTIFY, lambda: None, identify, check, secrets=(PIN, PIN))
    cut = replace(cut, puts_back=False)
    assert cutting.at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_identification_in_trouble_is_in_the_log_or_nothing_is(
    counter: Counter, trouble: Trouble
) -> None:
    cutting = Cutting(
        counter, Task.IDENTIFY, lambda: None, identify, lambda _: None, secrets=(PIN,)
    )
    assert cutting.at_every_transaction(trouble) == 1

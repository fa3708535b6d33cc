"""A new code, name or address: record, card and certificates are changed together or not at all."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from jukihost.errors import CardError
from jukihost.ledger import By, LedgerState
from jukihost.models import CardState, ResidentCode
from jukihost.register import (
    AddressRestricted,
    Asking,
    AsReceived,
    Body,
    ChangeReason,
    ResidentExists,
    RestrictionKind,
    Use,
    code_of_record,
    former_values,
    restrict,
)
from jukihost.workflows import (
    CardStopped,
    Duty,
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    RecordChanged,
    Task,
    change_code,
    change_pin,
    change_record,
    recording,
    return_card,
    suspend_by_telephone,
)
from tests.support.host.authority import HOLD, certified
from tests.support.host.counters import CLERK, SUPERVISOR, Clerk, Counter
from tests.support.host.cuts import Cutting, Trouble
from tests.support.host.residents import CALLED

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))
ADDRESS = AsReceived("東京都千代田区霞が関三丁目1番1号")
DAY = date(2014, 3, 31)


def code_of(counter: Counter) -> ResidentCode:
    with counter.database.read() as connection:
        return code_of_record(connection, counter.holder)


def test_a_new_code_ends_the_card_that_holds_the_old_one(counter: Counter) -> None:
    authority = certified(counter, 5)
    old = code_of(counter)
    changed = change_code(counter.desk(), counter.holder, IN_PERSON)
    assert changed == RecordChanged(counter.holder, (counter.number,), ())
    assert code_of(counter) != old
    assert counter.ledger().state is LedgerState.ABOLISHED
    assert authority.known == {5: (counter.clock.now(), 5)}
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
        change_pin(counter.desk(), hand, Presented())
    with counter.on_desk() as (hand, _):
        return_card(counter.desk(talk=Clerk()), hand, IN_PERSON)
    assert counter.card_state() is CardState.TERMINATED
    assert counter.told()[0] == ("change_code", "done", "")


def test_a_code_is_drawn_again_where_it_is_another_ones(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.another_resident("neighbour", code=ResidentCode("00000000019"))
    drawn = [code_of(counter), ResidentCode("00000000019"), ResidentCode("12345678903")]
    monkeypatch.setattr(recording, "draw_code", lambda: drawn.pop(0))
    change_code(counter.desk(), counter.holder, IN_PERSON)
    assert code_of(counter) == ResidentCode("12345678903")
    monkeypatch.setattr(recording, "draw_code", lambda: ResidentCode("00000000019"))
    with pytest.raises(ResidentExists):
        change_code(counter.desk(), counter.holder, IN_PERSON)
    assert counter.told() == [
        ("change_code", "done", ""),
        ("change_code", "refused", "resident_exists"),
    ]


@pytest.mark.parametrize(
    ("presented", "error"),
    [
        (Presented(), Impossible),
        (Presented(PresentedBy.HOUSEHOLD, frozenset(Paper)), Impossible),
        (Presented(PresentedBy.LEGAL_REPRESENTATIVE, frozenset(Paper)), None),
        (Presented(PresentedBy.PROXY, frozenset({Paper.PHOTO})), Impossible),
    ],
)
def test_who_may_have_a_code_changed(
    counter: Counter, presented: Presented, error: type[CardError] | None
) -> None:
    old = code_of(counter)
    if error is None:
        change_code(counter.desk(), counter.holder, presented)
    else:
        with pytest.raises(error):
            change_code(counter.desk(), counter.holder, presented)
    assert (code_of(counter) == old) == (error is not None)


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_leaves_code_and_card_alike(
    counter: Counter, trouble: Trouble
) -> None:
    old = code_of(counter)

    def anew() -> None:
        nonlocal old
        old = code_of(counter)
        if counter.ledger().state is LedgerState.ABOLISHED:
            counter.card, counter.number = counter.issued_card(counter.holder, old.reveal())

    def alike(done: bool) -> None:
        over = counter.ledger().state is LedgerState.ABOLISHED
        assert over == (code_of(counter) != old)
        assert over or not done

    cutting = Cutting(
        counter,
        Task.CHANGE_CODE,
        anew,
        lambda desk, _: change_code(desk, counter.holder, IN_PERSON),
        alike,
    )
    assert cutting.at_every_transaction(trouble) >= 1


# --- name and address ---


def test_a_new_address_in_the_town_ends_the_certificate_and_the_card_goes_on(
    counter: Counter,
) -> None:
    authority = certified(counter, 5)
    changed = change_record(
        counter.desk(), counter.holder, ChangeReason.MOVED_WITHIN, ADDRESS, DAY, IN_PERSON
    )
    assert changed == RecordChanged(counter.holder, (), (counter.number,))
    assert counter.ledger().state is LedgerState.ACTIVE
    assert authority.known == {5: (counter.clock.now(), 3)}
    assert counter.told() == [("change_record", "done", "moved_within")]
    with counter.on_desk() as (hand, _):
        change_pin(counter.desk(talk=Clerk("4711", "2580")), hand, Presented())


def test_a_suspended_card_loses_its_certificate_too_and_gets_none_back(counter: Counter) -> None:
    authority = certified(counter, 5)
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    assert authority.known == {5: (counter.clock.now(), HOLD)}
    new = AsReceived("霞ヶ関 \ufa19")
    change_record(counter.desk(), counter.holder, ChangeReason.NAME_CHANGED, new, DAY, IN_PERSON)
    assert authority.known == {5: (counter.clock.now(), 3)}
    assert counter.ledger().state is LedgerState.SUSPENDED
    assert former_name_kept(counter)


def former_name_kept(counter: Counter) -> bool:
    with counter.database.read() as connection:
        return bool(former_values(connection, counter.holder, asking(counter)))


def asking(counter: Counter) -> Asking:
    return Asking(By.at_terminal(counter.database, CLERK), Body.COUNTER, Use.PROCEDURE)


def test_what_is_still_to_come_or_has_its_own_procedure_is_not_entered(counter: Counter) -> None:
    tomorrow = counter.clock.now().date() + timedelta(days=1)
    with pytest.raises(Impossible):
        change_record(
            counter.desk(), counter.holder, ChangeReason.MOVED_WITHIN, ADDRESS, tomorrow, IN_PERSON
        )
    with pytest.raises(ValueError, match="procedure of its own"):
        change_record(counter.desk(), counter.holder, ChangeReason.DIED, ADDRESS, DAY, IN_PERSON)


def test_a_supervisor_decides_about_an_address_under_restriction(counter: Counter) -> None:
    with counter.database.begin() as connection:
        until = DAY + timedelta(days=365)
        by = asking(counter).by
        restrict(connection, [counter.holder], RestrictionKind.STALKING, until, by)
    with pytest.raises(AddressRestricted):
        change_code(counter.desk(), counter.holder, IN_PERSON)
    desk = counter.desk()
    desk.supervisor = Duty(SUPERVISOR, counter.clock.now())
    change_code(desk, counter.holder, IN_PERSON)
    assert counter.told()[-1] == ("change_code", "done", f"decided by {SUPERVISOR}")

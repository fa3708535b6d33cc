"""Notices by telephone: kept with the suspension or not at all, and told to nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jukihost.ledger import LedgerState
from jukihost.register import AsReceived, TelephoneNotice, TextRefused, UnknownNotice
from jukihost.workflows import (
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    SupervisorDecides,
    Task,
    call_back,
    resume_card,
    show_notices,
    suspend_by_telephone,
)
from tests.support.host.counters import CLERK, SUPERVISOR, Counter
from tests.support.host.cuts import Cutting, Trouble
from tests.support.host.residents import CALLED

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))


def test_a_notice_says_what_the_caller_was_asked() -> None:
    with pytest.raises(TextRefused, match="asked"):
        replace(CALLED, asked=frozenset())
    with pytest.raises(TextRefused, match="origin"):
        replace(CALLED, caller=AsReceived("花\ue456子"))
    with pytest.raises(TextRefused):
        replace(CALLED, relation="wife\n")


def test_a_notice_shows_nothing_of_itself(counter: Counter) -> None:
    suspended = suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    [taken] = show_notices(counter.desk(), counter.number)
    for shown in (repr(CALLED), repr(taken), repr(suspended)):
        assert "花" not in shown
        assert "090" not in shown
        assert "妻" not in shown
    with counter.database.read() as connection:
        entries = connection.exec_driver_sql("SELECT entry FROM log_queue").scalars().all()
    whole = b"".join(bytes(one) for one in entries)
    for text in ("花", "妻", "090-0000"):
        assert text.encode() not in whole


def test_what_is_kept_is_what_was_said_and_of_this_card_alone(counter: Counter) -> None:
    other = counter.another_resident("other")
    counter.issued_card(other, "00000000000")
    before = suspend_by_telephone(counter.desk(), other, Presented(), CALLED)
    notice = TelephoneNotice(
        AsReceived("\ufa19田 ｱﾘ"), "父", AsReceived("03-0000-0001"), CALLED.asked
    )
    desk = counter.desk()
    parent = Presented(PresentedBy.LEGAL_REPRESENTATIVE)
    suspended = suspend_by_telephone(desk, counter.holder, parent, notice)
    assert before.notice != suspended.notice
    [taken] = show_notices(desk, counter.number)
    assert (taken.notice, taken.presented_by) == (notice, "legal_representative")
    assert (taken.number, taken.resident) == (suspended.notice, counter.holder)
    assert (taken.card, taken.operator, taken.at) == (counter.number, CLERK, counter.clock.now())
    assert taken.back == ()


def test_each_call_back_is_kept_with_who_made_it(counter: Counter) -> None:
    suspended = suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    call_back(counter.desk(), suspended.notice, answered=False)
    taken = call_back(counter.desk(SUPERVISOR), suspended.notice, answered=True)
    assert [(one.operator, one.answered) for one in taken.back] == [
        (CLERK, False),
        (SUPERVISOR, True),
    ]
    assert counter.told()[1:] == [
        ("call_back", "done", "not answered"),
        ("call_back", "done", "answered"),
    ]


def test_a_notice_that_nobody_gave_is_not_called_back(counter: Counter) -> None:
    with pytest.raises(UnknownNotice, match="look it up"):
        call_back(counter.desk(), 1, answered=True)
    assert counter.told() == [("call_back", "refused", "unknown_notice")]


def test_no_notice_is_kept_of_what_was_refused(counter: Counter) -> None:
    with pytest.raises(SupervisorDecides):
        suspend_by_telephone(counter.desk(), counter.holder, Presented(PresentedBy.PROXY), CALLED)
    assert show_notices(counter.desk(), counter.number) == ()
    assert counter.ledger().state is LedgerState.ACTIVE
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    with pytest.raises(Impossible, match="no card"):
        suspend_by_telephone(counter.desk(), counter.another_resident("none"), Presented(), CALLED)
    assert len(show_notices(counter.desk(), counter.number)) == 1


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_keeps_notice_and_suspension_together(
    counter: Counter, trouble: Trouble
) -> None:
    kept: list[int] = []

    def prepare() -> None:
        if counter.ledger().state is LedgerState.SUSPENDED:
            with counter.on_desk() as (hand, _):
                resume_card(counter.desk(), hand, IN_PERSON)
        kept[:] = [len(show_notices(counter.desk(), counter.number))]

    def check(done: bool) -> None:
        suspended = counter.ledger().state is LedgerState.SUSPENDED
        assert suspended or not done
        assert len(show_notices(counter.desk(), counter.number)) == kept[0] + suspended

    cutting = Cutting(
        counter,
        Task.SUSPEND,
        prepare,
        lambda desk, _: suspend_by_telephone(desk, counter.holder, Presented(), CALLED),
        check,
    )
    assert cutting.at_every_transaction(trouble) >= 1

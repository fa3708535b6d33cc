"""What was promised of the making of cards: docs/card.md, section 1."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.issuing import IssueEnded
from jukihost.ledger import LedgerState
from jukihost.models import CardForm
from jukihost.register import InquiryRefused, NotNotified
from jukihost.workflows import (
    Impossible,
    Paper,
    Presented,
    Task,
    hand_over,
    inquire,
    issue_card,
)
from tests.support.host.counters import Clerk, Counter
from tests.support.host.databases import (
    address,
    clock,
    database,
    postgresql_server,
    sqlite_template,
)
from tests.support.host.issuing_office import (
    NAME_ONLY,
    NEW,
    PHOTO,
    WORD,
    Office,
    code_read,
    issued,
    lose,
    office,
    quick_keys,
    taken,
    wish,
    without_card,
)

__all__ = [
    "address", "clock", "database", "office", "postgresql_server", "quick_keys", "sqlite_template",
]  # fmt: skip
pytestmark = pytest.mark.usefixtures("quick_keys")


@pytest.fixture
def counter(database: Database, clock: MovableClock) -> Counter:
    """A town's counter."""
    return Counter(database, clock)


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2"])
@pytest.mark.parametrize("form", CardForm)
def test_p10_p31_a_card_of_either_form_is_made_and_handed_over(
    office: Office, profile: str, form: CardForm
) -> None:
    counter = office.counter
    office.blank(profile)
    with counter.on_desk() as (hand, _):
        made = issue_card(counter.desk(), hand, counter.holder, wish(counter, form), PHOTO)
    assert (made.card, made.form, made.expires) == (counter.number, form, date(2016, 5, 5))
    assert len(made.certificates) == 1
    assert counter.ledger().state is LedgerState.ISSUING
    taken(counter)
    assert counter.ledger().state is LedgerState.ACTIVE
    assert code_read(counter) == counter.code.reveal()
    assert counter.told() == [("issue", "done", ""), ("hand_over", "done", "")]


def test_p31_without_a_photo_it_takes_the_answer_to_a_letter(office: Office) -> None:
    counter = office.counter
    office.blank()
    issued(counter, NAME_ONLY)
    answer = Presented(papers=frozenset({Paper.ANSWER, Paper.OTHER}))
    for papers in (frozenset(), frozenset({Paper.OTHER})):
        with pytest.raises(Impossible):
            taken(counter, Presented(papers=frozenset(papers)))
    with pytest.raises(Impossible):
        taken(counter, answer)
    with pytest.raises(InquiryRefused):
        taken(counter, replace(answer, inquiry=1))
    desk = counter.desk()
    first = inquire(desk, counter.holder, Task.HAND_OVER)
    letter = inquire(desk, counter.holder, Task.HAND_OVER)
    other = inquire(desk, counter.holder, Task.UNBLOCK_PIN)
    for wrong in (first, other):
        with pytest.raises(InquiryRefused):
            taken(counter, replace(answer, inquiry=wrong.number))
    counter.clock.move(timedelta(days=31))
    with pytest.raises(InquiryRefused):
        taken(counter, replace(answer, inquiry=letter.number))
    letter = inquire(counter.desk(), counter.holder, Task.HAND_OVER)
    taken(counter, replace(answer, inquiry=letter.number))
    assert counter.ledger().state is LedgerState.ACTIVE


def test_p23_who_asked_not_to_be_notified_gets_no_card(office: Office) -> None:
    counter = office.counter
    counter.holder = counter.another_resident("not notified", notified=False)
    office.blank()
    with pytest.raises(NotNotified):
        issued(counter, NAME_ONLY)
    assert counter.told()[-1] == ("issue", "refused", "not_notified")


def test_p24_juki_cards_were_issued_until_28_december_2015(
    database: Database, clock: MovableClock
) -> None:
    clock.put(datetime(2015, 12, 28, 14, 59, tzinfo=UTC))
    office = without_card(Counter(database, clock))
    counter = office.counter
    holder, photo = counter.another_resident("long stay", residence_until=None), wish(counter)
    counter.holder = holder
    office.blank()
    issued(counter, replace(NAME_ONLY, with_certificates=False))
    lose(counter)
    clock.move(timedelta(minutes=1))
    office.blank()
    with pytest.raises(IssueEnded, match="My Number"):
        issued(counter, NAME_ONLY)
    assert counter.told()[-1] == ("issue", "refused", "issue_ended")
    office.blank("mynumber")
    numbered = replace(photo, my_number="379474484458", security_code="1234")
    issued(counter, numbered)
    with counter.on_desk() as (hand, _):
        desk = counter.desk(talk=Clerk(NEW, WORD, "1357", "2468"))
        hand_over(desk, hand, PHOTO)
    assert counter.ledger().state is LedgerState.ACTIVE
    assert code_read(counter)


def test_p21_a_foreign_residents_card_ends_with_their_stay(office: Office) -> None:
    counter = office.counter
    office.blank()
    issued(counter, NAME_ONLY)
    assert counter.ledger().expires == date(2016, 5, 5)
    counter.clock.put(datetime(2016, 5, 6, 3, tzinfo=UTC))
    counter.holder = counter.another_resident("over")
    office.blank()
    with pytest.raises(Impossible, match="period of stay"):
        issued(counter, NAME_ONLY)

"""Until when things are issued and how long they last; both sides say the same of the latter."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import example, given, strategies as st

from jukicard.environment import SeededRandom
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import card_expiry, juki_card_expiry
from jukicard.synthetic.pki import certificate_expiry, juki_certificate_expiry
from jukihost.clock import JAPAN
from jukihost.issuing import (
    CardKind,
    IssueEnded,
    card_last_day,
    certificate_last_day,
    check_card_issue,
    check_certificate_issue,
)

LAST = date(2015, 12, 28)
DAY = timedelta(days=1)


def test_juki_cards_are_issued_until_28_december_2015_and_the_others_after() -> None:
    check_card_issue(CardKind.JUKI, LAST)
    check_card_issue(CardKind.MY_NUMBER, LAST + DAY)
    for day in (date(2003, 8, 25), LAST, LAST + DAY, date(2026, 1, 1)):
        check_card_issue(CardKind.OPERATOR, day)
    with pytest.raises(IssueEnded, match="until 2015-12-28, and it is 2026-01-01"):
        check_card_issue(CardKind.JUKI, date(2026, 1, 1))
    with pytest.raises(IssueEnded, match="2015-12-29"):
        check_card_issue(CardKind.JUKI, LAST + DAY)
    with pytest.raises(IssueEnded, match="from 2015-12-29 on"):
        check_card_issue(CardKind.MY_NUMBER, LAST)


def test_juki_certificates_are_issued_until_17_o_clock_on_22_december_2015() -> None:
    end = datetime(2015, 12, 22, 17, 0, tzinfo=JAPAN)
    check_certificate_issue(CardKind.JUKI, end)
    with pytest.raises(IssueEnded, match="17:00:00 JST, and it is 2015-12-22 17:00:01 JST"):
        check_certificate_issue(CardKind.JUKI, end + timedelta(seconds=1))
    with pytest.raises(IssueEnded):
        check_certificate_issue(CardKind.MY_NUMBER, end)
    check_certificate_issue(CardKind.MY_NUMBER, datetime(2015, 12, 29, tzinfo=JAPAN))
    with pytest.raises(IssueEnded):  # 29 December in Greenwich is not yet in Japan, or the reverse
        check_certificate_issue(CardKind.MY_NUMBER, datetime(2015, 12, 28, 23, 59, tzinfo=JAPAN))


@pytest.mark.parametrize(
    ("card", "issued", "birth", "until", "last"),
    [
        (CardKind.JUKI, date(2012, 2, 29), date(1980, 1, 1), None, date(2022, 2, 28)),
        (CardKind.JUKI, date(2013, 7, 8), date(1980, 1, 1), None, date(2023, 7, 8)),
        (CardKind.JUKI, date(2013, 7, 8), date(1980, 1, 1), date(2016, 1, 1), date(2016, 1, 1)),
        # 19 on the day: a minor before April 2022, an adult from then on
        (CardKind.MY_NUMBER, date(2022, 3, 31), date(2003, 1, 1), None, date(2027, 1, 1)),
        (CardKind.MY_NUMBER, date(2022, 4, 1), date(2003, 1, 1), None, date(2032, 1, 1)),
        # on the birthday itself that birthday does not count
        (CardKind.MY_NUMBER, date(2022, 4, 1), date(1980, 4, 1), None, date(2032, 4, 1)),
        (CardKind.MY_NUMBER, date(2022, 4, 1), date(1980, 2, 29), None, date(2032, 2, 29)),
        (CardKind.OPERATOR, date(2022, 4, 1), date(1980, 2, 29), None, date(2032, 4, 1)),
    ],
)
def test_how_long_a_card_lasts(
    card: CardKind, issued: date, birth: date, until: date | None, last: date
) -> None:
    assert card_last_day(card, issued, birth, until) == last


@pytest.mark.parametrize(
    ("card", "issued", "expires", "birth", "last"),
    [
        (CardKind.JUKI, date(2012, 5, 7), date(2022, 5, 7), date(1980, 1, 1), date(2015, 5, 6)),
        (CardKind.JUKI, date(2012, 5, 7), date(2014, 5, 7), date(1980, 1, 1), date(2014, 5, 7)),
        (CardKind.JUKI, date(2012, 2, 29), date(2022, 2, 28), date(1980, 1, 1), date(2015, 2, 28)),
        (
            CardKind.MY_NUMBER,
            date(2025, 10, 27),
            date(2035, 2, 17),
            date(1980, 2, 17),
            date(2030, 2, 17),
        ),
        (
            CardKind.MY_NUMBER,
            date(2026, 2, 17),
            date(2028, 1, 1),
            date(1980, 2, 17),
            date(2028, 1, 1),
        ),
    ],
)
def test_how_long_a_certificate_lasts(
    card: CardKind, issued: date, expires: date, birth: date, last: date
) -> None:
    assert certificate_last_day(card, issued, expires, birth) == last


@given(seed=st.integers(0, 10_000), issued=st.dates(date(2013, 7, 9), date(2040, 12, 31)))
@example(seed=1, issued=date(2016, 2, 29))
@example(seed=2, issued=date(2015, 2, 28))
def test_both_sides_agree_on_last_days(seed: int, issued: date) -> None:
    person = draw_person(SeededRandom(seed), issued=issued)
    juki, successor = CardKind.JUKI, CardKind.MY_NUMBER
    birth, until = person.birth, person.residence_until
    expires = juki_card_expiry(person, issued)
    assert card_last_day(juki, issued, birth, until) == expires
    assert certificate_last_day(juki, issued, expires, birth) == juki_certificate_expiry(
        issued, expires
    )
    expires = card_expiry(person, issued)
    assert card_last_day(successor, issued, birth, until) == expires
    assert certificate_last_day(successor, issued, expires, birth) == certificate_expiry(
        person, issued, expires
    )

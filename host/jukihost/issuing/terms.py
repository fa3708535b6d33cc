"""Until when cards and certificates are issued, and how long they last."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from jukihost.clock import JAPAN, day_in_japan, readable
from jukihost.issuing.errors import IssueEnded


class CardKind(StrEnum):
    """What kind of card is made."""

    JUKI = "juki"
    MY_NUMBER = "mynumber"
    OPERATOR = "operator"


JUKI_CARDS_UNTIL: Final = date(2015, 12, 28)
"""The last day on which Juki cards were issued; from the next day on there are My Number cards."""
JUKI_CERTIFICATES_UNTIL: Final = datetime(2015, 12, 22, 17, 0, tzinfo=JAPAN)
"""Until this moment Juki cards got certificates, new ones and further ones."""
_JUKI_YEARS: Final = 10
_JUKI_CERTIFICATE_YEARS: Final = 3
_BIRTHDAYS: Final = 5
"""With which birthday from its issue a certificate on a My Number card ends."""
_ADULT_BIRTHDAYS: Final = 10
_YOUNGER_ADULTS: Final = date(2022, 4, 1)
"""From this day on adults are 18, before 20."""


def check_card_issue(card: CardKind, today: date) -> None:
    """IssueEnded where no cards of a kind are issued on a day."""
    if card is CardKind.JUKI and today > JUKI_CARDS_UNTIL:
        raise IssueEnded(
            f"Juki cards were issued until {JUKI_CARDS_UNTIL}, and it is {today}: issue a My "
            "Number card; those that there are stay valid to their end"
        )
    if card is CardKind.MY_NUMBER and today <= JUKI_CARDS_UNTIL:
        raise IssueEnded(
            f"My Number cards are issued from {JUKI_CARDS_UNTIL + timedelta(days=1)} on, and it is "
            f"{today}: issue a Juki card, or set the clock right"
        )


def check_certificate_issue(card: CardKind, at: datetime) -> None:
    """IssueEnded where no certificates for cards of a kind are issued at a moment."""
    if card is CardKind.JUKI and at > JUKI_CERTIFICATES_UNTIL:
        raise IssueEnded(
            f"certificates for Juki cards were issued until {readable(JUKI_CERTIFICATES_UNTIL)}, "
            f"and it is {readable(at)}: the card goes on without one, or is exchanged for a My "
            "Number card"
        )
    if card is CardKind.MY_NUMBER:
        check_card_issue(card, day_in_japan(at))


def card_last_day(
    card: CardKind, issued: date, birth: date, residence_until: date | None = None
) -> date:
    """Return the last day of a card.

    A Juki card lasts ten years; a My Number card to the tenth birthday after its issue, a minor's
    to the fifth. A foreign resident's ends with the period of residence at the latest. ValueError
    for a day after the year 9999.
    """
    if card is CardKind.MY_NUMBER:
        adult = 18 if issued >= _YOUNGER_ADULTS else 20
        grown = _in_year(birth, birth.year + adult) <= issued
        last = _birthday(birth, issued, _ADULT_BIRTHDAYS if grown else _BIRTHDAYS)
    else:
        last = _in_year(issued, issued.year + _JUKI_YEARS)
    return last if residence_until is None else min(last, residence_until)


def certificate_last_day(card: CardKind, issued: date, card_expires: date, birth: date) -> date:
    """Return the last day of a certificate: never after the card's.

    On a My Number card it ends with the fifth birthday after its issue, on others three years
    later: on the eve of that day, and on the last of the month where there is no such day (Civil
    Code, article 143).
    """
    if card is CardKind.MY_NUMBER:
        return min(_birthday(birth, issued, _BIRTHDAYS), card_expires)
    later = _in_year(issued, issued.year + _JUKI_CERTIFICATE_YEARS)
    eve = later - timedelta(days=1) if later.day == issued.day else later
    return min(eve, card_expires)


def _birthday(birth: date, issued: date, count: int) -> date:
    """Return the `count`-th birthday after a day, on which none counts that is this day."""
    comes = _in_year(birth, issued.year) > issued
    return _in_year(birth, issued.year + count - comes)


def _in_year(day: date, year: int) -> date:
    """Return a day in another year; the 28th for 29 February where there is none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)

"""Inquiry letters (照会書): who has no document with a photo shows that they live where they say.

The letter goes to the holder's address in the register; whoever brings the answer back is taken for
the holder, or for the one they sent. Each answers for one procedure, once, and not for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from jukihost.clock import day_in_japan
from jukihost.ledger import By, check_running
from jukihost.register.errors import InquiryRefused
from jukihost.register.tables import inquiries

DAYS: Final = 30
"""For so many days from the one it was sent on a letter can be answered."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A letter: to which record, for which procedure, when it was sent, and when answered."""

    number: int
    resident: int
    purpose: str
    sent: date
    answered: date | None

    @property
    def until(self) -> date:
        """The last day on which it can be answered."""
        return self.sent + timedelta(days=DAYS)


def send_inquiry(connection: Connection, resident: int, purpose: str, by: By) -> Inquiry:
    """Note that a letter is sent to a resident's address; one sent before counts no more. Stopped.

    purpose: the name of the procedure. Whoever prints the letter is shown the address by
    `show_resident`, which asks for a restriction.
    """
    check_running(connection)
    today = day_in_japan(by.at)
    same = (inquiries.c.resident == resident) & (inquiries.c.purpose == purpose)
    connection.execute(
        update(inquiries).where(same, inquiries.c.answered.is_(None)).values(withdrawn=today)
    )
    number = connection.execute(
        insert(inquiries)
        .values(resident=resident, purpose=purpose, sent=today, operator=by.operator)
        .returning(inquiries.c.id)
    ).scalar_one()
    return Inquiry(number, resident, purpose, today, None)


def answer_inquiry(
    connection: Connection, number: int, resident: int, purpose: str, by: By
) -> Inquiry:
    """Take the answer to a letter, once. InquiryRefused, Stopped.

    Refused: a letter of another number, resident or procedure, one that a later one replaced, that
    was answered before, or was sent more than `DAYS` ago.
    """
    check_running(connection)
    today = day_in_japan(by.at)
    answered = update(inquiries).where(_can_be_answered(number, resident, purpose, today))
    row = connection.execute(answered.values(answered=today).returning(*inquiries.c)).one_or_none()
    if row is None:
        raise InquiryRefused
    return _inquiry(row)


def find_open_inquiry(
    connection: Connection, number: int, resident: int, purpose: str, by: By
) -> Inquiry:
    """Return a letter that `answer_inquiry` would take the answer to. InquiryRefused, Stopped."""
    check_running(connection)
    wanted = _can_be_answered(number, resident, purpose, day_in_japan(by.at))
    row = connection.execute(select(inquiries).where(wanted)).one_or_none()
    if row is None:
        raise InquiryRefused
    return _inquiry(row)


def _can_be_answered(number: int, resident: int, purpose: str, today: date) -> ColumnElement[bool]:
    return and_(
        inquiries.c.id == number,
        inquiries.c.resident == resident,
        inquiries.c.purpose == purpose,
        inquiries.c.answered.is_(None),
        inquiries.c.withdrawn.is_(None),
        inquiries.c.sent >= today - timedelta(days=DAYS),
    )


def inquiries_of(connection: Connection, resident: int) -> list[Inquiry]:
    """Return the letters to a resident, the first one first. Stopped."""
    check_running(connection)
    wanted = select(inquiries).where(inquiries.c.resident == resident).order_by(inquiries.c.id)
    return [_inquiry(row) for row in connection.execute(wanted)]


def _inquiry(row: Any) -> Inquiry:
    return Inquiry(row.id, row.resident, row.purpose, row.sent, row.answered)

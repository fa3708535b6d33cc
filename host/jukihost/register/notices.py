"""Notices by telephone that a card is lost: who called, how it was checked, and the call back.

A suspension without them cannot be told from a stranger's, so they are kept as the book of
suspensions (一時停止処理簿), and shown to whoever resumes the card.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from jukihost.clock import JAPAN
from jukihost.ledger import By, LedgerState, check_running
from jukihost.ledger.tables import cards
from jukihost.register.errors import TextRefused, UnknownNotice
from jukihost.register.received import AsReceived
from jukihost.register.tables import callbacks, notices


class Asked(Enum):
    """What a caller was asked, and answered right; never the code, nor a PIN."""

    BORN = "born"
    ADDRESS = "address"
    HOUSEHOLD = "household"
    """Who lives with the holder."""
    FORMER_ADDRESS = "former_address"
    CARD = "card"
    """When and in which form it was issued."""


@dataclass(frozen=True, slots=True, repr=False)
class TelephoneNotice:
    """What is kept of a call. `repr` shows nothing of it. TextRefused.

    caller: their name. relation: to the holder, in their words (本人, 妻). reached: where they can
    be called back. asked: what they answered right, one thing at least.
    """

    caller: AsReceived
    relation: str
    reached: AsReceived
    asked: frozenset[Asked]

    def __post_init__(self) -> None:
        AsReceived(self.relation)
        if not self.asked:
            raise TextRefused("say what the caller was asked and has answered right")

    def __repr__(self) -> str:
        return "<TelephoneNotice>"


@dataclass(frozen=True, slots=True)
class CalledBack:
    """One call back: when, by whom, and whether it was answered by who had called."""

    at: datetime
    operator: str
    answered: bool


@dataclass(frozen=True, slots=True)
class NoticeTaken:
    """A notice as it is kept: of which record and card, when, who took it, and the calls back."""

    number: int
    resident: int
    card: bytes
    notice: TelephoneNotice
    presented_by: str
    at: datetime
    operator: str
    back: tuple[CalledBack, ...]


def enter_notice(
    connection: Connection,
    resident: int,
    card: bytes,
    notice: TelephoneNotice,
    presented_by: str,
    by: By,
) -> int:
    """Keep a notice; return its number. presented_by: as the rules call the caller. Stopped."""
    check_running(connection)
    made: int = connection.execute(
        insert(notices)
        .values(
            resident=resident,
            card=card,
            caller=notice.caller.text,
            caller_origin=notice.caller.origin,
            relation=notice.relation,
            presented_by=presented_by,
            reached=notice.reached.text,
            reached_origin=notice.reached.origin,
            asked=" ".join(sorted(one.value for one in notice.asked)),
            at=by.at,
            operator=by.operator,
            terminal=by.terminal,
        )
        .returning(notices.c.id)
    ).scalar_one()
    return made


def note_call_back(connection: Connection, number: int, answered: bool, by: By) -> None:
    """Keep that a caller was called back. UnknownNotice, Stopped."""
    find_notice(connection, number)
    connection.execute(
        insert(callbacks).values(
            notice=number,
            at=by.at,
            operator=by.operator,
            terminal=by.terminal,
            answered=answered,
        )
    )


def find_notice(connection: Connection, number: int) -> NoticeTaken:
    """Return a notice. UnknownNotice, Stopped."""
    check_running(connection)
    row = connection.execute(select(notices).where(notices.c.id == number)).one_or_none()
    if row is None:
        raise UnknownNotice
    return _taken(connection, row)


def notices_of(connection: Connection, card: bytes) -> tuple[NoticeTaken, ...]:
    """Return the notices about a card, the first one first. Stopped."""
    check_running(connection)
    rows = connection.execute(
        select(notices).where(notices.c.card == card).order_by(notices.c.id)
    ).all()
    return tuple(_taken(connection, row) for row in rows)


def end_old_notices(connection: Connection, first_kept: date) -> int:
    """Remove the notices of before a day in Japan, and the calls back; return how many. Stopped.

    Those about a card that is suspended still stay: whoever resumes it is shown them.
    """
    check_running(connection)
    begins = datetime.combine(first_kept, time(), JAPAN)
    suspended = select(cards.c.number).where(cards.c.state == LedgerState.SUSPENDED.value)
    old = select(notices.c.id).where(notices.c.at < begins, notices.c.card.not_in(suspended))
    connection.execute(delete(callbacks).where(callbacks.c.notice.in_(old)))
    return connection.execute(delete(notices).where(notices.c.id.in_(old))).rowcount


def _taken(connection: Connection, row: Any) -> NoticeTaken:
    back = connection.execute(
        select(callbacks).where(callbacks.c.notice == row.id).order_by(callbacks.c.id)
    )
    return NoticeTaken(
        row.id,
        row.resident,
        row.card,
        TelephoneNotice(
            AsReceived(row.caller, row.caller_origin),
            row.relation,
            AsReceived(row.reached, row.reached_origin),
            frozenset(Asked(word) for word in row.asked.split()),
        ),
        row.presented_by,
        row.at,
        row.operator,
        tuple(CalledBack(one.at, one.operator, one.answered) for one in back),
    )

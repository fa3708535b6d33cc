"""What may be seen of a terminal's ledger without any right, as plain data: for whoever shows it.

Offered by name in the entry-point group `jukicard.views`; `jukicard bench --ledger` shows it and
imports nothing of it. It opens the database read only, anew for each look, so that one that was
away, or was replaced, is found again.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from jukihost.clock import Clock, readable
from jukihost.errors import CardError
from jukihost.texts import said_of_error
from jukihost.workflows.errors import code_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

MOST: Final = 100
"""How many cards, and how many open intents, are listed; all are counted."""
TAIL: Final = 2
"""How many of the 8 bytes of a card's number are told, the last ones."""
Plain = dict[str, Any]


class LedgerView:
    """A ledger as anybody at the terminal may see it; `look` as often as one likes.

    Told are states, counts, moments, terminals, and what the log publishes. Not told are holders,
    operators, reasons and entries of the log, and of a card's number only its end.
    """

    def __init__(self, address: str) -> None:
        """Take the address as `read_address` reads it; nothing is opened yet."""
        self._address = address

    def __repr__(self) -> str:
        return "<LedgerView>"  # an address may hold a password

    def look(self) -> Plain:
        """Return what is there now; what stands in the way is `problem`, in words, and no error.

        Waits for a database that is held no longer than `jukihost.database` does.
        """
        try:
            return self._looked()
        except CardError as error:
            code = code_of(error)
            said = {"en": str(error), "ja": said_of_error(code, "ja") or str(error)}
            return {"problem": {"code": code, **said}}

    def _looked(self) -> Plain:
        from jukihost.database import open_database

        database = open_database(self._address, clock=Clock(), terminal="view", read_only=True)
        with database, database.read() as connection:
            return {
                "kind": database.dialect,
                "log": _log(connection),
                **_ledger(connection),
            }


def _ledger(connection: Connection) -> Plain:
    """Return cards, intents and gaps; while the emergency stop is on, only since when it is."""
    from jukihost.ledger import Stopped, check_running, turns

    try:
        check_running(connection)
    except Stopped:
        last = turns(connection)[-1:]
        return {"stopped": "".join(readable(turn.at) for turn in last if not turn.running)}
    return {
        "counts": _counts(connection),
        "cards": _cards(connection),
        "intents": _intents(connection),
        "gaps": _gaps(connection),
    }


def _counts(connection: Connection) -> list[Plain]:
    from sqlalchemy import func, select

    from jukihost.ledger.tables import cards

    kinds = select(cards.c.state, cards.c.returns_to, func.count().label("n"))
    rows = connection.execute(kinds.group_by(cards.c.state, cards.c.returns_to))
    found = [{"state": one.state, "returns_to": one.returns_to, "count": one.n} for one in rows]
    return sorted(found, key=lambda one: (-one["count"], one["state"], one["returns_to"] or ""))


def _cards(connection: Connection) -> list[Plain]:
    """Return the cards with which something was done last."""
    from sqlalchemy import select

    from jukihost.ledger.tables import cards, events

    last = (events.c.card == cards.c.number) & (events.c.version == cards.c.version)
    found = select(cards, events.c.at, events.c.act, events.c.terminal).join(events, last)
    rows = connection.execute(found.order_by(events.c.at.desc(), cards.c.number).limit(MOST))
    return [_card(row) for row in rows]


def _card(row: Row[Any]) -> Plain:
    return {
        "card": tail(row.number),
        "form": row.form,
        "state": row.state,
        "returns_to": row.returns_to,
        "expires": row.expires.isoformat(),
        "act": row.act,
        "at": readable(row.at),
        "terminal": row.terminal,
    }


def _intents(connection: Connection) -> Plain:
    """Return what was begun on cards and has not ended, the oldest first."""
    from sqlalchemy import func, select

    from jukihost.ledger.tables import intents

    is_open = intents.c.state == "open"
    count = connection.execute(select(func.count()).select_from(intents).where(is_open)).scalar()
    rows = connection.execute(
        select(intents).where(is_open).order_by(intents.c.opened, intents.c.card).limit(MOST)
    )
    listed = [
        {
            "card": tail(row.card),
            "purpose": row.purpose,
            "opened": readable(row.opened),
            "terminal": row.terminal,
        }
        for row in rows
    ]
    return {"count": count, "rows": listed}


def _gaps(connection: Connection) -> int:
    from sqlalchemy import func, select

    from jukihost.ledger.tables import gaps

    unsettled = select(func.count()).select_from(gaps).where(gaps.c.settled.is_(None))
    return int(connection.execute(unsettled).scalar_one())


def _log(connection: Connection) -> Plain | None:
    """Return the head of the log and its latest checkpoint; None where none was begun."""
    from sqlalchemy import func, select

    from jukihost.log.stored import NoLog, StoredNodes, head_of
    from jukihost.log.tables import queue
    from jukihost.log.tree import root_of

    try:
        head = head_of(connection)
    except NoLog:
        return None
    waiting = select(func.count().label("n"), func.min(queue.c.at).label("at"))
    queued = connection.execute(waiting.select_from(queue)).one()
    return {
        "origin": head.origin,
        "size": head.size,
        "root": b64encode(root_of(StoredNodes(connection), head.size)).decode(),
        "queued": queued.n,
        "queued_since": _moment(queued.at),
        "hold": head.hold,
        "restored": _moment(head.restored),
        "checkpoint": _checkpoint(connection, head.origin),
    }


def _checkpoint(connection: Connection, origin: str) -> Plain | None:
    """Return what was signed last and who is named in its signatures, which are not checked."""
    from sqlalchemy import select

    from jukihost.log.notes import Note
    from jukihost.log.tables import checkpoints

    row = connection.execute(select(checkpoints).order_by(checkpoints.c.size.desc())).first()
    if row is None:
        return None
    names = [name for name, _ in Note.parse(row.note).signatures]
    return {
        "size": row.size,
        "signed": _moment(row.signed),
        "witnessed": _moment(row.witnessed),
        "signatures": names.count(origin),
        "witnesses": sorted({name for name in names if name != origin}),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else readable(at)


def tail(number: bytes) -> str:
    """Return the end of a card's number: enough to find a card that one has, and no other."""
    return f"…{number[-TAIL:].hex().upper()}"


__all__ = ["LedgerView"]

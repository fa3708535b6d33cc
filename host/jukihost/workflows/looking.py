"""Looking up: who the person at the counter is in the register, and which cards the ledger has."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import Connection

from jukihost.ledger import LedgerCard, cards_of
from jukihost.log import Outcome, append_use
from jukihost.models import ResidentCode
from jukihost.register import Found, code_of_record, search_residents
from jukihost.workflows.errors import Impossible
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

MOST_SHOWN: Final = 20
"""So many residents are shown at most: nobody leafs through the register."""


def find_residents(desk: Desk, text: str, born: date | None = None) -> tuple[Found, ...]:
    """Return whose name or alias begins like a text, however written: no address, no code.

    born: their day of birth, which leaves fewer. Each of those found is told of it in the log.
    Impossible where there are too many to be shown.
    """
    with Procedure(desk, Task.FIND) as run:
        with desk.database.read() as connection:
            found = search_residents(connection, text, born)
        if len(found) > MOST_SHOWN:
            raise Impossible(
                f"more than {MOST_SHOWN} residents are called so: say more of the name, or the day "
                "of birth"
            )
        run.remark(f"{len(found)} found")
        with run.finish() as connection:
            _note(run, connection, [one.resident for one in found])
    return tuple(found)


def _note(run: Procedure, connection: Connection, found: list[int]) -> None:
    """Note that each was shown; the last of them in the procedure's own entry.

    In the order of their codes, as the log wants it.
    """
    codes = sorted((code_of_record(connection, one) for one in found), key=ResidentCode.reveal)
    for code in codes[:-1]:
        by = run.by
        append_use(
            connection,
            run.desk.office.pseudonyms,
            at=by.at,
            operator=by.operator,
            terminal=by.terminal,
            body="",
            purpose=run.task.value,
            outcome=Outcome.DONE,
            resident=code,
        )
    for code in codes[-1:]:
        run.about(resident=code)


def show_cards(desk: Desk, holder: int) -> tuple[LedgerCard, ...]:
    """Return the cards that the ledger has of a holder, the one issued last first.

    Those that are over are among them. holder: the number of the record. UnknownResident.
    """
    with Procedure(desk, Task.SHOW_CARDS) as run:
        run.about(holder=holder)
        with desk.database.read() as connection:
            cards = cards_of(connection, holder)
        with run.finish():
            return tuple(cards)

"""A terminal's database with something in every table, written as procedures write it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.ledger import (
    STANDINGS,
    ApplicationState,
    By,
    Reason,
    claim_card,
    enter_certificate,
    find_card,
    follow_card,
    grant_unlock,
    lend_card,
    lift_stop,
    note_application,
    note_gap,
    open_intent,
    settle_gap,
    stop,
)
from jukihost.register import (
    RestrictionKind,
    announce_move,
    enter_notice,
    note_arrival,
    note_call_back,
    restrict,
    send_inquiry,
)
from jukihost.register.tables import identities
from tests.support.host.ledgers import ADMIN, BY, card_that_is
from tests.support.host.residents import CALLED, OTHER_TOWN, RESIDENT, another, entered, supervised
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES

ACTIVE: Final = (1 + [str(one) for one in STANDINGS].index("active")).to_bytes(8, "big")
"""The number of the card that is in use, and that a procedure is open on."""
LENT: Final = b"lent"
IDENTIFIER: Final = bytes(range(16))
RESIDENT_NUMBER: Final = 1
"""The number of the resident who has something in every table of the register."""


def fill(database: Database, clock: MovableClock, folder: Path) -> StoredTown:
    """Write something into every table; return whose log it is."""
    town = StoredTown(database, clock, folder / "witness.json")
    supervised(database)
    _ledger(database)
    _register(database)
    _log(town)
    return town


def _ledger(database: Database) -> None:
    """Cards in every standing, each with its events; what else the ledger keeps of the first."""
    for number, standing in enumerate(STANDINGS, 1):
        card_that_is(database, standing, number)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")
        lift_stop(connection, ADMIN, "admin-2", "確認済み")
        lend_card(connection, LENT, "clerk-2", ADMIN)
        grant_unlock(connection, LENT, timedelta(days=1), ADMIN)
        enter_certificate(connection, (1).to_bytes(8, "big"), 2**63 + 1, "signature", BY)
        follow_card(connection, (1).to_bytes(8, "big"), Reason.NOT_FOUND, BY.at)
        claim_card(connection, find_card(connection, (1).to_bytes(8, "big")), "april", 1, BY)
        there = ApplicationState.INSTALLED
        note_application(connection, (1).to_bytes(8, "big"), b"\xf0town", there, BY)
        gap = note_gap(connection, (2).to_bytes(8, "big"), 7, bytes(16), BY)
        settle_gap(connection, gap, "a copied card", By("super-1", "office", BY.at))
    with database.begin() as connection:
        card = find_card(connection, ACTIVE)
        open_intent(connection, card, IDENTIFIER, "resume", BY)


def _register(database: Database) -> None:
    number = entered(database)
    assert number == RESIDENT_NUMBER
    entered(database, **another("mover", household=8))
    with database.begin() as connection:
        restrict(connection, [number], RestrictionKind.VIOLENCE, date(2015, 3, 31), BY)
        send_inquiry(connection, number, "issue_card", BY)
        notice = enter_notice(connection, number, bytes(8), CALLED, "household", BY)
        note_call_back(connection, notice, True, BY)
        note_arrival(connection, number, OTHER_TOWN, date(2014, 3, 1), date(2014, 2, 1), BY)
        announce_move(connection, [number], date(2014, 4, 20), BY)
        connection.execute(
            insert(identities).values(
                municipality=RESIDENT.municipality,
                code=RESIDENT.code.reveal(),
                name=RESIDENT.name.text,
                name_origin=RESIDENT.name.origin,
                address=RESIDENT.address.text,
                address_origin=RESIDENT.address.origin,
                sex=RESIDENT.sex.value,
                born=RESIDENT.born,
                reason=RESIDENT.reason.value,
                changed=RESIDENT.changed,
                restricted=True,
            )
        )


def _log(town: StoredTown) -> None:
    """More entries than a tile has, a day, checkpoints that are cosigned, and a queue."""
    for _ in range(90):
        town.use(*CODES)
    town.end_day()
    town.use(*CODES)

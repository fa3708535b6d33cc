"""The certificates on the cards: what becomes of them follows from what becomes of the card.

Why a card is moved says it (`REASONS`), and it is written in the transaction that moves the card.
The authority may be away then: so a row also says whether the authority was told, and it is told
afterwards, as often as it takes. What is told twice does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    select,
    text,
    update,
)

from jukihost.clock import readable
from jukihost.database.tables import insert_new
from jukihost.ledger.acting import By
from jukihost.ledger.errors import CertificateElsewhere
from jukihost.ledger.states import REASONS, CertificateEffect, Reason
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import certificates as table
from jukihost.ledger.words import check_words

_SUPERSEDED, _CEASED = 4, 5
"""Reason codes of RFC 5280, 5.3.1: its successor is on the card; its key is not used any more."""


class CertificateState(Enum):
    """What a certificate is."""

    VALID = "valid"
    HELD = "held"
    """On hold while its card is suspended."""
    REVOKED = "revoked"


_SUPERSEDE_OTHERS: Final = (
    update(table)
    .where(
        table.c.card == bindparam("on"),
        table.c.use == bindparam("same"),
        table.c.serial != bindparam("but"),
        table.c.state != CertificateState.REVOKED.value,
    )
    .values(
        state=CertificateState.REVOKED.value,
        reason=_SUPERSEDED,
        since=bindparam("at"),
        told=False,
        version=table.c.version + 1,
    )
)
_UNTOLD: Final = select(table).where(text("NOT told"))  # in the words of its index, or it is none


@dataclass(frozen=True, slots=True)
class CardCertificate:
    """A certificate on a card, as the ledger has it.

    serial: its number. card: the card's number. use: what its key is for.
    reason, since: why it is held or revoked (RFC 5280, 5.3.1), and from when on; None while valid.
    told: whether the authority knows. refused: what it said when it was told in vain, as a code.
    version: how often this changed.
    """

    serial: int
    card: bytes
    use: str
    state: CertificateState
    reason: int | None
    since: datetime | None
    told: bool
    refused: str | None
    version: int

    def __str__(self) -> str:
        """Return what the authority is to be told of it, in words, as an alarm."""
        since = f" since {readable(self.since)}" if self.since else " again"
        asked = f"refused to hear it ({self.refused})" if self.refused else "has not been told"
        return (
            f"certificate {self.serial} on card {self.card.hex().upper()} is {self.state.value}"
            f"{since}, and its authority {asked}"
        )


def enter_certificate(
    connection: Connection, card: bytes, serial: int, use: str, by: By
) -> CardCertificate:
    """Enter a certificate that an authority has issued for a key on a card; return it.

    card: the card's number. use: what its key is for, in a word. Another one for the same use on
    this card is superseded: it is revoked. Entered again it stays as it is. CertificateElsewhere
    where it is on another card, WordsRefused, Stopped.
    """
    check_running(connection)
    check_words("use", use)
    number = str(serial)
    new: dict[str, object] = {
        "serial": number,
        "card": card,
        "use": use,
        "state": CertificateState.VALID.value,
        "told": True,
        "version": 1,
    }
    row = insert_new(connection, table, new)
    if row is None:
        row = connection.execute(select(table).where(table.c.serial == number)).one()
        if row.card != card:
            raise CertificateElsewhere
        return _certificate(row)
    others = {"on": card, "same": use, "but": number, "at": by.at}
    connection.execute(_SUPERSEDE_OTHERS, others)
    return _certificate(row)


def certificates_of(connection: Connection, card: bytes) -> list[CardCertificate]:
    """Return the certificates on a card, by their numbers. Stopped."""
    check_running(connection)
    rows = connection.execute(select(table).where(table.c.card == card))
    return sorted(map(_certificate, rows), key=lambda one: one.serial)


def follow_card(connection: Connection, card: bytes, reason: Reason, at: datetime) -> None:
    """Hold, release or revoke the certificates of a card as the reason says: `move_card` does.

    For what happens to the certificates alone (a new name, while the card is suspended), too.
    Stopped.
    """
    check_running(connection)
    rule = REASONS[reason]
    mine = table.c.card == card
    if rule.effect is CertificateEffect.REVOKE:
        _revoke(connection, mine, rule.crl_reason, at)
    elif rule.effect is CertificateEffect.HOLD:
        valid = and_(mine, table.c.state == CertificateState.VALID.value)
        _become(connection, valid, CertificateState.HELD, rule.crl_reason, at)
    elif rule.effect is CertificateEffect.RELEASE:
        held = and_(mine, table.c.state == CertificateState.HELD.value)
        _become(connection, held, CertificateState.VALID, None, None)


def drop_certificates(
    connection: Connection, card: bytes, uses: Iterable[str], at: datetime
) -> None:
    """Revoke the certificates on a card for these uses: their keys are gone, or may be. Stopped."""
    check_running(connection)
    mine = and_(table.c.card == card, table.c.use.in_(list(uses)))
    _revoke(connection, mine, _CEASED, at)


def untold_certificates(connection: Connection) -> list[CardCertificate]:
    """Return the certificates of which the authority is to be told; also while it is stopped."""
    rows = connection.execute(_UNTOLD)
    return sorted(map(_certificate, rows), key=lambda one: one.serial)


def note_told(connection: Connection, certificate: CardCertificate) -> None:
    """Note that the authority was told what a certificate is; not where it is otherwise by now."""
    _note(connection, certificate, told=True, refused=None)


def note_refused(connection: Connection, certificate: CardCertificate, why: str) -> None:
    """Note the code of what the authority said when it was told in vain."""
    _note(connection, certificate, told=False, refused=why)


def _note(
    connection: Connection, certificate: CardCertificate, *, told: bool, refused: str | None
) -> None:
    check_running(connection)
    as_read = and_(
        table.c.serial == str(certificate.serial), table.c.version == certificate.version
    )
    connection.execute(update(table).where(as_read).values(told=told, refused=refused))


def _revoke(
    connection: Connection, which: ColumnElement[bool], reason: int | None, at: datetime
) -> None:
    other = table.c.state != CertificateState.REVOKED.value
    _become(connection, and_(which, other), CertificateState.REVOKED, reason, at)


def _become(
    connection: Connection,
    which: ColumnElement[bool],
    state: CertificateState,
    reason: int | None,
    since: datetime | None,
) -> None:
    columns = {"state": state.value, "reason": reason, "since": since, "told": False}
    changed = update(table).where(which).values(version=table.c.version + 1, **columns)
    connection.execute(changed)


def _certificate(row: Row[tuple[object, ...]]) -> CardCertificate:
    return CardCertificate(
        int(row.serial),
        row.card,
        row.use,
        CertificateState(row.state),
        row.reason,
        row.since,
        row.told,
        row.refused,
        row.version,
    )

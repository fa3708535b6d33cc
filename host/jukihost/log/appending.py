"""Queues entries of the log in the transaction of what they speak of: both land, or neither."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import Connection, Executable, bindparam, insert, text, update

from jukihost.database.tables import INSERTS, Instant
from jukihost.log.entries import (
    NOTHING_BEFORE,
    Derivations,
    EntryError,
    Outcome,
    PseudonymKey,
    Use,
)
from jukihost.log.tables import queue, residents
from jukihost.log.tree import HASH, leaf_hash
from jukihost.models import ResidentCode

_QUEUE: Final = insert(queue).inline()
_LAST: Final = update(residents).where(residents.c.resident == bindparam("whose"))
_BOTH: Final = text(
    "WITH settled AS (UPDATE log_residents SET leaf = :leaf WHERE resident = :resident) "
    "INSERT INTO log_queue (entry, resident, at) VALUES (:entry, :resident, :at)"
).bindparams(bindparam("at", type_=Instant))
"""The two at once, for a server: there and back once less."""
# Statements are made once: to make one takes longer than to run it.


def append_use(
    connection: Connection,
    key: PseudonymKey | None,
    *,
    at: datetime,
    operator: str,
    terminal: str,
    body: str,
    purpose: str,
    outcome: Outcome,
    reason: str = "",
    card: bytes | None = None,
    resident: ResidentCode | None = None,
) -> Use:
    """Queue an entry (see `Use`) in the transaction of `connection`; return it.

    card: its number. resident: their code, which is not kept. key: None where neither is concerned.
    The entry is durable once the transaction has landed; where no log is begun yet it stays queued
    until one is. Whoever writes of two residents in one transaction takes them in the order of
    their codes, so that no two transactions wait for each other. EntryError.
    """
    if key is None and (card or resident):
        raise EntryError("card and resident stand in an entry by pseudonyms; give their key")
    pseudonym = key.resident(resident) if key and resident else None
    number, before = _next(connection, pseudonym) if pseudonym else (0, NOTHING_BEFORE)
    use = Use(
        at=at,
        operator=operator,
        terminal=terminal,
        body=body,
        purpose=purpose,
        outcome=outcome,
        reason=reason,
        salt=secrets.token_bytes(HASH),
        card=key.card(card) if key and card else None,
        resident=pseudonym,
        number=number,
        before=before,
    )
    entry = bytes(use)
    queued = {"entry": entry, "resident": pseudonym, "at": at}
    if pseudonym and connection.dialect.name == "postgresql":
        connection.execute(_BOTH, {**queued, "leaf": leaf_hash(entry)})
        return use
    if pseudonym:
        connection.execute(_LAST, {"whose": pseudonym, "leaf": leaf_hash(entry)})
    connection.execute(_QUEUE, queued)
    return use


def append_entry(connection: Connection, entry: Derivations) -> None:
    """Queue an entry that is of no resident's, like `append_use`."""
    connection.execute(_QUEUE, {"entry": bytes(entry), "resident": None, "at": entry.at})


def append_derivations(
    connection: Connection, counts: Mapping[tuple[str, int], int], *, at: datetime, terminal: str
) -> None:
    """Queue how often a terminal had keys of cards made, from each master key. EntryError.

    counts: by system and version, as `CountedCustody.taken` gives them around the transaction.
    """
    for (system, version), count in counts.items():
        append_entry(connection, Derivations(at, terminal, system, version, count))


def _next(connection: Connection, resident: bytes) -> tuple[int, bytes]:
    """Return the number of a resident's next entry and the hash of the one before.

    The resident's row is this transaction's from here on: others wait for it.
    """
    first = {"resident": resident, "number": 1, "leaf": NOTHING_BEFORE}
    found = connection.execute(_counting(connection.dialect.name), first).one()
    return found.number, found.leaf


@cache
def _counting(dialect: str) -> Executable:
    counted = INSERTS[dialect](residents).on_conflict_do_update(
        index_elements=["resident"], set_={"number": residents.c.number + 1}
    )
    return counted.returning(residents.c.number, residents.c.leaf)

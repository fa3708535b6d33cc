"""Makes a resident's disclosure from the stored log; that it was made is in the log."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from jukihost.log.appending import append_use
from jukihost.log.dayroots import StoredLasts
from jukihost.log.disclosure import Disclosure, disclose
from jukihost.log.entries import Outcome, PseudonymKey
from jukihost.log.notes import InclusionProof
from jukihost.log.publishing import NotPublished, published_checkpoint
from jukihost.log.stored import StoredNodes, entry_at, head_of
from jukihost.log.tables import entries
from jukihost.log.tree import prove_inclusion
from jukihost.models import ResidentCode

PURPOSE: Final = "disclosure of the log to the resident"
"""What the log says of a disclosure."""


def disclose_stored(
    connection: Connection,
    key: PseudonymKey,
    code: ResidentCode,
    *,
    at: datetime,
    operator: str,
    terminal: str,
    body: str,
) -> Disclosure:
    """Make the disclosure of a resident, up to the latest published checkpoint, and log it.

    at, operator, terminal, body: of whoever reads; the entry is the resident's and lands with the
    transaction of `connection`. After the key of the pseudonyms was replaced, older uses are under
    the old one: there is one disclosure for each key. NotPublished, NoLog, DatabaseError.
    """
    head = head_of(connection, hold=True)
    size, note = published_checkpoint(connection)
    if head.day_index is None or head.day_index >= size:
        raise NotPublished(
            "no published checkpoint has the latest day's end yet; run `jukihost log publish`, "
            "then ask again"
        )
    day = entry_at(connection, head.day_index)
    mine = (entries.c.resident == key.resident(code)) & (entries.c.leaf_index < size)
    wanted = select(entries.c.leaf_index, entries.c.entry).where(mine)
    rows = connection.execute(wanted.order_by(entries.c.leaf_index))
    found = [(row.leaf_index, row.entry) for row in rows]
    made = disclose(
        code,
        key,
        found,
        (head.day_index, day or b""),
        StoredLasts(connection),
        (StoredNodes(connection), size, note),
    )
    append_use(
        connection,
        key,
        at=at,
        operator=operator,
        terminal=terminal,
        body=body,
        purpose=PURPOSE,
        outcome=Outcome.DONE,
        resident=code,
    )
    return made


def prove_stored(connection: Connection, index: int) -> InclusionProof:
    """Return the proof that an entry is in the latest published checkpoint; it shows no content.

    NotPublished when it is not.
    """
    size, note = published_checkpoint(connection)
    if not 0 <= index < size:
        raise NotPublished(
            f"the published checkpoint has {size} entries, from 0 on; entry {index} is not in it"
        )
    return InclusionProof(index, tuple(prove_inclusion(StoredNodes(connection), index, size)), note)

"""Makes a resident's disclosure from the stored log; that it was made is in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from jukihost.log.appending import append_use
from jukihost.log.dayroots import StoredLasts
from jukihost.log.disclosure import Disclosure, disclose
from jukihost.log.entries import NOTHING_BEFORE, PRUNED, Outcome, Pruned, PseudonymKey, Use
from jukihost.log.lastentries import LastEntry
from jukihost.log.notes import InclusionProof
from jukihost.log.publishing import NotPublished, published_checkpoint
from jukihost.log.stored import WIDTH, StoredNodes, entry_at, head_of
from jukihost.log.tables import entries, tiles
from jukihost.log.tree import HASH, prove_inclusion
from jukihost.models import ResidentCode

DISCLOSURE: Final = "disclosure of the log to the resident"
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
    """Make the disclosure of a resident (`make_disclosure`), and log it.

    at, operator, terminal, body: of whoever reads; the entry is the resident's and lands with the
    transaction of `connection`. NotPublished, NoLog, DatabaseError.
    """
    made = make_disclosure(connection, key, code)
    append_use(
        connection,
        key,
        at=at,
        operator=operator,
        terminal=terminal,
        body=body,
        purpose=DISCLOSURE,
        outcome=Outcome.DONE,
        resident=code,
    )
    return made


def make_disclosure(connection: Connection, key: PseudonymKey, code: ResidentCode) -> Disclosure:
    """Make the disclosure of a resident, up to the latest published checkpoint.

    For whoever logs it in the same transaction. After the key of the pseudonyms was replaced, older
    uses are under the old one: there is one disclosure for each key. NotPublished, NoLog,
    DatabaseError.
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
    lasts = StoredLasts(connection)
    return disclose(
        code,
        key,
        found,
        (head.day_index, day or b""),
        lasts,
        (StoredNodes(connection), size, note),
        _erased(connection, found, lasts.of(key.resident(code)), head.pruned, size),
    )


def _erased(
    connection: Connection,
    found: Sequence[tuple[int, bytes]],
    last: LastEntry | None,
    below: int,
    size: int,
) -> tuple[int, tuple[int, bytes]] | None:
    """Return where the last entry of a resident's that was pruned stood, and the pruning's entry.

    It reads the leaves of all that was pruned. None where nothing was. NotPublished.
    """
    leaf = Use.parse(found[0][1]).before if found else last.leaf if last else NOTHING_BEFORE
    if leaf == NOTHING_BEFORE:
        return None
    gone = _index_of(connection, leaf, below)
    special = entries.c.resident.is_(None) & entries.c.at.is_(None) & (entries.c.leaf_index > gone)
    wanted = select(entries.c.leaf_index, entries.c.entry).where(special)
    for row in connection.execute(wanted.order_by(entries.c.leaf_index)) if gone >= 0 else ():
        if row.entry.startswith(PRUNED) and Pruned.parse(row.entry).below > gone:
            if row.leaf_index >= size:
                raise NotPublished(
                    "no published checkpoint has the latest pruning yet; run `jukihost log "
                    "publish`, then ask again"
                )
            return gone, (row.leaf_index, row.entry)
    return None


def _index_of(connection: Connection, leaf: bytes, below: int) -> int:
    """Return where a leaf stands below an index, -1 where it does not."""
    low = (tiles.c.level == 0) & (tiles.c.number * WIDTH < below)
    wanted = select(tiles.c.number, tiles.c.hashes).where(low).order_by(tiles.c.number.desc())
    stream = {"stream_results": True, "yield_per": 256}
    with connection.execute(wanted, execution_options=stream) as rows:
        for row in rows:
            at = row.hashes.find(leaf)
            if at >= 0 and at % HASH == 0:
                index: int = row.number * WIDTH + at // HASH
                return index if index < below else -1
    return -1


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

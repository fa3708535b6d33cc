"""The tree over everybody's last entry, kept from day to day: only what changed is hashed anew.

It is `LastEntries`, cut where the first 16 bits of a pseudonym end: a bucket is what is below.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, func, select

from jukihost.log.entries import Use
from jukihost.log.lastentries import DEPTH, LastEntries, LastEntry, join, place_of
from jukihost.log.stored import replace_rows
from jukihost.log.tables import buckets, entries, lasts
from jukihost.log.tree import EMPTY, leaf_hash

TOP: Final = 16
"""How many bits of a pseudonym say its bucket."""
_PIECE: Final = 5_000


def take_in(connection: Connection, since: int) -> tuple[int, bytes]:
    """Take in what is sequenced at `since` and after; return how many residents there are, and
    the root over the last entries of all of them. PlaceTaken."""
    newest = (
        select(func.max(entries.c.leaf_index).label("leaf_index"))
        .where(entries.c.leaf_index >= since, entries.c.resident.is_not(None))
        .group_by(entries.c.resident)
        .subquery()
    )
    changed = select(entries.c.entry).join(newest, newest.c.leaf_index == entries.c.leaf_index)
    touched: set[int] = set()
    stream = {"stream_results": True, "yield_per": _PIECE}
    for rows in connection.execute(changed, execution_options=stream).partitions():
        made = [_last(row.entry) for row in rows]
        touched.update(bucket_of(one["resident"]) for one in made)
        replace_rows(connection, lasts, made)
    _hash_anew(connection, touched)
    count = connection.execute(select(func.count()).select_from(lasts)).scalar_one()
    return count, _Top(connection).root()


class StoredLasts:
    """Everybody's last entry at the latest day's end, as `disclose` asks for them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, resident: bytes) -> LastEntry | None:
        """Return the last entry of a pseudonym, None where there is none."""
        return self._bucket(resident).of(resident)

    def prove(self, resident: bytes) -> list[bytes]:
        """Return the path to a pseudonym's place, from the place upwards: 64 hashes."""
        below = self._bucket(resident).prove(resident)
        return [*below, *_Top(self._connection).prove(bucket_of(resident))]

    def _bucket(self, resident: bytes) -> LastEntries:
        return LastEntries(_of_bucket(self._connection, bucket_of(resident)), TOP)


def bucket_of(resident: bytes) -> int:
    """Return the number of the bucket that a pseudonym is in."""
    return place_of(resident) >> DEPTH - TOP


class _Top:
    """What stands above the buckets, level by level; what is empty is left out."""

    def __init__(self, connection: Connection) -> None:
        found = connection.execute(select(buckets.c.number, buckets.c.root))
        level: dict[int, bytes] = {row.number: row.root for row in found}
        self._levels = [level]
        for _ in range(TOP):
            level = {
                number: join(level.get(2 * number, EMPTY), level.get(2 * number + 1, EMPTY))
                for number in {number >> 1 for number in level}
            }
            self._levels.append(level)

    def root(self) -> bytes:
        return self._levels[TOP].get(0, EMPTY)

    def prove(self, bucket: int) -> list[bytes]:
        return [self._levels[up].get(bucket >> up ^ 1, EMPTY) for up in range(TOP)]


def _last(entry: bytes) -> dict[str, Any]:
    use = Use.parse(entry)
    return {"resident": use.resident, "count": use.number, "leaf": leaf_hash(entry)}


def _hash_anew(connection: Connection, touched: set[int]) -> None:
    """Hash these buckets anew; all of them are read in one go where many were touched."""
    made = []
    if len(touched) > 1 << TOP - 4:
        rows = connection.execute(select(lasts).order_by(lasts.c.resident))
        every = groupby((LastEntry(*row) for row in rows), lambda one: bucket_of(one.resident))
        made = [_hashed(number, list(found)) for number, found in every if number in touched]
    else:
        made = [_hashed(number, _of_bucket(connection, number)) for number in touched]
    replace_rows(connection, buckets, made)


def _hashed(number: int, found: list[LastEntry]) -> dict[str, Any]:
    return {"number": number, "root": LastEntries(found, TOP).root()}


def _of_bucket(connection: Connection, number: int) -> list[LastEntry]:
    which = lasts.c.resident >= number.to_bytes(TOP // 8)
    if number + 1 < 1 << TOP:
        which &= lasts.c.resident < (number + 1).to_bytes(TOP // 8)
    rows = connection.execute(select(lasts).where(which).order_by(lasts.c.resident))
    return [LastEntry(*row) for row in rows]

"""The log as a database has it: its head, its tiles, and entries by index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, insert, select, update

from jukihost.database.tables import INSERTS
from jukihost.log.entries import Day, Derivations, Pruned, Use
from jukihost.log.tables import entries, heads, tiles
from jukihost.log.tree import HASH, LogError, leaf_hash, node_hash

WIDTH: Final = 256
"""How many hashes a tile has when it is full."""
LEVELS: Final = 8
"""How many levels of the tree one level of tiles stands for."""
_NUMBER: Final = re.compile(
    rb"\nnumber ([1-9][0-9]{0,18})\nbefore [0-9a-f]{64}\nsalt [0-9a-f]{64}\n\Z"
)


class NoLog(LogError):
    """The database has no log yet."""

    def __str__(self) -> str:
        return "the database has no log of uses yet; begin one with `jukihost log create`"


class LogExists(LogError):
    """The database has a log already."""


class NotAdopted(LogError):
    """The database was brought back from a backup, and no witness has said that it may go on."""

    def __str__(self) -> str:
        return (
            "this log was brought back from a backup, and may lack entries that others have seen; "
            "have a witness say that it may go on (`jukihost log adopt`)"
        )


def create_log(connection: Connection, origin: str, *, hold: bool = False) -> None:
    """Begin a log of this name, for example `town.example/uses`. LogExists.

    With `hold` nothing is published while the witness is away; otherwise it is published without
    it, and flagged.
    """
    made = {"size": 0, "pruned": 0, "hold": hold}
    statement = INSERTS[connection.dialect.name](heads).values(id=1, origin=origin, **made)
    begun = connection.execute(statement.on_conflict_do_nothing().returning(heads.c.id))
    if begun.first() is None:
        raise LogExists("the database has a log already; it is left as it is")


def head_of(connection: Connection, *, hold: bool = False) -> Row[Any]:
    """Return the log's head; with `hold`, keep other sequencers away until the end. NoLog."""
    statement = select(heads)
    found = connection.execute(statement.with_for_update() if hold else statement).first()
    if found is None:
        raise NoLog
    return found


def change_head(connection: Connection, **values: object) -> None:
    """Change values of the log's head."""
    connection.execute(update(heads).values(**values))


def replace_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows in, in place of those with the same key."""
    if not rows:
        return
    made = INSERTS[connection.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    changed = {one.name: one for one in made.excluded if one.name not in keys}
    connection.execute(made.on_conflict_do_update(index_elements=keys, set_=changed), rows)


class StoredNodes:
    """The nodes of a stored tree: a `Nodes`, for as long as its transaction lasts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, number: int) -> bytes:
        """Return a node. LogError for one that is not there."""
        found = self._nodes.get((level, number))
        if found is None:
            found = self._nodes[level, number] = self._node(level, number)
        return found

    def _node(self, level: int, number: int) -> bytes:
        stored, above = divmod(level, LEVELS)
        if above:
            return node_hash(self(level - 1, 2 * number), self(level - 1, 2 * number + 1))
        at, offset = divmod(number, WIDTH)
        found = self.tile(stored, at)[offset * HASH : (offset + 1) * HASH]
        if len(found) != HASH:
            raise LogError(f"the log's tree lacks a hash: tile {at} of level {stored} is damaged")
        return found

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, nothing for one that is not there."""
        if (level, number) not in self._tiles:
            which = (tiles.c.level == level) & (tiles.c.number == number)
            found = self._connection.execute(select(tiles.c.hashes).where(which)).scalar()
            self._tiles[level, number] = found or b""
        return self._tiles[level, number]


class TileWriter:
    """Grows a stored tree: takes leaves, then stores the tiles that they changed."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], bytearray] = {}
        nodes, level, filled = StoredNodes(connection), 0, size
        while filled:
            number, offset = divmod(filled, WIDTH)
            part = bytearray(nodes.tile(level, number)) if offset else bytearray()
            if len(part) != offset * HASH:
                raise LogError(f"the log's tree is damaged: tile {number} of level {level}")
            self._tiles[level, number] = part
            level, filled = level + 1, number
        self.size = size

    def append(self, leaf: bytes) -> None:
        """Append a leaf by its hash."""
        level, number = 0, self.size
        while True:
            at, offset = divmod(number, WIDTH)
            tile = self._tiles.setdefault((level, at), bytearray())
            tile += leaf
            if offset != WIDTH - 1:
                break
            level, number, leaf = level + 1, at, fold(bytes(tile))
        self.size += 1

    def store(self) -> None:
        """Store what changed."""
        rows = [
            {"level": level, "number": number, "hashes": bytes(tile)}
            for (level, number), tile in self._tiles.items()
            if tile
        ]
        replace_rows(self._connection, tiles, rows)


def fold(hashes: bytes) -> bytes:
    """Return the root over the hashes of a full tile; each node is `node_hash` of a pair."""
    while len(hashes) > HASH:
        pairs = (hashes[at : at + 2 * HASH] for at in range(0, len(hashes), 2 * HASH))
        hashes = b"".join([sha256(b"\1" + pair).digest() for pair in pairs])
    return hashes


def extend(connection: Connection, head: Row[Any], rows: Sequence[tuple[Any, ...]]) -> int:
    """Sequence entries behind those that are: (entry, resident, at) each. Return the new size.

    `head` is what `head_of` gave and holds. NotAdopted.
    """
    if head.restored is not None:
        raise NotAdopted
    writer = TileWriter(connection, head.size)
    made = []
    for entry, resident, at in rows:
        number = number_of(entry) if resident else None
        filed = {"leaf_index": writer.size, "resident": resident, "number": number, "at": at}
        made.append({"entry": entry, **filed})
        writer.append(leaf_hash(entry))
    if made:
        connection.execute(insert(entries), made)
        writer.store()
        change_head(connection, size=writer.size)
    return writer.size


def entry_at(connection: Connection, index: int) -> bytes | None:
    """Return the bytes of an entry, None for one that is pruned, or not sequenced yet."""
    statement = select(entries.c.entry).where(entries.c.leaf_index == index)
    return connection.execute(statement).scalar()


def number_of(entry: bytes) -> int | None:
    """Return which of a resident's an entry says it is, None where it says none."""
    found = _NUMBER.search(entry)
    return int(found[1]) if found else None


def read_entry(data: bytes) -> Use | Day | Derivations | Pruned:
    """Read an entry of whichever kind. EntryError."""
    kinds: dict[bytes, type[Use | Day | Derivations | Pruned]] = {
        b"day": Day,
        b"derivations": Derivations,
        b"pruned": Pruned,
    }
    return kinds.get(data.partition(b"@")[0].removeprefix(b"jukihost-"), Use).parse(data)

"""Reads a whole stored log as a stream, in constant memory, and says what does not hold where."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, func, or_, select, text, type_coerce
from sqlalchemy.types import NullType

from jukihost.clock import JAPAN
from jukihost.database import Database
from jukihost.log.disclosure import ROOM
from jukihost.log.entries import Day, EntryError, Pruned, Use
from jukihost.log.notes import Checkpoint, Note, NoteError, NoteKey
from jukihost.log.publishing import read_checkpoint
from jukihost.log.stored import WIDTH, fold, head_of, read_entry
from jukihost.log.tables import checkpoints, entries, tiles
from jukihost.log.tree import HASH, Tree

MOST: Final = 20
"""The most problems that are told; more tell nothing new."""
_BLOCK: Final = 64 * WIDTH
_USE: Final = b"jukihost-use@v1\n"
_ENTRIES: Final = text(
    "SELECT leaf_index, entry, resident, number FROM log_entries "
    "WHERE leaf_index >= :first AND leaf_index < :end ORDER BY leaf_index"
)
"""As text, since millions of rows go through it: nothing looks at each value on its way."""
_NUMBERS: Final = text(
    "SELECT resident, number FROM log_entries WHERE resident IS NOT NULL "
    "ORDER BY resident, leaf_index"
)
"""From the index alone, once the entries were compared with what they are filed under."""
_AFTER: Final = -len(f"before {bytes(HASH).hex()}\nsalt {bytes(HASH).hex()}\n")
"""Where, in an entry of a use, what stands behind the number begins."""
_KINDS: Final = {bytes, type(None)}
"""What a driver gives for bytes; a file of SQLite holds anything that was put there."""
_PIECE: Final = 10_000
"""How many numbers are read together."""


@dataclass(frozen=True)
class Verified:
    """What a whole log showed.

    size: how many entries are sequenced; signed: of those, how many a checkpoint tells of.
    pruned: how many have no content any more. checkpoints: how many were checked.
    problems: what does not hold, each in words with the entry or the range; empty for a good log.
    """

    size: int
    signed: int
    pruned: int
    checkpoints: int
    problems: tuple[str, ...]


def verify_log(
    database: Database,
    keys: Sequence[NoteKey],
    *,
    known: Sequence[Note] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Verified:
    """Check every entry against the tree, and the tree against every checkpoint.

    keys: those of the log, from somewhere else than its database. `known`: checkpoints that
    somebody has kept. `progress` is told how many entries of how many are done. Reads one state of
    the database, whatever is added meanwhile. NoLog, NoteError for a `known` that the log has not
    signed, DatabaseError.
    """
    with database.read() as connection:
        head = head_of(connection)
        kept = sorted((read_checkpoint(note, keys) for note in known), key=lambda one: one.size)
        return _Verifier(connection, head, keys, kept, database.clock.now()).run(progress)


@dataclass
class _Verifier:
    connection: Connection
    head: Row[Any]
    keys: Sequence[NoteKey]
    kept: list[Checkpoint]
    until: datetime
    problems: list[str] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)
    uppers: list[bytearray] = field(default_factory=list)
    checked: int = 0
    good: int = 0
    forked: bool = False
    gone: list[tuple[int, int]] = field(default_factory=list)
    days: list[tuple[int, date]] = field(default_factory=list)
    prunings: list[tuple[int, Pruned]] = field(default_factory=list)

    def run(self, progress: Callable[[int, int], None] | None) -> Verified:
        size = self.head.size
        waiting = self._checkpoints()
        ahead = next(waiting, None)
        for start in range(0, size, _BLOCK):
            end = min(start + _BLOCK, size)
            rows = self._entries(start, end)
            stored = self._tiles(0, start // WIDTH, -(-end // WIDTH))
            for first in range(start, end, WIDTH):
                width = min(WIDTH, end - first)
                hashes = self._leaves(first, width, rows, stored.get(first // WIDTH, b""))
                while ahead and ahead.size < first + WIDTH:
                    self._compare(ahead, first, hashes)
                    ahead = next(waiting, None)
                if width == WIDTH:
                    self._grow(fold(hashes), first // WIDTH)
            if progress:
                progress(end, size)
        while ahead:
            self._compare(ahead, size, b"")
            ahead = next(waiting, None)
        self._uppers_end()
        self._beyond()
        self._gone()
        if not self.problems:
            self._count()
        problems = tuple(self.problems[:MOST])
        gone = sum(end - start for start, end in self.gone)
        return Verified(size, self.good, gone, self.checked, problems)

    def _entries(self, start: int, end: int) -> list[Any]:
        """Return index, bytes, resident and number of each entry, as the driver has them."""
        found = self.connection.execute(_ENTRIES, {"first": start, "end": end})
        rows = list(found.cursor.fetchall())
        if {type(value) for row in rows for value in row[1:3]} <= _KINDS:
            return rows
        return [self._of_bytes(*row) for row in rows]

    def _of_bytes(self, index: int, entry: object, resident: object, number: int | None) -> Any:
        """Return a row with bytes where the file has anything else, and tell of it."""
        if {type(entry), type(resident)} <= _KINDS:
            return index, entry, resident, number
        self._tell(f"entry {index} is kept as no bytes: it was changed")
        return index, _bytes_of(entry), resident and _bytes_of(resident), number

    def _tiles(self, level: int, first: int, end: int) -> dict[int, bytes]:
        wanted = select(tiles.c.number, type_coerce(tiles.c.hashes, NullType)).where(
            tiles.c.level == level, tiles.c.number >= first, tiles.c.number < end
        )
        return {number: _bytes_of(hashes) for number, hashes in self.connection.execute(wanted)}

    def _leaves(self, first: int, width: int, rows: list[Any], stored: bytes) -> bytes:
        """Return the hashes of a tile's leaves; of what is pruned, those that are stored."""
        low = bisect_left(rows, first, key=itemgetter(0))
        mine = rows[low : bisect_left(rows, first + width, low, key=itemgetter(0))]
        self._look(mine)
        if len(mine) == width:
            made = b"".join([sha256(b"\0" + row[1]).digest() for row in mine])
            if made == stored:
                return made
        return self._leaf_by_leaf(first, width, mine, stored)

    def _look(self, rows: Sequence[Any]) -> None:
        """Look at what is beside the bytes of entries, and into those that are no uses."""
        strange = [
            (index, entry, resident, number)
            for index, entry, resident, number in rows
            if not entry.startswith(_USE)
            or not entry.endswith(
                f"\nresident {resident.hex() if resident else ''}\nnumber {number or 0}\n".encode(),
                0,
                _AFTER,
            )
        ]
        for index, entry, resident, number in strange:
            try:
                found = read_entry(entry)
            except EntryError as error:
                self._tell(f"entry {index} cannot be read: {error}")
                continue
            said = (found.resident, found.number or None) if isinstance(found, Use) else (None,) * 2
            if said != (resident, number):
                other = "resident" if said[0] != resident else "number"
                self._tell(f"entry {index} is filed under another {other} than it says")
            if isinstance(found, Day):
                self.days.append((index, found.day))
            elif isinstance(found, Pruned):
                self.prunings.append((index, found))

    def _leaf_by_leaf(self, first: int, width: int, rows: list[Any], stored: bytes) -> bytes:
        if len(stored) < width * HASH:
            self._tell(f"the tree lacks hashes of entries {first} to {first + width - 1}")
        known = [stored[at : at + HASH] for at in range(0, width * HASH, HASH)]
        made = {row[0]: sha256(b"\0" + row[1]).digest() for row in rows}
        places = {one: first + at for at, one in enumerate(known)}
        for at, before in enumerate(known):
            index = first + at
            now = made.get(index)
            if now is None:
                self._miss(index)
            elif now != before:
                other = places.get(now)
                moved = (
                    f": it is what was hashed as entry {other}, and was moved"
                    if other is not None
                    else ""
                )
                self._tell(f"entry {index} is not what was hashed{moved or ': it was changed'}")
        return b"".join(
            made.get(first + at, before or bytes(HASH)) for at, before in enumerate(known)
        )

    def _miss(self, index: int) -> None:
        if self.gone and self.gone[-1][1] == index:
            self.gone[-1] = self.gone[-1][0], index + 1
        else:
            self.gone.append((index, index + 1))

    def _grow(self, root: bytes, number: int) -> None:
        """Take the root of a full tile into the tree, and into the tiles above it."""
        self.tree.append(root)
        level = 0
        while True:
            if level == len(self.uppers):
                self.uppers.append(bytearray())
            self.uppers[level] += root
            number //= WIDTH
            if len(self.uppers[level]) < WIDTH * HASH:
                return
            self._compare_upper(level + 1, number)
            root, self.uppers[level] = fold(bytes(self.uppers[level])), bytearray()
            level += 1

    def _compare_upper(self, level: int, number: int) -> None:
        stored = self._tiles(level, number, number + 1).get(number, b"")
        if stored != bytes(self.uppers[level - 1]):
            run = WIDTH ** (level + 1)
            self._tell(
                f"the tree above entries {number * run} to {(number + 1) * run - 1} is not what "
                "they hash to: it was changed"
            )

    def _uppers_end(self) -> None:
        full = self.head.size // WIDTH
        for level, upper in enumerate(self.uppers):
            full //= WIDTH
            if upper:
                self._compare_upper(level + 1, full)

    def _compare(self, checkpoint: Checkpoint, first: int, hashes: bytes) -> None:
        """Compare a checkpoint that ends in this tile; tell the range of the first that fails."""
        self.checked += 1
        if checkpoint.size > self.head.size:
            self._fork(
                f"entries {self.head.size} to {checkpoint.size - 1} were removed: the log has "
                f"{self.head.size}, and has signed a checkpoint of {checkpoint.size}"
            )
            return
        part = Tree()
        for at in range(checkpoint.size - first):
            part.append(hashes[at * HASH : (at + 1) * HASH])
        whole = Tree(first + part.size, [*self.tree.edge, *part.edge])
        if whole.root() == checkpoint.root:
            self.good = checkpoint.size if not self.forked else self.good
        else:
            self._fork(
                f"entries {self.good} to {checkpoint.size - 1} are not those of the checkpoint of "
                f"{checkpoint.size} entries: something was changed, removed, moved or added"
            )

    def _fork(self, words: str) -> None:
        if not self.forked:
            self.forked = True
            self._tell(words)

    def _checkpoints(self) -> Iterator[Checkpoint]:
        """Yield every checkpoint, stored and kept, in the order of their sizes."""
        kept, size = list(self.kept), -1
        while True:
            note = type_coerce(checkpoints.c.note, NullType).label("note")
            wanted = select(checkpoints.c.size, note).where(checkpoints.c.size > size)
            rows = list(self.connection.execute(wanted.order_by(checkpoints.c.size).limit(1000)))
            for row in rows:
                while kept and kept[0].size <= row.size:
                    yield kept.pop(0)
                try:
                    found = read_checkpoint(Note.parse(_bytes_of(row.note)), self.keys)
                except NoteError as error:
                    self._tell(
                        f"the stored checkpoint of {row.size} entries does not hold: {error}"
                    )
                    continue
                if (found.origin, found.size) != (self.head.origin, row.size):
                    self._tell(f"the stored checkpoint of {row.size} entries is another's")
                    continue
                yield found
            if not rows:
                yield from kept
                return
            size = rows[-1].size

    def _beyond(self) -> None:
        place = entries.c.leaf_index
        wanted = select(place).where(or_(place < 0, place >= self.head.size)).order_by(place)
        for index in self.connection.execute(wanted.limit(MOST)).scalars():
            self._tell(f"entry {index} stands beyond the {self.head.size} of the log: it was added")

    def _gone(self) -> None:
        """Tell what is missing without an entry of a pruning that says so."""
        below = 0
        for index, one in self.prunings:
            self._check_pruning(index, one, below)
            below = max(below, min(one.below, index))
        said = sum(one.count for _, one in self.prunings)
        gone = sum(max(0, min(end, below) - start) for start, end in self.gone)
        if gone != said:
            self._tell(
                f"{gone} entries below {below} are gone, and the prunings say {said}: removed"
            )
        for start, end in self.gone:
            if end > below:
                first = max(start, below)
                which = (
                    f"entry {first} is" if first == end - 1 else f"entries {first} to {end - 1} are"
                )
                self._tell(f"{which} missing, and no pruning says so: removed")

    def _count(self) -> None:
        """Tell whose entries are not numbered one after the other, whichever was the first left.

        Of two with one number, a disclosure shows one, and the other is left out.
        """
        wrong: dict[bytes, None] = {}
        whose, last = None, 0
        with self.connection.execute(_NUMBERS, execution_options={"stream_results": True}) as found:
            while len(wrong) < MOST and (rows := found.cursor.fetchmany(_PIECE)):
                for resident, number in rows:
                    if resident == whose and number != last + 1:
                        wrong[resident] = None
                    whose, last = resident, number
        for resident in wrong:
            self._tell(self._numbered(resident))

    def _numbered(self, resident: bytes) -> str:
        """Return how a resident's entries are numbered, in words."""
        place, mine = entries.c.leaf_index, entries.c.resident == resident
        first, last, found = self.connection.execute(
            select(func.min(place), func.max(place), func.count()).where(mine)
        ).one()
        ends = select(place, entries.c.number).where(place.in_((first, last)))
        numbers = {row.leaf_index: row.number for row in self.connection.execute(ends)}
        said = numbers[last] - numbers[first] + 1
        why = "two have one number, or one is missing" if said != found else "but not in that order"
        return (
            f"of the resident of entries {first} and {last} there are {found} entries, "
            f"numbered as {said}: {why}"
        )

    def _check_pruning(self, index: int, one: Pruned, passed: int) -> None:
        """Tell of a pruning before its time: by what it says, and by the ends of days beside it.

        What is gone behind the end of a day is of the next day or later, as `prune_log` has it.
        passed: up to where the prunings before it went.
        """
        ahead = one.at > self.until or any(
            at > index and one.at - ROOM > datetime.combine(day, time.max, JAPAN)
            for at, day in self.days
        )
        if ahead:
            self._tell(f"entry {index} is dated after what stands behind it, or after now")
        gone = [end - 1 for start, end in self.gone if start < one.below and end > passed]
        last = min(gone[-1], one.below - 1) if gone else -1
        days = [day for at, day in self.days if at < one.below and day > one.until and at <= last]
        days += [day + timedelta(days=1) for at, day in self.days if at < last]
        days += [self.days[0][1]] if self.days and gone else []
        if one.early:
            self._tell(f"entry {index} says that uses of {one.until} were pruned before their time")
        elif days and max(days) > one.until:
            self._tell(f"entry {index} says that uses of {max(days)} were pruned before their time")

    def _tell(self, problem: str) -> None:
        if len(self.problems) < MOST:
            self.problems.append(problem)


def _bytes_of(value: object) -> bytes:
    """Return bytes as they are, and none for what was put in their place."""
    return value if isinstance(value, bytes) else b""

"""The tree over everybody's last entry: one place a pseudonym, so that nothing is left out unseen.

An inclusion proof shows that an entry is there, not that there is no other. So each day the log
has a root over (pseudonym, number of entries, hash of the last). A pseudonym's place in this tree
is its first 64 bits: there is one place for it, and it holds one count, or is empty. The path to a
place has hashes only, and shows nothing of who has the places beside it.
"""

from __future__ import annotations

import hmac
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from jukihost.log.tree import EMPTY, HASH, LogError, ProofError, leaf_hash, node_hash

DEPTH: Final = 64
"""How many bits of a pseudonym are its place: the length of every path."""
_WORTH_KEEPING: Final = 64


class PlaceTaken(LogError):
    """Two pseudonyms have one place; of a million, one pair in 37 million times would."""


@dataclass(frozen=True)
class LastEntry:
    """How many entries a resident has, and the hash of the last of them."""

    resident: bytes
    count: int
    leaf: bytes

    def __bytes__(self) -> bytes:
        said = f"jukihost-last@v1\n{self.resident.hex()}\n{self.count}\n{self.leaf.hex()}\n"
        return said.encode()


class LastEntries:
    """Everybody's last entry at the end of a day: the root over them, and the path to any place."""

    def __init__(self, entries: Sequence[LastEntry], above: int = 0) -> None:
        """Take them in the order of their pseudonyms. PlaceTaken.

        `above`: they are those of one part only, whose places begin with the same so many bits.
        """
        self._entries, self._above = entries, above
        self._places = [place_of(one.resident) for one in entries]
        if any(one >= after for one, after in pairwise(self._places)):
            raise PlaceTaken("last entries stand in the order of their places, one at each")
        self._kept: dict[tuple[int, int, int], bytes] = {}

    def root(self) -> bytes:
        """Return the root over them."""
        return self._subtree(0, len(self._entries), self._above)

    def of(self, resident: bytes) -> LastEntry | None:
        """Return the last entry of a pseudonym, None where there is none."""
        at = bisect_left(self._places, place_of(resident))
        found = self._entries[at] if at < len(self._entries) else None
        return found if found and found.resident == resident else None

    def prove(self, resident: bytes) -> list[bytes]:
        """Return the path to a pseudonym's place, from the place upwards: 64 hashes, less `above`.

        It is made in the same way whether the place is taken or empty.
        """
        place = place_of(resident)
        low, high, path = 0, len(self._entries), []
        for depth in range(self._above, DEPTH):
            middle = self._split(low, high, place, depth)
            if _bit(place, depth):
                path.append(self._subtree(low, middle, depth + 1))
                low = middle
            else:
                path.append(self._subtree(middle, high, depth + 1))
                high = middle
        return path[::-1]

    def _split(self, low: int, high: int, place: int, depth: int) -> int:
        """Return where, among these, the places with a one at this depth begin."""
        below = DEPTH - 1 - depth
        first = (place >> below | 1) << below
        return bisect_left(self._places, first, low, high)

    def _subtree(self, low: int, high: int, depth: int) -> bytes:
        if low == high:
            return EMPTY
        if high - low == 1:
            return self._alone(low, depth)
        if (low, high, depth) in self._kept:
            return self._kept[low, high, depth]
        middle = self._split(low, high, self._places[low], depth)
        found = join(self._subtree(low, middle, depth + 1), self._subtree(middle, high, depth + 1))
        if high - low >= _WORTH_KEEPING:
            self._kept[low, high, depth] = found
        return found

    def _alone(self, at: int, depth: int) -> bytes:
        """Return the root at a depth over one place that is taken, the rest being empty."""
        place, found = self._places[at], leaf_hash(bytes(self._entries[at]))
        for above in reversed(range(depth, DEPTH)):
            found = join(EMPTY, found) if _bit(place, above) else join(found, EMPTY)
        return found


def check_last(resident: bytes, last: LastEntry | None, path: Sequence[bytes], root: bytes) -> None:
    """Check what a day's root says of a pseudonym; None for one that has no entries. ProofError."""
    if len(path) != DEPTH or any(len(one) != HASH for one in path):
        raise ProofError(f"the path to a last entry has {DEPTH} hashes")
    if last is not None and last.resident != resident:
        raise ProofError("the last entry is another resident's")
    place = place_of(resident)
    found = leaf_hash(bytes(last)) if last else EMPTY
    for depth, sibling in zip(reversed(range(DEPTH)), path, strict=True):
        found = join(sibling, found) if _bit(place, depth) else join(found, sibling)
    if not hmac.compare_digest(found, root):
        raise ProofError(
            "the day's root does not say this of the resident: entries were left out, or the proof "
            "was changed"
        )


def join(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node; a run of empty places is empty, however long."""
    return EMPTY if left == right == EMPTY else node_hash(left, right)


def place_of(resident: bytes) -> int:
    """Return a pseudonym's place: its first 64 bits."""
    return int.from_bytes(resident[: DEPTH // 8])


def _bit(place: int, depth: int) -> int:
    return place >> (DEPTH - 1 - depth) & 1

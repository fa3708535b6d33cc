"""The Merkle tree of RFC 9162, section 2.1: hashing, a tree that grows, proofs and their checks.

Nothing here knows what an entry says. A tree of any size is grown, and checked, with as many hashes
in memory as its size has binary digits; proofs are made from whatever keeps the nodes.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

from jukihost.errors import TerminalError

HASH: Final = 32
"""The length of a hash, in bytes."""
EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162, 2.1.1)."""
MOST: Final = 64
"""The most hashes that a path has: more would be a tree of over 2^63 leaves."""

Nodes: TypeAlias = Callable[[int, int], bytes]
"""Where nodes are kept: `nodes(level, number)` is the root of the `number`th run of 2^level leaves.

Only runs that are full are asked for; level 0 is the leaves' hashes.
"""


class LogError(TerminalError):
    """The log of uses, or what was shown as coming from one, is not what it should be."""


class ProofError(LogError):
    """A proof does not prove what it is said to prove."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return sha256(b"\1" + left + right).digest()


class Tree:
    """A tree that only grows, of which the right edge is kept: one hash for each full run."""

    def __init__(self, size: int = 0, edge: Iterable[bytes] = ()) -> None:
        """Continue a tree of `size` leaves from its `edge`, the largest run first. ValueError."""
        self._size = size
        self._edge = [*edge]
        if size < 0 or len(self._edge) != size.bit_count():
            raise ValueError("an edge has one hash for each binary one of its tree's size")

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._size

    @property
    def edge(self) -> tuple[bytes, ...]:
        """The roots of its full runs, the largest first: what `Tree` continues from."""
        return tuple(self._edge)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf by its hash; return the nodes that are full now: level, number, hash."""
        number = self._size
        full = [(0, number, leaf)]
        while number & 1:
            leaf = node_hash(self._edge.pop(), leaf)
            number >>= 1
            full.append((len(full), number, leaf))
        self._edge.append(leaf)
        self._size += 1
        return full

    def root(self) -> bytes:
        """Return the root of the tree as it is."""
        return _fold(self._edge) if self._edge else EMPTY


class MemoryNodes:
    """The nodes of a tree, in memory: a `Nodes`."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.tree = Tree()
        self._kept: dict[tuple[int, int], bytes] = {}
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Append a leaf by its hash."""
        self._kept.update(((level, at), node) for level, at, node in self.tree.append(leaf))

    def __call__(self, level: int, number: int) -> bytes:
        """Return a node. KeyError for one that is not full."""
        return self._kept[level, number]


def edge_of(nodes: Nodes, size: int) -> list[bytes]:
    """Return the right edge of the tree of the first `size` leaves, as `Tree` takes it."""
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    return [nodes(level, (size >> level) - 1) for level in levels]


def root_of(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return _run(nodes, 0, size) if size else EMPTY


def prove_inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """Return the path from leaf `index` to the root of the first `size` leaves (RFC 9162, 2.1.3.1).

    ValueError when the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_run(nodes, middle, end))
            end = middle
        else:
            path.append(_run(nodes, start, middle))
            start = middle
    return path[::-1]


def prove_consistency(nodes: Nodes, old: int, size: int) -> list[bytes]:
    """Return the proof that the first `size` leaves begin with the first `old` (RFC 9162, 2.1.4.1).

    ValueError unless `old` is from 1 to `size`.
    """
    if not 0 < old <= size:
        raise ValueError(f"a tree of {size} leaves does not begin with one of {old}")
    path = []
    start, end, whole = 0, size, True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_run(nodes, middle, end))
            end = middle
        else:
            path.append(_run(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_run(nodes, start, end))
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf, by its hash, stands at `index` below a root (RFC 9162, 2.1.3.2).

    ProofError.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} entries has no entry {index}")
    _check_lengths(leaf, root, *path)
    at, last = index, size - 1
    for sibling in path:
        if last == 0:
            raise ProofError(f"the path of entry {index} is too long for a tree of {size} entries")
        if at & 1 or at == last:
            leaf = node_hash(sibling, leaf)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        at, last = at >> 1, last >> 1
    if last or not hmac.compare_digest(leaf, root):
        raise ProofError(
            f"entry {index} is not in the tree of {size} entries that was signed: the entry or its "
            "proof was changed"
        )


def check_consistency(
    old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the tree under `root` begins with the one under `old_root` (RFC 9162, 2.1.4.2).

    ProofError; for an `old` of 0 too, since every tree begins with the empty one.
    """
    if not 0 < old <= size:
        raise ProofError(f"a tree of {size} entries cannot be shown to continue one of {old}")
    _check_lengths(old_root, root, *path)
    if old == size:
        if path or not hmac.compare_digest(old_root, root):
            raise ProofError(f"two trees of {size} entries differ: this log has two histories")
        return
    if not path:
        raise ProofError(f"nothing shows that the tree of {size} entries continues that of {old}")
    found, found_old = _recompute(old, size, [old_root, *path] if old.bit_count() == 1 else path)
    if not (hmac.compare_digest(found, root) and hmac.compare_digest(found_old, old_root)):
        raise ProofError(
            f"the tree of {size} entries does not continue that of {old}: this log has two "
            "histories, or the proof was changed"
        )


def _recompute(old: int, size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the whole tree and of the old one, as a proof has them. ProofError."""
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    found = found_old = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError(f"the proof is too long for trees of {old} and {size} entries")
        if at & 1 or at == last:
            found, found_old = node_hash(sibling, found), node_hash(sibling, found_old)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofError(f"the proof is too short for trees of {old} and {size} entries")
    return found, found_old


def _check_lengths(*hashes: bytes) -> None:
    if any(len(found) != HASH for found in hashes):
        raise ProofError(f"a hash has {HASH} bytes")


def _split(width: int) -> int:
    """Return the largest power of two that is smaller than `width`."""
    return int(1 << (width - 1).bit_length() - 1)


def _run(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the root of the leaves from `start` up to `end`, a run as RFC 9162 splits them."""
    width = end - start
    if width.bit_count() == 1:
        level = width.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(width)
    return node_hash(_run(nodes, start, middle), _run(nodes, middle, end))


def _fold(edge: Sequence[bytes]) -> bytes:
    root = edge[-1]
    for left in reversed(edge[:-1]):
        root = node_hash(left, root)
    return root

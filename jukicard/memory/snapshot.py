"""A card's memory at one instant: what forks start from, and the bytes that outlive the process.

The byte format, version 1 (all numbers unsigned, big-endian):

    8   magic 89 4A 55 4B 49 0D 0A 1A   "JUKI" between bytes that a text-mode copy would damage
    2   version
    8   length of the body
    32  SHA-256 of the 18 bytes above and the body
    n   body: count (4), then for each partition its name, count (4), then key and value each;
        names, keys and values are a length (4) and that many bytes; both levels in ascending order

The partition with the empty name holds the meta entries, its values in UTF-8. The digest finds
accidents, not forgers, and nothing is encrypted: the bytes are as secret as the card.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn, Self, final

from jukicard.memory.backend import META, Contents, check_name, check_value, describe
from jukicard.memory.image import ImageError, ImageProblem, damaged, newer_format

MAGIC: Final = b"\x89JUKI\r\n\x1a"
VERSION: Final = 1
_PREFIX: Final = struct.Struct(">8sHQ")
_COUNT: Final = struct.Struct(">I")
_DIGEST_SIZE: Final = 32
_WHAT: Final = "the snapshot"
_NO_META: Final[Mapping[str, str]] = MappingProxyType({})


@final
class MemorySnapshot:
    """Immutable contents of a card's memory: partitions of named values, and a `meta` mapping.

    Forks share its values. `meta` is opaque text about the card (its profile's name, for example);
    it must not hold secrets, since it is listed without opening the card.

    Raises `TypeError` and `ValueError` for a name that is not ASCII or empty, or a value that is
    not `bytes`.
    """

    __slots__ = ("_meta", "_partitions")

    def __init__(
        self,
        partitions: Mapping[str, Mapping[str, bytes]],
        meta: Mapping[str, str] = _NO_META,
    ) -> None:
        for name, values in partitions.items():
            check_name(name)
            if name == META:
                raise ValueError("a partition has a name")
            for key, value in values.items():
                check_name(key)
                check_value(value)
        self._partitions = {name: dict(values) for name, values in partitions.items() if values}
        self._meta = _checked_meta(meta)

    @classmethod
    def adopt(cls, partitions: Contents, meta: Mapping[str, str]) -> Self:
        """Take over dictionaries that nobody else will change; the fast way, without checks."""
        snapshot = cls.__new__(cls)
        snapshot._partitions = partitions
        snapshot._meta = meta
        return snapshot

    @property
    def meta(self) -> Mapping[str, str]:
        """What was written about the card when it was made; read-only."""
        return self._meta

    @property
    def partitions(self) -> Mapping[str, Mapping[str, bytes]]:
        """The values by partition and key; read-only."""
        views = {name: MappingProxyType(values) for name, values in self._partitions.items()}
        return MappingProxyType(views)

    def with_meta(self, meta: Mapping[str, str]) -> MemorySnapshot:
        """Return a snapshot of the same values, which it shares, with another `meta`."""
        return MemorySnapshot.adopt(self._partitions, _checked_meta(meta))

    def copies(self) -> Contents:
        """Return the partitions in dictionaries of the caller's own; the values are shared."""
        return {name: values.copy() for name, values in self._partitions.items()}

    def contents(self) -> Contents:
        """Return what a backend keeps: the partitions, and the meta entries as one more."""
        contents = self.copies()
        if self._meta:
            contents[META] = {key: text.encode() for key, text in self._meta.items()}
        return contents

    def export_with_keys(self) -> bytes:
        """Return the version 1 image; equal snapshots give equal bytes.

        In it, and not encrypted, is all that the card keeps without power: private keys, the keys
        of systems, PINs with their counters, the resident record code, certificates, and where a
        seeded generator stood. Who has these bytes has the card. No other call writes them:
        a snapshot is not pickled or copied, and its repr shows sizes only.
        """
        body = _encode(self.contents())
        prefix = _PREFIX.pack(MAGIC, VERSION, len(body))
        return prefix + hashlib.sha256(prefix + body).digest() + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read an image made by `export_with_keys`, of this release or of an older one.

        Raises `ImageError` when it is foreign, truncated, damaged or from a newer version.
        """
        contents = _decode(_Reader(_checked_body(data)))
        meta = meta_of(contents.pop(META, {}))
        return cls.adopt(contents, meta)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MemorySnapshot):
            return NotImplemented
        return self._partitions == other._partitions and self._meta == other._meta

    # Comparing contents is for tests; as a dictionary's key a snapshot has no use.
    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a snapshot holds keys: only export_with_keys writes them out")

    def __repr__(self) -> str:
        return f"<MemorySnapshot, {describe(self._partitions)}>"


def _checked_meta(meta: Mapping[str, str]) -> Mapping[str, str]:
    for key, text in meta.items():
        check_name(key)
        text.encode()  # refuses what UTF-8 cannot hold
    return MappingProxyType(dict(meta))


def meta_of(values: Mapping[str, bytes]) -> Mapping[str, str]:
    """Return the meta entries that a backend keeps as bytes. Raises `ImageError`."""
    if not values:
        return _NO_META
    try:
        return MappingProxyType({key: value.decode() for key, value in values.items()})
    except UnicodeDecodeError:
        raise damaged("the image", "its meta is not text") from None


def _encode(contents: Contents) -> bytes:
    parts = [_COUNT.pack(len(contents))]
    for name in sorted(contents):
        values = contents[name]
        parts += [_counted(name.encode()), _COUNT.pack(len(values))]
        for key in sorted(values):
            parts += [_counted(key.encode()), _counted(values[key])]
    return b"".join(parts)


def _counted(value: bytes) -> bytes:
    return _COUNT.pack(len(value)) + value


def _truncated(data: bytes, wanted: int) -> ImageError:
    return ImageError(
        ImageProblem.TRUNCATED,
        f"the snapshot is truncated (has {len(data)} bytes of at least {wanted}): "
        "use a complete copy of it",
    )


def _checked_body(data: bytes) -> bytes:
    """Return the body of an image whose magic, version, length and digest are right."""
    start = _PREFIX.size + _DIGEST_SIZE
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise ImageError(ImageProblem.FOREIGN, "this is not a jukicard snapshot: choose another")
    if len(data) < start:
        raise _truncated(data, start)
    _, version, length = _PREFIX.unpack_from(data)
    if version > VERSION:
        raise newer_format(_WHAT, version, VERSION)
    if version < 1:
        raise damaged(_WHAT, "format 0")
    body = data[start:]
    if len(body) < length:
        raise _truncated(data, start + length)
    if len(body) > length:
        raise damaged(_WHAT, "has bytes after its end")
    if hashlib.sha256(data[: _PREFIX.size] + body).digest() != data[_PREFIX.size : start]:
        raise damaged(_WHAT, "wrong digest")
    return body


class _Reader:
    """Takes counted fields off the front of a body, and refuses to run over its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._body[self._at : self._at + size]
        if len(piece) != size:
            raise damaged(_WHAT, "a field runs over the end")
        self._at += size
        return piece

    def count(self) -> int:
        number: int = _COUNT.unpack(self.take(_COUNT.size))[0]
        return number

    def counted(self) -> bytes:
        return self.take(self.count())

    def name(self, after: str | None) -> str:
        """Take a name that follows `after`. Interned: all cards use the same few names."""
        raw = self.counted()
        if not raw.isascii():
            raise damaged(_WHAT, "a name is not ASCII")
        name = sys.intern(raw.decode("ascii"))
        if after is not None and name <= after:
            raise damaged(_WHAT, "names are not in ascending order")
        return name

    def finish(self) -> None:
        if self._at != len(self._body):
            raise damaged(_WHAT, "has bytes after its last field")


def _decode(reader: _Reader) -> Contents:
    contents: Contents = {}
    name = None
    for _ in range(reader.count()):
        name = reader.name(after=name)
        contents[name] = _decode_values(reader)
    reader.finish()
    return contents


def _decode_values(reader: _Reader) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    key = None
    for _ in range(reader.count()):
        key = reader.name(after=key)
        values[key] = reader.counted()
    if not values:
        raise damaged(_WHAT, "a partition is empty")
    return values

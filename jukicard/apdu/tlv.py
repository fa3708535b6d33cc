"""BER-TLV and SIMPLE-TLV data objects: strict, lossless, one way to write each value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

MAX_TAG_BYTES: Final = 3
"""A tag field has one to three bytes (ISO/IEC 7816-4:2020, 6.3)."""
MAX_DEPTH: Final = 32
"""How deep `Tlv.walk` follows templates; far beyond anything real, and short of hostile nesting."""


class TlvError(ValueError):
    """The bytes are no well-formed data object; the text says what is wrong and where."""


class Tlv:
    """One data object: `tag` (as the number its bytes spell, 0x5F24) and `value`.

    Strict: definite lengths of at most four bytes in their shortest form, tags of at most three
    bytes. What was accepted encodes again to the same bytes. The repr shows no value.

    One leniency: a number below 31 in a tag of two bytes is accepted, although it would fit into
    one, because the logical data structure of passports has such a tag (5F01, ICAO Doc 9303-10).
    """

    __slots__ = ("tag", "value")

    tag: int
    value: bytes

    def __init__(self, tag: int, value: bytes | Iterable[Tlv] = b"") -> None:
        """Make a data object; a constructed one may be given its children instead of bytes.

        ValueError when the tag is none, or children are given to a primitive tag.
        """
        encode_tag(tag)
        if not isinstance(value, (bytes, bytearray, memoryview)):
            if not is_constructed(tag):
                raise ValueError(f"tag {tag:X} is primitive and has no children")
            value = b"".join(child.encode() for child in value)
        self.tag = tag
        self.value = bytes(value)

    @classmethod
    def parse(cls, raw: bytes) -> Tlv:
        """Read exactly one data object that fills `raw`; TlvError otherwise."""
        tlv, end = cls.parse_first(raw)
        if end != len(raw):
            raise TlvError(f"{len(raw) - end} bytes follow the data object")
        return tlv

    @classmethod
    def parse_first(cls, raw: bytes, offset: int = 0) -> tuple[Tlv, int]:
        """Read the data object at `offset`; return it and where it ends. TlvError."""
        tag, position = _read_tag(raw, offset)
        length, position = read_length(raw, position)
        end = position + length
        if end > len(raw):
            raise TlvError(
                f"data object {tag:X} at {offset} says {length} bytes, "
                f"{len(raw) - position} are there"
            )
        tlv = object.__new__(cls)
        tlv.tag = tag
        tlv.value = bytes(raw[position:end])
        return tlv, end

    @classmethod
    def parse_all(cls, raw: bytes) -> list[Tlv]:
        """Read data objects one after the other to the end of `raw`; TlvError."""
        found = []
        offset = 0
        while offset < len(raw):
            tlv, offset = cls.parse_first(raw, offset)
            found.append(tlv)
        return found

    @property
    def constructed(self) -> bool:
        """True when the value is itself data objects."""
        return is_constructed(self.tag)

    @property
    def children(self) -> list[Tlv]:
        """The data objects inside; TlvError when primitive or not well-formed."""
        if not self.constructed:
            raise TlvError(f"data object {self.tag:X} is primitive and has no children")
        return Tlv.parse_all(self.value)

    def find(self, *path: int) -> Tlv | None:
        """Return the first data object at the path of tags below this one, or None."""
        here = self
        for tag in path:
            child = next((child for child in here.children if child.tag == tag), None)
            if child is None:
                return None
            here = child
        return here

    def walk(self) -> Iterator[Tlv]:
        """Yield this data object and, depth first, all below it.

        TlvError when one is not well-formed or lies more than MAX_DEPTH templates deep.
        """
        waiting = [(self, 0)]
        while waiting:
            tlv, depth = waiting.pop()
            yield tlv
            if tlv.constructed:
                if depth == MAX_DEPTH:
                    raise TlvError(f"templates are nested more than {MAX_DEPTH} deep")
                waiting += [(child, depth + 1) for child in reversed(tlv.children)]

    def encode(self) -> bytes:
        """Return tag, length and value."""
        return encode_tag(self.tag) + encode_length(len(self.value)) + self.value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tlv):
            return NotImplemented
        return self.tag == other.tag and self.value == other.value

    def __hash__(self) -> int:
        return hash((self.tag, self.value))

    def __repr__(self) -> str:
        return f"<Tlv {self.tag:X}, {len(self.value)} bytes>"


def tag_bytes_of(tag: int) -> int:
    """Return how many bytes a tag number has."""
    return max(1, (tag.bit_length() + 7) // 8)


def is_constructed(tag: int) -> bool:
    """Tell whether a tag says that its value is data objects (bit 6 of the first byte)."""
    return bool(tag >> 8 * (tag_bytes_of(tag) - 1) & 0x20)


@lru_cache(maxsize=256, typed=True)
def encode_tag(tag: int) -> bytes:
    """Return the bytes of a tag; ValueError unless the number spells exactly one tag field."""
    if tag > 0:
        raw = tag.to_bytes(tag_bytes_of(tag), "big")
        try:
            if _read_tag(raw, 0) == (tag, len(raw)):
                return raw
        except TlvError:
            pass
    raise ValueError(f"{tag:X} is no BER-TLV tag of one to {MAX_TAG_BYTES} bytes")


def encode_length(length: int) -> bytes:
    """Return the shortest length field (ISO/IEC 7816-4:2020, 6.3, table 17)."""
    if length < 0x80:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    if size > 4:
        raise ValueError(f"a length field cannot say {length}")
    return bytes((0x80 | size,)) + length.to_bytes(size, "big")


def read_length(raw: bytes, offset: int = 0) -> tuple[int, int]:
    """Read a length field; return the length and where the field ends. TlvError."""
    if offset >= len(raw):
        raise TlvError(f"no length field at {offset}")
    first = raw[offset]
    offset += 1
    if first < 0x80:
        return first, offset
    size = first & 0x7F
    if size == 0:
        raise TlvError("the indefinite length is not allowed (ISO/IEC 7816-4:2020, 6.3)")
    if size > 4:
        raise TlvError(f"a length field of {size} bytes; at most four are allowed")
    if offset + size > len(raw):
        raise TlvError("the length field is cut short")
    length = int.from_bytes(raw[offset : offset + size], "big")
    if length < 0x80 or length >> 8 * (size - 1) == 0:
        raise TlvError(f"length {length} is not in its shortest form")
    return length, offset + size


def _read_tag(raw: bytes, offset: int) -> tuple[int, int]:
    if offset >= len(raw):
        raise TlvError(f"no tag at {offset}")
    tag = raw[offset]
    if tag == 0x00:  # padding, never a tag (ISO/IEC 7816-4:2020, 6.3)
        raise TlvError(f"00 at {offset} is no tag")
    offset += 1
    if tag & 0x1F != 0x1F:
        return tag, offset
    start = offset - 1
    while True:
        if offset >= len(raw):
            raise TlvError(f"the tag at {start} is cut short")
        byte = raw[offset]
        if offset == start + 1 and byte & 0x7F == 0:
            raise TlvError(f"the tag at {start} begins its number with zeros")
        tag = tag << 8 | byte
        offset += 1
        if not byte & 0x80:
            return tag, offset
        if offset - start >= MAX_TAG_BYTES:
            raise TlvError(f"the tag at {start} has more than {MAX_TAG_BYTES} bytes")


def encode_simple(number: int, value: bytes) -> bytes:
    """Return a SIMPLE-TLV data object: tag 1 to 254, up to 65535 bytes of value.

    ISO/IEC 7816-4:2020, 6.2. ValueError when it cannot be written.
    """
    if not 1 <= number <= 254:
        raise ValueError(f"a SIMPLE-TLV tag is 1 to 254, not {number}")
    if len(value) < 255:
        return bytes((number, len(value))) + value
    if len(value) > 65_535:
        raise ValueError(f"a SIMPLE-TLV value has at most 65535 bytes, not {len(value)}")
    return bytes((number, 0xFF)) + len(value).to_bytes(2, "big") + value


def parse_simple(raw: bytes) -> list[tuple[int, bytes]]:
    """Read SIMPLE-TLV data objects to the end of `raw` as (tag, value); TlvError."""
    found = []
    offset = 0
    while offset < len(raw):
        number = raw[offset]
        if number in (0x00, 0xFF):
            raise TlvError(f"{number:02X} at {offset} is no SIMPLE-TLV tag")
        if offset + 2 > len(raw):
            raise TlvError(f"no length after the tag at {offset}")
        length = raw[offset + 1]
        start = offset + 2
        if length == 0xFF:
            if start + 2 > len(raw):
                raise TlvError("the length field is cut short")
            length = raw[start] << 8 | raw[start + 1]
            start += 2
            if length < 255:
                raise TlvError(f"length {length} is not in its shortest form")
        if start + length > len(raw):
            raise TlvError(f"data object {number:02X} at {offset} is cut short")
        found.append((number, bytes(raw[start : start + length])))
        offset = start + length
    return found

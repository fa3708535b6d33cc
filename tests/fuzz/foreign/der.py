"""Spoiling DER with its lengths kept right, so that what is inside is reached.

Written from ITU-T X.690 for these tests; reads anything and never complains.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.fuzz.foreign.mutations import BYTES, spoil


@dataclass
class Node:
    """A data object: its tag bytes, and its content or, where that is data objects, those.

    Without a tag the content is a whole object. `before` is what stands in front of objects in a
    primitive one: the unused bits of a bit string.
    """

    tag: bytes
    content: bytes = b""
    children: list[Node] = field(default_factory=list)
    before: bytes = b""

    def encode(self) -> bytes:
        """Return it with right lengths."""
        if not self.tag:
            return self.content
        inside = self.content
        if self.children:
            inside = self.before + b"".join(child.encode() for child in self.children)
        return self.tag + length(len(inside)) + inside

    def walk(self) -> Iterator[Node]:
        """Yield it and everything inside."""
        yield self
        for child in self.children:
            yield from child.walk()


def length(size: int) -> bytes:
    """Return the length field."""
    if size < 0x80:
        return bytes((size,))
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(raw),)) + raw


def parse(data: bytes, depth: int = 0) -> list[Node] | None:
    """Return the data objects that `data` is, None when it is none, or too deep to be followed."""
    if depth > _DEEPEST:
        return None
    nodes = []
    while data:
        start = 1
        if data[0] & 0x1F == 0x1F:
            while start < len(data) and data[start] & 0x80:
                start += 1
            start += 1
        if start >= len(data):
            return None
        size, at = data[start], start + 1
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            return None
        nodes.append(_node(data[:start], data[at : at + size], depth))
        data = data[at + size :]
    return nodes


_OCTETS: Final = b"\x04"
_BITS: Final = b"\x03"
_DEEPEST: Final = 60


def _node(tag: bytes, content: bytes, depth: int) -> Node:
    node = Node(tag, content)
    inside: list[Node] | None = None
    if tag[0] & 0x20 or (tag == _OCTETS and content[:1] in (b"\x30", b"\x03", b"\x04", b"\x0a")):
        inside = parse(content, depth + 1)
    elif tag == _BITS and content[:2] == b"\x00\x30":
        node.before, inside = b"\x00", parse(content[1:], depth + 1)
    if inside:
        node.children = inside
    return node


def _hex(text: str) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, text.split()))


ODD_TAGS: Final = _hex(
    """00 01 02 03 04 05 06 09 0A 0C 13 14 16 17 18 1C 1E 30 31 80 81 82 86 A0 A1 A3 A4 A5 BF7F
    1F01 24 23"""
)
ODD_CONTENTS: Final = (
    # numbers, truth, nothing
    *_hex("00 01 FF 7F 80 0000 FFFF 00FF 8000000000000000000000"),
    b"",
    b"\x00" * 300,
    b"\xff" * 5000,
    # object identifiers: of keys, names and extensions, and some that are none
    *_hex(
        """2A 2A8648 2A864886F70D010101 2A864886F70D01010A 2A864886F70D01010F 2A8648CE3D0201 2B6570
        2B656E 550407 551D0F 551D11 551D13 551D1F 551D20 551D1E 551D24 551D2E 2B06010505070101
        2B0601040185D679020402 8001 FFFFFFFFFFFFFFFFFF7F"""
    ),
    # times
    b"991231235959Z",
    b"000000000000Z",
    b"99991231235959Z",
    b"20260230000000",
    b"20260201000000.5Z",
    # text in several encodings, and what is none
    "a@é".encode(),
    "あ".encode(),
    "あ".encode("utf-16-be"),
    b"\xd8\x00",
    b"\x00\xd8",
    b"\xf4\x90\x80\x80",
    b"\xef\xbf\xbe",
    b"\x1b[2J",
    b"A" * 70,
    b"a.\x00b",
    b"http://[::1",
    b"https://[",
)


ODD_OBJECTS: Final = _hex(
    """030100 03020001 0303000102 0500 0101FF 010101 0A0101 090380FB05 A3023000 A5023000 8201FF
    A000 3000 3100 0600 0C00 1E0141 1700 1800 BF7F00"""
)
"""Whole objects: bit strings where text is, names of other forms, and empty ones."""
_ODD_LENGTHS: Final = _hex("80 8100 8200FF 84FFFFFFFF 8800000000000000FF FF 7F 00")


def structure(chance: random.Random, data: bytes) -> bytes:
    """Change one object of a structure: its tag, content, place or number."""
    nodes = parse(data)
    if not nodes:
        return spoil(chance, data)
    every = [node for top in nodes for node in top.walk()]
    node = chance.choice(every)
    parents = [it for it in every if len(it.children) > 0]
    parent = chance.choice(parents) if parents else node
    match chance.randrange(12):
        case 0:
            node.tag = chance.choice(ODD_TAGS)
        case 1 | 2 | 3:
            node.children, node.content = [], chance.choice(ODD_CONTENTS)
        case 4 if parent.children:
            del parent.children[chance.randrange(len(parent.children))]
        case 5 if parent.children:
            at = chance.randrange(len(parent.children))
            parent.children.insert(at, parent.children[at])
        case 6 if parent.children:
            chance.shuffle(parent.children)
        case 7 if parent.children:
            copy = Node(b"", chance.choice(every).encode())
            parent.children[chance.randrange(len(parent.children))] = copy
        case 8:
            node.children, node.content = [], spoil(chance, node.content, BYTES)
        case 9:
            deep = Node(b"\x05")
            for _ in range(chance.choice((3, 100, 1000))):
                deep = Node(b"\x30", deep.encode())
            node.children, node.content = [], deep.encode()
        case 10:
            node.tag, node.children, node.content = b"", [], chance.choice(ODD_OBJECTS)
        case _:
            return _wrong_length(chance, data)
    return b"".join(top.encode() for top in nodes)


def _wrong_length(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(1, max(2, len(data) - 1))
    new = chance.choice(_ODD_LENGTHS)
    return data[:at] + new + data[at + 1 :]

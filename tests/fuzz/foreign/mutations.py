"""Spoiling bytes and text: what lines, networks and attackers do to a file.

Every function takes the source of chance first; the same source gives the same result.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from lxml import etree

Mutation = Callable[[random.Random, bytes], bytes]

ODD_BYTES: Final = b"\x00\x01\x1b\x20\x2d\x30\x3c\x7f\x80\x81\x82\x84\x9b\xa0\xbf\xc0\xff"
ODD_NUMBERS: Final = (
    "0", "1", "-1", "9", "255", "65536", "2147483647", "-2147483648", "4294967296",
    "99999999999999999999", "1e9", "0x10", "00000000001",
)  # fmt: skip


def flip(chance: random.Random, data: bytes) -> bytes:
    """One bit."""
    at = chance.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << chance.randrange(8),)) + data[at + 1 :]


def overwrite(chance: random.Random, data: bytes) -> bytes:
    """One byte, by one that means something somewhere."""
    at = chance.randrange(len(data))
    return data[:at] + bytes((chance.choice(ODD_BYTES),)) + data[at + 1 :]


def insert(chance: random.Random, data: bytes) -> bytes:
    """A few bytes more."""
    at = chance.randrange(len(data) + 1)
    more = bytes(chance.choice(ODD_BYTES) for _ in range(chance.choice((1, 1, 2, 8, 300))))
    return data[:at] + more + data[at:]


def delete(chance: random.Random, data: bytes) -> bytes:
    """A few bytes less."""
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 1, 2, 7, 100)) :]


def cut(chance: random.Random, data: bytes) -> bytes:
    """The end is missing."""
    return data[: chance.randrange(len(data))]


def repeat(chance: random.Random, data: bytes) -> bytes:
    """A part twice."""
    at = chance.randrange(len(data))
    piece = data[at : at + chance.choice((1, 16, 200, len(data)))]
    return data[:at] + piece + data[at:]


BYTES: Final[tuple[Mutation, ...]] = (flip, flip, overwrite, insert, delete, cut, repeat)


def spoil(chance: random.Random, data: bytes, kinds: Sequence[Mutation] = BYTES) -> bytes:
    """Spoil data in one, two or three places."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            data = chance.choice(kinds)(chance, data)
    return data


# --- text with lines and words ---


def lines(chance: random.Random, data: bytes) -> bytes:
    """Lines twice, away, or changed with another."""
    found = data.split(b"\n")
    at, other = chance.randrange(len(found)), chance.randrange(len(found))
    match chance.randrange(4):
        case 0:
            found.insert(other, found[at])
        case 1:
            del found[at]
        case 2:
            found[at], found[other] = found[other], found[at]
        case _:
            found[at] = found[at].strip() + b" " + found[other].strip()
    return b"\n".join(found)


def line_ends(chance: random.Random, data: bytes) -> bytes:
    """Line ends and marks of other systems."""
    return chance.choice(
        (
            lambda: data.replace(b"\n", b"\r\n"),
            lambda: data.replace(b"\n", b"\r"),
            lambda: data.replace(b"\n", b""),
            lambda: b"\xef\xbb\xbf" + data,
            lambda: b"\n\n" + data + b"\n\n",
            lambda: data.decode("latin-1").encode("utf-16"),
            lambda: data.decode("latin-1").encode("utf-8"),
        )
    )()


def words(tokens: Sequence[bytes]) -> Mutation:
    """Return what puts one of the words anywhere, or where another one is."""

    def put(chance: random.Random, data: bytes) -> bytes:
        token = chance.choice(tokens)
        there = [it for it in tokens if it and it in data]
        if there and chance.random() < 0.5:
            old = chance.choice(there)
            return data.replace(old, token, chance.choice((1, 1, -1)))
        at = chance.randrange(len(data) + 1)
        return data[:at] + token + data[at:]

    return put


def numbers(chance: random.Random, data: bytes) -> bytes:
    """Another number where one is."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data
    one = chance.choice(found)
    new = chance.choice((*ODD_NUMBERS, str(int(one[0][:18]) + chance.choice((-1, 1, 7)))))
    return data[: one.start()] + new.encode() + data[one.end() :]


# --- XML ---

_ODD_TEXTS: Final = (
    "",
    "1",
    " ",
    "#",
    "#t",
    "あ",
    "A" * 3000,
    "\n",
    "http://a.example/",
    "--",
    "]]>",
)


def xml_tree(chance: random.Random, data: bytes) -> bytes:
    """An XML document with an element or attribute that is another, elsewhere, missing or twice."""
    try:
        root = etree.fromstring(data)
    except (etree.XMLSyntaxError, ValueError):
        return data
    every = list(root.iter(etree.Element))
    one, other = chance.choice(every), chance.choice(every)
    parent = one.getparent()
    match chance.randrange(8):
        case 0 if parent is not None:
            parent.remove(one)
        case 1 if parent is not None:
            parent.insert(0, copy.deepcopy(chance.choice(every)))
        case 2:
            other.append(copy.deepcopy(one))
        case 3:
            one.text = chance.choice(_ODD_TEXTS)
        case 4 if one.attrib:
            one.set(chance.choice(list(one.attrib)), chance.choice(_ODD_TEXTS))
        case 5 if one.attrib:
            del one.attrib[chance.choice(list(one.attrib))]
        case 6:
            one.tag = chance.choice([it.tag for it in every])
        case _:
            one.set(chance.choice(("Id", "ID", "URI", "Algorithm")), chance.choice(_ODD_TEXTS))
    return bytes(etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True))


# --- JSON ---

ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1.0, 1.5, 10**30, "", "0", "00", "zz", "\ud800", "é", [], {}, [[]], "A" * 70,
)  # fmt: skip


_DEEP: Final = "where something very deep goes"


def json_values(chance: random.Random, data: bytes) -> bytes:
    """A JSON document with a value that is another, missing, twice, or very deep."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places = list(_places(document))
    if not places:
        return data
    holder, key = chance.choice(places)
    match chance.randrange(4):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1:
            holder[key] = _DEEP
        case 2 if isinstance(holder, list):
            holder.append(holder[key])
        case _:
            holder[key] = chance.choice(ODD_VALUES)
    depth = chance.choice((10, 400, *range(900, 1000)))
    text = json.dumps(document, indent=1) + "\n"
    return text.replace(f'"{_DEEP}"', "[" * depth + "]" * depth).encode()


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])

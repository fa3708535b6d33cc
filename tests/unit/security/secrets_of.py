"""Finds a card's secrets in texts: whatever way they are written, and in every object's repr."""

from __future__ import annotations

import base64
import gc
import re
from collections import deque
from collections.abc import Iterable, Iterator
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MappingProxyType,
    ModuleType,
)
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

CHUNK: Final = 8
"""So many bytes of a secret in a row are the secret."""
_ADDRESS: Final = re.compile(r"\b0x[0-9a-f]+\b")
_SPACES: Final = re.compile(r"[\s:_-]+")


class Secret(NamedTuple):
    """A secret with its name, and every way in which a text could say it."""

    name: str
    needles: frozenset[str]


def of_text(name: str, text: str) -> Secret:
    """A PIN or code: its characters, and their bytes in hexadecimal."""
    return Secret(name, frozenset({text.lower(), text.encode().hex()}))


def of_bytes(name: str, raw: bytes) -> Secret:
    """A key or a part of one: hexadecimal, base64 at any place, as bytes are printed, a number."""
    chunks = [raw[at : at + CHUNK] for at in (0, len(raw) // 2, len(raw) - CHUNK)]
    needles = {chunk.hex() for chunk in chunks}
    for shift in range(3):
        part = raw[shift : shift + 15]
        needles.add(base64.b64encode(part).decode()[:-4].lower())
        needles.add(base64.urlsafe_b64encode(part).decode()[:-4].lower())
    needles.add(_SPACES.sub("", repr(raw[: 2 * CHUNK])[2:-1].lower()))
    needles.add(str(int.from_bytes(raw, "big"))[: 2 * CHUNK])
    return Secret(name, frozenset(needles))


def of_private_key(name: str, der: bytes) -> list[Secret]:
    """A private key: its DER, and each of its numbers that the public key does not have."""
    key = load_der_private_key(der, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        parts = {"d": key.private_numbers().private_value}
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        numbers = key.private_numbers()
        parts = {part: getattr(numbers, part) for part in ("d", "p", "q", "dmp1", "dmq1", "iqmp")}
    found = [
        of_bytes(f"{name}, {part}", number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for part, number in parts.items()
    ]
    return [*found, of_bytes(f"{name}, DER", der[-64:])]


def shown(texts: Iterable[str], secrets: Iterable[Secret]) -> set[str]:
    """The names of the secrets that a text shows, however it spaces them."""
    known = tuple(secrets)
    assert known
    found: set[str] = set()
    for text in texts:
        plain = _SPACES.sub("", _ADDRESS.sub("", text).lower())
        found |= {name for name, needles in known if any(needle in plain for needle in needles)}
    return found


_NO_FURTHER: Final = (ModuleType, type, FunctionType, BuiltinFunctionType, CodeType, FrameType)
_BARE: Final = (bytes, bytearray, int, float, bool, type(None))
_CONTAINERS: Final = (dict, list, tuple, set, frozenset, deque, MappingProxyType)


def reachable(*roots: object) -> Iterator[object]:
    """Every object that can be reached from these through attributes, containers and closures."""
    seen: dict[int, object] = {}
    waiting: list[object] = list(roots)
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        yield item
        if isinstance(item, FunctionType):
            waiting += [cell.cell_contents for cell in item.__closure__ or () if _filled(cell)]
        elif isinstance(item, BuiltinFunctionType):
            waiting.append(item.__self__)
        elif not isinstance(item, _NO_FURTHER):
            waiting += gc.get_referents(item)


def _filled(cell: object) -> bool:
    try:
        getattr(cell, "cell_contents")  # noqa: B009  # a property that may raise
    except ValueError:
        return False
    return True


def texts_of(*roots: object) -> Iterator[str]:
    """The repr and str of every reachable object but the bare values that a card must hold.

    The memory's own bytes, and plain containers of them, are no text; every string is.
    """
    for item in reachable(*roots):
        if isinstance(item, str):
            yield item
        elif type(item) not in (*_BARE, *_CONTAINERS) and not isinstance(item, _NO_FURTHER):
            yield repr(item)
            yield str(item)

"""Keys that somebody could compute from what is printed on the card: refused before it is made.

Keys of travel documents and residence cards are derived from printed data, so whoever overhears a
session can search for them offline. A system's key here is random, or it is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime

    from jukicard.synthetic.person import Person


def printed_items(person: Person, serial: str, expires: datetime.date) -> tuple[str, ...]:
    """Return what can be read on a card's face or is told to anyone."""
    return (
        serial,
        f"{expires:%Y%m%d}",
        f"{expires:%y%m%d}",
        f"{person.birth:%Y%m%d}",
        f"{person.birth:%y%m%d}",
        person.birth_number,
        person.municipality.code,
        person.name,
        person.address,
        person.resident_code,
        person.individual_number,
        person.security_code,
    )


def derived_keys(items: Iterable[str]) -> Iterator[bytes]:
    """Yield the keys of up to 32 bytes that the usual derivations make of printed items.

    Each item, and each two and three of the short ones one after the other: the text itself
    padded, its hashes, and the keys of ICAO Doc 9303-11, 9.7.1 from it.
    """
    texts = [item.encode() for item in items]
    short = [text for text in texts if len(text) <= 9]
    joined = (b"".join(part) for size in (2, 3) for part in permutations(short, size))
    for text in chain(texts, joined):
        yield from _derivations(text)


def _derivations(text: bytes) -> Iterator[bytes]:
    for fill in (b"\0", b"\xff", b" "):
        yield text.ljust(16, fill)
    sha1 = hashlib.sha1(text, usedforsecurity=False).digest()
    yield sha1
    yield hashlib.sha256(text).digest()
    yield hashlib.md5(text, usedforsecurity=False).digest()
    for counter in (1, 2):  # Doc 9303-11, 9.7.1: K_seed, then K.ENC and K.MAC
        seed = sha1[:16] + counter.to_bytes(4, "big")
        yield hashlib.sha1(seed, usedforsecurity=False).digest()


def printed_purpose(masters: Mapping[str, bytes], items: Iterable[str]) -> str | None:
    """Return the purpose whose master key comes from printed data; None when there is none."""
    by_key = {master[:16]: purpose for purpose, master in masters.items()}
    for key in derived_keys(items):
        purpose = by_key.get(key[:16])
        if purpose is not None:
            return purpose
    return None

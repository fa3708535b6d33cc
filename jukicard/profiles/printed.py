"""What is printed on a card, and the keys that somebody could compute from it.

Keys of travel documents and residence cards are derived from printed data, so whoever overhears a
session can search for them offline. A system's key here is random, or it is none: one that comes
from what is printed is refused before the card is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import chain, permutations
from typing import TYPE_CHECKING, Final

from jukicard.synthetic.codes import grouped
from jukicard.synthetic.eras import written, written_gregorian
from jukicard.synthetic.person import Person, Sex

if TYPE_CHECKING:
    import datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrintedCard:
    """What anybody reads on a card, as it is printed; None where a card does not have it.

    birth: with the era and its year, for example 昭和５５年２月１７日; of a foreign resident with
    the Gregorian year, for example １９８０年２月１７日. sex: 男 or 女, empty where the register
    has neither. expires: the last day, with the Gregorian year. individual_number: three groups of
    four digits. security_code: four digits.
    """

    name: str
    expires: str
    birth: str | None = None
    sex: str | None = None
    address: str | None = None
    individual_number: str | None = None
    security_code: str | None = None


_SEXES: Final = {Sex.MALE: "男", Sex.FEMALE: "女", Sex.NOT_APPLICABLE: ""}


def printed_card(person: Person, expires: datetime.date, form: int | None) -> PrintedCard:
    """Return what is printed on a card (docs/card.md, section 6).

    form: 1 (name only) or 2 (photo and four items) of a Juki card, None: the successor.
    """
    until = written_gregorian(expires)
    if form == 1:
        return PrintedCard(name=person.name, expires=until)
    return PrintedCard(
        name=person.name,
        expires=until,
        birth=written_gregorian(person.birth) if person.is_foreign else written(person.birth),
        sex=_SEXES[person.sex],
        address=person.address,
        individual_number=None if form else grouped(person.individual_number),
        security_code=None if form else person.security_code,
    )


def printed_items(person: Person, serial: str, expires: datetime.date) -> tuple[str, ...]:
    """Return what can be read on a card's face or is told to anyone, dates in every form."""
    face = printed_card(person, expires, None)
    return (
        *(text for text in astuple(face) if text),
        serial,
        f"{expires:%Y%m%d}",
        f"{expires:%y%m%d}",
        f"{person.birth:%Y%m%d}",
        f"{person.birth:%y%m%d}",
        person.birth_number,
        person.municipality.code,
        person.resident_code,
        person.individual_number,
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

"""The digest of a card in a file, and of the list of cards: what finds that bits have changed.

Every value is hashed with its partition and its key (BLAKE2b, 256 bits), and the hashes of a card
are added up modulo 2**256. The sum, hashed once more with which card it is (number and name in the
file) and how often it was written (its generation), is what the file keeps beside the card. A write
knows the few rows it changes: it takes the hashes of the old ones off the sum and adds those of the
new ones, so no other row is read, and what it costs does not grow with the card.

Found is whatever makes the rows others than the card's last write left: a bit in a value, a name, a
type or the digest; a row that is lost, doubled, exchanged with another or taken from another card;
an older value under a newer generation, or the other way round. A sum rather than an exclusive or:
a row that is there twice would fall out of that. Not found is a file put back as a whole, and
nothing here stands against who computes it anew: there is no key that a forger would not have too.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

SIZE: Final = 32
"""Bytes of every digest."""
_MODULUS: Final = 1 << (8 * SIZE)


def of_value(partition: str, key: str, value: bytes) -> int:
    """Return the hash of one value in its place; no two places or values share an input."""
    place = f"{len(partition)},{len(key)},{partition}{key}".encode()
    return int.from_bytes(blake2b(place + value, digest_size=SIZE, person=b"juki value").digest())


def of_entry(number: int, card_id: str, meta: Mapping[str, bytes]) -> int:
    """Return the hash of what a list of cards shows of one: its name and its meta."""
    total = sum(of_value("", key, value) for key, value in meta.items())
    return int.from_bytes(_of_card(b"juki entry", number, card_id, 0, total))


def seal(number: int, card_id: str, generation: int, total: int) -> bytes:
    """Return the digest of a card whose values' hashes add up to `total`."""
    return _of_card(b"juki card", number, card_id, generation, total)


def _of_card(what: bytes, number: int, card_id: str, generation: int, total: int) -> bytes:
    text = f"{number},{generation},{total % _MODULUS},{card_id}".encode()
    return blake2b(text, digest_size=SIZE, person=what).digest()


def encode(total: int) -> bytes:
    """Return a sum as the file keeps it: modulo 2**256, big-endian."""
    return (total % _MODULUS).to_bytes(SIZE)


def decode(raw: bytes) -> int:
    """Return a sum that `encode` wrote."""
    return int.from_bytes(raw)

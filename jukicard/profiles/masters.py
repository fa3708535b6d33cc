"""Master keys of the systems that a card lets in, and the keys of one card made from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.applets.juki.files import PURPOSES
from jukicard.crypto.kdf import diversify_aes
from jukicard.crypto.symmetric import AesKey
from jukicard.runtime.keys import KeyPair, check_random
from jukicard.securemessaging.suites import Suite

_SUITES: Final = {16: Suite.AES128, 24: Suite.AES192, 32: Suite.AES256}
_ENCRYPTION: Final = b"\x01"
_AUTHENTICATION: Final = b"\x02"


def _test_master(purpose: str) -> bytes:
    return hashlib.sha256(b"jukicard test master key: " + purpose.encode()).digest()[:16]


TEST_MASTERS: Final[Mapping[str, bytes]] = {
    purpose: _test_master(purpose) for purpose in PURPOSES.values()
}
"""The masters of synthetic cards, by purpose: the first 16 bytes of SHA-256 of `jukicard test
master key: ` and the purpose. Public, so worth nothing outside a test."""


def card_keys(master: bytes, card_number: bytes, aid: Aid, version: int) -> KeyPair:
    """Return the pair that one card holds for one system: diversified, never the master itself.

    NXP AN10922; the input is card number (8 bytes), AID, version and 01 for K.ENC, 02 for K.MAC.
    ValueError when the master is no AES key or the card number has not 8 bytes; WeakKeyError for a
    master that nobody drew at random: what is diversified from it can be searched for offline.
    """
    suite = _SUITES.get(len(master))
    if suite is None:
        raise ValueError("a master key has 16, 24 or 32 bytes")
    if len(card_number) != 8:
        raise ValueError("a card number has 8 bytes")
    check_random(master)
    key = AesKey(master)
    base = card_number + aid + bytes((version,))
    return KeyPair(
        suite,
        version,
        diversify_aes(key, base + _ENCRYPTION).value,
        diversify_aes(key, base + _AUTHENTICATION).value,
    )

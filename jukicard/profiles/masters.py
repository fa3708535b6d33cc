"""Master keys of the systems that a card lets in, and the keys of one card made from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.applets.juki.files import PURPOSES
from jukicard.crypto.kdf import diversify_aes
from jukicard.crypto.symmetric import AesKey, with_odd_parity
from jukicard.kit.keys import KeyPair, check_random
from jukicard.securemessaging.suites import PARAMETERS, Suite

SUITES: Final[Mapping[str, Suite]] = {
    "MA-AES128": Suite.AES128,
    "MA-AES192": Suite.AES192,
    "MA-AES256": Suite.AES256,
    "MA-3DES": Suite.TRIPLE_DES,
}
"""The suites of mutual authentication by name; MA-AES128 is the default, MA-3DES legacy."""
_ENCRYPTION: Final = b"\x01"
_AUTHENTICATION: Final = b"\x02"


def published_master(purpose: str, suite: Suite = Suite.AES128) -> bytes:
    """Return the master of synthetic cards for a purpose, as long as the suite needs it.

    It is the first bytes of SHA-256 of `jukicard test master key: ` and the purpose. Public, so
    worth nothing outside a test.
    """
    digest = hashlib.sha256(b"jukicard test master key: " + purpose.encode()).digest()
    return digest[: master_length(suite)]


def master_length(suite: Suite) -> int:
    """Return how many bytes a suite's master key has: as many as the keys made from it."""
    return PARAMETERS[suite].key_length


TEST_MASTERS: Final[Mapping[str, bytes]] = {
    purpose: published_master(purpose) for purpose in PURPOSES.values()
}
"""The masters of synthetic cards, by purpose, for the default suite."""


def card_keys(
    master: bytes, card_number: bytes, aid: Aid, version: int, suite: Suite = Suite.AES128
) -> KeyPair:
    """Return the pair that one card holds for one system: diversified, never the master itself.

    NXP AN10922; the input is card number (8 bytes), AID, version and 01 for K.ENC, 02 for K.MAC.
    A master is an AES key in every suite: the application note's triple DES leaves room for 15
    bytes of input, and this has more. For triple DES the result gets its parity.

    ValueError when the master has not the suite's length or the card number not 8 bytes;
    WeakKeyError for a master that nobody drew at random: what is diversified from it can be
    searched for offline.
    """
    size = master_length(suite)
    if len(master) != size:
        raise ValueError(f"a master key for {suite.value} has {size} bytes")
    if len(card_number) != 8:
        raise ValueError("a card number has 8 bytes")
    check_random(master)
    base = card_number + aid + bytes((version,))
    enc, mac = (
        diversify_aes(AesKey(master), base + use).value for use in (_ENCRYPTION, _AUTHENTICATION)
    )
    if suite is Suite.TRIPLE_DES:
        enc, mac = with_odd_parity(enc), with_odd_parity(mac)
    return KeyPair(suite, version, enc, mac)

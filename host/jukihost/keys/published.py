"""The keys of synthetic cards: published, so worthless, and the shortest way to a first test."""

from __future__ import annotations

import hashlib
from typing import Final

from jukihost.keys.custody import KEY_REFERENCES, CardKeys, KeyInfo, UnknownKey
from jukihost.keys.diversification import derive_card_keys

PREFIX: Final = "jukicard test master key: "
"""With a system's name behind it, its SHA-256 begins with the master key of synthetic cards."""
MASTER_BYTES: Final = 16
SUITE: Final = "MA-AES128"
VERSION: Final = 1


def published_master(system: str) -> bytes:
    """Return the public master key that synthetic cards are made with."""
    return hashlib.sha256((PREFIX + system).encode("ascii")).digest()[:MASTER_BYTES]


class PublishedKeys:
    """A custody of the published keys, without a file: for tests against synthetic cards only."""

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        """Return a synthetic card's keys. UnknownKey, KeyUnfit."""
        self._check(system, version)
        return derive_card_keys(SUITE, published_master(system), card_number, aid, version)

    def newest_version(self, system: str) -> int:
        """Return the version that synthetic cards are made with. UnknownKey."""
        self._check(system, VERSION)
        return VERSION

    def inventory(self) -> tuple[KeyInfo, ...]:
        """Return nothing: nobody keeps these keys."""
        return ()

    @staticmethod
    def _check(system: str, version: int) -> None:
        if system not in KEY_REFERENCES or version != VERSION:
            raise UnknownKey(f"no key of {system}, version {version}, was published")

"""The keys of synthetic cards: published, so worthless, and the shortest way to a first test."""

from __future__ import annotations

import hashlib
from typing import Final

from jukihost.keys.custody import CardKeys, KeyInfo, KeyUnfit, UnknownKey, check_system
from jukihost.keys.diversification import MASTER_BYTES, derive_card_keys

PREFIX: Final = "jukicard test master key: "
"""With a system's name behind it, its SHA-256 begins with the master key of synthetic cards."""
SUITE: Final = "MA-AES128"
"""What they are for unless a card was issued with another suite."""
VERSION: Final = 1


def published_master(system: str, suite: str = SUITE) -> bytes:
    """Return the public master key that synthetic cards of a suite are made with. KeyUnfit."""
    size = MASTER_BYTES.get(suite)
    if size is None:
        raise KeyUnfit(f"there is no suite {suite}; there is {', '.join(MASTER_BYTES)}")
    return hashlib.sha256((PREFIX + system).encode("ascii")).digest()[:size]


class PublishedKeys:
    """A custody of the published keys, without a file: for tests against synthetic cards only.

    Any system has one, those of applications of one's own too.
    """

    def __init__(self, suite: str = SUITE) -> None:
        """`suite` is what the cards were issued with. KeyUnfit."""
        published_master("COUNTER", suite)
        self._suite = suite

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        """Return a synthetic card's keys. UnknownKey, KeyUnfit."""
        self._check(system, version)
        master = published_master(system, self._suite)
        return derive_card_keys(self._suite, master, card_number, aid, version)

    def newest_version(self, system: str) -> int:
        """Return the version that synthetic cards are made with. UnknownKey."""
        self._check(system, VERSION)
        return VERSION

    def inventory(self) -> tuple[KeyInfo, ...]:
        """Return nothing: nobody keeps these keys."""
        return ()

    @staticmethod
    def _check(system: str, version: int) -> None:
        check_system(system)
        if version != VERSION:
            raise UnknownKey(f"no key of {system}, version {version}, was published")

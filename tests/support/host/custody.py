"""Key custody for tests against synthetic cards: their public master keys, or others."""

from __future__ import annotations

from collections import Counter

from jukihost.keys import CardKeys, PublishedKeys
from jukihost.keys.diversification import derive_card_keys
from jukihost.keys.published import published_master


class PublicMasters(PublishedKeys):
    """Hands out the keys of synthetic cards; `others` changes every master before its use."""

    def __init__(self, others: bytes = b"", suite: str = "MA-AES128") -> None:
        super().__init__(suite)
        self._others = others

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        if not self._others:
            return super().derive_card_keys(system, card_number, aid, version)
        master = published_master(system, self._suite)
        other = bytes(a ^ b for a, b in zip(master, self._others, strict=True))
        return derive_card_keys(self._suite, other, card_number, aid, version)


class CountingMasters(PublicMasters):
    """Counts by itself what it is asked for, by system and version."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[tuple[str, int]] = Counter()

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        self.asked[system, version] += 1
        return super().derive_card_keys(system, card_number, aid, version)

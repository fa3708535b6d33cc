"""Key custody for tests against synthetic cards: their public master keys, without a file."""

from __future__ import annotations

from jukihost.keys import CardKeys, KeyInfo, UnknownKey
from jukihost.keys.diversification import derive_card_keys
from jukihost.keys.published import published_master


class PublicMasters:
    """Hands out the keys of synthetic cards; `others` changes every master before its use."""

    def __init__(self, others: bytes = b"", suite: str = "MA-AES128") -> None:
        self._others = others
        self._suite = suite

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        if version != 1:
            raise UnknownKey(f"there is no key of version {version}")
        master = published_master(system, self._suite)
        if self._others:
            master = bytes(a ^ b for a, b in zip(master, self._others, strict=True))
        return derive_card_keys(self._suite, master, card_number, aid, version)

    def newest_version(self, system: str) -> int:
        return 1

    def inventory(self) -> tuple[KeyInfo, ...]:
        return ()

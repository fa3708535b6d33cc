"""The key sets of the issuer domain: how the card keeps them, by version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.authentication.scp03 import COUNTER_LENGTH, KeySet
from jukicard.crypto.symmetric import AesKey
from jukicard.errors import IsoError
from jukicard.memory import ApplicationMemory

TEST_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
"""The well-known key of test cards: ENC, MAC and DEK of synthetic cards. Public, worth nothing."""
AES: Final = 0x88
"""The key type of AES (Card Specification 2.3.1, 11.1.8)."""
FIRST_VERSION: Final = 1
"""The version of the key set that a card is made with."""
MOST_VERSIONS: Final = 8
"""How many key sets fit the domain."""
_NAME: Final = "keys/"
_COUNTER: Final = "counter"
_LENGTHS: Final = (16, 24, 32)


def proof(version: int) -> str:
    """Return what a session rests on that came from this version."""
    return f"issuer keys {version:02X}"


class DomainKeys:
    """The key sets in the domain's memory, and one sequence counter for all of them.

    The counter only goes up, whatever becomes of key sets: with keys that the domain has had
    before, under whichever version, a recorded session would be answered as it was then.
    """

    __slots__ = ("_memory",)

    def __init__(self, memory: ApplicationMemory) -> None:
        self._memory = memory

    def versions(self) -> list[int]:
        """Return the versions there are, lowest first."""
        names = (key for key, _ in self._memory.items())
        return [int(name[len(_NAME) :], 16) for name in names if name.startswith(_NAME)]

    def find(self, version: int) -> KeySet:
        """Return a key set; 0 names the one of the lowest version. IsoError 6A88."""
        versions = self.versions()
        if not versions or (version and version not in versions):
            which = f"of version {version:02X}" if version else "at all"
            raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"the domain has no keys {which}")
        wanted = version or versions[0]
        raw = self._memory.get(_place(wanted)) or b""
        size = len(raw) // 3
        enc, mac, dek = (AesKey(raw[start : start + size]) for start in (0, size, 2 * size))
        return KeySet(wanted, enc, mac, dek)

    def put(self, keys: KeySet) -> None:
        """Write a key set. IsoError 6A84 when there is no room."""
        if keys.version not in (versions := self.versions()) and len(versions) >= MOST_VERSIONS:
            raise IsoError(
                StatusWord.NOT_ENOUGH_MEMORY, f"the domain holds {MOST_VERSIONS} key sets"
            )
        self._memory.put(_place(keys.version), keys.enc.value + keys.mac.value + keys.dek.value)

    def delete(self, version: int) -> None:
        """Remove a key set."""
        self._memory.delete(_place(version))

    def next_count(self) -> int:
        """Count up for good and return the sequence counter, which no session has had before.

        IsoError 6985 when it is at its end: no session is opened any more.
        """
        # a card made earlier has a counter for each key set, counter/01 to counter/7F
        kept = (value for name, value in self._memory.items() if name.startswith(_COUNTER))
        count = max((int.from_bytes(value, "big") for value in kept), default=0) + 1
        if count >> 8 * COUNTER_LENGTH:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "the domain's sequence counter is at its end: it opens no session any more",
            )
        self._memory.put_now(_COUNTER, count.to_bytes(COUNTER_LENGTH, "big"))
        return count

    def information(self) -> bytes:
        """Return the key information template: identifier, version, type and length of each key."""
        # Card Specification 2.3.1, 11.3.3.1: C0, the key type 88 is AES
        return Tlv(
            0xE0,
            tuple(
                Tlv(0xC0, bytes((number, version, AES, len(self.find(version).enc))))
                for version in self.versions()
                for number in (1, 2, 3)
            ),
        ).encode()

    def description(self) -> Iterator[tuple[str, str]]:
        """Yield what `inspect` shows: versions and lengths, and whether anybody knows the keys."""
        for version in self.versions():
            keys = self.find(version)
            known = all(key.value == TEST_KEY for key in (keys.enc, keys.mac, keys.dek))
            said = "the published test keys: anybody may manage this card" if known else "secret"
            yield f"keys {version:02X}", f"AES-{8 * len(keys.enc)}, {said}"


def check_kept(memory: ApplicationMemory) -> None:
    """Refuse key sets and counters that were never written. ValueError, without values."""
    for key, value in memory.items():
        if key.startswith(_NAME) and len(value) not in [3 * size for size in _LENGTHS]:
            raise ValueError("a key set is of another length than keys have")
        if key.startswith(_COUNTER) and len(value) != COUNTER_LENGTH:
            raise ValueError("a sequence counter is of another length")


def _place(version: int) -> str:
    return f"{_NAME}{version:02X}"

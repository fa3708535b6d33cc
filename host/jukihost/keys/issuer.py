"""The keys of a card's issuer domain: a set of three, of one card and one version."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from jukicard.apdu import Aid
from jukihost.crypto.primitives import check_value
from jukihost.inputs import read_input
from jukihost.keys.custody import KeyCustody, KeyCustodyError, KeyUnfit
from jukihost.keys.files import owner_only

ISSUER_DOMAIN: Final = Aid("A0000001510000")
"""The application that manages the card, as this project's cards name it."""
SYSTEM: Final = "ISSUER"
"""In a key store: the system whose keys authenticate and encrypt."""
DEK_SYSTEM: Final = "ISSUER_DEK"
"""In a key store: the system whose first key encrypts keys that are sent to the card."""
_LENGTHS: Final = (16, 24, 32)
_MAX_FILE: Final = 4 << 10


class KeyFileUnusable(KeyCustodyError):
    """The file holds no set of keys, or others than its owner may read it."""


@dataclass(frozen=True)
class IssuerKeys:
    """K-ENC, K-MAC and K-DEK: AES, all of 16, 24 or 32 bytes. KeyUnfit.

    `version` is the one the card knows them by, 1 to 127; 0 leaves it to the card, which takes the
    first that it has.
    """

    k_enc: bytes = field(repr=False)
    k_mac: bytes = field(repr=False)
    k_dek: bytes = field(repr=False)
    version: int = 0

    def __post_init__(self) -> None:
        lengths = {len(key) for key in self.keys}
        if len(lengths) != 1 or not lengths.issubset(_LENGTHS):
            raise KeyUnfit("the keys of an issuer domain have 16, 24 or 32 bytes, all the same")
        if not 0 <= self.version <= 0x7F:
            raise KeyUnfit(f"a version of issuer keys is 1 to 127, not {self.version}")

    @property
    def keys(self) -> tuple[bytes, bytes, bytes]:
        """The three keys, in the order of their identifiers 1 to 3."""
        return self.k_enc, self.k_mac, self.k_dek

    @property
    def check_values(self) -> tuple[bytes, ...]:
        """3 bytes of each key that may be shown."""
        return tuple(check_value(key) for key in self.keys)

    @classmethod
    def from_custody(cls, custody: KeyCustody, card_number: bytes, version: int) -> Self:
        """Derive the keys of one card from the master keys of the systems ISSUER and ISSUER_DEK.

        `card_number` has 8 bytes. UnknownKey; KeyUnfit for masters that are not for AES.
        """
        pair, other = (
            custody.derive_card_keys(system, card_number, ISSUER_DOMAIN, version)
            for system in (SYSTEM, DEK_SYSTEM)
        )
        if "3DES" in pair.suite + other.suite:
            raise KeyUnfit("the issuer domain takes AES keys only; draw its masters for AES")
        return cls(pair.k_enc, pair.k_mac, other.k_enc, version)

    @classmethod
    def parse(cls, text: str, version: int = 0) -> Self:
        """Read one line in hexadecimal for all three keys, or K-ENC, K-MAC, K-DEK in three.

        KeyFileUnusable, without the text.
        """
        lines = text.split()
        try:
            keys = [bytes.fromhex(line) for line in lines]
        except ValueError:
            keys = []
        if len(keys) not in (1, 3):
            raise KeyFileUnusable(
                "a key file of the issuer domain has one line in hexadecimal for all three keys, "
                "or three: K-ENC, K-MAC, K-DEK"
            )
        k_enc, k_mac, k_dek = (keys * 3)[:3]
        return cls(k_enc, k_mac, k_dek, version)

    @classmethod
    def from_file(cls, path: str | Path, version: int = 0) -> Self:
        """Read a file that is its owner's alone (mode 0600), see `parse`. KeyFileUnusable."""
        try:
            raw = read_input(path, _MAX_FILE, owner_only(KeyFileUnusable, "key file"))
        except OSError as error:
            raise KeyFileUnusable(f"the key file cannot be read: {error.strerror}") from None
        return cls.parse(raw.decode("ascii", "replace"), version)


ISSUER_TEST_KEYS: Final = IssuerKeys(*(bytes(range(0x40, 0x50)),) * 3)
"""What cards are delivered with for tests, 40 to 4F: everybody has them, they are WORTHLESS."""

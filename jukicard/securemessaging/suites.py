"""Cipher suites: which cipher, MAC, key derivation and limits belong together.

A suite belongs to a key object and is never the caller's choice at run time, so there is nothing
to negotiate down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from jukicard.crypto.kdf import derive_aes, derive_triple_des
from jukicard.crypto.symmetric import AesKey, BlockKey, TripleDesKey

ENCRYPTION: Final = 1
"""The derivation counter of KS.ENC (ICAO Doc 9303-11, 9.7.1)."""
AUTHENTICATION: Final = 2
"""The derivation counter of KS.MAC."""
PASSWORD: Final = 3
"""The derivation counter of K_pi in PACE."""

MAC_LENGTH: Final = 8
"""Every MAC on the wire has 8 bytes."""


class Suite(Enum):
    """The suites of mutual authentication and of the sessions that follow it.

    AES128 is the default of the card; TRIPLE_DES is there for fidelity to 2003 and off unless a
    key object says otherwise.
    """

    TRIPLE_DES = "3DES"
    AES128 = "AES128"
    AES192 = "AES192"
    AES256 = "AES256"


class SuiteParameters(NamedTuple):
    """What a suite fixes; lengths in bytes."""

    key_type: type[AesKey] | type[TripleDesKey]
    key_length: int
    max_bytes: int | None
    """Data bytes after which a session ends; None for no such limit."""


PARAMETERS: Final = {
    # 1 MiB under one key keeps 64-bit blocks far from the birthday bound (Sweet32)
    Suite.TRIPLE_DES: SuiteParameters(TripleDesKey, 16, 1 << 20),
    Suite.AES128: SuiteParameters(AesKey, 16, None),
    Suite.AES192: SuiteParameters(AesKey, 24, None),
    Suite.AES256: SuiteParameters(AesKey, 32, None),
}


def make_key(suite: Suite, value: bytes) -> BlockKey:
    """Make a key of the suite's type; ValueError when it has not the suite's length."""
    parameters = PARAMETERS[suite]
    if len(value) != parameters.key_length:
        raise ValueError(f"a key of {suite.value} has {parameters.key_length} bytes")
    return parameters.key_type(value)


def check_key(suite: Suite, key: BlockKey) -> None:
    """TypeError unless `key` is of the suite's cipher and length."""
    parameters = PARAMETERS[suite]
    if type(key) is not parameters.key_type or len(key) != parameters.key_length:
        raise TypeError(f"{key!r} is no key of {suite.value}")


def derive_key(suite: Suite, secret: bytes, counter: int) -> BlockKey:
    """Derive one key of the suite from a shared secret (ICAO Doc 9303-11, 9.7.1)."""
    if suite is Suite.TRIPLE_DES:
        return derive_triple_des(secret, counter)
    return derive_aes(secret, counter, PARAMETERS[suite].key_length)


def short_mac(key: BlockKey, message: bytes) -> bytes:
    """Return the 8-byte MAC of an unpadded message under the suite that the key belongs to.

    # ICAO Doc 9303-11, 4.3.3.1 (retail MAC, padding method 2) and 4.4.3.4 (CMAC, truncated)
    """
    if isinstance(key, TripleDesKey):
        return key.retail_mac(message, 2)
    return key.cmac(message)[:MAC_LENGTH]


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What a session starts from: KS.ENC, KS.MAC and the send sequence counter.

    The repr shows the suite only.
    """

    suite: Suite
    enc: BlockKey = field(repr=False)
    mac: BlockKey = field(repr=False)
    ssc: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """TypeError for keys of another suite, ValueError for another counter length."""
        check_key(self.suite, self.enc)
        check_key(self.suite, self.mac)
        if len(self.ssc) != PARAMETERS[self.suite].key_type.block:
            raise ValueError(f"the counter of {self.suite.value} has not {len(self.ssc)} bytes")

    @classmethod
    def derive(cls, suite: Suite, secret: bytes, ssc: bytes | None = None) -> SessionKeys:
        """Derive both keys from a shared secret; the counter starts at zero unless given."""
        return cls(
            suite,
            derive_key(suite, secret, ENCRYPTION),
            derive_key(suite, secret, AUTHENTICATION),
            bytes(PARAMETERS[suite].key_type.block) if ssc is None else ssc,
        )

"""Chip authentication, version 2: the card proves its static key, and a session starts.

# BSI TR-03110-2, 3.4.1; TR-03110-3, A.4 and B.2 (GENERAL AUTHENTICATE)
"""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.apdu import Tlv
from jukicard.crypto.asymmetric import EcPrivateKey, Random
from jukicard.crypto.curves import PointError
from jukicard.crypto.symmetric import equal
from jukicard.securemessaging.session import AuthenticationFailed
from jukicard.securemessaging.suites import SessionKeys, Suite, short_mac

NONCE_LENGTH: Final = 8
"""The length of r2, in bytes."""

# BSI TR-03110-3, A.1.1.2: id-CA-ECDH-AES-CBC-CMAC-128, -192, -256
OBJECT_IDENTIFIERS: Final = {
    bytes.fromhex("04007F00070202030202"): Suite.AES128,
    bytes.fromhex("04007F00070202030203"): Suite.AES192,
    bytes.fromhex("04007F00070202030204"): Suite.AES256,
}
"""The protocols of chip authentication on this card: the identifier's value, and its suite."""


def authentication_token(keys: SessionKeys, identifier: bytes, point: bytes) -> bytes:
    """Return the 8-byte token: the MAC of a public key object, 7F49 {06 identifier, 86 point}.

    # BSI TR-03110-3, A.2.4
    """
    key_object = Tlv(0x7F49, [Tlv(0x06, identifier), Tlv(0x86, point)])
    return short_mac(keys.mac, key_object.encode())


class ChipAnswer(NamedTuple):
    """What the card answers, and the keys of the session that starts after the answer."""

    nonce: bytes
    token: bytes
    keys: SessionKeys

    def encode(self) -> bytes:
        """Return the dynamic authentication data, 7C {81 r2, 82 T}."""
        return Tlv(0x7C, [Tlv(0x81, self.nonce), Tlv(0x82, self.token)]).encode()


class ChipAuthentication:
    """The card's static key and a protocol, ready to answer; the repr shows no key."""

    __slots__ = ("_identifier", "_key", "suite")

    suite: Suite

    def __init__(self, key: EcPrivateKey, identifier: bytes) -> None:
        """Take the key and the protocol's object identifier; KeyError for an unknown one."""
        self.suite = OBJECT_IDENTIFIERS[identifier]
        self._key = key
        self._identifier = identifier

    def answer(self, point: bytes, ephemeral: bytes, random: Random) -> ChipAnswer:
        """Agree on session keys with the terminal's ephemeral key `point` (04 || x || y).

        `ephemeral` is the x coordinate that terminal authentication has proven.
        AuthenticationFailed when `point` is another key or no point of the curve; `random` is
        asked for r2 only after that.
        """
        try:
            compressed = self._key.curve.compress(point)
        except PointError:
            raise AuthenticationFailed from None
        if not equal(compressed, ephemeral):
            raise AuthenticationFailed
        nonce = random(NONCE_LENGTH)
        keys = SessionKeys.derive(self.suite, self._key.agree(point) + nonce)
        return ChipAnswer(nonce, authentication_token(keys, self._identifier, point), keys)

    def __repr__(self) -> str:
        return f"<ChipAuthentication {self._key.curve.name} {self.suite.value}>"

"""PACE with ECDH and generic mapping, the card's part: privacy in front of everything else.

# ICAO Doc 9303-11, 4.4; BSI TR-03110-3, B.1. Optional, for contactless use.

One object for each attempt, each step once and in order; after any failure, or a step out of
order, the object answers nothing any more. The mapped generator needs arithmetic that the library
does not offer; it is done in plain Python and is not constant time.
"""

from __future__ import annotations

from typing import Final

from jukicard.authentication.chip import authentication_token
from jukicard.crypto.asymmetric import Random, random_scalar
from jukicard.crypto.curves import Curve, Point, PointError
from jukicard.crypto.symmetric import BlockKey, equal
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder
from jukicard.securemessaging.suites import PASSWORD, SessionKeys, Suite, check_key, derive_key

NONCE_LENGTH: Final = 16
"""The length of the nonce s, in bytes, in every suite of AES."""

# BSI TR-03110-3, A.1.1.1: id-PACE-ECDH-GM-AES-CBC-CMAC-128, -192, -256
GENERIC_MAPPING_AES128: Final = bytes.fromhex("04007F00070202040202")
OBJECT_IDENTIFIERS: Final = {
    GENERIC_MAPPING_AES128: Suite.AES128,
    bytes.fromhex("04007F00070202040203"): Suite.AES192,
    bytes.fromhex("04007F00070202040204"): Suite.AES256,
}
"""The protocols of PACE on this card: the identifier's value, and its suite."""

_NONCE, _MAP, _AGREE, _CONFIRM, _OVER = range(5)


def password_key(identifier: bytes, password: bytes) -> BlockKey:
    """Derive K_pi from f(pi): the digits of a CAN or PIN, or SHA-1 of the MRZ information.

    # ICAO Doc 9303-11, 9.7.3. KeyError for an unknown protocol.
    """
    return derive_key(OBJECT_IDENTIFIERS[identifier], password, PASSWORD)


class Pace:
    """One attempt; the repr shows the step and nothing secret."""

    __slots__ = (
        "_curve",
        "_generator",
        "_identifier",
        "_k_pi",
        "_keys",
        "_nonce",
        "_own",
        "_peer",
        "_step",
    )

    def __init__(self, identifier: bytes, curve: Curve, k_pi: BlockKey) -> None:
        """Take protocol, curve and the password's key. KeyError, TypeError for a wrong key."""
        check_key(OBJECT_IDENTIFIERS[identifier], k_pi)
        self._identifier = identifier
        self._curve = curve
        self._k_pi = k_pi
        self._step = _NONCE
        self._nonce = 0
        self._generator: Point = None
        self._own = self._peer = b""
        self._keys: SessionKeys | None = None

    def encrypted_nonce(self, random: Random) -> bytes:
        """Draw the nonce s and return z = E(K_pi, s), 16 bytes. OutOfOrder."""
        self._enter(_NONCE)
        nonce = random(NONCE_LENGTH)
        self._nonce = int.from_bytes(nonce, "big")
        self._step = _MAP
        return self._k_pi.encrypt_cbc(nonce)

    def map_nonce(self, point: bytes, random: Random) -> bytes:
        """Take the terminal's mapping key, return the card's. AuthenticationFailed, OutOfOrder.

        # ICAO Doc 9303-11, 4.4.3.3.1: G~ = s G + H
        """
        self._enter(_MAP)
        peer = self._decode(point)
        scalar = random_scalar(self._curve, random)
        shared = self._curve.multiply(scalar, peer)
        mapped = self._curve.multiply(self._nonce, self._curve.g)
        self._generator = self._curve.add(mapped, shared)
        if shared is None or self._generator is None:
            raise AuthenticationFailed
        answer = self._curve.encode(self._curve.multiply(scalar, self._curve.g))
        self._step = _AGREE
        return answer

    def agree(self, point: bytes, random: Random) -> bytes:
        """Take the terminal's ephemeral key, return the card's. AuthenticationFailed, OutOfOrder.

        # ICAO Doc 9303-11, 4.4.1, step 3: the two public keys must differ
        """
        self._enter(_AGREE)
        peer = self._decode(point)
        scalar = random_scalar(self._curve, random)
        own = self._curve.encode(self._curve.multiply(scalar, self._generator))
        shared = self._curve.multiply(scalar, peer)
        if shared is None or own == point:
            raise AuthenticationFailed
        secret = shared[0].to_bytes(self._curve.size, "big")
        self._keys = SessionKeys.derive(OBJECT_IDENTIFIERS[self._identifier], secret)
        self._own, self._peer = own, point
        self._step = _CONFIRM
        return own

    def confirm(self, token: bytes) -> tuple[bytes, SessionKeys]:
        """Verify T.IFD, return T.IC and the session's keys. AuthenticationFailed, OutOfOrder.

        AuthenticationFailed here means a wrong password: the caller counts it.
        """
        self._enter(_CONFIRM)
        keys, self._keys = self._keys, None
        if keys is None:
            raise OutOfOrder("no keys agreed")
        if not equal(authentication_token(keys, self._identifier, self._own), token):
            raise AuthenticationFailed
        return authentication_token(keys, self._identifier, self._peer), keys

    def _enter(self, step: int) -> None:
        """Begin a step: whatever happens in it, it is not done twice."""
        current, self._step = self._step, _OVER
        if current != step:
            raise OutOfOrder("not the step of PACE that comes now")

    def _decode(self, point: bytes) -> tuple[int, int]:
        try:
            return self._curve.decode(point)
        except PointError:
            raise AuthenticationFailed from None

    def __repr__(self) -> str:
        return f"<Pace {self._curve.name}, step {self._step}>"

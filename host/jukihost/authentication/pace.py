"""PACE with generic mapping: a short password becomes strong session keys.

ICAO Doc 9303-11, 4.4; BSI TR-03110-2, 3.2. An eavesdropper learns nothing to try passwords on, so
it can stand in front of the certificate protocols on a contactless interface.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import Final

from jukicard.apdu import CommandApdu, Ins, Tlv
from jukihost.authentication.eac import authentication_token, general_authenticate, secured
from jukihost.authentication.mutual import ask
from jukihost.crypto.curves import Curve, Point, PointError, RandomSource
from jukihost.crypto.cvc import Authorization
from jukihost.crypto.primitives import AES_BLOCK, aes_cbc, derive_key
from jukihost.errors import CardNotAuthentic, ProtocolError
from jukihost.securemessaging.secure_channel import SecureChannel, Transmitter
from jukihost.securemessaging.session import Iso7816Session

PACE_ECDH_GM_AES128: Final = bytes.fromhex("04007F00070202040202")
"""id-PACE-ECDH-GM-AES-CBC-CMAC-128"""
_KEY_BYTES: Final = 16


@dataclass(frozen=True)
class PaceParameters:
    """What the card offers and the terminal asks for.

    `password_reference` says which password: 1 machine-readable zone, 2 CAN, 3 PIN, 4 PUK.
    `parameter_id` names the curve when the card offers several under one mechanism.
    """

    curve: Curve
    password_reference: int
    parameter_id: int | None = None
    authorization: Authorization | None = None

    def environment(self) -> bytes:
        """Return the data of MSE:SET AT (ICAO Doc 9303-11, 4.4.4.1)."""
        objects = [Tlv(0x80, PACE_ECDH_GM_AES128), Tlv(0x83, bytes((self.password_reference,)))]
        if self.authorization is not None:
            objects.append(self.authorization.encode())
        if self.parameter_id is not None:
            objects.append(Tlv(0x84, bytes((self.parameter_id,))))
        return b"".join(tlv.encode() for tlv in objects)


@dataclass(frozen=True)
class PaceResult:
    """The secure channel, and what terminal authentication needs after PACE.

    `card_identifier` is the x coordinate of the card's ephemeral key; `authorities` are the
    references of the roots the card trusts, newest first, when the terminal showed its rights.
    """

    channel: SecureChannel
    card_identifier: bytes
    authorities: tuple[bytes, ...]


class PaceTerminal:
    """The terminal's computations, in the protocol's order; a wrong order is a ValueError."""

    def __init__(self, curve: Curve, password: bytes, random: RandomSource = os.urandom) -> None:
        """`password` is what the reference names, in its encoding (of a PIN its ASCII digits).

        For a machine-readable zone it is the SHA-1 of its information (ICAO Doc 9303-11, 9.7.3).
        """
        self._curve = curve
        self._nonce_cipher = aes_cbc(derive_key(password, 3, _KEY_BYTES))
        self._random = random
        self._nonce = 0
        self._scalar = 0
        self._generator: Point | None = None
        self.public = b""
        self._card_public = b""
        self._k_enc = b""
        self._k_mac = b""

    def map_key(self, encrypted_nonce: bytes) -> bytes:
        """Take the card's encrypted nonce, return the terminal's mapping key. ProtocolError."""
        if self._scalar:
            raise ValueError("a nonce is taken once")
        if len(encrypted_nonce) != AES_BLOCK:
            raise ProtocolError(
                f"the card's nonce has {len(encrypted_nonce)} bytes, not {AES_BLOCK}"
            )
        nonce = self._nonce_cipher.decrypt(bytes(AES_BLOCK), encrypted_nonce)
        self._nonce = int.from_bytes(nonce, "big")
        return self._new_key(self._curve.base)

    def ephemeral_key(self, card_mapping_key: bytes) -> bytes:
        """Take the card's mapping key, return the terminal's key for the agreement.

        The new generator is s*G + H (generic mapping, ICAO Doc 9303-11, 4.4.3.3.1). ProtocolError.
        """
        if not self._scalar or self._generator is not None:
            raise ValueError("the mapping keys are exchanged once, after the nonce")
        try:
            shared = self._curve.multiply(self._scalar, self._curve.decode(card_mapping_key))
            nonce_point = self._curve.multiply(self._nonce, self._curve.base)
            self._generator = self._curve.add(nonce_point, shared)
        except ValueError as error:  # PointError is one, and so is a nonce of zero
            raise ProtocolError(f"the card's mapping key is of no use: {error}") from None
        self.public = self._new_key(self._generator)
        return self.public

    def token(self, card_public: bytes) -> bytes:
        """Take the card's key, return the terminal's token. ProtocolError."""
        if self._generator is None or self._card_public:
            raise ValueError("the keys are exchanged once, after the mapping")
        if card_public == self.public:
            raise ProtocolError("the card sent the terminal's own key back")
        try:
            secret = self._curve.agree(self._scalar, self._curve.decode(card_public))
        except PointError as error:
            raise ProtocolError(f"the card's key is of no use: {error}") from None
        self._card_public = card_public
        self._k_enc, self._k_mac = (derive_key(secret, counter, _KEY_BYTES) for counter in (1, 2))
        return authentication_token(self._k_mac, PACE_ECDH_GM_AES128, card_public)

    def finish(self, card_token: bytes) -> Iso7816Session:
        """Check the card's token and return the session; CardNotAuthentic when it is wrong."""
        if not self._card_public:
            raise ValueError("the tokens are exchanged after the keys")
        expected = authentication_token(self._k_mac, PACE_ECDH_GM_AES128, self.public)
        if not hmac.compare_digest(expected, card_token):
            raise CardNotAuthentic("the card did not prove that it knows the password")
        return Iso7816Session.aes(self._k_enc, self._k_mac)

    def _new_key(self, generator: Point) -> bytes:
        self._scalar = self._curve.random_scalar(self._random)
        return self._curve.encode(self._curve.multiply(self._scalar, generator))

    def __repr__(self) -> str:
        return f"<PaceTerminal on {self._curve.name}>"


def authenticate(
    channel: Transmitter,
    parameters: PaceParameters,
    password: bytes,
    random: RandomSource = os.urandom,
) -> PaceResult:
    """Run PACE with the card and return the secure channel.

    StatusError (AuthenticationRejected for a wrong password), CardNotAuthentic, ProtocolError.
    """
    run = PaceTerminal(parameters.curve, password, random)
    ask(
        channel,
        CommandApdu(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, parameters.environment()),
    )
    # ICAO Doc 9303-11, 4.4.4.2, table 7: the first three are links of one chain.
    (encrypted_nonce,) = general_authenticate(channel, [], [0x80], chained=True)
    mapping = Tlv(0x81, run.map_key(encrypted_nonce))
    (card_mapping,) = general_authenticate(channel, [mapping], [0x82], chained=True)
    ephemeral = Tlv(0x83, run.ephemeral_key(card_mapping))
    (card_public,) = general_authenticate(channel, [ephemeral], [0x84], chained=True)
    token = Tlv(0x85, run.token(card_public))
    card_token, *authorities = general_authenticate(channel, [token], [0x86], optional=(0x87, 0x88))
    session = run.finish(card_token)
    return PaceResult(
        secured(channel, session), card_public[1 : 1 + parameters.curve.size], tuple(authorities)
    )

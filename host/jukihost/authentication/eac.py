"""Extended access control: the terminal proves its certificate, then the card proves its key.

BSI TR-03110-2, 3.3 and 3.4: terminal authentication version 2, chip authentication version 2. No
secret is shared with the card, so a system is authorised and withdrawn by certificates alone.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jukicard.apdu import CommandApdu, Ins, Tlv, TlvError
from jukihost.authentication.mutual import NONCE_BYTES, ask, get_challenge
from jukihost.crypto.curves import Curve, Point, PointError, RandomSource, point_of
from jukihost.crypto.cvc import CvCertificate, Role
from jukihost.crypto.primitives import AesCmac, derive_key
from jukihost.crypto.signatures import CertificateError, Signer
from jukihost.errors import CardNotAuthentic, ProtocolError
from jukihost.securemessaging.protocol import SecureMessagingSession
from jukihost.securemessaging.secure_channel import SecureChannel, Transmitter
from jukihost.securemessaging.session import MAC_BYTES, Iso7816Session

ID_CA_ECDH: Final = bytes.fromhex("04007F000702020302")
"""The arc of chip authentication with ECDH; the next byte says which cipher."""
CA_ECDH_AES128: Final = ID_CA_ECDH + b"\x02"
CA_ECDH_AES192: Final = ID_CA_ECDH + b"\x03"
CA_ECDH_AES256: Final = ID_CA_ECDH + b"\x04"
_KEY_BYTES: Final = {CA_ECDH_AES128: 16, CA_ECDH_AES192: 24, CA_ECDH_AES256: 32}

# ISO/IEC 7816-4:2020, 11.5.11, MANAGE SECURITY ENVIRONMENT: P1 SET, P2 the template's tag
_SET_FOR_VERIFICATION: Final = 0x81
_SET_FOR_COMPUTATION: Final = 0x41
_SIGNATURE_TEMPLATE: Final = 0xB6
_AUTHENTICATION_TEMPLATE: Final = 0xA4
_MECHANISM: Final = 0x80
_PUBLIC_KEY_REFERENCE: Final = 0x83
_PRIVATE_KEY_REFERENCE: Final = 0x84
_EPHEMERAL_KEY: Final = 0x91
_DYNAMIC_DATA: Final = 0x7C


@dataclass(frozen=True)
class TerminalIdentity:
    """Who a terminal is: its certificates, links first and its own last, and its signer.

    The first is signed by a root that the card trusts.
    """

    chain: tuple[CvCertificate, ...]
    sign: Signer

    def __post_init__(self) -> None:
        if not self.chain or self.chain[-1].role is not Role.TERMINAL:
            raise CertificateError("a terminal's chain ends in the certificate of a terminal")

    def __repr__(self) -> str:
        return f"<TerminalIdentity {self.chain[-1].holder.decode('latin-1')}>"


class EphemeralKey:
    """The terminal's key pair for one run, on the curve of the card's key; used once."""

    def __init__(self, curve: Curve, random: RandomSource = os.urandom) -> None:
        self.curve = curve
        self._scalar = curve.random_scalar(random)
        self.public = curve.encode(point_of(curve.private_key(self._scalar).public_key()))

    @property
    def compressed(self) -> bytes:
        """The x coordinate, which terminal authentication signs."""
        return self.public[1 : 1 + self.curve.size]

    def agree(self, other: Point) -> bytes:
        """Return the shared secret with another point. PointError."""
        return self.curve.agree(self._scalar, other)

    def __repr__(self) -> str:
        return f"<EphemeralKey on {self.curve.name}>"


def present_certificates(channel: Transmitter, chain: Sequence[CvCertificate]) -> None:
    """Show the card a chain, one certificate after the other. StatusError.

    MSE:SET DST with the authority's reference, PSO VERIFY CERTIFICATE (ISO/IEC 7816-8:2019, 11.2;
    BSI TR-03110-3, B.12).
    """
    for certificate in chain:
        _set_environment(
            channel,
            _SET_FOR_VERIFICATION,
            _SIGNATURE_TEMPLATE,
            Tlv(_PUBLIC_KEY_REFERENCE, certificate.authority),
        )
        ask(
            channel,
            CommandApdu(0x00, Ins.PERFORM_SECURITY_OPERATION, 0x00, 0xBE, certificate.content),
        )


def authenticate_terminal(
    channel: Transmitter,
    identity: TerminalIdentity,
    card_identifier: bytes,
    ephemeral: EphemeralKey,
) -> None:
    """Prove the terminal to the card (terminal authentication version 2). StatusError.

    `card_identifier` is what both sides call this card: its number, or after PACE the x coordinate
    of its ephemeral key. The signature binds `ephemeral`, with which chip authentication goes on.
    """
    present_certificates(channel, identity.chain)
    own = identity.chain[-1]
    _set_environment(
        channel,
        _SET_FOR_VERIFICATION,
        _AUTHENTICATION_TEMPLATE,
        Tlv(_MECHANISM, own.key.oid),
        Tlv(_PUBLIC_KEY_REFERENCE, own.holder),
        Tlv(_EPHEMERAL_KEY, ephemeral.compressed),
    )
    signed = card_identifier + get_challenge(channel) + ephemeral.compressed
    # EXTERNAL AUTHENTICATE, ISO/IEC 7816-4:2020, 11.6.4
    ask(channel, CommandApdu(0x00, Ins.MUTUAL_AUTHENTICATE, 0x00, 0x00, identity.sign(signed)))


class ChipAuthentication:
    """Chip authentication version 2, the terminal's computations.

    `card_key` is the card's static public key (04, x, y), whose authenticity the caller has
    checked: the protocol proves that the card holds it, not whose it is.
    """

    def __init__(
        self, card_key: bytes, ephemeral: EphemeralKey, oid: bytes = CA_ECDH_AES128
    ) -> None:
        """PointError when the key is not on the curve, ValueError for an unknown mechanism."""
        if oid not in _KEY_BYTES:
            raise ValueError(f"mechanism {oid.hex().upper()} is not known")
        self.oid = oid
        self.ephemeral = ephemeral
        self._card_point = ephemeral.curve.decode(card_key)

    def finish(self, nonce: bytes, token: bytes) -> Iso7816Session:
        """Check the card's token and return the session; CardNotAuthentic when it is wrong."""
        size = _KEY_BYTES[self.oid]
        secret = self.ephemeral.agree(self._card_point) + nonce
        k_enc, k_mac = derive_key(secret, 1, size), derive_key(secret, 2, size)
        expected = authentication_token(k_mac, self.oid, self.ephemeral.public)
        if len(nonce) != NONCE_BYTES or not hmac.compare_digest(expected, token):
            raise CardNotAuthentic("the card did not prove that it holds its key; it may be a copy")
        return Iso7816Session.aes(k_enc, k_mac)


def authenticate_chip(
    channel: Transmitter,
    card_key: bytes,
    ephemeral: EphemeralKey,
    *,
    oid: bytes = CA_ECDH_AES128,
    key_reference: int | None = None,
) -> SecureChannel:
    """Prove the card to the terminal and return the secure channel under new keys.

    A channel that is secure already goes on under the new keys and is returned itself.
    `key_reference` names the card's key when it has several. CardNotAuthentic, ProtocolError,
    StatusError; ValueError as `ChipAuthentication`.
    """
    run = ChipAuthentication(card_key, ephemeral, oid)
    reference = (
        [] if key_reference is None else [Tlv(_PRIVATE_KEY_REFERENCE, bytes((key_reference,)))]
    )
    _set_environment(
        channel, _SET_FOR_COMPUTATION, _AUTHENTICATION_TEMPLATE, Tlv(_MECHANISM, oid), *reference
    )
    nonce, token = general_authenticate(channel, [Tlv(0x80, ephemeral.public)], [0x81, 0x82])
    return secured(channel, run.finish(nonce, token))


def establish(
    channel: Transmitter,
    identity: TerminalIdentity,
    card_identifier: bytes,
    card_key: bytes,
    curve: Curve,
    *,
    oid: bytes = CA_ECDH_AES128,
) -> SecureChannel:
    """Do terminal and chip authentication, one after the other, with one ephemeral key."""
    try:
        curve.decode(card_key)
    except PointError as error:
        raise CardNotAuthentic(f"the card's public key is of no use: {error}") from None
    ephemeral = EphemeralKey(curve)
    authenticate_terminal(channel, identity, card_identifier, ephemeral)
    return authenticate_chip(channel, card_key, ephemeral, oid=oid)


def authentication_token(k_mac: bytes, oid: bytes, public: bytes) -> bytes:
    """Return the MAC over a public key that proves knowledge of the session keys.

    ICAO Doc 9303-11, 4.4.3.4; BSI TR-03110-3, A.2.4.
    """
    covered = Tlv(0x7F49, [Tlv(0x06, oid), Tlv(0x86, public)])
    return AesCmac(k_mac)(covered.encode())[:MAC_BYTES]


def general_authenticate(
    channel: Transmitter,
    sent: list[Tlv],
    expected: list[int],
    *,
    chained: bool = False,
    optional: Sequence[int] = (),
) -> list[bytes]:
    """Exchange dynamic authentication data (ISO/IEC 7816-4:2020, 11.6.6).

    Returns the values of the `expected` tags, which the answer has in this order; those of
    `optional` may follow. StatusError, ProtocolError.
    """
    data = Tlv(_DYNAMIC_DATA, sent).encode()
    answer = ask(
        channel, CommandApdu(0x10 if chained else 0x00, Ins.GENERAL_AUTHENTICATE, 0, 0, data, 256)
    )
    try:
        outer = Tlv.parse(answer.data)
        objects = outer.children
    except TlvError as error:
        raise ProtocolError(f"the card's authentication data are malformed: {error}") from None
    tags = [tlv.tag for tlv in objects]
    extra = tags[len(expected) :]
    if (
        outer.tag != _DYNAMIC_DATA
        or tags[: len(expected)] != expected
        or extra != [tag for tag in optional if tag in extra]
    ):
        raise ProtocolError("the card's authentication data are not those of this step")
    return [tlv.value for tlv in objects]


def secured(channel: Transmitter, session: SecureMessagingSession) -> SecureChannel:
    """Return the channel under `session`; a channel that is secure already is rekeyed."""
    if isinstance(channel, SecureChannel):
        channel.replace_session(session)
        return channel
    return SecureChannel(channel, session)


def _set_environment(channel: Transmitter, p1: int, p2: int, *objects: Tlv) -> None:
    data = b"".join(tlv.encode() for tlv in objects)
    ask(channel, CommandApdu(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, p1, p2, data))

"""GlobalPlatform's SCP03: card and issuer prove themselves with shared AES keys.

GlobalPlatform Card Specification 2.3.1, Amendment D 1.2: INITIALIZE UPDATE (7.1.1), EXTERNAL
AUTHENTICATE (7.1.2), derivations (4.1.5, 6.2).
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from typing import Final

from jukicard.apdu import CommandApdu, Ins, StatusWord
from jukihost.crypto.curves import RandomSource
from jukihost.crypto.primitives import derive_in_counter_mode
from jukihost.errors import CardError, CardNotAuthentic, check
from jukihost.keys.issuer import IssuerKeys
from jukihost.securemessaging.scp03 import Scp03Session, SecurityLevel
from jukihost.securemessaging.secure_channel import SecureChannel, Transmitter

DEFAULT_VARIANT: Final = 0x70
"""The parameter `i` of most cards: challenges of 8 bytes, pseudo-random; answers protected."""
_SCP03: Final = 3
_S16: Final = 0x01
_PSEUDO_RANDOM: Final = 0x10
_ANSWER_BITS: Final = 0x60
_KNOWN_BITS: Final = _S16 | _PSEUDO_RANDOM | _ANSWER_BITS
_HEAD: Final = 13  # diversification data (10), key version, protocol, i
_SEQUENCE_BYTES: Final = 3

# Amendment D, 4.1.5, table 4-1
_CARD_CRYPTOGRAM: Final = 0x00
_HOST_CRYPTOGRAM: Final = 0x01
_S_ENC: Final = 0x04
_S_MAC: Final = 0x06
_S_RMAC: Final = 0x07


class ChannelNotOffered(CardError):
    """The card offers another secure channel, or other keys, than were asked for.

    Nothing was proven to it: an attacker between card and terminal could have changed its offer to
    a weaker one, so nothing is tried in its place.
    """


@dataclass(frozen=True)
class CardOffer:
    """The card's answer to INITIALIZE UPDATE; `variant` is its parameter i."""

    diversification: bytes
    key_version: int
    variant: int
    challenge: bytes
    cryptogram: bytes

    @classmethod
    def parse(cls, data: bytes, variant: int) -> CardOffer:
        """Read an answer that must be of the variant that was asked for. ChannelNotOffered."""
        if len(data) < _HEAD:
            raise ChannelNotOffered(f"the card's offer has {len(data)} bytes, which is none")
        if data[11] != _SCP03:
            raise ChannelNotOffered(
                f"the card offers SCP{data[11]:02d}, only SCP03 is spoken here; its key is of "
                "another kind: name the version of an AES key, if the card has one"
            )
        if data[12] != variant:
            raise ChannelNotOffered(
                f"the card offers SCP03 with i = {data[12]:02X}, i = {variant:02X} was asked for; "
                "check what its recognition data say"
            )
        size = challenge_bytes(variant)
        first, second = _HEAD + size, _HEAD + 2 * size
        if len(data) != second + (_SEQUENCE_BYTES if variant & _PSEUDO_RANDOM else 0):
            raise ChannelNotOffered(
                f"the card's offer has {len(data)} bytes, which i = {variant:02X} never has"
            )
        return cls(data[:10], data[10], variant, data[_HEAD:first], data[first:second])


def challenge_bytes(variant: int) -> int:
    """Return the bytes of challenges, cryptograms and MACs of a variant: 8, or 16 (S16)."""
    return 16 if variant & _S16 else 8


def derive_session(
    keys: IssuerKeys, host_challenge: bytes, card_challenge: bytes
) -> tuple[Scp03Session, bytes, bytes]:
    """Return the session of two challenges, and the cryptograms of card and host.

    Its level is C-MAC until `Scp03Session.enter`.
    """
    context = host_challenge + card_challenge
    size = len(host_challenge)

    def derive(key: bytes, constant: int, length: int) -> bytes:
        bits = (8 * length).to_bytes(2, "big")
        before = bytes((*bytes(11), constant, 0)) + bits
        return derive_in_counter_mode(key, before, context, length)

    long = len(keys.k_enc)
    s_mac = derive(keys.k_mac, _S_MAC, long)
    session = Scp03Session(
        derive(keys.k_enc, _S_ENC, long), s_mac, derive(keys.k_mac, _S_RMAC, long), mac_bytes=size
    )
    return session, derive(s_mac, _CARD_CRYPTOGRAM, size), derive(s_mac, _HOST_CRYPTOGRAM, size)


def authenticate(
    channel: Transmitter,
    keys: IssuerKeys,
    *,
    level: SecurityLevel = SecurityLevel.FULL,
    variant: int = DEFAULT_VARIANT,
    random: RandomSource = os.urandom,
) -> Scp03Session:
    """Open an SCP03 session in the selected issuer domain and return it; nothing is lowered.

    `variant` is the parameter i that the card must have: 60, 70, 71 and the like. The card proves
    itself before anything is proven to it. ChannelNotOffered when the card has another variant or
    key version, or the variant cannot do `level`; CardNotAuthentic when it does not hold the keys;
    StatusError (ReferenceNotFound for a key version that it has not, AuthenticationRejected).
    """
    _check_asked(level, variant)
    host_challenge = random(challenge_bytes(variant))
    command = CommandApdu(0x80, Ins.INITIALIZE_UPDATE, keys.version, 0x00, host_challenge, 256)
    answer = channel.transmit(command)
    if answer.status == StatusWord.WRONG_LENGTH:
        raise ChannelNotOffered(
            f"the card takes no challenge of {len(host_challenge)} bytes, so it has not SCP03 with "
            f"i = {variant:02X}; check what its recognition data say"
        )
    check(command, answer.status)
    offer = CardOffer.parse(answer.data, variant)
    if keys.version not in (0, offer.key_version):
        raise ChannelNotOffered(
            f"the card took its key of version {offer.key_version}, {keys.version} was asked for"
        )
    session, card_cryptogram, host_cryptogram = derive_session(
        keys, host_challenge, offer.challenge
    )
    if not hmac.compare_digest(card_cryptogram, offer.cryptogram):
        session.end("the card did not prove itself")
        raise CardNotAuthentic(
            "the card does not hold this key set; nothing was proven to it. Check which keys, and "
            f"which version, this card has (it used version {offer.key_version})"
        )
    proof = CommandApdu(0x80, Ins.MUTUAL_AUTHENTICATE, level, 0x00, host_cryptogram)
    status = SecureChannel(channel, session).transmit(proof).status
    if status != StatusWord.OK:
        session.end("the card did not take the authentication")
        check(proof, status)
    session.enter(level)
    return session


def _check_asked(level: SecurityLevel, variant: int) -> None:
    """ChannelNotOffered when a variant is none, or does not protect what the level says."""
    if variant & ~_KNOWN_BITS or variant & _ANSWER_BITS == 0x40:
        raise ChannelNotOffered(f"SCP03 with i = {variant:02X} is none that this library knows")
    wanted = {0x00: 0x00, 0x10: 0x20}.get(level & 0x30, _ANSWER_BITS)
    if wanted & ~variant:
        raise ChannelNotOffered(
            f"SCP03 with i = {variant:02X} does not protect answers as level {level:02X} asks; "
            "ask for a lower level on purpose, or use another card"
        )

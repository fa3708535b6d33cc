"""MUTUAL AUTHENTICATE with shared keys: card and terminal prove themselves, session keys result.

ISO/IEC 9798-2 three-pass mutual authentication, ISO/IEC 11770-2 key establishment mechanism 6; the
message layout is that of ICAO Doc 9303-11, 4.3 and of the residence card specification, App. 2.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from jukicard.apdu import CommandApdu, Ins, ResponseApdu
from jukihost.crypto.curves import RandomSource
from jukihost.crypto.primitives import (
    AES_BLOCK,
    DES_BLOCK,
    AesCmac,
    CbcCipher,
    Mac,
    RetailMac,
    adjust_parity,
    aes_cbc,
    derive_key,
    pad,
    triple_des_cbc,
    xor,
)
from jukihost.errors import CardNotAuthentic, ProtocolError, check
from jukihost.securemessaging.secure_channel import SecureChannel, Transmitter
from jukihost.securemessaging.session import MAC_BYTES, Iso7816Session

NONCE_BYTES: Final = 8
"""Bytes of RND.IC and RND.IFD."""
KEY_MATERIAL_BYTES: Final = 16
"""Bytes of K.IFD and K.IC, in every suite."""
_CRYPTOGRAM_BYTES: Final = 2 * NONCE_BYTES + KEY_MATERIAL_BYTES
MESSAGE_BYTES: Final = _CRYPTOGRAM_BYTES + MAC_BYTES
"""Bytes of the command's and of the answer's data: E and M."""


class Suite(StrEnum):
    """A fixed set of cipher, MAC and key lengths; the key says which, never the caller."""

    MA_AES128 = "MA-AES128"
    MA_AES192 = "MA-AES192"
    MA_AES256 = "MA-AES256"
    MA_3DES = "MA-3DES"


class AuthenticationKeys(Protocol):
    """The two keys a terminal holds for one card, and the suite they are for."""

    @property
    def suite(self) -> str:
        """The name of a `Suite`."""

    @property
    def k_enc(self) -> bytes:
        """The encryption key, 16 to 32 bytes as the suite says."""

    @property
    def k_mac(self) -> bytes:
        """The MAC key, of the same length."""


@dataclass(frozen=True)
class _Algorithms:
    """What a suite is made of; the key length is for both keys, shared and session."""

    key_bytes: int
    block: int
    cbc: Callable[[bytes], CbcCipher]
    mac: Callable[[bytes], Mac]


_AES: Final = (AES_BLOCK, aes_cbc, AesCmac)
_SUITES: Final = {
    Suite.MA_AES128: _Algorithms(16, *_AES),
    Suite.MA_AES192: _Algorithms(24, *_AES),
    Suite.MA_AES256: _Algorithms(32, *_AES),
    Suite.MA_3DES: _Algorithms(16, DES_BLOCK, triple_des_cbc, RetailMac),
}


class MutualAuthentication:
    """One run of the protocol on the terminal's side: `begin` with a challenge, then `finish`.

    Every object is good for one run; a second one, or one after a failure, is a ValueError.
    """

    def __init__(
        self, suite: Suite, k_enc: bytes, k_mac: bytes, *, random: RandomSource = os.urandom
    ) -> None:
        """ValueError when a key has not the suite's length."""
        algorithms = _SUITES[suite]
        if not len(k_enc) == len(k_mac) == algorithms.key_bytes:
            raise ValueError(f"the keys of {suite} have {algorithms.key_bytes} bytes each")
        self.suite = suite
        self._algorithms = algorithms
        self._cbc = algorithms.cbc(k_enc)
        self._mac = algorithms.mac(k_mac)
        self._random = random
        self._used = False
        self._sent: bytes | None = None
        self._message = b""

    def begin(self, rnd_ic: bytes) -> bytes:
        """Return E.IFD || M.IFD, 40 bytes, for the card's challenge of 8 bytes.

        ProtocolError for another length, or when both sides drew the same nonce.
        """
        if self._used:
            raise ValueError("one object authenticates once")
        self._used = True
        if len(rnd_ic) != NONCE_BYTES:
            raise ProtocolError(f"the card's challenge has {len(rnd_ic)} bytes, not {NONCE_BYTES}")
        rnd_ifd = self._random(NONCE_BYTES)
        if hmac.compare_digest(rnd_ifd, rnd_ic):
            # Then the terminal's own message could be sent back as the card's.
            raise ProtocolError("card and terminal drew the same nonce; start again")
        self._sent = rnd_ifd + rnd_ic + self._random(KEY_MATERIAL_BYTES)
        cryptogram = self._cbc.encrypt(bytes(self._algorithms.block), self._sent)
        self._message = cryptogram + self._mac_of(cryptogram)
        return self._message

    def finish(self, answer: bytes) -> Iso7816Session:
        """Check E.IC || M.IC and return the session; CardNotAuthentic when anything is wrong."""
        sent, self._sent = self._sent, None
        if sent is None:
            raise ValueError("no authentication is under way")
        if len(answer) != MESSAGE_BYTES:
            raise CardNotAuthentic(f"the card's proof has {len(answer)} bytes, not {MESSAGE_BYTES}")
        cryptogram, mac = answer[:_CRYPTOGRAM_BYTES], answer[_CRYPTOGRAM_BYTES:]
        if not hmac.compare_digest(self._mac_of(cryptogram), mac):
            raise CardNotAuthentic(
                "the card's proof has a wrong MAC; check that this is the right card and key"
            )
        received = self._cbc.decrypt(bytes(self._algorithms.block), cryptogram)
        rnd_ifd, rnd_ic, k_ifd = sent[:8], sent[8:16], sent[16:]
        if not hmac.compare_digest(received[:16], rnd_ic + rnd_ifd):
            raise CardNotAuthentic("the card's proof is for another challenge")
        return self._session(xor(k_ifd, received[16:]), rnd_ic, rnd_ifd)

    def _session(self, secret: bytes, rnd_ic: bytes, rnd_ifd: bytes) -> Iso7816Session:
        size = self._algorithms.key_bytes
        k_enc, k_mac = derive_key(secret, 1, size), derive_key(secret, 2, size)
        if self.suite is not Suite.MA_3DES:
            return Iso7816Session.aes(k_enc, k_mac)
        # ICAO Doc 9303-11, 9.8.6.3: the counter begins with the last halves of both nonces.
        ssc = int.from_bytes(rnd_ic[4:] + rnd_ifd[4:], "big")
        return Iso7816Session.triple_des(adjust_parity(k_enc), adjust_parity(k_mac), ssc=ssc)

    def _mac_of(self, cryptogram: bytes) -> bytes:
        # CMAC pads by itself, the retail MAC has method 2 (ICAO Doc 9303-11, 4.3.3.1).
        if self.suite is Suite.MA_3DES:
            cryptogram = pad(cryptogram, DES_BLOCK)
        return self._mac(cryptogram)[:MAC_BYTES]

    def __repr__(self) -> str:
        return f"<MutualAuthentication {self.suite}>"


def authenticate(
    channel: Transmitter,
    key_reference: int,
    keys: AuthenticationKeys,
    random: RandomSource = os.urandom,
) -> SecureChannel:
    """Authenticate card and terminal to each other and return the secure channel.

    GET CHALLENGE and MUTUAL AUTHENTICATE (ISO/IEC 7816-4:2020, 11.6.3 and 11.6.5) in the current
    application, with its key `key_reference` (1 to 31). StatusError when the card refuses
    (AuthenticationRejected when this terminal's keys are wrong), CardNotAuthentic when the card
    is, ProtocolError for a malformed challenge, ValueError for a wrong reference, suite or key.
    """
    if not 1 <= key_reference <= 31:
        raise ValueError(f"a key reference is 1 to 31, not {key_reference}")
    run = MutualAuthentication(Suite(keys.suite), keys.k_enc, keys.k_mac, random=random)
    challenge = get_challenge(channel)
    # 80: a reference of this application (ISO/IEC 7816-4:2020, 11.6.1, table 94)
    command = CommandApdu(
        0x00,
        Ins.MUTUAL_AUTHENTICATE,
        0x00,
        0x80 | key_reference,
        run.begin(challenge),
        MESSAGE_BYTES,
    )
    return SecureChannel(channel, run.finish(ask(channel, command).data))


def get_challenge(channel: Transmitter) -> bytes:
    """Return 8 random bytes drawn by the card (GET CHALLENGE). StatusError, ProtocolError."""
    command = CommandApdu(0x00, Ins.GET_CHALLENGE, 0x00, 0x00, ne=NONCE_BYTES)
    challenge = ask(channel, command).data
    if len(challenge) != NONCE_BYTES:
        raise ProtocolError(f"the card's challenge has {len(challenge)} bytes, not {NONCE_BYTES}")
    return challenge


def ask(channel: Transmitter, command: CommandApdu) -> ResponseApdu:
    """Send a command that must succeed; StatusError otherwise."""
    answer = channel.transmit(command)
    check(command, answer.status)
    return answer

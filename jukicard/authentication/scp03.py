"""GlobalPlatform's secure channel protocol 03: the card's part of opening a session.

# GlobalPlatform Card Specification 2.3, Amendment D, 4.1.5, 6.2.1 to 6.2.3, 7.1

INITIALIZE UPDATE brings the host's challenge and takes back the card's, with the proof that the
card has the keys; EXTERNAL AUTHENTICATE is the host's proof, under the first C-MAC of the session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.apdu.ins import Ins
from jukicard.crypto.kdf import derive_sp800_108
from jukicard.crypto.symmetric import AesKey, equal
from jukicard.securemessaging.scp03 import (
    LEVELS,
    Scp03Keys,
    Scp03Session,
    SecurityLevel,
    mac_input,
    refused,
    split_mac,
)
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder, ProtectionLevel

PROTOCOL: Final = 0x03
"""The number of this secure channel protocol."""
COUNTER_LENGTH: Final = 3
"""The length of the sequence counter, in bytes."""
# Amendment D, 4.1.5, table 4-1: derivation constants
_CARD_CRYPTOGRAM: Final = 0x00
_HOST_CRYPTOGRAM: Final = 0x01
_CHALLENGE: Final = 0x02
_S_ENC: Final = 0x04
_S_MAC: Final = 0x06
_S_RMAC: Final = 0x07


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """The parameter i of the protocol (Amendment D, 5.1, table 5-1): 60, 70 or 71 here.

    All of them protect answers too, with a MAC and encryption.
    """

    i: int

    def __post_init__(self) -> None:
        if self.i not in (0x60, 0x70, 0x71):
            raise ValueError("the secure channel is SCP03 with i = 60, 70 or 71")

    @property
    def size(self) -> int:
        """The length of challenges, cryptograms and MACs: 8 bytes, or 16 in mode S16."""
        return 16 if self.i & 0x01 else 8

    @property
    def counts(self) -> bool:
        """Whether the card's challenge comes from the sequence counter, and not from chance."""
        return bool(self.i & 0x10)


@dataclass(frozen=True, slots=True, eq=False)
class KeySet:
    """The static keys of one version, 1 to 127; the repr shows none. All are of one length."""

    version: int
    enc: AesKey = field(repr=False)
    mac: AesKey = field(repr=False)
    dek: AesKey = field(repr=False)


def card_challenge(keys: KeySet, variant: Variant, counter: int, aid: bytes) -> bytes:
    """Return the challenge that follows from the sequence counter (Amendment D, 6.2.2.1)."""
    context = counter.to_bytes(COUNTER_LENGTH, "big") + aid
    return _derive(keys.enc, _CHALLENGE, variant.size, context)


class Opening:
    """A session that was asked for; it stands in the place of one until the host has proven itself.

    Its only command is EXTERNAL AUTHENTICATE, which it hands on as it came: whoever answers that
    has it judged by `confirm`. 6982 for any other protected command.
    """

    __slots__ = ("_context", "_keys", "_size", "version")

    def __init__(
        self, keys: KeySet, variant: Variant, host_challenge: bytes, challenge: bytes
    ) -> None:
        self._context = host_challenge + challenge
        self._size = variant.size
        self.version = keys.version
        size = len(keys.enc)
        enc, mac, rmac = (
            AesKey(_derive(key, constant, size, self._context))
            for key, constant in ((keys.enc, _S_ENC), (keys.mac, _S_MAC), (keys.mac, _S_RMAC))
        )
        self._keys: Scp03Keys | None = Scp03Keys(enc, mac, rmac)

    @property
    def card_cryptogram(self) -> bytes:
        """What proves to the host that the card has the keys. OutOfOrder after the end."""
        return self._cryptogram(_CARD_CRYPTOGRAM)

    def _cryptogram(self, constant: int) -> bytes:
        return _derive(self._alive().mac, constant, self._size, self._context)

    def _alive(self) -> Scp03Keys:
        if self._keys is None:
            raise OutOfOrder
        return self._keys

    def confirm(self, command: CommandApdu) -> Scp03Session:
        """Judge EXTERNAL AUTHENTICATE, return the session that it opens, and end.

        AuthenticationFailed, one for all reasons: length, cryptogram, C-MAC. ValueError for a level
        that there is not. OutOfOrder when it was judged already.
        """
        keys = self._alive()
        if command.p1 not in LEVELS:
            raise ValueError(f"there is no security level {command.p1:02X}")
        host_cryptogram = self._cryptogram(_HOST_CRYPTOGRAM)
        self.end()
        right_length = len(command.data) == 2 * self._size
        data = command.data if right_length else bytes(2 * self._size)
        proof, mac = data[: self._size], data[self._size :]
        chaining = keys.mac.cmac(bytes(16) + mac_input(command, proof))
        right_proof, right_mac = equal(proof, host_cryptogram), equal(chaining[: len(mac)], mac)
        if not (right_length & right_proof & right_mac):
            raise AuthenticationFailed
        return Scp03Session(keys, SecurityLevel(command.p1), self._size, chaining)

    @property
    def alive(self) -> bool:
        """False when the host has been judged, or something else came."""
        return self._keys is not None

    @property
    def level(self) -> ProtectionLevel:
        """Nothing is protected yet."""
        return ProtectionLevel.NONE

    def unprotect(self, command: CommandApdu) -> CommandApdu:
        """Return EXTERNAL AUTHENTICATE as it came; IsoError 6982 for another command."""
        split_mac(command, 0)
        if command.ins != Ins.MUTUAL_AUTHENTICATE or command.cla.chained or self._keys is None:
            self.end()
            raise refused("EXTERNAL AUTHENTICATE comes first, in one command")
        return command

    def protect(self, response: ResponseApdu) -> ResponseApdu:
        """Return an answer as it is: what opens a session is answered outside of it."""
        return response

    def max_plain_length(self, ne: int) -> int:
        """Return `ne`: nothing is added."""
        return ne

    def end(self) -> None:
        """Drop the keys."""
        self._keys = None

    def __repr__(self) -> str:
        return f"<Opening {'alive' if self.alive else 'ended'}>"


def _derive(key: AesKey, constant: int, size: int, context: bytes) -> bytes:
    """Derive `size` bytes: the label of Amendment D, 4.1.5, in twelve bytes, L in bits."""
    before = bytes(11) + bytes((constant, 0)) + (8 * size).to_bytes(2, "big")
    return derive_sp800_108(key, size, before, context)

"""Secure messaging of GlobalPlatform's secure channel protocol 03.

# GlobalPlatform Card Specification 2.3, Amendment D, 6.2.4 to 6.2.7

A command ends in a C-MAC, which is chained: each covers the one before it. What of command and
answer is encrypted and authenticated, the level of the session says; it holds for all of it.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final, NamedTuple

from jukicard.apdu import CommandApdu, ResponseApdu, SecureMessagingIndication, StatusWord
from jukicard.crypto.padding import PaddingError, pad_80, unpad_80
from jukicard.crypto.symmetric import AesKey, equal
from jukicard.errors import IsoError
from jukicard.securemessaging.session import KeyedSession, ProtectionLevel

_BLOCK: Final = 16
_OF_AN_ANSWER: Final = 1 << 127
"""What tells the counter of an answer from that of its command: the first byte is 80."""
_SHORT_NE: Final = 256
_SECURE: Final = 0x04
_PROPRIETARY: Final = 0x80


class SecurityLevel(IntFlag):
    """What is protected (Amendment D, 7.1.2.3): the bits of P1 in EXTERNAL AUTHENTICATE."""

    C_MAC = 0x01
    C_DECRYPTION = 0x02
    R_MAC = 0x10
    R_ENCRYPTION = 0x20


LEVELS: Final = frozenset({0x01, 0x03, 0x11, 0x13, 0x33})
"""The levels that a session may have: encryption never without a MAC over it."""


class Scp03Keys(NamedTuple):
    """The keys of one session."""

    enc: AesKey
    mac: AesKey
    rmac: AesKey


class Scp03Session(KeyedSession[Scp03Keys]):
    """An open session; see `SecureMessagingSession` for the contract.

    6982, whatever is wrong with a command: its class, its MAC, its padding, or that the session
    has ended. `mac_length` is 8 or 16 bytes, `chaining` the whole C-MAC of EXTERNAL AUTHENTICATE.
    """

    __slots__ = ("_chaining", "_counter", "_mac_length", "security")

    def __init__(
        self, keys: Scp03Keys, security: SecurityLevel, mac_length: int, chaining: bytes
    ) -> None:
        super().__init__(keys)
        self.security = security
        self._mac_length = mac_length
        self._chaining = chaining
        self._counter = 0

    def _unprotect(self, command: CommandApdu) -> CommandApdu:
        keys = self._keys
        if keys is None:
            raise refused("the session has ended")
        data, mac = split_mac(command, self._mac_length)
        chaining = keys.mac.cmac(self._chaining + mac_input(command, data))
        if not equal(chaining[: self._mac_length], mac):
            raise refused("wrong C-MAC")
        self._chaining = chaining
        self._counter += 1
        encrypted = bool(self.security & SecurityLevel.C_DECRYPTION)
        if encrypted and data:
            data = _decrypted(keys.enc, self._counter, data)
        self._level = ProtectionLevel.ENC if encrypted else ProtectionLevel.MAC
        self._answers = True
        # Le stands outside of the protection; known terminals leave it out and expect the answer
        return command.replace(
            cla=command.cla.replace(secure=False), data=data, ne=command.ne or _SHORT_NE
        )

    def protect(self, response: ResponseApdu) -> ResponseApdu:
        """Return the answer as the level wants it; an error is its status word alone.

        RuntimeError when there is no command to answer.
        """
        keys = self._to_answer()
        # Amendment D, 6.2.5: with an error there is nothing to protect
        if response.status.is_error or not self.security & SecurityLevel.R_MAC:
            return response
        data, status = response.data, response.status
        if data and self.security & SecurityLevel.R_ENCRYPTION:
            vector = _vector(keys.enc, self._counter | _OF_AN_ANSWER)
            data = keys.enc.encrypt_cbc(pad_80(data, _BLOCK), vector)
        mac = keys.rmac.cmac(self._chaining + data + status.to_bytes(2, "big"))
        return ResponseApdu(data + mac[: self._mac_length], status)

    def max_plain_length(self, ne: int) -> int:
        """Return how many data bytes an answer may have that fits `ne` bytes when protected."""
        if not self.security & SecurityLevel.R_MAC:
            return ne
        room = max(ne - self._mac_length, 0)
        if self.security & SecurityLevel.R_ENCRYPTION:
            return max(room // _BLOCK * _BLOCK - 1, 0)
        return room

    def __repr__(self) -> str:
        state = "alive" if self.alive else "ended"
        return f"<Scp03Session {state}, level {int(self.security):02X}>"


def refused(reason: str) -> IsoError:
    """Return the one refusal of a command that is not authentic, 6982."""
    return IsoError(StatusWord.SECURITY_STATUS_NOT_SATISFIED, f"secure channel: {reason}")


def split_mac(command: CommandApdu, mac_length: int) -> tuple[bytes, bytes]:
    """Return the data of a protected command and its C-MAC; 6982 when it is none."""
    # Card Specification 2.3.1, 11.1.4: 84 is GlobalPlatform's own; from channel 4 on a bit says it
    own = command.cla.secure_messaging is SecureMessagingIndication.PROPRIETARY
    if not (own or (command.cla.channel > 3 and command.cla.secure)):
        raise refused("the class byte is not that of this protocol")
    if len(command.data) < mac_length:
        raise refused("no C-MAC")
    return command.data[:-mac_length], command.data[-mac_length:]


def mac_input(command: CommandApdu, data: bytes) -> bytes:
    """Return what a C-MAC covers behind the chaining value: header, Lc, and data without the MAC.

    Amendment D, 6.2.4: the class byte as on logical channel 0.
    """
    cla = _SECURE | command.cla.value & _PROPRIETARY | (0x10 if command.cla.chained else 0)
    size = len(command.data)
    length = b"\0" + size.to_bytes(2, "big") if command.extended else bytes((size,))
    return bytes((cla, command.ins, command.p1, command.p2)) + length + data


def _decrypted(key: AesKey, counter: int, data: bytes) -> bytes:
    if len(data) % _BLOCK:
        raise refused("the encrypted data are no whole blocks")
    try:
        return unpad_80(key.decrypt_cbc(data, _vector(key, counter)), _BLOCK)
    except PaddingError:
        raise refused("wrong padding") from None


def _vector(key: AesKey, counter: int) -> bytes:
    return key.encrypt_ecb(counter.to_bytes(_BLOCK, "big"))

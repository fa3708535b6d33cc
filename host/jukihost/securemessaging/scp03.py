"""The terminal's end of GlobalPlatform's SCP03: what a session with a card's issuer protects.

GlobalPlatform Card Specification 2.3.1, Amendment D 1.2, 6.2. The level of a session holds for all
of its commands; refusals of the card come without protection, as the specification has it.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import Final

from jukicard.apdu import ClassByte, CommandApdu, ResponseApdu, StatusWord
from jukihost.crypto.primitives import AES_BLOCK, AesCmac, aes_cbc, pad
from jukihost.securemessaging.session import MAX_COMMANDS, AnswerNotAuthentic, SessionOver

_ENCRYPTS: Final = 0x02
_ANSWER_MAC: Final = 0x10
_ANSWER_ENCRYPTED: Final = 0x20
_ZERO: Final = bytes(AES_BLOCK)
SESSION_REFUSED: Final = frozenset({0x6882, 0x6982, 0x6987, 0x6988})
"""What a card answers to a command whose protection it does not believe, or knows no session for:
it is over."""


class SecurityLevel(IntEnum):
    """What a session protects (Amendment D, 7.1.2.1): command and answer, MAC and encryption."""

    C_MAC = 0x01
    C_MAC_ENCRYPTION = 0x03
    C_MAC_R_MAC = 0x11
    C_MAC_ENCRYPTION_R_MAC = 0x13
    FULL = 0x33
    """All of it: what to use unless a card cannot."""


class _Keys:
    """The three session keys at work."""

    __slots__ = ("cbc", "command_mac", "response_mac")

    def __init__(self, s_enc: bytes, s_mac: bytes, s_rmac: bytes) -> None:
        self.cbc = aes_cbc(s_enc)
        self.command_mac = AesCmac(s_mac)
        self.response_mac = AesCmac(s_rmac)


class Scp03Session:
    """Three session keys, the chained MAC and the counter. Not for two threads at once.

    It begins with C-MAC alone, for EXTERNAL AUTHENTICATE, until `enter` sets its level.
    """

    __slots__ = ("_commands", "_counter", "_end", "_keys", "_mac", "_pending", "level", "mac_bytes")

    level: SecurityLevel
    mac_bytes: int

    def __init__(self, s_enc: bytes, s_mac: bytes, s_rmac: bytes, *, mac_bytes: int = 8) -> None:
        """Keys of 16, 24 or 32 bytes; MACs of 8 bytes on the wire, or 16 (S16). ValueError."""
        if mac_bytes not in (8, 16):
            raise ValueError(f"a MAC of SCP03 has 8 or 16 bytes, not {mac_bytes}")
        self._keys: _Keys | None = _Keys(s_enc, s_mac, s_rmac)
        self.level = SecurityLevel.C_MAC
        self.mac_bytes = mac_bytes
        self._mac = _ZERO
        self._counter = 0
        self._commands = 0
        self._pending: CommandApdu | None = None
        self._end = ""

    def enter(self, level: SecurityLevel) -> None:
        """Protect what `level` says from the next command on: the card took the authentication."""
        self.level = level
        self._counter = 0

    @property
    def alive(self) -> bool:
        """True while the session can protect another command."""
        return self._keys is not None

    @property
    def short_data(self) -> int:
        """The most plain data, in bytes, whose protected command keeps short length fields."""
        room = 255 - self.mac_bytes
        return room // AES_BLOCK * AES_BLOCK - 1 if self.level & _ENCRYPTS else room

    def end(self, reason: str = "it was ended") -> None:
        """Drop the keys; `reason` is told to whoever uses the session after that."""
        if self._keys is not None:
            self._keys = self._pending = None
            self._end = reason

    def protect(self, command: CommandApdu, *, encrypt: bool = True) -> CommandApdu:
        """Return the protected form of `command`; whether it is encrypted, the level says alone.

        SessionOver when the session is dead or at its limit; ValueError when the class byte cannot
        be protected, or the command grows beyond 65535 bytes (the session goes on).
        """
        if self._pending is not None:
            self.end("a command was protected before the last one was answered")
        elif self._commands >= MAX_COMMANDS:
            self.end("its keys have protected as many commands as they may")
        keys = self._alive()
        protected, mac = self._wrap(keys, command, self._counter + 1)
        self._mac = mac
        self._counter += 1
        self._commands += 1
        self._pending = command
        return protected

    def _wrap(self, keys: _Keys, command: CommandApdu, counter: int) -> tuple[CommandApdu, bytes]:
        """Return the command under its MAC (6.2.4), encrypted if the level says so (6.2.6)."""
        cla = _protected_class(command.cla)
        data = command.data
        if data and self.level & _ENCRYPTS:
            data = keys.cbc.encrypt(_initial_vector(keys, counter), pad(data, AES_BLOCK))
        ne = command.ne
        if ne and self.level & _ANSWER_MAC:  # the answer grows
            ne = 65_536 if command.extended else 256
        room = data + bytes(self.mac_bytes)
        shape = CommandApdu(
            cla, command.ins, command.p1, command.p2, room, ne, extended=command.extended
        )
        # The MAC is that of the basic channel, whichever the command is sent on, and without Le.
        basic = CommandApdu(
            _basic(cla), command.ins, command.p1, command.p2, room, extended=shape.extended
        )
        mac = keys.command_mac(self._mac + basic.encode()[: -self.mac_bytes])
        return shape.replace(data=data + mac[: self.mac_bytes]), mac

    def unprotect(self, answer: ResponseApdu, command: CommandApdu) -> ResponseApdu:
        """Return the plain form of the answer to `command`, once its MAC is right.

        A refusal without data comes as it is: SCP03 protects none, and nobody vouches for it. One
        that means the card no longer believes the session ends it here too. AnswerNotAuthentic for
        what should have a MAC and has no right one, SessionOver when nothing was asked.
        """
        keys = self._alive()
        pending, self._pending = self._pending, None
        if pending is None or not (command is pending or command == pending):
            self.end("an answer came to a command that was not asked")
            raise SessionOver(f"the secure session is over: {self._end}")
        if answer.status in SESSION_REFUSED:
            self.end(f"the card refused its protection ({answer.status.hex})")
        if not self.level & _ANSWER_MAC:
            return answer
        try:
            return ResponseApdu(self._unwrap(keys, answer), answer.status)
        except BaseException:
            self.end("an answer did not prove itself")
            raise

    def _unwrap(self, keys: _Keys, answer: ResponseApdu) -> bytes:
        """Return the plain data of an answer under R-MAC (6.2.5, 6.2.7)."""
        data, status = answer.data, answer.status
        if status != StatusWord.OK and status.sw1 not in (0x62, 0x63):
            if data:
                raise AnswerNotAuthentic("a refusal came with data", status)
            return b""
        head, mac = data[: -self.mac_bytes], data[-self.mac_bytes :]
        right = keys.response_mac(self._mac + head + status.to_bytes(2, "big"))
        if not hmac.compare_digest(right[: self.mac_bytes], mac):
            raise AnswerNotAuthentic("the MAC of the answer is wrong", status)
        if not head or not self.level & _ANSWER_ENCRYPTED:
            return head
        if len(head) % AES_BLOCK:
            raise AnswerNotAuthentic("the cryptogram is not a whole number of blocks", status)
        padded = keys.cbc.decrypt(_initial_vector(keys, self._counter | 0x80 << 120), head)
        plain = padded.rstrip(b"\0")  # some cards pad by a block more than they need
        if plain[-1:] != b"\x80":
            raise AnswerNotAuthentic("the padding of the answer is malformed", status)
        return plain[:-1]

    def _alive(self) -> _Keys:
        if self._keys is None:
            raise SessionOver(f"the secure session is over: {self._end}; authenticate again")
        return self._keys

    def __repr__(self) -> str:
        state = f"after {self._commands} commands" if self.alive else f"over: {self._end}"
        return f"<Scp03Session, level {self.level:02X}, {state}>"


def _initial_vector(keys: _Keys, counter: int) -> bytes:
    return keys.cbc.encrypt(_ZERO, counter.to_bytes(AES_BLOCK, "big"))


def _protected_class(cla: ClassByte) -> ClassByte:
    """Return the class byte with GlobalPlatform's bit (Card Specification 2.3.1, 11.1.4)."""
    value = cla.value | (0x20 if cla.value & 0x40 else 0x04)
    if cla.secure or cla.value & 0x60 == 0x20 or value == 0xFF:
        raise ValueError(f"class {cla.value:02X} is protected already, or cannot be")
    return ClassByte(value)


def _basic(cla: ClassByte) -> ClassByte:
    """Return the protected class byte of the same command on the basic channel."""
    return ClassByte(cla.value & 0x80 | (0x14 if cla.chained else 0x04))

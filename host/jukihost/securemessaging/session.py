"""The terminal's end of ISO secure messaging: commands are wrapped, answers must prove themselves.

One exchange is `protect`, transport, `unprotect`. The send sequence counter moves only when the
whole exchange was right; after anything else the session is dead and its keys are gone.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, Protocol

from jukicard.apdu import ClassByte, CommandApdu, ResponseApdu, StatusWord
from jukicard.apdu.tlv import TlvError, encode_length, read_length
from jukihost.crypto.primitives import (
    AES_BLOCK,
    DES_BLOCK,
    AesCmac,
    PaddingError,
    RetailMac,
    aes_cbc,
    pad,
    triple_des_cbc,
    unpad,
)
from jukihost.errors import SecureMessagingError

MAC_BYTES: Final = 8
"""Bytes of DO 8E, in commands and in answers."""
MAX_COMMANDS: Final = 1 << 16
"""Commands under one pair of session keys."""
MAX_3DES_BYTES: Final = 1 << 20
"""Protected bytes, both ways together, under one pair of 3DES session keys (Sweet32)."""

# ISO/IEC 7816-4:2020, 10.2.2, tables 49 and 51: odd tags are part of the MAC.
_CRYPTOGRAM: Final = b"\x87"
_CRYPTOGRAM_TLV: Final = b"\x85"
_PLAIN: Final = b"\x81"
_PLAIN_TLV: Final = b"\xb3"
_INDICATOR: Final = b"\x01"
_STATUS_AND_LENGTH: Final = b"\x99\x02"
_MAC_AND_LENGTH: Final = b"\x8e\x08"
_TAIL_BYTES: Final = 14
"""Bytes of DO 99 and DO 8E, with which every protected answer ends."""


class AnswerNotAuthentic(SecureMessagingError):
    """An answer that does not prove itself; `status` is its plain status, for diagnosis only.

    The status was not authenticated: anybody between terminal and card may have written it.
    """

    status: StatusWord

    def __init__(self, reason: str, status: StatusWord) -> None:
        super().__init__(reason, status)
        self.status = status

    def __str__(self) -> str:
        reason, status = self.args
        return f"{reason} (the plain status is {status.hex}); authenticate again"


class SessionOver(SecureMessagingError):
    """The secure session cannot be used (any more); nothing was sent."""


class SessionCipher(Protocol):
    """The two session keys at work. `ssc` is the send sequence counter, one block long."""

    @property
    def block(self) -> int:
        """Block size in bytes, of the padding and of the send sequence counter."""

    def encrypt(self, ssc: bytes, padded: bytes, /) -> bytes:
        """Return the cryptogram of whole blocks."""

    def decrypt(self, ssc: bytes, cryptogram: bytes, /) -> bytes:
        """Return the plain blocks of a cryptogram."""

    def mac(self, message: bytes, /) -> bytes:
        """Return the MAC, of 8 bytes or more, of whole blocks."""


class AesCipher:
    """AES-128, -192 or -256: IV is the encrypted counter, MAC is CMAC (Doc 9303-11, 9.8.7.3)."""

    __slots__ = ("_cbc", "mac")

    block: Final = AES_BLOCK

    def __init__(self, k_enc: bytes, k_mac: bytes) -> None:
        self._cbc = aes_cbc(k_enc)
        self.mac = AesCmac(k_mac)

    def encrypt(self, ssc: bytes, padded: bytes, /) -> bytes:
        """Return the cryptogram of whole blocks."""
        return self._cbc.encrypt(self._cbc.encrypt(_ZERO_BLOCK, ssc), padded)

    def decrypt(self, ssc: bytes, cryptogram: bytes, /) -> bytes:
        """Return the plain blocks of a cryptogram."""
        return self._cbc.decrypt(self._cbc.encrypt(_ZERO_BLOCK, ssc), cryptogram)


class TripleDesCipher:
    """2-key 3DES: IV is zero, MAC is the retail MAC (Doc 9303-11, 9.8.6)."""

    __slots__ = ("_cbc", "mac")

    block: Final = DES_BLOCK

    def __init__(self, k_enc: bytes, k_mac: bytes) -> None:
        self._cbc = triple_des_cbc(k_enc)
        self.mac = RetailMac(k_mac)

    def encrypt(self, _ssc: bytes, padded: bytes, /) -> bytes:
        """Return the cryptogram of whole blocks."""
        return self._cbc.encrypt(_ZERO_DES_BLOCK, padded)

    def decrypt(self, _ssc: bytes, cryptogram: bytes, /) -> bytes:
        """Return the plain blocks of a cryptogram."""
        return self._cbc.decrypt(_ZERO_DES_BLOCK, cryptogram)


def _protected_class(cla: ClassByte) -> ClassByte | None:
    """Return the class byte that says "secure, header authenticated", None where there is none.

    ISO/IEC 7816-4:2020, 5.4.1, tables 2 and 3: 0C on channels 0 to 3, bit 6 on 4 to 19.
    """
    if cla.secure:
        return None
    try:
        return cla.replace(secure=True)
    except ValueError:
        return None


_PROTECTED_CLASS: Final = tuple(_protected_class(ClassByte(value)) for value in range(256))
_ZERO_BLOCK: Final = bytes(AES_BLOCK)
_ZERO_DES_BLOCK: Final = bytes(DES_BLOCK)


@dataclass(frozen=True, slots=True)
class SessionLimit:
    """When a session ends by itself: after so many commands, or so many protected bytes."""

    commands: int = MAX_COMMANDS
    protected_bytes: int | None = None


class _Pending:
    """One exchange that has begun: what was asked and how, and the counter it was asked with."""

    __slots__ = ("command", "encrypt", "size", "ssc")

    def __init__(self, command: CommandApdu, encrypt: bool, size: int, ssc: int) -> None:
        self.command = command
        self.encrypt = encrypt
        self.size = size
        self.ssc = ssc


class Iso7816Session:
    """One pair of session keys and its send sequence counter, on the terminal's side.

    ICAO Doc 9303-11, 9.8 and BSI TR-03110-3, annex F: the layout of ISO/IEC 7816-4:2020, 10.
    Not for use by two threads at once.
    """

    __slots__ = (
        "_block",
        "_cipher",
        "_commands",
        "_end",
        "_limit",
        "_pending",
        "_protected",
        "_ssc",
        "_ssc_end",
    )

    def __init__(
        self, cipher: SessionCipher, *, ssc: int = 0, limit: SessionLimit | None = None
    ) -> None:
        """Begin with the counter at `ssc`; its first value on the wire is one more."""
        self._cipher: SessionCipher | None = cipher
        self._block = cipher.block
        self._ssc = ssc
        self._ssc_end = 1 << 8 * cipher.block
        self._limit = limit or SessionLimit()
        self._pending: _Pending | None = None
        self._commands = 0
        self._protected = 0
        self._end = ""
        if not 0 <= ssc < self._ssc_end:
            raise ValueError(f"the send sequence counter has {cipher.block} bytes")

    @classmethod
    def aes(cls, k_enc: bytes, k_mac: bytes, *, ssc: int = 0) -> Iso7816Session:
        """Return an AES session for keys of 16, 24 or 32 bytes; ValueError otherwise."""
        return cls(AesCipher(k_enc, k_mac), ssc=ssc)

    @classmethod
    def triple_des(cls, k_enc: bytes, k_mac: bytes, *, ssc: int) -> Iso7816Session:
        """Return a 2-key 3DES session for keys of 16 bytes; ValueError otherwise."""
        return cls(
            TripleDesCipher(k_enc, k_mac),
            ssc=ssc,
            limit=SessionLimit(protected_bytes=MAX_3DES_BYTES),
        )

    @property
    def alive(self) -> bool:
        """True while the session can protect another command."""
        return self._cipher is not None

    @property
    def short_data(self) -> int:
        """The most plain data, in bytes, whose protected command keeps short length fields.

        Longer data is chained above secure messaging, so that every link is protected by itself.
        """
        # 255 bytes less DO 8E (10), DO 97 (3), and tag, length and indicator of DO 87 (4).
        return (255 - 10 - 3 - 4) // self._block * self._block - 1

    def end(self, reason: str = "it was ended") -> None:
        """Drop the keys; `reason` is told to whoever uses the session after that."""
        if self._cipher is not None:
            self._cipher = None
            self._pending = None
            self._end = reason

    def protect(self, command: CommandApdu, *, encrypt: bool = True) -> CommandApdu:
        """Return the protected form of `command`, for the wire.

        `encrypt` false protects integrity only, and lets the answer be plain inside its MAC.
        A link of a chain is a command like any other (10 becomes 1C). SessionOver when the session
        is dead or at its limit; ValueError when the class byte cannot be protected (or is already)
        or the command grows beyond 65535 bytes (the session goes on).
        """
        cipher = self._alive()
        if self._pending is not None:
            self.end("a command was protected before the last one was answered")
        elif self._commands >= self._limit.commands or self._ssc + 2 >= self._ssc_end:
            self.end("its keys have protected as many commands as they may")
        elif (
            self._limit.protected_bytes is not None
            and self._protected >= self._limit.protected_bytes
        ):
            self.end("its keys have protected as many bytes as they may")
        self._alive()
        ssc = self._ssc + 1
        protected = self._wrap(cipher, command, encrypt, ssc.to_bytes(self._block, "big"))
        self._pending = _Pending(command, encrypt, len(protected.data), ssc)
        return protected

    def _wrap(
        self, cipher: SessionCipher, command: CommandApdu, encrypt: bool, ssc: bytes
    ) -> CommandApdu:
        cla = _PROTECTED_CLASS[command.cla.value]
        if cla is None:
            raise ValueError(f"class {command.cla.value:02X} is protected already, or cannot be")
        body = _data_object(cipher, ssc, command.ins & 1, encrypt, command.data)
        if command.ne:
            # One byte or two, as the plain command had them; 256 and 65536 are zeros.
            body += (
                b"\x97\x02" + (command.ne & 0xFFFF).to_bytes(2, "big")
                if command.extended
                else bytes((0x97, 1, command.ne & 0xFF))
            )
        # The header is a block of its own; without any data object nothing follows it.
        message = ssc + pad(bytes((cla.value, command.ins, command.p1, command.p2)), self._block)
        if body:
            message = pad(message + body, self._block)
        body += _MAC_AND_LENGTH + cipher.mac(message)[:MAC_BYTES]
        extended = command.extended or len(body) > 255
        return CommandApdu(
            cla,
            command.ins,
            command.p1,
            command.p2,
            body,
            65_536 if extended else 256,
            extended=extended,
        )

    def unprotect(self, answer: ResponseApdu, command: CommandApdu) -> ResponseApdu:
        """Return the plain form of the answer to `command`, once its MAC is right.

        AnswerNotAuthentic for everything else, whatever the plain status says: the session is dead
        then. SessionOver when no such command was protected.
        """
        cipher = self._alive()
        pending, self._pending = self._pending, None
        if pending is None or not (command is pending.command or command == pending.command):
            self.end("an answer came to a command that was not asked")
            raise SessionOver(f"the secure session is over: {self._end}")
        ssc = pending.ssc + 1
        try:
            data = self._unwrap(cipher, answer, pending, ssc.to_bytes(self._block, "big"))
        except BaseException:
            self.end("an answer did not prove itself")
            raise
        self._ssc = ssc
        self._commands += 1
        self._protected += pending.size + len(answer.data)
        return ResponseApdu(data, answer.status)

    def _unwrap(
        self, cipher: SessionCipher, answer: ResponseApdu, pending: _Pending, ssc: bytes
    ) -> bytes:
        raw, status = answer.data, answer.status
        head, tail = raw[:-_TAIL_BYTES], raw[-_TAIL_BYTES:]
        if (
            len(tail) != _TAIL_BYTES
            or tail[:2] != _STATUS_AND_LENGTH
            or tail[4:6] != _MAC_AND_LENGTH
        ):
            raise AnswerNotAuthentic("the answer does not end in a status and a MAC", status)
        mac = cipher.mac(pad(ssc + raw[: 4 - _TAIL_BYTES], self._block))
        if not hmac.compare_digest(mac[:MAC_BYTES], tail[6:]):
            raise AnswerNotAuthentic("the MAC of the answer is wrong", status)
        if int.from_bytes(tail[2:4], "big") != status:
            raise AnswerNotAuthentic("the protected status differs from the plain one", status)
        if not head:
            return b""
        try:
            return self._open(cipher, head, pending, ssc)
        except (TlvError, PaddingError) as error:
            raise AnswerNotAuthentic(
                f"the data of the answer are malformed: {error}", status
            ) from None

    def _open(self, cipher: SessionCipher, head: bytes, pending: _Pending, ssc: bytes) -> bytes:
        """Read the one data object of an answer whose MAC was right. TlvError, PaddingError."""
        odd = pending.command.ins & 1
        length, start = read_length(head, 1)
        if length == 0 or start + length != len(head):
            raise TlvError("not one data object that fills the answer")
        tag = head[:1]
        if not pending.encrypt and tag == (_PLAIN_TLV if odd else _PLAIN):
            return head[start:]
        if tag != (_CRYPTOGRAM_TLV if odd else _CRYPTOGRAM):
            raise TlvError("not the data object that the command allows")
        if not odd:
            if head[start : start + 1] != _INDICATOR:
                raise PaddingError("the padding indicator is not 01")
            start += 1
        cryptogram = head[start:]
        if not cryptogram or len(cryptogram) % self._block:
            raise PaddingError("the cryptogram is not a whole number of blocks")
        data = unpad(cipher.decrypt(ssc, cryptogram), self._block)
        if not data:
            raise PaddingError("the cryptogram holds no data")
        return data

    def _alive(self) -> SessionCipher:
        if self._cipher is None:
            raise SessionOver(f"the secure session is over: {self._end}; authenticate again")
        return self._cipher

    def __repr__(self) -> str:
        state = f"after {self._commands} commands" if self.alive else f"over: {self._end}"
        return f"<Iso7816Session, {8 * self._block}-bit blocks, {state}>"


def _data_object(cipher: SessionCipher, ssc: bytes, odd: int, encrypt: bool, data: bytes) -> bytes:
    """Return the data object of a command, empty when it has no data."""
    if not data:
        return b""
    if not encrypt:
        return (_PLAIN_TLV if odd else _PLAIN) + encode_length(len(data)) + data
    cryptogram = cipher.encrypt(ssc, pad(data, cipher.block))
    if odd:
        return _CRYPTOGRAM_TLV + encode_length(len(cryptogram)) + cryptogram
    return _CRYPTOGRAM + encode_length(len(cryptogram) + 1) + _INDICATOR + cryptogram

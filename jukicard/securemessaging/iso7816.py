"""Secure messaging with data objects of ISO/IEC 7816-4, clause 10, AES or triple DES.

# ICAO Doc 9303-11, 9.8; BSI TR-03110-3, annex F. The command's header is always authenticated.

Chaining is protected link by link: each command of a chain carries its own objects and its own
MAC, and the chaining bit is part of the header that the MAC covers.

Triple DES encrypts with a constant initial vector, so equal first blocks show: a weakness of the
scheme of 2003 that the AES form does not have.
"""

from __future__ import annotations

from typing import Final, NoReturn

from jukicard.apdu import CommandApdu, ResponseApdu, SecureMessagingIndication, StatusWord
from jukicard.apdu.cla import CLASS_BYTES
from jukicard.apdu.tlv import TlvError, encode_length, read_length
from jukicard.crypto.padding import PaddingError, pad_80, unpad_80
from jukicard.crypto.symmetric import equal
from jukicard.errors import IsoError
from jukicard.securemessaging.ciphers import SessionCipher, session_cipher
from jukicard.securemessaging.session import KeyedSession, ProtectionLevel
from jukicard.securemessaging.suites import MAC_LENGTH, SessionKeys

MAX_COMMANDS: Final = 1 << 16
"""The commands of one session; it ends with the answer to the last."""

_PLAIN_CLASSES: Final = tuple(
    cla.replace(secure=False) if cla.secure else cla for cla in CLASS_BYTES
)
_PADDING_CONTENT: Final = 0x01
"""The indicator of DO 87: padded with 80 00.. (ISO/IEC 7816-4:2020, table 52)."""

# ISO/IEC 7816-4:2020, 10.2: the objects of a command, and their order
_ORDER: Final = {0x87: 0, 0x85: 0, 0x81: 0, 0xB3: 0, 0x97: 1, 0x8E: 2}
_LAST: Final = 2
# An odd instruction has BER-TLV data: no indicator byte, and B3 is its plain form. An even one
# may have BER-TLV data as well.
_DATA_OBJECTS: Final = (frozenset((0x87, 0x81, 0xB3)), frozenset((0x85, 0xB3)))
_ENCRYPTED: Final = frozenset((0x87, 0x85))
_READABLE: Final = frozenset((0x81, 0xB3))


def _missing(reason: str) -> NoReturn:
    raise IsoError(StatusWord.SECURE_MESSAGING_OBJECTS_MISSING, f"secure messaging: {reason}")


def _incorrect(reason: str) -> NoReturn:
    raise IsoError(StatusWord.SECURE_MESSAGING_OBJECTS_INCORRECT, f"secure messaging: {reason}")


class Iso7816Session(KeyedSession[SessionCipher]):
    """A session of the ISO scheme; see `SecureMessagingSession` for the contract.

    6987: no objects, or objects that are missing, unknown, repeated or out of order. 6988: wrong
    MAC, padding, indicator or length, and everything after the end of the session. 6882: a class
    byte that leaves the header unauthenticated. 6985: the counter would overflow.
    """

    __slots__ = ("_answers_odd", "_bytes", "_commands", "_ssc")

    def __init__(self, cipher: SessionCipher, ssc: bytes) -> None:
        """Start from a cipher and the counter as it was before the first command."""
        super().__init__(cipher)
        if len(ssc) != cipher.block:
            raise ValueError(f"the counter has {cipher.block} bytes, not {len(ssc)}")
        self._ssc = int.from_bytes(ssc, "big")
        self._commands = 0
        self._bytes = 0
        self._answers_odd = False

    @classmethod
    def start(cls, keys: SessionKeys) -> Iso7816Session:
        """Start from what an authentication derived."""
        return cls(session_cipher(keys), keys.ssc)

    # -- commands --------------------------------------------------------------------------------

    def _unprotect(self, command: CommandApdu) -> CommandApdu:
        # whether the plain command was extended shows in the length of DO 97 only; without one it
        # is taken as short
        cipher = self._keys
        if cipher is None:
            _incorrect("the session has ended")
        self._check_class(command)
        ssc = self._next_command_counter(cipher)
        odd = bool(command.ins & 1)
        objects = _Objects(command.data, odd=odd)
        message = _mac_input(cipher.block, ssc, command.header, objects.covered)
        if not equal(cipher.mac(message), objects.mac):
            _incorrect("wrong MAC")
        # only now is there anything in the command that can be trusted, or decrypted
        data = objects.value
        if objects.tag in _ENCRYPTED:
            data = _open(cipher, ssc, objects.tag, data)
        self._level = ProtectionLevel.MAC if objects.tag in _READABLE else ProtectionLevel.ENC
        self._answers_odd = odd
        self._answers = True
        self._commands += 1
        self._bytes += len(data)
        return CommandApdu(
            _PLAIN_CLASSES[command.cla.value],
            command.ins,
            command.p1,
            command.p2,
            data,
            _expected_length(objects.expected),
            extended=len(objects.expected) > 1,
        )

    @staticmethod
    def _check_class(command: CommandApdu) -> None:
        match command.cla.secure_messaging:
            case SecureMessagingIndication.HEADER_AUTHENTICATED:
                return
            case SecureMessagingIndication.NONE:
                _missing("a plain command inside a session")
            case _:
                raise IsoError(
                    StatusWord.SECURE_MESSAGING_NOT_SUPPORTED,
                    "secure messaging: the header is not authenticated",
                )

    def _next_command_counter(self, cipher: SessionCipher) -> bytes:
        """Count up for a command; there must be room for its answer's counter as well."""
        self._ssc += 1
        if self._ssc + 1 >> 8 * cipher.block:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "secure messaging: the send sequence counter would overflow",
            )
        return self._ssc.to_bytes(cipher.block, "big")

    # -- answers ---------------------------------------------------------------------------------

    def protect(self, response: ResponseApdu) -> ResponseApdu:
        """Return the protected answer; RuntimeError when there is no command to answer."""
        cipher = self._to_answer()
        self._ssc += 1
        ssc = self._ssc.to_bytes(cipher.block, "big")
        # ISO/IEC 7816-4:2020, 10.5: the cryptogram, the status, the MAC
        objects = b"\x99\x02" + response.status.to_bytes(2, "big")
        if response.data:
            cryptogram = cipher.encrypt(ssc, pad_80(response.data, cipher.block))
            objects = _cryptogram_object(cryptogram, odd=self._answers_odd) + objects
        mac = cipher.mac(ssc + pad_80(objects, cipher.block))
        self._close_exchange(cipher, len(response.data))
        return ResponseApdu(objects + b"\x8e\x08" + mac, response.status)

    def _close_exchange(self, cipher: SessionCipher, answered: int) -> None:
        self._bytes += answered
        spent = cipher.max_bytes is not None and self._bytes >= cipher.max_bytes
        if spent or self._commands >= MAX_COMMANDS:
            self.end()

    def max_plain_length(self, ne: int) -> int:
        """Return how many data bytes an answer may have that fits `ne` bytes when protected.

        0 when only a status fits, or not even that. RuntimeError after the end.
        """
        if self._keys is None:
            raise RuntimeError("the session has ended")
        block = self._keys.block
        most = 0
        for field_size, limit in ((1, 0x7F), (2, 0xFF), (3, 0xFFFF)):
            value = min(ne - (4 + 2 + MAC_LENGTH) - 1 - field_size, limit)
            blocks = (value - (0 if self._answers_odd else 1)) // block
            most = max(most, blocks * block - 1)
        return most

    def __repr__(self) -> str:
        state = "alive" if self.alive else "ended"
        return f"<Iso7816Session {state}, {self._commands} commands>"


class _Objects:
    """The objects of a command, of the right kind, order and length, not yet verified."""

    __slots__ = ("covered", "expected", "mac", "tag", "value")

    tag: int
    """87, 85, 81, B3, or 0 when there is no data."""
    value: bytes
    expected: bytes
    """The content of DO 97, empty when there is none."""
    mac: bytes
    covered: bytes
    """All objects before DO 8E, as they were received."""

    def __init__(self, data: bytes, *, odd: bool) -> None:
        """Take the data field of a command apart; IsoError 6987 or 6988."""
        if not data:
            _missing("no data objects")
        self.tag, self.value, self.expected, self.mac = 0, b"", b"", b""
        start, before, last = 0, -1, 0
        while start < len(data):
            here = data[start]
            rank = _ORDER.get(here, -1)
            if rank <= before:
                _missing(f"data object {here:02X} is unknown, repeated or out of order")
            content, end = _read_content(data, start + 1)
            self._take(here, content, odd=odd)
            start, before, last = end, rank, start
        if before != _LAST:
            _missing("no data object 8E")
        self.covered = data[:last]

    def _take(self, tag: int, content: bytes, *, odd: bool) -> None:
        size = len(content)
        if tag == 0x8E:
            self.mac = content if size == MAC_LENGTH else _incorrect("DO 8E has not 8 bytes")
        elif tag == 0x97:
            self.expected = content if size in (1, 2) else _incorrect("DO 97 has not 1 or 2 bytes")
        elif tag not in _DATA_OBJECTS[odd]:
            _missing(f"data object {tag:02X} does not fit the instruction")
        else:
            self.tag, self.value = tag, content or _incorrect("an empty data object")


def _read_content(data: bytes, offset: int) -> tuple[bytes, int]:
    """Read length and value; return the value and where it ends."""
    try:
        length, start = read_length(data, offset)
    except TlvError as error:
        _incorrect(str(error))
    end = start + length
    if end > len(data):
        _incorrect("a data object is longer than the data field")
    return data[start:end], end


def _mac_input(block: int, ssc: bytes, header: bytes, covered: bytes) -> bytes:
    """What the MAC of a command covers: counter, padded header, padded objects if any.

    # ICAO Doc 9303-11, 9.8.2 and 9.8.3
    """
    start = ssc + pad_80(header, block)
    return start + pad_80(covered, block) if covered else start


def _open(cipher: SessionCipher, ssc: bytes, tag: int, value: bytes) -> bytes:
    """Decrypt the verified content of DO 87 or DO 85."""
    if tag == 0x87:
        if value[0] != _PADDING_CONTENT:
            _incorrect("the padding indicator is not 01")
        value = value[1:]
    if not value or len(value) % cipher.block:
        _incorrect("the cryptogram is no whole number of blocks")
    try:
        data = unpad_80(cipher.decrypt(ssc, value), cipher.block)
    except PaddingError:
        _incorrect("wrong padding")
    return data or _incorrect("an empty data object")


def _cryptogram_object(cryptogram: bytes, *, odd: bool) -> bytes:
    if odd:
        return b"\x85" + encode_length(len(cryptogram)) + cryptogram
    return b"\x87" + encode_length(len(cryptogram) + 1) + b"\x01" + cryptogram


def _expected_length(content: bytes) -> int:
    """Ne from the content of DO 97: none is 0, 00 is 256, 0000 is 65536."""
    return (int.from_bytes(content, "big") or 1 << 8 * len(content)) if content else 0

"""What the sessions share: selecting an application, its files, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import ClassVar, Final, Self

from jukicard.apdu import Aid, CommandApdu, Ins, ResponseApdu, StatusWord, Tlv, TlvError
from jukicard.apdu.tlv import read_length
from jukihost.channel import ApduChannel
from jukihost.conversation.leaving import leave
from jukihost.conversation.selection import select_application, select_command
from jukihost.errors import (
    CardError,
    CardMute,
    CardSuspended,
    ConnectionNotOpen,
    ProtocolError,
    StatusError,
    check,
    error_for,
)
from jukihost.pinpad import PadEntry

# Commands that prove something to the card when they carry data (ISO/IEC 7816-4:2020, 11.6).
_PROOFS: Final = frozenset(
    {
        Ins.VERIFY,
        Ins.VERIFY_ODD,
        Ins.CHANGE_REFERENCE_DATA,
        Ins.MUTUAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE_ODD,
    }
)
_LARGEST_OFFSET: Final = 0x7FFF
_BLOCK: Final = 256
_FEW: Final = 128
"""Bytes of an answer that every reader takes."""
_LONGEST_HEAD: Final = 7
"""Bytes of the tag and the length of a data object, as far as these cards have them."""


class AppletSession:
    """A conversation with one application of the card; making one sends nothing.

    Used in a `with` block it keeps other programs away from the card until the block ends. What
    was proven in the session, a PIN above all, ends with it: before any other program gets at the
    card, the card is made to forget it (see `close`). A
    suspended application refuses to open (CardSuspended) unless `allow_suspended`, which is for
    who resumes it.
    """

    AID: ClassVar[Aid]
    _DATA_CLASS: ClassVar[int] = 0x00
    """The class byte of GET DATA."""

    def __init__(self, channel: ApduChannel, *, allow_suspended: bool = False) -> None:
        self._channel = channel
        self._allow_suspended = allow_suspended
        self._open = False
        self._suspended = False
        self._proven = False
        self._most = _BLOCK
        self._held = ExitStack()

    @property
    def channel(self) -> ApduChannel:
        """The channel it speaks through."""
        return self._channel

    @property
    def suspended(self) -> bool:
        """Whether the application said that it is suspended when it was selected."""
        return self._suspended

    def open(self) -> Self:
        """Select the application. AppletNotFound, CardSuspended, CardTerminated."""
        status = select_application(self._channel, self.AID)
        suspended = isinstance(error_for(select_command(self.AID), status), CardSuspended)
        if not (suspended and self._allow_suspended):
            check(select_command(self.AID), status)
        self._open, self._suspended = True, suspended
        return self

    def close(self) -> None:
        """End the conversation and let other programs at the card. Never fails.

        When something was proven in it, or may have been, another application is selected and, on
        the basic channel, the card reset: that ends its other logical channels too. Over PC/SC the
        reset waits for the end of the outermost session in the same program. A card that does not
        let itself be reset loses its power, and the connection is closed. A session that proved
        nothing sends nothing.
        """
        self._open = False
        proven, self._proven = self._proven, False
        try:
            if proven:
                leave(self._channel, self.AID)
        finally:
            self._held.close()

    def check_open(self) -> None:
        """ConnectionNotOpen unless the session is open."""
        if not self._open:
            raise ConnectionNotOpen("the session is not open; use it inside `with`, or call open()")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._channel.transaction())
            self.open()
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send a command and return its answer, whatever the status."""
        self.check_open()
        if command.data and command.ins in _PROOFS:
            self._proven = True  # before the answer: one that is lost may have been 9000
        return self._channel.transmit(command)

    def _fetch(self, command: CommandApdu) -> ResponseApdu:
        """Send a command that only reads, and return its answer, whatever the status.

        A reader that cannot take 256 bytes refuses the length, or loses the exchange. The command
        is sent once more then, for 128 bytes, and if that helps, it is no more for the rest of the
        session. TransportError.
        """
        wanted = min(command.ne, self._most)
        command = command.replace(ne=wanted)
        if wanted <= _FEW:
            return self.transmit(command)
        lost: CardMute | None = None
        try:
            response = self.transmit(command)
            if response.status != StatusWord.WRONG_LENGTH:
                return response
        except CardMute as error:
            lost = error
        try:
            response = self.transmit(command.replace(ne=_FEW))
        except CardError as error:
            raise lost or error from None
        if response.status != StatusWord.WRONG_LENGTH:
            self._most = _FEW
        return response

    def pin_entry(self, entry: PadEntry) -> Callable[[CommandApdu], bytes]:
        """Return what has an entry typed on the reader and sent, see `ApduChannel.pin_entry`."""
        self.check_open()
        enter = self._channel.pin_entry(entry)

        def proving(command: CommandApdu) -> bytes:
            self._proven = True
            return enter(command)

        return proving

    def ask(self, command: CommandApdu, *accepted: StatusWord) -> ResponseApdu:
        """Send a command that must be answered 9000 or one of `accepted`. StatusError."""
        response = self.transmit(command)
        if response.status not in accepted:
            self.check(command, response.status)
        return response

    def check(self, command: CommandApdu, status: StatusWord) -> None:
        """Raise what `status` means as the answer to `command`, as this application means it."""
        error = error_for(command, status)
        if isinstance(error, StatusError):
            raise self.explain(error)
        if error is not None:
            raise error

    def explain(self, refusal: StatusError) -> StatusError:
        """Return what a refusal means in this application; a session that knows more says more."""
        return refusal

    def get_data(self, tag: int) -> bytes:
        """Return the value of a data object of the application. ReferenceNotFound.

        ProtocolError when the card answers with another object than the one asked for.
        """
        # ISO/IEC 7816-4:2020, 11.5: P1-P2 are the tag, the answer is the data object
        raw = self._fetch_whole(
            CommandApdu(self._DATA_CLASS, Ins.GET_DATA, tag >> 8, tag & 0xFF, ne=_BLOCK)
        )
        try:
            found = Tlv.parse(raw)
        except TlvError:
            raise ProtocolError(f"the card's data object {tag:02X} is malformed") from None
        if found.tag != tag:
            raise ProtocolError(f"the card sent another data object than {tag:02X}")
        return found.value

    def select_file(self, identifier: int) -> None:
        """Select an EF of the application. FileNotFound, SecurityStatusNotSatisfied."""
        # ISO/IEC 7816-4:2020, 11.2.2: P1 = 02, an EF under the current DF; no answer data
        self.ask(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, identifier.to_bytes(2, "big")))

    def read_binary(self, identifier: int, limit: int = _LARGEST_OFFSET + 1) -> bytes:
        """Return a transparent EF up to its end or `limit` bytes (32768 at most).

        A file may be longer than its content and filled with FF.
        """
        self.select_file(identifier)
        return self._read_on(b"", min(limit, _LARGEST_OFFSET + 1))

    def read_object(self, identifier: int) -> bytes:
        """Return the data object that a transparent EF begins with, without what fills the file.

        Empty when the file holds none yet (FF or 00 throughout). ProtocolError for a length that
        the file does not have.
        """
        self.select_file(identifier)
        head, ended = self._read_block(0, _BLOCK)
        if not ended and (len(head) < _LONGEST_HEAD or not head.strip(b"\xff\x00")):
            head = self._read_on(head, _BLOCK)
        if not head.strip(b"\xff\x00"):
            return b""
        size = _object_size(head)
        content = self._read_on(head, size)
        if len(content) < size:
            raise ProtocolError(f"EF {identifier:04X} is shorter than its content says")
        return content[:size]

    def _read_on(self, begun: bytes, size: int) -> bytes:
        """Return the selected EF up to its end or `size` bytes; `begun` is what was read of it.

        Card and reader may give less at a time than was asked for: only an answer without data, and
        a status that says so, is the end.
        """
        content = bytearray(begun)
        while len(content) < size:
            wanted = min(_BLOCK, size - len(content))
            piece, ended = self._read_block(len(content), wanted)
            content += piece
            if ended or not piece:
                break
        return bytes(content)

    def read_record(self, identifier: int, number: int) -> bytes:
        """Return one record (1 to 254) of a record EF. RecordNotFound, FileNotFound."""
        self.select_file(identifier)
        # ISO/IEC 7816-4:2020, 11.4.3: P2 = 04, the record with number P1 of the current EF
        return self._fetch_whole(CommandApdu(0x00, Ins.READ_RECORD, number, 0x04, ne=_BLOCK))

    def _fetch_whole(self, command: CommandApdu) -> bytes:
        response = self._fetch(command)
        self.check(command, response.status)
        return response.data

    def _read_block(self, offset: int, wanted: int) -> tuple[bytes, bool]:
        """Return what the card gives of `wanted` bytes, and whether it says that the EF ends."""
        command = CommandApdu(0x00, Ins.READ_BINARY, offset >> 8, offset & 0xFF, ne=wanted)
        response = self._fetch(command)
        # Real cards answer 6B00 when the offset is the end of the file, ISO knows 6282 as well.
        if offset and response.status == StatusWord.WRONG_P1_P2:
            return b"", True
        if response.status != StatusWord.END_OF_FILE:
            self.check(command, response.status)
        if len(response.data) > wanted:
            raise ProtocolError(f"the card sent {len(response.data)} bytes, {wanted} were asked")
        return response.data, response.status == StatusWord.END_OF_FILE


def _object_size(head: bytes) -> int:
    """Return how many bytes a BER-TLV data object has, tag and length included."""
    try:
        # Tags of these cards have one byte or two (ISO/IEC 7816-4:2020, 6.3).
        length, start = read_length(head, 2 if head[0] & 0x1F == 0x1F else 1)
    except TlvError:
        raise ProtocolError("the file does not begin with a data object") from None
    if start + length > _LARGEST_OFFSET + 1:
        raise ProtocolError(f"the file says it holds {length} bytes, more than any file can")
    return start + length

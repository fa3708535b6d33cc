"""A card as T=0 shows it: bytes in, procedure bytes, data and status bytes out."""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.apdu.cla import ClassByte
from jukicard.apdu.ins import Ins, is_valid_ins
from jukicard.transport import CardPort
from jukicard.transport.tpdu.power import MAX_COMMAND_BYTES, ContactView, WaitPolicy, never
from jukicard.transport.tpdu.t0_cases import CasePolicy, TpduCase, tpdu_case

NULL: Final = 0x60
"""The procedure byte that says: wait (ISO/IEC 7816-3:2006, 10.3.3)."""
ENVELOPE: Final = 0xC2
_HEADER: Final = 5
_OK: Final = b"\x90\x00"
_WRONG_LENGTH: Final = b"\x67\x00"
_NOTHING_TO_DO: Final = b"\x69\x85"
_NO_INS: Final = b"\x6d\x00"
_NO_CLA: Final = b"\x6e\x00"


class _Kept(NamedTuple):
    """An answer that the reader has not fetched yet: which command may, data and status."""

    header: bytes
    data: bytes
    status: bytes

    def __repr__(self) -> str:
        return f"<{len(self.data)} bytes kept>"


class T0Card(ContactView):
    """The card's end of T=0 (ISO/IEC 7816-3:2006, 10 and 12.2). One thread; no time.

    `feed` takes any number of bytes and returns what the card sends after them; whatever the
    bytes, it raises nothing but what the card itself raises. Bytes that come before the card has
    asked for them are taken as if they had come after. What the line itself does to characters
    (parity, repetition) is below this view, and T=0 has nothing against bytes that are lost for
    good: the reader's waiting time runs out, and it resets the card.

    A command is executed once. When the reader asks for the wrong length the card keeps the
    answer, says 6CXX, and gives it to the same command with the right length; when a command has
    data both ways it says 61XX and gives the answer to GET RESPONSE. Any other command drops it.

    card: what executes the commands; its T=0 or T=1 answer to reset makes no difference here.
    case_of: which way the data of a command goes, which T=0 does not say; `tpdu_case` knows the
        instructions of ISO/IEC 7816-4 and of this project's cards.
    wait: how many NULL bytes come before the answer to a command.
    byte_wise: ask for, and give, every data byte alone with the complement of INS.
    envelope: take extended commands in ENVELOPE commands, of which the last is empty; without it
        ENVELOPE is passed to the card like any other.
    """

    def __init__(
        self,
        card: CardPort,
        *,
        case_of: CasePolicy = tpdu_case,
        wait: WaitPolicy = never,
        byte_wise: bool = False,
        envelope: bool = True,
    ) -> None:
        self._case_of = case_of
        self._wait = wait
        self._byte_wise = byte_wise
        self._takes_envelopes = envelope
        super().__init__(card)

    def __repr__(self) -> str:
        return f"<T0Card {'in' if self._bytes else 'between'} commands>"

    def start(self) -> None:
        """Set everything to what it is after an answer to reset."""
        self._bytes = bytearray()
        self._case = TpduCase.NO_DATA
        self._again: _Kept | None = None  # after 6CXX
        self._waiting: _Kept | None = None  # after 61XX
        self._envelope = bytearray()

    # -- bytes -----------------------------------------------------------------------------------

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the reader; return what the card sends, empty while it waits for more.

        CardNotPresent without power. What the card raises goes on; the card is then mute until a
        reset.
        """
        out = bytearray()
        for byte in data:
            if not self._card.answers:
                break
            out += self._take(byte)
        return bytes(out)

    def _take(self, byte: int) -> bytes:
        self._bytes.append(byte)
        size = len(self._bytes)
        if size < _HEADER:
            return b""
        if size == _HEADER:
            return self._header(bytes(self._bytes))
        if size < _HEADER + self._bytes[4]:
            return self._ask() if self._byte_wise else b""
        return self._complete()

    def _header(self, header: bytes) -> bytes:
        """Decide what a header asks for: an answer at once, or its data first."""
        # ISO/IEC 7816-3:2006, 10.3.2: CLA FF is reserved; 6X and 9X are no INS
        if header[0] == 0xFF or not is_valid_ins(header[1]):
            self._bytes.clear()
            self._forget()
            return _NO_CLA if header[0] == 0xFF else _NO_INS
        self._case = self._case_of(header)
        if self._is_protected_fetch(header):
            self._case = TpduCase.BOTH
        if self._is_envelope(header):
            self._case = TpduCase.INCOMING if header[4] else TpduCase.NO_DATA
        if header[4] and self._case in (TpduCase.INCOMING, TpduCase.BOTH):
            return self._ask()
        return self._complete()

    def _ask(self) -> bytes:
        ins = self._bytes[1]
        return bytes((ins ^ 0xFF if self._byte_wise else ins,))

    def _give(self, ins: int, data: bytes, status: bytes) -> bytes:
        """Return data with the procedure bytes it needs, and the status."""
        if not data:
            return status
        if self._byte_wise:
            return b"".join(bytes((ins ^ 0xFF, byte)) for byte in data) + status
        return bytes((ins,)) + data + status

    # -- commands --------------------------------------------------------------------------------

    def _complete(self) -> bytes:
        """Answer the command that is now complete; the next byte begins another one."""
        tpdu = bytes(self._bytes)
        self._bytes.clear()
        header, data = tpdu[:_HEADER], tpdu[_HEADER:]
        kept = self._kept_for(header)
        if kept is not None:
            return self._fetch(header, kept)
        again = self._again
        self._waiting = self._again = None
        if again is not None and self._is_repeated(header, again):
            return self._give(header[1], again.data, again.status)
        if self._is_envelope(header):
            return self._collect(header, data)
        self._envelope.clear()
        return self._execute(header, self._apdu(header, data))

    def _forget(self) -> None:
        """Drop what was kept: another command came."""
        self._waiting = self._again = None
        self._envelope.clear()

    def _apdu(self, header: bytes, data: bytes) -> bytes:
        # ISO/IEC 7816-3:2006, 12.2.2 to 12.2.5
        match self._case:
            case TpduCase.OUTGOING:
                return header
            case TpduCase.BOTH if data:
                return header + data + b"\0"
            case _:
                return header + data if data else header[:4]

    def _execute(self, header: bytes, command: bytes) -> bytes:
        nulls = bytes((NULL,)) * self._wait(command)
        answer = self._card.transmit(command)
        data, status = answer[:-2], answer[-2:]
        if self._case is TpduCase.OUTGOING:
            return nulls + self._outgoing(header, data, status)
        return nulls + self._keep(header, data, status)

    def _outgoing(self, header: bytes, data: bytes, status: bytes) -> bytes:
        """Answer case 2: the right number of bytes, or 6CXX and the bytes are kept."""
        asked = header[4] or 256
        if len(data) > asked:
            # 12.2.6: what a short Le cannot ask for is fetched with GET RESPONSE
            more = self._keep(header, data[asked:], status)
            return self._give(header[1], data[:asked], more)
        if 0 < len(data) < asked:
            # 12.2.3: Ne is not accepted, Na is told
            self._again = _Kept(header[:4], data, status)
            return bytes((0x6C, len(data)))
        return self._give(header[1], data, status)

    @staticmethod
    def _is_repeated(header: bytes, again: _Kept) -> bool:
        return header[:4] == again.header and header[4] == len(again.data)

    # -- GET RESPONSE: 12.2.5 --------------------------------------------------------------------

    def _keep(self, header: bytes, data: bytes, status: bytes) -> bytes:
        """Keep data for GET RESPONSE and announce it; without data return the status."""
        if not data:
            return status
        self._waiting = _Kept(header[:1], data, status)
        return bytes((0x61, min(len(data), 256) & 0xFF))

    def _kept_for(self, header: bytes) -> _Kept | None:
        """Return the answer that this command fetches, if it fetches one."""
        kept = self._waiting
        if kept is None or header[1] != Ins.GET_RESPONSE or header[2:4] != b"\0\0":
            return None
        same = ClassByte(header[0]).channel == ClassByte(kept.header[0]).channel
        return kept if same else None

    def _is_protected_fetch(self, header: bytes) -> bool:
        """Tell the card's own GET RESPONSE under secure messaging from the one of the line.

        The protected one has data objects; the line's comes only while something is kept for it.
        """
        return (
            header[1] == Ins.GET_RESPONSE
            and header[4] != 0
            and ClassByte(header[0]).secure
            and self._kept_for(header) is None
        )

    def _fetch(self, header: bytes, kept: _Kept) -> bytes:
        asked = header[4] or 256
        if asked > len(kept.data):
            return bytes((0x6C, len(kept.data)))
        part, rest = kept.data[:asked], kept.data[asked:]
        self._waiting = None
        return self._give(header[1], part, self._keep(kept.header, rest, kept.status))

    # -- ENVELOPE: 12.2.6, 12.2.7 ----------------------------------------------------------------

    def _is_envelope(self, header: bytes) -> bool:
        return (
            self._takes_envelopes
            and header[1] == ENVELOPE
            and header[2:4] == b"\0\0"
            and not ClassByte(header[0]).secure
        )

    def _collect(self, header: bytes, data: bytes) -> bytes:
        """Take a part of an extended command; the empty one says that it is complete."""
        self._envelope += data
        if len(self._envelope) > MAX_COMMAND_BYTES:
            self._envelope.clear()
            return _WRONG_LENGTH
        if data:
            return _OK
        command = bytes(self._envelope)
        self._envelope.clear()
        return self._execute(header, command) if command else _NOTHING_TO_DO

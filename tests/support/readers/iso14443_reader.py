"""The coupling device's end of ISO/IEC 14443-3 Type B and 14443-4: a second opinion.

Written from the standard; it imports nothing of the card. A lost block is a waiting time that has
run out.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

ATTEMPTS = 3
SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096)
"""Frame sizes in bytes by their code, CRC included (ISO/IEC 14443-3:2018, 7.9.4.3)."""


class Type(Enum):
    """The two ways a card may talk; the value is the start of its CRC."""

    A = 0x6363
    B = 0xFFFF


class PiccLost(Exception):
    """The exchange is lost; `deselected` tells whether the card confirmed the end."""

    def __init__(self, *, deselected: bool) -> None:
        super().__init__("deselected" if deselected else "the field must be switched off")
        self.deselected = deselected


def crc(data: bytes, kind: Type) -> bytes:
    """CRC_A or CRC_B (ISO/IEC 14443-3:2018, annex B), bit by bit; the low byte goes first."""
    register = kind.value
    for byte in data:
        for bit in range(8):
            mix = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0x8408 if mix else 0)
    if kind is Type.B:
        register ^= 0xFFFF
    return register.to_bytes(2, "little")


def is_whole(raw: bytes, kind: Type) -> bool:
    """Whether the checksum fits."""
    return len(raw) >= 3 and crc(raw[:-2], kind) == raw[-2:]


def _swapped(nad: int) -> int:
    return (nad & 7) << 4 | nad >> 4


class Pcd:
    """Sends APDUs over `line`, which takes a frame and returns the next one, or nothing."""

    def __init__(
        self,
        line: Callable[[bytes], bytes],
        *,
        kind: Type = Type.B,
        fsd_code: int = 8,
        cid: int | None = None,
        nad: int | None = None,
    ) -> None:
        self._line = line
        self._kind = kind
        self._fsd_code = fsd_code
        self._cid = cid
        self._nad = nad
        self._number = 0
        self.fsc = 32
        self.waits: list[int] = []
        self.atqb = b""
        self.ats = b""

    def send(self, frame: bytes) -> bytes | None:
        """Send a frame with its CRC; return the answer without it, None for nothing or damage."""
        raw = self._line(frame + crc(frame, self._kind))
        return raw[:-2] if is_whole(raw, self._kind) and len(raw) <= SIZES[self._fsd_code] else None

    # -- activation ------------------------------------------------------------------------------

    def activate(self) -> bool:
        """Find the card and open the block protocol; False when it does not answer."""
        self._number = 0
        return self._activate_b() if self._kind is Type.B else self._activate_a()

    def _activate_b(self) -> bool:
        # ISO/IEC 14443-3:2018, 7.7 (WUPB, one slot, every family), 7.9, 7.10
        found = self._insist(b"\x05\x00\x08", lambda got: len(got) >= 12 and got[0] == 0x50)
        if found is None:
            return False
        self.atqb = found
        self.fsc = SIZES[min(found[10] >> 4, 12)]
        assert found[10] & 1, "the card does not speak ISO/IEC 14443-4"
        attrib = b"\x1d" + found[1:5] + bytes((0, self._fsd_code, 1, self._cid or 0))
        cid = self._cid or 0
        return self._insist(attrib, lambda got: len(got) == 1 and got[0] & 15 == cid) is not None

    def _activate_a(self) -> bool:
        # ISO/IEC 14443-4:2018, 5.2 and 5.3
        rats = bytes((0xE0, self._fsd_code << 4 | (self._cid or 0)))
        answer = self._insist(rats, lambda got: got[0] == len(got) > 1)
        if answer is None:
            return False
        self.ats = answer
        self.fsc = SIZES[min(answer[1] & 0x0F, 12)]
        return True

    def _insist(self, frame: bytes, fits: Callable[[bytes], bool]) -> bytes | None:
        """Send a frame until the answer fits; None after three attempts."""
        for _ in range(ATTEMPTS):
            answer = self.send(frame)
            if answer and fits(answer):
                return answer
        return None

    # -- blocks (ISO/IEC 14443-4:2018, 7.1) ------------------------------------------------------

    def _block(self, pcb: int, inf: bytes = b"", *, nad: bool = False) -> bytes:
        head = bytes((pcb | (0x08 if self._cid is not None else 0) | (0x04 if nad else 0),))
        if self._cid is not None:
            head += bytes((self._cid,))
        if nad and self._nad is not None:
            head += bytes((self._nad,))
        return head + inf

    def _parse(self, frame: bytes | None) -> tuple[int, bytes] | None:
        """Return PCB (without the bits for CID and NAD) and INF; None when it is invalid."""
        if not frame:
            return None
        pcb, at = frame[0], 1
        if bool(pcb & 0x08) != (self._cid is not None):
            return None
        if pcb & 0x08:
            if len(frame) < 2 or frame[1] & 0x0F != self._cid:
                return None
            at = 2
        if pcb & 0xC0 == 0x00 and pcb & 0x04:
            # 7.1.2.3: the answer has the reader's node address, source and destination exchanged
            if self._nad is None or frame[at : at + 1] != bytes((_swapped(self._nad),)):
                return None
            at += 1
        kind = pcb & 0xE6
        if kind in (0x02, 0x06) or (pcb & 0xF6 == 0xA2 and len(frame) == at):
            return pcb & 0xF3, frame[at:]
        if pcb & 0xF7 in (0xC2, 0xF2):
            return pcb & 0xF7, frame[at:]
        return None

    def transmit(self, command: bytes) -> bytes:
        """Send a command, return its answer; PiccLost when the line is too bad."""
        room = self.fsc - 2 - len(self._block(0, nad=self._nad is not None))
        pieces = [command[i : i + room] for i in range(0, len(command), room)] or [b""]
        answer = b""
        pcb = 0
        for place, piece in enumerate(pieces):
            more = place + 1 < len(pieces)
            with_nad = self._nad is not None and place == 0
            pcb = 0x02 | (0x10 if more else 0) | self._number
            pcb, answer = self._until_accepted(self._block(pcb, piece, nad=with_nad), chained=more)
            self._number ^= 1  # rule B
        while pcb & 0x10:
            acknowledgement = self._block(0xA2 | self._number)
            pcb, part = self._until_accepted(acknowledgement, chained=False, in_chain=True)
            answer += part
            self._number ^= 1
        return answer

    def _until_accepted(
        self, mine: bytes, *, chained: bool, in_chain: bool = False
    ) -> tuple[int, bytes]:
        """Send a block until the card goes on from it (rules 4 to 7)."""
        sending, failures = mine, 0
        while True:
            received = self._parse(self.send(sending))
            if received is not None and received[0] == 0xF2 and self._is_wait(received[1]):
                multiplier = received[1][0] & 0x3F
                self.waits.append(multiplier)
                sending = self._block(0xF2, bytes((multiplier,)))
                failures = 0
                continue
            if received is not None and self._accepts(received[0], chained):
                return received
            failures += 1
            if failures >= ATTEMPTS:
                raise PiccLost(deselected=self.deselect())
            if received is not None and received[0] == 0xA2 | self._number ^ 1 and not in_chain:
                sending = mine  # rule 6
            else:
                nak = 0xA2 if in_chain else 0xB2  # rules 4 and 5
                sending = self._block(nak | self._number)

    @staticmethod
    def _is_wait(inf: bytes) -> bool:
        return len(inf) == 1 and 1 <= inf[0] & 0x3F <= 59

    def _accepts(self, pcb: int, chained: bool) -> bool:
        if chained:
            return pcb == 0xA2 | self._number  # rule 7
        return pcb & 0xE3 == 0x02 | self._number

    def deselect(self) -> bool:
        """S(DESELECT) (rule 8); whether the card confirmed."""
        for _ in range(ATTEMPTS):
            received = self._parse(self.send(self._block(0xC2)))
            if received is not None and received[0] == 0xC2:
                return True
        return False

    def is_there(self) -> bool:
        """Ask whether the card is still in the field: R(NAK) out of turn (rule 12)."""
        return self._parse(self.send(self._block(0xB2 | self._number))) == (
            0xA2 | self._number ^ 1,
            b"",
        )

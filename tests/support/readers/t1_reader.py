"""The interface device's end of T=1, written from ISO/IEC 7816-3:2006, 11: a second opinion.

It imports nothing of the card: block coding, checksums and recovery are written here again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import NamedTuple

ATTEMPTS = 3
"""A block is sent once and again at most twice (11.6.3, rule 7.4)."""


class GaveUp(Exception):
    """The exchange is lost: nobody knows whether the card did what it was told."""

    def __init__(self, *, resynchronised: bool) -> None:
        super().__init__("resynchronised" if resynchronised else "the card must be reset")
        self.resynchronised = resynchronised


class Aborted(Exception):
    """The card aborted the chain (rule 9)."""


def lrc(data: bytes) -> bytes:
    return bytes((reduce(xor, data, 0),))


def crc(data: bytes) -> bytes:
    """ISO/IEC 13239, 16 bits, bit by bit as a polynomial division; the low byte goes first."""
    register = 0xFFFF
    for byte in data:
        for bit in range(8):
            mix = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0x8408 if mix else 0)
    return (register ^ 0xFFFF).to_bytes(2, "little")


class Block(NamedTuple):
    """A block without NAD, LEN and EDC."""

    pcb: int
    inf: bytes = b""


def is_whole(raw: bytes, checksum: Callable[[bytes], bytes]) -> bool:
    """Whether length and checksum fit."""
    size = len(checksum(b""))
    return (
        len(raw) >= 3 + size
        and len(raw) == 3 + raw[2] + size
        and raw[-size:] == checksum(raw[:-size])
    )


class T1Reader:
    """Sends APDUs over `line`, which takes a block and returns the next one, or nothing."""

    def __init__(
        self,
        line: Callable[[bytes], bytes],
        *,
        checksum: Callable[[bytes], bytes] = lrc,
        ifsc: int = 32,
        nad: int = 0,
    ) -> None:
        self._line = line
        self._checksum = checksum
        self._initial_ifsc = ifsc
        self._nad = nad
        self.waits: list[int] = []
        self.start()

    def start(self) -> None:
        """Begin as after an answer to reset."""
        self.ifsc = self._initial_ifsc
        self.ifsd = 32
        self._ns = 0
        self._nr = 0
        self._failures = 0

    # -- blocks (11.3) ---------------------------------------------------------------------------

    def encode(self, block: Block) -> bytes:
        body = bytes((self._nad, block.pcb, len(block.inf))) + block.inf
        return body + self._checksum(body)

    def decode(self, raw: bytes) -> Block | None:
        """Return a block, None when it is invalid."""
        swapped = (self._nad & 7) << 4 | self._nad >> 4 & 7
        if not is_whole(raw, self._checksum) or raw[0] != swapped or raw[2] > self.ifsd:
            return None
        block = Block(raw[1], raw[3 : 3 + raw[2]])
        kinds = {
            # PCB: (mask of what must be as given, value, allowed lengths)
            "I": (0x9F, 0x00, range(255)),
            "R": (0xEC, 0x80, range(1)),
            "S": (0xDC, 0xC0, range(2)),
        }
        for mask, value, lengths in kinds.values():
            if block.pcb & mask == value and len(block.inf) in lengths:
                return None if block.pcb & 0xEF == 0x83 else block
        return None

    # -- exchange --------------------------------------------------------------------------------

    def transmit(self, command: bytes) -> bytes:
        """Send a command, return its answer; GaveUp when the line is too bad, Aborted."""
        self._failures = 0
        rest = command
        while True:
            piece, rest = rest[: self.ifsc], rest[self.ifsc :]
            block = Block(self._ns << 6 | (0x20 if rest else 0), piece)
            answer = self._until_accepted(block)
            self._ns ^= 1
            if answer.pcb & 0x80 == 0:
                break
        return self._collect(answer)

    def _collect(self, answer: Block) -> bytes:
        data = answer.inf
        self._nr ^= 1
        while answer.pcb & 0x20:
            answer = self._until_accepted(Block(0x80 | self._nr << 4))
            data += answer.inf
            self._nr ^= 1
        return data

    def _until_accepted(self, mine: Block) -> Block:
        """Send an I-block or an acknowledgement until the card goes on from it (rules 2, 7)."""
        sending = mine
        while True:
            received = self.decode(self._line(self.encode(sending)))
            if received is not None and received.pcb & 0xE0 == 0xC0:
                sending = self._serve(received)
            elif received is not None and self._acknowledges(received, mine):
                self._failures = 0
                return received
            else:
                self._fail()
                sending = self._repair(received, mine)

    def _acknowledges(self, received: Block, mine: Block) -> bool:
        is_chained = mine.pcb & 0xA0 == 0x20
        if received.pcb & 0x80:
            # rule 2.2: R(N(R)) with the number of the next I-block
            number = received.pcb >> 4 & 1
            return received.pcb & 0xC0 == 0x80 and is_chained and number != mine.pcb >> 6 & 1
        # rule 2.1: an I-block with the number that is expected
        return not is_chained and received.pcb >> 6 & 1 == self._nr

    def _repair(self, received: Block | None, mine: Block) -> Block:
        """Say what is sent after a block that did not help (rule 7.1, 7.2)."""
        if (
            received is not None
            and received.pcb & 0xC0 == 0x80
            and mine.pcb & 0x80 == 0
            and received.pcb >> 4 & 1 == mine.pcb >> 6 & 1
        ):
            return mine
        return Block(0x80 | self._nr << 4 | (1 if received is None else 2))

    def _serve(self, request: Block) -> Block:
        """Answer the card's S(request) (rules 3, 4, 9)."""
        kind = request.pcb & 0x1F
        if kind == 1 and len(request.inf) == 1 and 1 <= request.inf[0] <= 254:
            self.ifsc = request.inf[0]
        elif kind == 3 and len(request.inf) == 1:
            self.waits.append(request.inf[0])
        elif kind == 2 and not request.inf:
            self._answer_abort()
        else:
            self._fail()
            return Block(0x82 | self._nr << 4)
        return Block(request.pcb | 0x20, request.inf)

    def _answer_abort(self) -> None:
        """Confirm; the card gives the right to send back with an R-block (annex A, 26 and 27)."""
        received = self.decode(self._line(self.encode(Block(0xE2))))
        if received is None or received.pcb & 0xC0 != 0x80:
            raise GaveUp(resynchronised=self.resynchronise())
        self._ns = received.pcb >> 4 & 1
        raise Aborted

    def _fail(self) -> None:
        self._failures += 1
        if self._failures >= ATTEMPTS:
            raise GaveUp(resynchronised=self.resynchronise())

    # -- supervision -----------------------------------------------------------------------------

    def _supervise(self, request: Block) -> bool:
        """Send an S(request) until its response comes (rule 7.3); False after three attempts."""
        for _ in range(ATTEMPTS):
            received = self.decode(self._line(self.encode(request)))
            if received == Block(request.pcb | 0x20, request.inf):
                return True
        return False

    def resynchronise(self) -> bool:
        """S(RESYNCH request) (rule 6); True when the card confirmed: all is as at the start."""
        done = self._supervise(Block(0xC0))
        if done:
            self.start()
        return done

    def change_ifsd(self, size: int) -> bool:
        """S(IFS request): say how long the card's blocks may be (rule 4)."""
        before, self.ifsd = self.ifsd, max(size, self.ifsd)
        done = self._supervise(Block(0xC1, bytes((size,))))
        self.ifsd = size if done else before
        return done

    def start_and_abort(self, piece: bytes) -> bool:
        """Begin a chain, then abort it (rule 9); whether the card confirmed."""
        self._failures = 0
        self._until_accepted(Block(self._ns << 6 | 0x20, piece))
        self._ns ^= 1
        return self._supervise(Block(0xC2))

    def receive_and_abort(self, command: bytes) -> bool:
        """Send a short command, and abort the chain that answers it; whether the card confirmed."""
        self._failures = 0
        answer = self._until_accepted(Block(self._ns << 6, command))
        self._ns ^= 1
        self._nr ^= 1
        assert answer.pcb & 0x20, "the answer is no chain"
        return self._supervise(Block(0xC2))

"""A line that loses, repeats, damages and cuts blocks on purpose, and a card that counts.

The line stands between a reader's end and a card's end that exchange whole blocks.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What happens to one block on its way."""

    OK = "ok"
    LOST = "lost"
    TWICE_FIRST = "twice, the first answer arrives"
    TWICE_SECOND = "twice, the second answer arrives"
    DAMAGED = "damaged"
    CUT = "cut"


@dataclass(frozen=True)
class Fault:
    """One fate of one block; `place` says which byte is damaged, or how much of it is left.

    From the card to the reader, TWICE means that a copy comes in place of the next answer.
    """

    kind: Kind = Kind.OK
    place: int = 0
    mask: int = 1

    def damage(self, block: bytes) -> bytes:
        """Return the block with one byte changed."""
        spot = self.place % len(block)
        return block[:spot] + bytes((block[spot] ^ self.mask,)) + block[spot + 1 :]

    def cut(self, block: bytes) -> bytes:
        """Return a shorter block."""
        return block[: self.place % len(block)]


NOISE = (Kind.DAMAGED, Kind.CUT, Kind.TWICE_FIRST, Kind.TWICE_SECOND)


def noise(rng: random.Random, share: float, bad: Sequence[Kind] = NOISE) -> list[Fault]:
    """Fates of the blocks of a long exchange, both ways in turn; `share` of them are bad."""
    return [
        Fault(rng.choice(bad), rng.randrange(300), rng.randrange(1, 256))
        if rng.random() < share
        else Fault()
        for _ in range(400)
    ]


class FaultyLine:
    """Carries blocks from a reader to `card` and back; one fault for each way, in turn.

    When no fault is left, everything goes through. `looks_whole` tells when a damaged block would
    pass its check by chance: that happens with a CRC once in 65,536 times and is no fault of
    anybody, so such a block is lost instead.
    """

    def __init__(
        self, card: Callable[[bytes], bytes], looks_whole: Callable[[bytes], bool]
    ) -> None:
        self._card = card
        self._looks_whole = looks_whole
        self._faults: deque[Fault] = deque()
        self._stale: bytes | None = None
        self.excuse = False
        """Whether anything is, or was planned to be, wrong since the last `plan`."""
        self.journal: list[str] = []

    def plan(self, faults: Iterable[Fault]) -> None:
        """Say what happens to the next blocks."""
        self._faults.clear()
        self._faults.extend(faults)
        self.excuse = bool(self._faults) or self._stale is not None

    def quieten(self) -> None:
        """Let nothing more go wrong, and take away what is still on its way."""
        self._stale = None
        self.plan([])

    def __call__(self, sent: bytes) -> bytes:
        """Send a block; return what arrives, empty when nothing does."""
        there, back = self._next(), self._next()
        answer = self._deliver(sent, there)
        stale, self._stale = self._stale, None
        arrived = self._return(answer, back)
        if stale is not None:
            arrived = stale
        self.journal.append(f"{sent.hex()} {there.kind.value} / {arrived.hex()} {back.kind.value}")
        return arrived

    def _next(self) -> Fault:
        return self._faults.popleft() if self._faults else Fault()

    def _deliver(self, sent: bytes, fault: Fault) -> bytes:
        match fault.kind:
            case Kind.LOST:
                return b""
            case Kind.TWICE_FIRST:
                first = self._card(sent)
                self._card(sent)
                return first
            case Kind.TWICE_SECOND:
                self._card(sent)
                return self._card(sent)
            case Kind.DAMAGED | Kind.CUT:
                return self._card(self._damaged(sent, fault))
            case Kind.OK:
                return self._card(sent)

    def _return(self, answer: bytes, fault: Fault) -> bytes:
        if not answer:
            return b""
        match fault.kind:
            case Kind.LOST:
                return b""
            case Kind.TWICE_FIRST | Kind.TWICE_SECOND:
                self._stale = answer
                return answer
            case Kind.DAMAGED | Kind.CUT:
                return self._damaged(answer, fault)
            case Kind.OK:
                return answer

    def _damaged(self, block: bytes, fault: Fault) -> bytes:
        changed = fault.damage(block) if fault.kind is Kind.DAMAGED else fault.cut(block)
        return b"" if self._looks_whole(changed) else changed


def answer_to(command: bytes, size: int) -> bytes:
    """Return `size` bytes that no other command is answered with, and 9000."""
    return hashlib.shake_256(command).digest(size) + b"\x90\x00"


class CountingCard:
    """Fits CardPort; answers every command with bytes of its own and counts how often it came.

    `size_of` says how long the answer to a command is.
    """

    def __init__(self, atr: bytes, size_of: Callable[[bytes], int]) -> None:
        self.atr = atr
        self._size_of = size_of
        self.executed: Counter[bytes] = Counter()
        self.journal: list[str] = []

    def power_on(self) -> bytes:
        self.journal.append("on")
        return self.atr

    def reset(self) -> bytes:
        self.journal.append("reset")
        return self.atr

    def power_off(self) -> None:
        self.journal.append("off")

    def transmit(self, command: bytes, /) -> bytes:
        self.executed[command] += 1
        return answer_to(command, self._size_of(command))


def numbered(number: int, nc: int, size: int) -> bytes:
    """Return a command of at least 8 bytes, one of its kind: it says how long its answer is."""
    return (number.to_bytes(4, "big") + size.to_bytes(4, "big")).ljust(max(8, nc), b"\xa5")


def size_asked(command: bytes) -> int:
    """Return the length of the answer that a numbered command asks for."""
    return int.from_bytes(command[4:8], "big")

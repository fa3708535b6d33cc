"""Randomness, clock and persistent memory: the only way out of the card."""

from __future__ import annotations

import datetime
import hashlib
import os
from typing import Final, Protocol

from jukicard.memory import PersistentMemory

_SEED_BYTES: Final = 32
_COUNTER_BYTES: Final = 8


class RandomSource(Protocol):
    """Where the card takes its challenges, keys and codes from."""

    def take(self, size: int) -> bytes:
        """Return `size` random bytes."""
        ...

    def state(self) -> bytes:
        """Return what `random_from_state` needs to go on from here; empty when nothing."""
        ...


class SystemRandom:
    """The operating system's generator: what a card that is not a test should use."""

    def take(self, size: int) -> bytes:
        """Return `size` bytes from the operating system."""
        return os.urandom(size)

    def state(self) -> bytes:
        """Return nothing: there is no state to keep."""
        return b""

    def __repr__(self) -> str:
        return "SystemRandom()"


class SeededRandom:
    """A repeatable generator: the same seed and the same requests give the same bytes.

    SHA-256 over seed and counter, a block a request of up to 32 bytes. For tests only: who knows
    the seed knows every key of the card.
    """

    __slots__ = ("_counter", "_seed")

    def __init__(self, seed: int | str | bytes) -> None:
        """Start from a seed of any length."""
        raw = seed if isinstance(seed, bytes) else str(seed).encode()
        self._seed = hashlib.sha256(b"jukicard seed\0" + raw).digest()
        self._counter = 0

    @classmethod
    def from_state(cls, state: bytes) -> SeededRandom:
        """Go on from a saved `state`; ValueError when it is none."""
        if len(state) != _SEED_BYTES + _COUNTER_BYTES:
            raise ValueError("this is not the state of a seeded generator")
        self = object.__new__(cls)
        self._seed = state[:_SEED_BYTES]
        self._counter = int.from_bytes(state[_SEED_BYTES:], "big")
        return self

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        block = hashlib.sha256(self._seed + self._counter.to_bytes(_COUNTER_BYTES, "big"))
        self._counter += 1
        if size <= 32:
            return block.digest()[:size]
        # a longer request is the SHAKE-256 stream of its own block, so requests never overlap
        return hashlib.shake_256(b"jukicard stream\0" + block.digest()).digest(size)

    def state(self) -> bytes:
        """Return seed and position, 40 bytes; as secret as the card's keys."""
        return self._seed + self._counter.to_bytes(_COUNTER_BYTES, "big")

    def __repr__(self) -> str:
        return "SeededRandom(...)"


def random_from_state(state: bytes) -> RandomSource:
    """Return the generator a snapshot was taken with; ValueError when the state is none."""
    return SeededRandom.from_state(state) if state else SystemRandom()


class Clock(Protocol):
    """What day it is, for personalisation; a chip card itself has no clock."""

    def today(self) -> datetime.date:
        """Return the current date."""
        ...


class SystemClock:
    """The machine's date."""

    def today(self) -> datetime.date:
        """Return the machine's current date."""
        return datetime.date.today()

    def __repr__(self) -> str:
        return "SystemClock()"


class FixedClock:
    """A date that stands still until it is set: what a repeatable card is made with."""

    __slots__ = ("date",)

    def __init__(self, date: datetime.date) -> None:
        self.date = date

    def today(self) -> datetime.date:
        """Return the date that was set."""
        return self.date

    def __repr__(self) -> str:
        return f"FixedClock({self.date.isoformat()})"


class CardEnvironment:
    """Everything from outside that a card may use."""

    __slots__ = ("clock", "memory", "random")

    def __init__(
        self,
        *,
        random: RandomSource | None = None,
        clock: Clock | None = None,
        memory: PersistentMemory | None = None,
    ) -> None:
        """Take the operating system's randomness and date and empty memory unless told."""
        self.random: RandomSource = SystemRandom() if random is None else random
        self.clock: Clock = SystemClock() if clock is None else clock
        self.memory = PersistentMemory() if memory is None else memory

    def __repr__(self) -> str:
        return f"CardEnvironment({self.random!r}, {self.clock!r})"

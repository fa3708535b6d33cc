"""One kind of foreign data: what is right, how it is spoiled, and what may come of it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tests.fuzz.foreign.mutations import BYTES, Mutation, spoil

LONGEST: Final = 10.0
"""Seconds of work that one input may take; most take milliseconds."""


class Found(AssertionError):
    """An input with which something went wrong that no input may bring about."""


@dataclass(frozen=True)
class Target:
    """What takes data from elsewhere.

    `make` gives right inputs, which are taken; `take` takes one (and the right one that it came
    from), returns when it was let in, having looked that nothing was changed or lost (`Found`), and
    otherwise raises one of `refusals`: nothing else may come out of it.
    """

    name: str
    make: Callable[[], Sequence[bytes]]
    take: Callable[[bytes, bytes], None]
    refusals: tuple[type[Exception], ...]
    kinds: Sequence[Mutation] = BYTES
    extra: Callable[[], Sequence[bytes]] = tuple
    """Makes inputs to begin with that are not right."""
    part: int = 1_000
    """How many inputs CI takes: a second's work or two."""

    @cached_property
    def right(self) -> tuple[bytes, ...]:
        """The right inputs, made once."""
        return tuple(self.make())

    @cached_property
    def all(self) -> tuple[bytes, ...]:
        """What is spoiled, made once."""
        return (*self.right, *self.extra())

    def case(self, number: int) -> tuple[bytes, bytes]:
        """Return the input of a number, and the one that it came from."""
        chance = random.Random(f"{self.name} {number}")
        original = chance.choice(self.all)
        return spoil(chance, original, self.kinds), original

    def run(self, numbers: range) -> Counter[str]:
        """Take the inputs of these numbers; return how many were let in, and refused with what."""
        ends: Counter[str] = Counter()
        for number in numbers:
            data, original = self.case(number)
            ends[self.one(data, original, f"case {number}")] += 1
        return ends

    def one(self, data: bytes, original: bytes, name: str) -> str:
        """Take one input and return how it ended; `Found` when that is no way to end."""
        began = time.process_time()  # other programs on the machine do not count
        try:
            self.take(data, original)
            end = "let in"
        except self.refusals as refusal:
            end = type(refusal).__name__
            if not str(refusal).strip():
                raise Found(f"{self.name}, {name}: refused without a word: {data.hex()}") from None
        except BaseException as error:
            error.add_note(f"{self.name}, {name}: {data.hex()}")
            raise
        took = time.process_time() - began
        if took > LONGEST:
            raise Found(f"{self.name}, {name}: {took:.1f} s for {data.hex()}")
        return end

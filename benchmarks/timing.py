"""Measures calls and prints tables: the smallest of several rounds, and ratios within one run."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

MICRO: Final = 1e6
Work = Callable[[], object]


@dataclass
class Effort:
    """How long to measure: rounds of at least `seconds` each. `--quick` makes both small."""

    rounds: int = 7
    seconds: float = 0.15

    @property
    def quick(self) -> bool:
        """Whether it is a look only: what takes long by itself may then be less of it."""
        return self.rounds <= 2

    def calls(self, work: Work) -> int:
        """Return how many calls fill a round."""
        once = time.perf_counter()
        work()
        taken = time.perf_counter() - once
        return max(1, min(200_000, int(self.seconds / max(taken, 1e-7))))

    def best(self, work: Work) -> float:
        """Return the seconds of one call, the smallest mean of all rounds."""
        return self.compare({"": work})[""].best

    def compare(self, works: dict[str, Work]) -> dict[str, Measured]:
        """Measure several works in turn, so that what disturbs one round disturbs all alike."""
        calls = {name: self.calls(work) for name, work in works.items()}
        rounds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(self.rounds):
            for name, work in works.items():
                rounds[name].append(_round(work, calls[name]))
        return {name: Measured(times) for name, times in rounds.items()}


@dataclass
class Measured:
    """The seconds of one call in each round."""

    rounds: list[float]
    best: float = field(init=False)
    median: float = field(init=False)

    def __post_init__(self) -> None:
        self.best = min(self.rounds)
        self.median = statistics.median(self.rounds)


def _round(work: Work, calls: int) -> float:
    gc.collect()
    begun = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - begun) / calls


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are right-aligned."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    print(f"\n{title}")
    for row in [list(head), ["-" * width for width in widths], *cells]:
        first = row[0].ljust(widths[0])
        rest = "  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        print(f"  {first}  {rest}")


def micro(seconds: float) -> str:
    """Return a duration in microseconds."""
    return f"{seconds * MICRO:,.2f} µs" if seconds < 1e-4 else f"{seconds * MICRO:,.0f} µs"


def rate(seconds: float) -> str:
    """Return calls per second."""
    return f"{1 / seconds:,.0f}/s"


def ratio(larger: float, smaller: float) -> str:
    """Return how many times as long."""
    return f"{larger / smaller:.2f} x"


def verdict(met: bool, target: str) -> str:
    """Say whether a target is met."""
    return f"{'met' if met else 'NOT met'}: {target}"

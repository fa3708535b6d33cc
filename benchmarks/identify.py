"""Identification at a counter: from a card that is present to the result, on a file.

    python -m benchmarks.identify [--times N]

What the card itself takes, with the test's reader between, is measured apart and taken off.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "host")]

from benchmarks import interpreter  # noqa: E402
from jukihost.clock import MovableClock  # noqa: E402
from jukihost.database import open_database, upgrade_database  # noqa: E402
from jukihost.workflows import CardAtDesk, identify  # noqa: E402
from tests.support.host.counters import PIN, Clerk, Counter, Reader  # noqa: E402
from tests.support.host.databases import NOON  # noqa: E402

TARGET: Final = 0.060
"""The most seconds in the median, beyond what the card takes."""


class Timed(Reader):
    """A reader that adds up how long its card takes, by the wall and by the processor."""

    wall = processor = 0.0

    def transmit(self, command: bytes) -> bytes:
        begun = time.perf_counter(), time.process_time()
        try:
            return super().transmit(command)
        finally:
            self.wall += time.perf_counter() - begun[0]
            self.processor += time.process_time() - begun[1]


def main() -> int:
    """Measure; the exit code is 0 when it could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    times = parser.parse_args().times
    print(interpreter.build())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder, "terminal.db"))
        upgrade_database(address)
        clock = MovableClock(NOON)
        with open_database(address, clock=clock, terminal="counter-1") as database:
            _measure(Counter(database, clock), times)
    return 0


def _measure(counter: Counter, times: int) -> None:
    beyond, worked, card = [], [], []
    with Timed(counter.card) as reader:
        for _ in range(times + 1):
            hand, desk = CardAtDesk(reader), counter.desk(talk=Clerk(PIN))
            reader.wall = reader.processor = 0.0
            begun = time.perf_counter(), time.process_time()
            identify(desk, hand)
            beyond.append(time.perf_counter() - begun[0] - reader.wall)
            worked.append(time.process_time() - begun[1] - reader.processor)
            card.append(reader.processor)
    del beyond[0], worked[0], card[0]  # the first one loads modules
    slow = statistics.quantiles(beyond, n=100)[98]
    print(
        "identify, from card present to result, beyond the card: "
        f"{1e3 * statistics.median(beyond):.1f} ms in the median (target {1e3 * TARGET:g} ms), "
        f"{1e3 * slow:.1f} at 99 %; {1e3 * statistics.median(worked):.1f} by processor time, "
        f"the card {1e3 * statistics.median(card):.1f} more"
    )


if __name__ == "__main__":
    sys.exit(main())

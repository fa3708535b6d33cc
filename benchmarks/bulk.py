"""Bulk issue against the cards' key generation alone, on as many processes, in a file.

    python -m benchmarks.bulk [--cards N] [--processes N]

Both are measured in turn, in one run: processes that make key pairs as the cards do and nothing
else, then processes that make cards for a list. A card is in the process that makes it. Then one
process makes cards, and its processor time is told apart: what goes to their key pairs, and what
to all else. That tells most where other programs run, and nothing of waiting for the disk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "host")]

from benchmarks import interpreter  # noqa: E402
from jukicard.crypto import rsa_generation  # noqa: E402
from jukicard.crypto.asymmetric import RsaPrivateKey  # noqa: E402
from jukicard.crypto.rsa_generation import generate_rsa  # noqa: E402
from jukicard.testing import BlankCards  # noqa: E402
from jukihost.clock import MovableClock  # noqa: E402
from jukihost.database import open_database, upgrade_database  # noqa: E402
from jukihost.issuing import find_authority  # noqa: E402
from jukihost.keys.counted import CountedCustody  # noqa: E402
from jukihost.keys.issuer import ISSUER_TEST_KEYS  # noqa: E402
from jukihost.workflows import (  # noqa: E402
    Bench,
    Bins,
    Desk,
    Duty,
    Office,
    PeopleFile,
    Processes,
    Run,
    check_people,
)
from tests.support.host.counters import CLERK, Counter  # noqa: E402
from tests.support.host.custody import PublicMasters  # noqa: E402
from tests.support.host.databases import NOON  # noqa: E402
from tests.support.host.residents import TOWN  # noqa: E402
from tests.support.host.town import PSEUDONYMS  # noqa: E402

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event, Semaphore

TARGET: Final = 0.90
"""What key generation alone is to be of bulk issue, at least."""
BITS: Final = 1024
"""Of the one pair that a card of juki-v1 makes."""
ROUNDS: Final = 3


@dataclass(frozen=True)
class Station:
    """What each process opens: the database, an authority in a file, and blank cards of its own."""

    folder: Path
    people: PeopleFile
    cards: int

    @contextmanager
    def opened(self, place: int) -> Iterator[Bench]:
        """Open it for one process; its cards are made before it says that it is ready."""
        address = str(self.folder / "terminal.db")
        cards = BlankCards("juki-v1", self.cards)
        made = [cards.next_card() for _ in range(self.cards)]
        for one in made:
            assert one is not None
            with one:
                pass  # put back, and comes again as it is
        with open_database(address, clock=MovableClock(NOON), terminal="counter-1") as database:
            office = Office(
                TOWN,
                database,
                CountedCustody(PublicMasters()),
                PSEUDONYMS,
                issuer=lambda number: ISSUER_TEST_KEYS,
                authority=find_authority("test", self.folder / "ca.db"),
            )
            desk = Desk(office, Duty(CLERK, database.clock.now()))
            yield Bench(desk, cards, self.people.read())


def main() -> int:
    """Measure; the exit code is 0 when it could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=100, help="a round, all processes together")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    print(interpreter.build())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), arguments.cards, arguments.processes)
    return 0


def _measure(folder: Path, cards: int, processes: int) -> None:
    upgrade_database(folder / "terminal.db")
    clock = MovableClock(NOON)
    with open_database(folder / "terminal.db", clock=clock, terminal="counter-1") as database:
        counter = Counter(database, clock)
        counter.office = replace(
            counter.office,
            issuer=lambda number: ISSUER_TEST_KEYS,
            authority=find_authority("test", folder / "ca.db"),
        )
        keys, issue = [], []
        for _ in range(ROUNDS):
            keys.append(_keys(cards, processes))
            issue.append(_issue(counter, folder, cards, processes))
        best, bulk = min(keys), min(issue)
        ratios = sorted(one / other for one, other in zip(keys, issue, strict=True))
        print(
            f"bulk issue, {processes} processes, {cards} cards of juki-v1 in a round: "
            f"{1e3 * bulk:.1f} ms a card; its key generation alone {1e3 * best:.1f} ms: "
            f"{100 * best / bulk:.0f} % of it ({100 * ratios[0]:.0f} to {100 * ratios[-1]:.0f} % "
            f"by round; target {100 * TARGET:.0f} %)"
        )
        _tell_processor_time(counter, folder, cards)


def _keys(cards: int, processes: int) -> float:
    """Return the seconds a key pair takes, made by several processes at a time."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    made = [
        context.Process(target=_make_keys, args=(ready, go, cards // processes))
        for _ in range(processes)
    ]
    for one in made:
        one.start()
    for _ in made:
        ready.acquire()
    begun = time.perf_counter()
    go.set()
    for one in made:
        one.join()
        assert one.exitcode == 0
    return (time.perf_counter() - begun) / (cards // processes * processes)


def _make_keys(ready: Semaphore, go: Event, count: int) -> None:
    generate_rsa(BITS, os.urandom)
    ready.release()
    go.wait()
    for _ in range(count):
        generate_rsa(BITS, os.urandom)


def _tell_processor_time(counter: Counter, folder: Path, cards: int) -> None:
    """Make cards in this process, and tell the processor time of a card and of its key pair."""
    file = _list(counter, folder, cards + 1)
    pairs, whole = 0.0, 0.0

    def timed(bits: int, random: Callable[[int], bytes]) -> RsaPrivateKey:
        nonlocal pairs
        begun = time.process_time()
        made = generate_rsa(bits, random)
        pairs += time.process_time() - begun
        return made

    rsa_generation.generate_rsa = timed
    try:
        with Station(folder, file, cards + 1).opened(0) as bench:
            first, *others = bench.people.by_row()
            assert all(one.made for one in bench.make(first)), "what it needs is loaded by now"
            pairs, begun = 0.0, time.process_time()
            assert all(one.made for row in others for one in bench.make(row))
            whole = time.process_time() - begun
    finally:
        rsa_generation.generate_rsa = generate_rsa
    print(
        f"by processor time, one process, {cards} cards: {1e3 * whole / cards:.1f} ms a card, "
        f"{1e3 * pairs / cards:.1f} of it the key pair: {100 * pairs / whole:.0f} %"
    )


def _list(counter: Counter, folder: Path, rows: int) -> PeopleFile:
    """Write a list of residents who have no card."""
    drawn = f"{time.monotonic()}"
    holders = [counter.another_resident(f"{drawn} {n}") for n in range(rows)]
    path = folder / "people.csv"
    path.write_text("holder,papers\n" + "".join(f"{one},photo\n" for one in holders))
    return PeopleFile(path)


def _issue(counter: Counter, folder: Path, cards: int, processes: int) -> float:
    """Return the seconds a card takes, from the first that is made to the last."""
    file = _list(counter, folder, cards + processes)
    checked = check_people(counter.desk(), file.read())
    assert len(checked.waiting) == cards + processes
    at: list[float] = []
    crew = Processes(Station(folder, file, cards + processes), processes)
    with Bins(folder, "people") as bins:
        result = Run(checked, crew, bins, told=lambda _: at.append(time.perf_counter())).run()
    assert result.made == cards + processes, result
    # each process has made its first one when it has loaded what it needs
    return (at[-1] - at[processes - 1]) / (len(at) - processes)


if __name__ == "__main__":
    sys.exit(main())

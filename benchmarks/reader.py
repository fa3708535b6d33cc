"""Commands over PC/SC: ours, a bare card that answers at once, and vicc.

What our card's process runs for a command, beyond the bare card's, says more than the time that
passes: most of that is the reader's, and the machine's other business is in it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks import pcsc, tasks, vicc_card
from benchmarks.timing import Effort, Measured, Work, micro, rate, ratio, table, verdict

ABOVE_BARE = {"SELECT EF": 6e-6, "READ BINARY 256": 6e-6, "GET CHALLENGE": 6e-6, "VERIFY": 8e-6}
"""Seconds of the card's own process, above those of a card that answers at once."""
EXCHANGES = 60


def measure(effort: Effort) -> None:
    """Measure each command on two cards in turn, each in a reader of its own."""
    effort = Effort(rounds=6 * effort.rounds, seconds=effort.seconds / 6)  # many short rounds
    with pcsc.daemon() as running:
        if running is None:
            return
        ours, bare, own = {}, {}, []
        with pcsc.cards(running, pcsc.OURS, pcsc.BARE) as (card, nothing):
            clocks = {"ours": card.processor_seconds, "bare": nothing.processor_seconds}
            for task in tasks.OURS:
                works = {"ours": task.start(card), "bare": _bare(task, nothing)}
                found = effort.compare(works)
                ours[task.name], bare[task.name] = found["ours"], found["bare"]
                own.append((task.name, _processor_time(works, clocks, 8 * effort.rounds)))
        theirs: dict[str, Measured] = {}
        if vicc_card.find() is not None:
            with pcsc.cards(running, pcsc.VICC) as (other,):
                for task in tasks.VICC:
                    theirs[task.name] = effort.compare({"": task.start(other)})[""]
    _print_own(own)
    _print(ours, bare, theirs)


def _processor_time(
    works: dict[str, Work], clocks: dict[str, Callable[[], float]], rounds: int
) -> dict[str, Measured]:
    """Return what each card's process ran for an exchange, measured in turn in very short rounds.

    Nothing comes between the rounds: a card that waited longer begins with cold caches.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begun = clocks[name]()
            for _ in range(EXCHANGES):
                work()
            found[name].append((clocks[name]() - begun) / EXCHANGES)
    return {name: Measured(times) for name, times in found.items()}


def _print_own(own: list[tuple[str, dict[str, Measured]]]) -> None:
    rows = []
    for name, found in own:
        mine, base = found["ours"], found["bare"]
        above = mine.best - base.best
        pairs = zip(mine.rounds, base.rounds, strict=True)
        usual = statistics.median(one - other for one, other in pairs)
        target = verdict(above <= ABOVE_BARE[name], micro(ABOVE_BARE[name]))
        times = (mine.best, base.best, above, usual)
        rows.append((name, *map(micro, times), target))
    table(
        "What the card's own process runs for an exchange over PC/SC, best of the rounds",
        ("command", "ours", "bare card", "above it", "median of pairs", "target"),
        rows,
    )


def _bare(task: tasks.Task, transmit: tasks.Transmit) -> Work:
    """The same command; the bare card needs nothing before it."""
    return tasks.Task(task.name, (), task.command, task.answer_bytes).start(transmit)


def _print(
    ours: dict[str, Measured], bare: dict[str, Measured], theirs: dict[str, Measured]
) -> None:
    rows = []
    for name, mine in ours.items():
        base, other = bare[name].best, theirs.get(name)
        rows.append(
            (
                name,
                micro(mine.best),
                rate(mine.best),
                micro(base),
                ratio(mine.best, base),
                micro(other.best) if other else "-",
                ratio(other.best, mine.best) if other else "-",
            )
        )
    table(
        "Over PC/SC, the time that passes, best of the rounds",
        ("command", "ours", "rate", "bare card", "ours / bare", "vicc", "vicc / ours"),
        rows,
    )

"""Commands per second over PC/SC: ours, a bare card that answers at once, and vicc."""

from __future__ import annotations

from benchmarks import pcsc, tasks, vicc_card
from benchmarks.timing import Effort, Measured, Work, micro, rate, ratio, table

ABOVE_BARE = 1.15


def measure(effort: Effort) -> None:
    """Measure each command on two cards in turn, each in a reader of its own."""
    effort = Effort(rounds=6 * effort.rounds, seconds=effort.seconds / 6)  # many short rounds
    with pcsc.daemon() as running:
        if running is None:
            return
        ours, bare = {}, {}
        with pcsc.cards(running, pcsc.OURS, pcsc.BARE) as (card, nothing):
            for task in tasks.OURS:
                found = effort.compare({"ours": task.start(card), "bare": _bare(task, nothing)})
                ours[task.name], bare[task.name] = found["ours"], found["bare"]
        theirs: dict[str, Measured] = {}
        if vicc_card.find() is not None:
            with pcsc.cards(running, pcsc.VICC) as (other,):
                for task in tasks.VICC:
                    theirs[task.name] = effort.compare({"": task.start(other)})[""]
    _print(ours, bare, theirs)


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
                "met" if mine.best <= ABOVE_BARE * base else "NOT met",
            )
        )
    table(
        f"Over PC/SC, best of the rounds (wanted: at most {ABOVE_BARE} x the bare card)",
        ("command", "ours", "rate", "bare card", "ours / bare", "vicc", "vicc / ours", "target"),
        rows,
    )

"""From process start to card present, and what each further card takes: time and memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tracemalloc

from benchmarks import layers
from benchmarks.resident import use
from benchmarks.timing import Effort, Measured, micro, table
from jukicard import Card, issue_card
from tests.support.interop.startup import seconds_until_present

PRESENT_WITHIN = 0.100
FORK_WITHIN = 100e-6
CARD_BYTES = 24 * 1024
FORKS = 1000
SERVED = ("--profile", "juki-v1", "--seed", "1")


def measure(effort: Effort) -> None:
    """Measure process starts, forks and memory."""
    _start(effort)
    _forks(effort)
    _memory()


def _start(effort: Effort) -> None:
    # an installed package has its bytecode beside it; without, every start would compile it
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds_until_present(*SERVED)
    runs = 2 * effort.rounds
    served = Measured([seconds_until_present(*SERVED) for _ in range(runs)])
    python = Measured([_interpreter() for _ in range(runs)])
    rows = [
        ("jukicard serve, until the reader has the ATR", *_milliseconds(served)),
        ("an interpreter that does nothing", *_milliseconds(python)),
    ]
    table(
        f"Process start (wanted: {PRESENT_WITHIN * 1000:.0f} ms; the reader's poll comes to that, "
        "0.4 s at most)",
        ("what", "best", "median"),
        rows,
    )
    print(f"  {'met' if served.best <= PRESENT_WITHIN else 'NOT met'} by the best run")


def _milliseconds(measured: Measured) -> tuple[str, str]:
    return f"{measured.best * 1000:.0f} ms", f"{measured.median * 1000:.0f} ms"


def _interpreter() -> float:
    work = [sys.executable, "-c", "pass"]
    return Effort(rounds=1, seconds=0).best(lambda: subprocess.run(work, check=True))


def _forks(effort: Effort) -> None:
    rows = []
    for profile in ("juki-v1", "mynumber"):
        card = issue_card(profile, seed=1)
        snapshot = card.snapshot()
        for name, work in (
            ("snapshot and restore (fork)", card.fork),
            ("restore", lambda snapshot=snapshot: Card.restore(snapshot)),
            ("fork, power on", lambda card=card: card.fork().power_on()),
            ("issue", lambda profile=profile: issue_card(profile, seed=1)),
        ):
            seconds = effort.best(work)
            wanted = "" if name == "issue" else "met" if seconds <= FORK_WITHIN else "NOT met"
            rows.append((f"{profile}: {name}", micro(seconds), wanted))
    table(f"A further card (wanted: {FORK_WITHIN * 1e6:.0f} µs)", ("what", "time", "target"), rows)
    layers.show("a fork and power on", lambda: card.fork().power_on())


def _memory() -> None:
    rows = []
    for profile in ("juki-v1", "mynumber"):
        for used, what in ((False, "powered"), (True, "every application used")):
            traced = _traced(profile, used=used)
            grown = _grown(profile, used=used)
            wanted = "met" if max(traced, grown) <= CARD_BYTES else "NOT met"
            rows.append((f"{profile}, {what}", f"{traced:,}", f"{grown:,}", wanted))
    table(
        f"Bytes of each of {FORKS} forks (wanted: at most {CARD_BYTES:,})",
        ("card", "Python objects", "resident set", "target"),
        rows,
    )


def _traced(profile: str, *, used: bool) -> int:
    """Return the bytes of Python objects that each of many cards from one snapshot has."""
    snapshot = issue_card(profile, seed=1).snapshot()
    use(Card.restore(snapshot), everything=used)  # what all cards share is there before counting
    gc.collect()
    tracemalloc.start()
    cards = [use(Card.restore(snapshot), everything=used) for _ in range(FORKS)]
    gc.collect()
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return traced // len(cards)


def _grown(profile: str, *, used: bool) -> int:
    """Return how much a process of its own grows by each card."""
    work = [sys.executable, "-m", "benchmarks.resident", profile, str(FORKS)]
    said = subprocess.run(
        [*work, "used" if used else "powered"], capture_output=True, text=True, check=True
    )
    return int(said.stdout)

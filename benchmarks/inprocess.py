"""Commands per second in one process, ours and vicc's, and where the time of ours goes."""

from __future__ import annotations

import json
import subprocess
import sys
from operator import truediv
from pathlib import Path
from statistics import median

from benchmarks import layers, tasks, vicc_card
from benchmarks.timing import Effort, micro, rate, ratio, table
from jukicard import issue_card
from jukicard.apdu import Aid
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.runtime.placement import Placement

WANTED = 200_000
OF_VICC = 5
MOST = 64
"""How many applications a card has at most."""


def measure(effort: Effort) -> None:
    """Measure the four commands on a card in this process, and on vicc's in a process like it."""
    card = issue_card("juki-v1", seed=1, pin="1234")
    card.power_on()
    ours: dict[str, float] = {}
    for task in tasks.OURS:
        ours[task.name] = effort.best(task.start(card.transmit))
    theirs = _vicc(effort)
    for task in tasks.OURS:  # again, in case the machine was busy before and not after
        ours[task.name] = min(ours[task.name], effort.best(task.start(card.transmit)))
    rows = []
    for name, seconds in ours.items():
        fast = 1 / seconds >= WANTED or name not in ("SELECT EF", "READ BINARY 256")
        other = theirs.get(name)
        rows.append(
            (
                name,
                micro(seconds),
                rate(seconds),
                micro(other) if other else "-",
                ratio(other, seconds) if other else "-",
                "met" if fast and (other is None or other >= OF_VICC * seconds) else "NOT met",
            )
        )
    table(
        f"In process (wanted: {WANTED:,}/s for the first two, {OF_VICC} x vicc for each)",
        ("command", "time", "rate", "vicc", "vicc / ours", "target"),
        rows,
    )
    _refusals(effort)
    _crowded(effort)
    for task in tasks.OURS:
        layers.show(task.name, task.start(card.transmit))


def _vicc(effort: Effort) -> dict[str, float]:
    if vicc_card.find() is None:
        print("vicc (vsmartcard-vpicc) is not installed: nothing to compare with")
        return {}
    script = Path(__file__).parent / "vicc_card.py"
    answer = subprocess.run(
        [sys.executable, str(script), "measure", str(effort.seconds)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def _refusals(effort: Effort) -> None:
    """Refused commands: their reasons are texts, made for each."""
    card = issue_card("juki-v1", seed=1, pin="1234")
    card.power_on()
    card.transmit(bytes.fromhex("00A4040C0AD3921000310001010401"))
    rows = []
    for name, command in (
        ("no such file, 6A82", "00A4020C024D4D"),
        ("unknown instruction, 6D00", "00FC0000"),
        ("access refused, 6982", "00B0830000"),
        ("tries left, 63C3", "0020009C"),
        ("malformed, 6700", "00A40204"),
    ):
        raw = bytes.fromhex(command)
        seconds = effort.best(lambda raw=raw: card.transmit(raw))  # type: ignore[misc]
        rows.append((name, card.transmit(raw).hex().upper(), micro(seconds), rate(seconds)))
    table("Refusals", ("what", "answer", "time", "rate"), rows)


def _crowded(effort: Effort) -> None:
    """SELECT EF on a card as it was issued, and on one with as many applications as there may be.

    Installed after issue, and powered anew. The ratio is the median of the rounds': the two cards
    are measured in turn.
    """
    from tests.support.cards.issuer_desk import POINTS, PointsApplet

    select = next(task for task in tasks.OURS if task.name == "SELECT EF")
    works = {}
    for name, further in (("as issued", 0), ("again", 0), (f"with {MOST} applications", MOST)):
        card = issue_card("juki-v1", seed=1, pin="1234")
        for number in range(further - len(card.applications) if further else 0):
            aid = Aid(bytes(POINTS) + bytes((number,)))
            placement = Placement(aid, PointsApplet.type_name)
            with card.environment.memory.transaction():
                card.applications.install(placement, after_issue=True)
                card.applications.change(aid, Operation.ACTIVATE)
        card.power_on()
        works[name] = select.start(card.transmit)
    measured = effort.compare(works)
    base = measured["as issued"].rounds
    rows = [
        (name, micro(one.best), f"{median(map(truediv, one.rounds, base)):.3f} x")
        for name, one in measured.items()
    ]
    table(f"SELECT EF (wanted: nothing measurable for {MOST})", ("card", "time", "ratio"), rows)

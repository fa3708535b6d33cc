"""Beside others: what docs/comparison.md says is measured here, as ratios within one run."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks import pcsc, tasks, vicc_card
from benchmarks.timing import Effort, Work, micro, rate, ratio, table
from jukicard import LocalReader, issue_card
from jukihost import JukiSession, ReplayConnection, build_channel
from tests.support.interop.startup import seconds_until_atr

PAIR: Final = "READ BINARY 256"
"""SELECT EF and READ BINARY of 256 bytes: what a terminal does most."""
TRACE: Final = """
ATR 3BE000FF8131FE4514
> 00A4040C0AD3921000310001010401
< 9000
> 00A4020C02001C
< 9000
> 00200080
< 63C3
"""
HEAD: Final = ("what", "ours", "other", "other / ours")
Row = tuple[str, str, str, str]


def measure(effort: Effort) -> None:
    """Measure beside vicc where it is installed, and beside a recorded session."""
    if vicc_card.find() is None:
        print("vicc (vsmartcard-vpicc) is not installed: nothing to compare with")
    else:
        rows = [*_exchanges(effort), _start(effort), *_further(effort)]
        table("Beside vicc, type iso7816", HEAD, rows)
    table("Beside a recorded session", HEAD, [mock(effort)])


def _exchanges(effort: Effort) -> list[Row]:
    """Two exchanges, SELECT EF and READ BINARY, in the readers of one driver, in turn."""
    with pcsc.daemon() as running:
        if running is None:
            return []
        with pcsc.cards(running, pcsc.OURS, pcsc.VICC) as (ours, vicc):
            works = {"ours": _pair(tasks.OURS, ours), "vicc": _pair(tasks.VICC, vicc)}
            found = effort.compare(works)
        mine, other = (found[name].best / 2 for name in ("ours", "vicc"))
        what = "SELECT EF and READ BINARY over vpcd, exchanges"
        return [(what, rate(mine), rate(other), ratio(other, mine))]


def _pair(asked: tuple[tasks.Task, ...], transmit: tasks.Transmit) -> Work:
    read = next(task for task in asked if task.name == PAIR)
    select = bytes.fromhex(read.before[-1])
    again = read.start(transmit)

    def both() -> None:
        transmit(select)
        again()

    return both


def _start(effort: Effort) -> Row:
    """From the start of a process until the driver has the ATR, both under this interpreter.

    By processor time, its own and the kernel's: how long it takes by the wall, the machine decides.
    """
    # an installed package has its bytecode beside it; without, every start would compile it
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    serve = (sys.executable, "-m", "jukicard", "serve", "juki-v1:1", "--vpcd", "{host}:{port}")
    vicc = (sys.executable, str(Path(vicc_card.__file__)), "{host}", "{port}")
    rounds = [[_worked(command) for command in (serve, vicc)] for _ in range(effort.rounds + 1)]
    mine, other = map(min, zip(*rounds[1:], strict=True))  # the first may write bytecode
    times = (f"{mine * 1000:.0f} ms", f"{other * 1000:.0f} ms")
    return ("process start until the driver has the ATR", *times, ratio(other, mine))


def _worked(command: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds_until_atr(*command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _further(effort: Effort) -> list[Row]:
    """A further card in a process that has one: made, and where there is such a thing forked."""
    card = issue_card("juki-v1", seed=1)
    fork, made = effort.best(card.fork), effort.best(lambda: issue_card("juki-v1", seed=1))
    script = str(Path(vicc_card.__file__))
    said = subprocess.run(
        [sys.executable, script, "further", str(effort.seconds)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    other = float(json.loads(said.stdout)["card"])
    return [
        ("a further card: a fork (it has none: made)", rate(fork), rate(other), ratio(other, fork)),
        ("a further card: made, no fork", rate(made), rate(other), ratio(other, made)),
    ]


def mock(effort: Effort) -> Row:
    """A session that asks for the tries, with a card and with what one once answered."""
    card = issue_card("juki-v1", seed=1)

    def with_card() -> None:
        _ask(LocalReader(card))

    def with_trace() -> None:
        _ask(ReplayConnection(TRACE))

    found = effort.compare({"card": with_card, "trace": with_trace})
    mine, other = found["card"].best, found["trace"].best
    return ("a session of three exchanges", micro(mine), micro(other), ratio(other, mine))


def _ask(reader: LocalReader | ReplayConnection) -> None:
    with reader, JukiSession(build_channel(reader)) as juki:
        if juki.pin_retries() != 3:
            raise RuntimeError("there should be three tries")

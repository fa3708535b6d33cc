"""What testers pay: a card in a state for a test, a thousand tests, a pytest without any of it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.timing import Effort, Measured, micro, table, verdict
from jukicard import PROFILES
from jukicard.testing.markers import Asked, made
from jukicard.testing.states import states_of

CARD_WITHIN: Final = 1e-3
SUITE_WITHIN: Final = 10.0
TESTS: Final = 1000
START_WITHIN: Final = 0.030
_SUITE: Final = """
import pytest
STATES = {states!r}

@pytest.mark.parametrize("number", range({each}))
@pytest.mark.parametrize("state", [pytest.param(s, marks=pytest.mark.jukicard(state=s))
                                   for s in STATES])
def test_it(juki_card, juki_reader, state, number):
    answer = juki_reader.transmit(bytes.fromhex("00A4040C0AD3921000310001010401"))
    assert answer[0] in (0x90, 0x62)
"""
_WITHOUT: Final = ("-p", "no:jukicard", "-p", "no:jukihost")


def measure(effort: Effort) -> None:
    """Measure cards, then suites, where pytest and pytest-xdist are there."""
    _cards(effort)
    missing = [name for name in ("pytest", "xdist") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"\n  no suites: {', '.join(missing)} missing; make .venv/.installed-dev brings them")
        return
    with tempfile.TemporaryDirectory() as folder:
        _start(effort, Path(folder))
        _suite(effort, Path(folder))


def _cards(effort: Effort) -> None:
    rows, worst = [], 0.0
    for profile in PROFILES:
        taken = {}
        for state in states_of(profile):
            asked = Asked(profile, state)
            _fixture(asked)
            taken[state] = effort.best(lambda asked=asked: _fixture(asked))  # type: ignore[misc]
            worst = max(worst, taken[state])
        dearest = max(taken, key=taken.__getitem__)
        rows.append((profile, micro(min(taken.values())), micro(taken[dearest]), dearest))
    head = ("profile", "least", "most", "which state")
    table(f"What juki_card costs a test, over {len(states_of('juki-v1'))} states", head, rows)
    print(f"  {verdict(worst < CARD_WITHIN, 'below 1 ms in any state')}")


def _fixture(asked: Asked) -> None:
    """What the fixture does around a test."""
    made(asked).close()


class _Run(NamedTuple):
    """One pytest: seconds by the clock, seconds of processor, and what it printed."""

    clock: float
    processor: float
    said: str


def _pytest(folder: Path, *arguments: str) -> _Run:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    used, begun = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    taken, now = time.perf_counter() - begun, os.times()
    said = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{said}")
    children = (now.children_user - used.children_user, now.children_system - used.children_system)
    return _Run(taken, sum(children), said)


def _start(effort: Effort, folder: Path) -> None:
    (folder / "test_nothing.py").write_text("def test_it(): pass\n")
    rounds: dict[bool, list[float]] = {True: [], False: []}
    _pytest(folder)
    for _ in range(effort.rounds if effort.quick else 4 * effort.rounds):
        for plugin, times in rounds.items():
            times.append(_pytest(folder, *(() if plugin else _WITHOUT)).processor)
    with_it, without = Measured(rounds[True]), Measured(rounds[False])
    between = Measured([a - b for a, b in zip(with_it.rounds, without.rounds, strict=True)])
    rows = [
        ("with the plugin, unused", _ms(with_it.best), _ms(with_it.median)),
        ("without", _ms(without.best), _ms(without.median)),
        ("the difference", _ms(with_it.best - without.best), _ms(between.median)),
    ]
    title = "A start of pytest, one test that does nothing: processor time, in pairs"
    table(title, ("what", "best", "median"), rows)
    met = between.median < START_WITHIN
    print(f"  {verdict(met, 'less than 30 ms more, by the median of pairs')}")
    (folder / "test_nothing.py").unlink()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _suite(effort: Effort, folder: Path) -> None:
    states = list(states_of("juki-v1"))
    each = (40 if effort.quick else TESTS) // len(states)
    (folder / "test_suite.py").write_text(_SUITE.format(states=states, each=each))
    rows, run = [], _pytest(folder)  # the first run writes bytecode
    for workers in ((), ("-n", "2")):
        run = _pytest(folder, *workers)
        (passed,) = re.findall(r"(\d+) passed", run.said)
        if int(passed) != each * len(states):
            raise RuntimeError(f"{passed} tests passed, not {each * len(states)}")
        rows.append((f"{passed} tests, {' '.join(workers) or 'one process'}", f"{run.clock:.1f} s"))
    table("A suite with a card and a connection each, the whole process", ("what", "time"), rows)
    if len(states) * each == TESTS:
        print(f"  {verdict(run.clock < SUITE_WITHIN, 'below 10 s with two workers')}")

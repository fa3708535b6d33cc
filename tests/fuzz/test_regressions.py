"""Inputs that once failed, and the seeds of coverage-guided fuzzing: each a script of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.cards import NAMES, card
from tests.fuzz.steps import Run, Step, decode, parse_text

HERE = Path(__file__).parent
SCRIPTS = sorted([*HERE.glob("regressions/*.txt"), *HERE.glob("corpus/*.txt")])


def steps_of(script: Path) -> list[Step]:
    steps = parse_text(script.read_text())
    assert steps, f"{script.name} has no step"
    return steps


def test_there_are_scripts_of_both_kinds() -> None:
    assert {script.parent.name for script in SCRIPTS} == {"regressions", "corpus"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_every_card(script: Path, name: str) -> None:
    run = Run(card(name))
    answers = [run.do(step) for step in steps_of(script)]
    run.finish()
    if script.parent.name == "corpus":
        assert any(answer[-2:] == b"\x90\x00" for answer in answers) or name != NAMES[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_is_a_sequence_of_bytes(script: Path) -> None:
    steps = steps_of(script)
    assert list(decode(b"".join(step.encode() for step in steps))) == steps

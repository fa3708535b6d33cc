"""Inputs that once failed, and the seeds of coverage-guided fuzzing: each a script of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.cards import ALL_FILES, NAMES, card
from tests.fuzz.steps import Run, Step, decode, parse_text

HERE = Path(__file__).parent
SCRIPTS = sorted([*HERE.glob("regressions/*.txt"), *HERE.glob("corpus/*.txt")])

EVERYWHERE = {"card", "dynamic", "issuer", "jpki", "juki", "reserved-class-in-chain"}
"""Scripts for what every card has; the others begin with the application that has all files."""
OPERATOR = "operator"
"""The card, and its script, that has its own application beside the issuer domain and no other."""
LET_IN = {"certificates", "counter", "private"}
"""Scripts that begin with a way in, which the card with all files does not have whole."""
REFUSED = {"dynamic"}
"""Scripts of what is refused, each step another way."""


def steps_of(script: Path) -> list[Step]:
    steps = parse_text(script.read_text())
    assert steps, f"{script.name} has no step"
    return steps


def test_there_are_scripts_of_both_kinds() -> None:
    assert {script.parent.name for script in SCRIPTS} == {"regressions", "corpus"}
    assert {script.stem for script in SCRIPTS} > EVERYWHERE | LET_IN | REFUSED


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_every_card(script: Path, name: str) -> None:
    run = Run(card(name))
    steps = steps_of(script)
    answers = [run.do(step) for step in steps]
    run.finish()
    at_home = name == ALL_FILES or script.stem in EVERYWHERE
    if OPERATOR in (name, script.stem):
        at_home = script.stem in (name, "card", "issuer")
    if script.stem in LET_IN:
        at_home = name not in (ALL_FILES, OPERATOR)
    else:
        assert (answers[0][-2:] == b"\x90\x00") == at_home, (
            "the application it begins with is there, or is not"
        )
    if at_home and script.parent.name == "corpus" and script.stem not in REFUSED:
        good = [answer[-2:] == b"\x90\x00" for answer in answers if answer]
        assert sum(good) > len(good) // 3, "a seed that is refused leads nowhere"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_it_is_a_sequence_of_bytes(script: Path) -> None:
    steps = steps_of(script)
    assert list(decode(b"".join(step.encode() for step in steps))) == steps

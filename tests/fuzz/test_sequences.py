"""Random sequences on every card: an ISO status always, no exception, no growth, and repeatable."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.fuzz import inside
from tests.fuzz.cards import NAMES, card
from tests.fuzz.grammar import sequences
from tests.fuzz.steps import Run, Step, decode, parse_text


@pytest.mark.parametrize("name", NAMES)
@given(steps=sequences)
def test_whatever_a_terminal_does(name: str, steps: list[Step]) -> None:
    run = Run(card(name))
    answers = [run.do(step) for step in steps]
    run.finish()
    again = Run(card(name))
    assert [again.do(step) for step in steps] == answers, "the same commands, other bytes"


@pytest.mark.parametrize("name", NAMES)
@given(steps=inside.sequences)
def test_whatever_somebody_does_who_got_in(name: str, steps: list[Step]) -> None:
    run = Run(card(name))
    answers = [run.do(step) for step in steps]
    run.finish()
    again = Run(card(name))
    assert [again.do(step) for step in steps] == answers, "the same commands, other bytes"
    assert again.reached == run.reached


@pytest.mark.parametrize("name", NAMES)
@given(raw=st.binary(max_size=400))
def test_any_bytes_are_a_sequence(name: str, raw: bytes) -> None:
    run = Run(card(name))
    for step in decode(raw):
        run.do(step)
    run.finish()


@given(steps=st.one_of(sequences, inside.sequences))
def test_the_format_of_sequences(steps: list[Step]) -> None:
    steps = steps[:200]
    assert list(decode(b"".join(step.encode() for step in steps))) == steps
    kept = [step for step in steps if step.kind or step.command]
    assert parse_text("\n".join(map(str, kept))) == kept

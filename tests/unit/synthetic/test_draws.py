"""Draws are within their limits, fair, and repeatable."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from jukicard.environment import SeededRandom
from jukicard.synthetic.codes import draw_individual_number, is_individual_number
from jukicard.synthetic.draws import below, between, chance, choice, weighted


@given(st.integers(), st.integers(1, 2**70))
def test_numbers_are_below_the_limit(seed: int, limit: int) -> None:
    assert 0 <= below(SeededRandom(seed), limit) < limit


@given(st.integers(), st.integers(-100, 100), st.integers(0, 1000))
def test_numbers_are_between(seed: int, low: int, size: int) -> None:
    assert low <= between(SeededRandom(seed), low, low + size) <= low + size


def test_there_is_nothing_below_one() -> None:
    with pytest.raises(ValueError, match="no number"):
        below(SeededRandom(1), 0)
    with pytest.raises(ValueError, match="no number"):
        choice(SeededRandom(1), ())


@pytest.mark.parametrize("limit", [2, 3, 6, 200, 256, 257])
def test_numbers_are_drawn_equally_often(limit: int) -> None:
    random = SeededRandom(limit)
    rounds = 100 * limit
    counts = Counter(below(random, limit) for _ in range(rounds))
    assert set(counts) == set(range(limit))
    assert all(40 < count < 170 for count in counts.values())


def test_weights_and_chances_are_kept() -> None:
    random = SeededRandom(3)
    counts = Counter(weighted(random, (("a", 1), ("b", 0), ("c", 3))) for _ in range(4000))
    assert 850 < counts["a"] < 1150
    assert counts["b"] == 0
    assert 150 < sum(chance(random, 5) for _ in range(4000)) < 250
    assert not any(chance(random, 0) for _ in range(100))
    assert all(chance(random, 100) for _ in range(100))


@given(st.integers())
def test_individual_numbers_have_their_check_digit(seed: int) -> None:
    number = draw_individual_number(SeededRandom(seed))
    assert is_individual_number(number)
    other = str((int(number[-1]) + 1) % 10)
    assert not is_individual_number(number[:-1] + other)


@pytest.mark.parametrize("number", ["537686677188", "983205673214", "123456789018"])
def test_documented_individual_numbers_are_right(number: str) -> None:
    assert is_individual_number(number)


@pytest.mark.parametrize("number", ["", "53768667718", "5376866771880", "53768667718A", "５" * 12])
def test_other_texts_are_no_individual_numbers(number: str) -> None:
    assert not is_individual_number(number)

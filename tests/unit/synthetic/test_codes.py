"""Resident record codes: the check digit by its published rule, written a second time here."""

from __future__ import annotations

from collections import Counter

import pytest

from jukicard.environment import SeededRandom
from jukicard.synthetic.codes import (
    check_digit,
    draw_resident_code,
    is_resident_code,
    random_digits,
)


def rule(body: str) -> str:
    """Return the check digit as the rule is written: P_n times Q_n, n counted from the right."""
    total = 0
    for n in range(1, len(body) + 1):
        p_n = int(body[len(body) - n])
        q_n = n + 1 if n <= 6 else n - 5
        total += p_n * q_n
    remainder = total % 11
    return "0" if remainder <= 1 else str(11 - remainder)


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        # the resident record code, ten digits and one
        ("1234567890", "3"),
        ("2472705960", "8"),
        ("0000000001", "9"),
        # the number of the successor, eleven digits and one: the same rule
        ("53768667718", "8"),
        ("98320567321", "4"),
        ("12345678901", "8"),
        ("37947448445", "8"),
    ],
)
def test_published_examples(body: str, digit: str) -> None:
    assert rule(body) == digit
    assert check_digit(body) == digit


def test_against_the_rule_for_every_position_and_digit() -> None:
    for length in (10, 11):
        for position in range(length):
            for digit in "0123456789":
                body = "0" * position + digit + "0" * (length - position - 1)
                assert check_digit(body) == rule(body)
    random = SeededRandom("bodies")
    for _ in range(2000):
        body = random_digits(random, 10)
        assert check_digit(body) == rule(body)


def test_remainders_of_0_and_1_both_give_0() -> None:
    digits = Counter(check_digit(f"{number:010d}") for number in range(5000))
    assert set(digits) == set("0123456789")
    assert digits["0"] > 1.5 * digits["5"]


@pytest.mark.parametrize(
    "body", ["", "12345A7890", "１２３４５６７８９０", "-123456789", " 123456789"]
)
def test_what_is_no_number(body: str) -> None:
    with pytest.raises(ValueError, match="digits only"):
        check_digit(body)


def test_every_single_wrong_digit_is_found_except_between_0_and_10() -> None:
    """A remainder of 10 has no digit of its own, so one change in the body may stay unseen."""
    code = "12345678903"
    assert is_resident_code(code)
    for position in range(11):
        for digit in "0123456789":
            changed = code[:position] + digit + code[position + 1 :]
            wanted = rule(changed[:10]) == changed[10]
            assert is_resident_code(changed) is wanted
    assert not is_resident_code("12345678900")


@pytest.mark.parametrize(
    "code",
    ["", "1234567890", "123456789030", "1234567890A", "１２３４５６７８９０３", "1234567890³"],
)
def test_what_is_no_code(code: str) -> None:
    assert not is_resident_code(code)


def test_drawn_codes_are_right_and_different_and_their_digits_evenly_spread() -> None:
    random = SeededRandom(5)
    codes = [draw_resident_code(random) for _ in range(3000)]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 11 and rule(code[:10]) == code[10] for code in codes)
    spread = Counter("".join(code[:10] for code in codes))
    assert all(0.9 < spread[digit] / 3000 < 1.1 for digit in "0123456789")


def test_random_digits_are_as_many_as_asked_for() -> None:
    random = SeededRandom(1)
    for count in (0, 1, 31, 32, 33, 1000):
        assert len(random_digits(random, count)) == count

"""What is expected of a terminal: met by one that does so, and told of one that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from jukicard import Ins
from jukicard.testing import CardInTest, card_in, today_in
from jukihost import JukiSession, PinRejected, PublishedKeys, Purpose, build_channel

pytest_plugins = ["pytester"]


@pytest.fixture
def card() -> Iterator[CardInTest]:
    made = CardInTest(card_in(), today=today_in("issued"))
    yield made
    made.close()


def careless(card: CardInTest) -> None:
    """Ask for the tries, send a wrong PIN and the right one, in plain."""
    with card.reader as reader, JukiSession(build_channel(reader)) as juki:
        juki.pin_retries()
        with pytest.raises(PinRejected):
            juki.verify_pin("0000")
        juki.verify_pin("1234")


def careful(card: CardInTest) -> None:
    """Read the code as it should be."""
    with card.reader as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
        card.expected.protected_from_here()
        juki.verify_pin("1234")
        juki.read_code()


EXPECTED: Final[dict[str, tuple[Callable[[CardInTest], object], str]]] = {
    "once": (lambda card: card.expect(Ins.VERIFY).once(), "VERIFY was sent 3 times, expected: 1"),
    "at least once": (lambda card: card.expect(Ins.READ_RECORD), "READ RECORD was sent 0 times"),
    "never": (lambda card: card.expect(Ins.VERIFY).never(), "expected: 0 times"),
    "before": (
        lambda card: card.expect(Ins.MUTUAL_AUTHENTICATE).before(Ins.VERIFY),
        "VERIFY was sent without MUTUAL AUTHENTICATE before it",
    ),
    "nothing else": (lambda card: card.expected.nothing_else(), "VERIFY was sent, expected: noth"),
    "no PIN in plain": (
        lambda card: card.expected.no_pin_in_plain(),
        "VERIFY carried a PIN in plain",
    ),
    "tries": (lambda card: card.expected.tries(at_most=0), "1 wrong PINs were sent"),
    "protected": (
        lambda card: card.expected.protected_from_here(),
        "VERIFY was sent without secure messaging",
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_not_as_expected_is_told(card: CardInTest, name: str) -> None:
    expect, told = EXPECTED[name]
    expect(card)
    careless(card)
    assert any(told in problem for problem in card.expected.problems()), card.expected.problems()


def test_a_terminal_that_does_as_expected_is_left_alone(card: CardInTest) -> None:
    card.expect(Ins.VERIFY).once().before(Ins.READ_RECORD)
    card.expect(Ins.MUTUAL_AUTHENTICATE).before(Ins.VERIFY)
    for ins in (Ins.GET_DATA, Ins.GET_CHALLENGE, Ins.READ_RECORD):
        card.expect(ins)
    card.expect(Ins.UPDATE_BINARY).never()
    card.expected.nothing_else()
    card.expected.no_pin_in_plain()
    card.expected.tries(at_most=0)
    careful(card)
    assert card.expected.problems() == []


def test_a_test_fails_at_its_end_in_words(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        from jukicard import Ins
        def test_it(juki_card, juki_session):
            juki_card.expect(Ins.VERIFY).never()
            juki_session.pin_retries()
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    told = "\n".join(result.outlines)
    assert "VERIFY was sent 1 times, expected: 0 times" in told
    assert "CardInTest juki-v1 issued" in told
    assert "Traceback" not in told

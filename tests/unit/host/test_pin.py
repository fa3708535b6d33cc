"""A PIN is four ASCII digits, and nobody sees them."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from hypothesis import given, strategies as st

from jukihost.conversation.secrets import Pin
from jukihost.errors import PinFormatError


@given(st.from_regex(r"\A[0-9]{4}\Z"))
def test_every_four_digits_are_a_pin(digits: str) -> None:
    pin = Pin(digits)
    assert pin.encode() == digits.encode("ascii")
    assert Pin.of(digits) == pin
    assert Pin.of(pin) is pin
    assert digits not in f"{pin} {pin!r} {[pin]}"


@given(
    st.text(max_size=6).filter(
        lambda text: not (len(text) == 4 and text.isascii() and text.isdigit())
    )
)
def test_everything_else_is_not(text: str) -> None:
    with pytest.raises(PinFormatError, match="nothing was sent"):
        Pin(text)


@pytest.mark.parametrize(
    "text", ["", "123", "12345", "12 4", "-123", "1２34", "١٢٣٤", "²345", "12a4", "1234\n", " 1234"]
)
def test_near_misses(text: str) -> None:
    with pytest.raises(PinFormatError):
        Pin(text)


def test_wrong_pin_is_not_in_the_error() -> None:
    with pytest.raises(PinFormatError) as caught:
        Pin("73915")
    error = caught.value
    assert "7391" not in "".join(traceback.format_exception_only(error))
    assert error.__cause__ is None
    assert error.__context__ is None


def test_equal_by_value() -> None:
    assert Pin("1234") == Pin("1234")
    assert Pin("1234") != Pin("1235")
    assert Pin("1234") != "1234"
    assert len({Pin("1234"), Pin("1234")}) == 1


def test_not_stored() -> None:
    with pytest.raises(TypeError, match="not stored"):
        pickle.dumps(Pin("1234"))
    with pytest.raises(TypeError, match="not stored"):
        copy.copy(Pin("1234"))

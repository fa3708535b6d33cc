"""The typed results: the resident record code and its check digit, and what shows in a repr."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, strategies as st

from jukihost.models import CardForm, CardInfo, ResidentCode, check_digit

DIGITS10 = st.text("0123456789", min_size=10, max_size=10)


@pytest.mark.parametrize("code", ["12345678903", "24727059608", "00000000019"])
def test_published_codes(code: str) -> None:
    assert ResidentCode(code).reveal() == code


@given(DIGITS10)
def test_one_last_digit_is_right(body: str) -> None:
    right = []
    for last in "0123456789":
        try:
            right.append(ResidentCode(body + last).reveal())
        except ValueError:
            continue
    assert right == [f"{body}{check_digit(body)}"]


@given(DIGITS10, st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_seen_unless_the_rest_is_small(body: str, at: int, add: int) -> None:
    other = body[:at] + str((int(body[at]) + add) % 10) + body[at + 1 :]
    # Rests 0 and 1 share the digit 0: only there may a wrong digit pass.
    assert check_digit(body) != check_digit(other) or check_digit(body) == 0


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "1234567890",
        "123456789033",
        "1234567890a",
        "１２３４５６７８９０３",
        "12345678904",
        "-2345678903",
        "²2345678903",
    ],
)
def test_no_code(bad: str) -> None:
    with pytest.raises(ValueError, match="resident record code") as caught:
        ResidentCode(bad)
    assert not bad or bad not in str(caught.value)


@pytest.mark.parametrize("bad", ["", "123", "12345678901", "12345６7890"])
def test_no_body(bad: str) -> None:
    with pytest.raises(ValueError, match="ten digits"):
        check_digit(bad)


def test_code_never_shows() -> None:
    code = ResidentCode("12345678903")
    shown = f"{code} {code!r} {[code]}"
    assert "1234" not in shown


def test_codes_compare_by_value() -> None:
    assert ResidentCode("12345678903") == ResidentCode("12345678903")
    assert ResidentCode("12345678903") != ResidentCode("24727059608")
    assert ResidentCode("12345678903") != "12345678903"
    assert len({ResidentCode("12345678903"), ResidentCode("12345678903")}) == 1


def test_card_is_valid_through_its_last_day() -> None:
    info = CardInfo("13221", CardForm.WITH_PHOTO, date(2009, 4, 20), date(2019, 4, 20))
    assert not info.expired(date(2019, 4, 20))
    assert info.expired(date(2019, 4, 21))

"""Application identifiers: length, parts, and selection by a truncated name."""

from __future__ import annotations

import pickle

import pytest

from jukicard.apdu import Aid

JPKI = Aid("D392F000260100000001")
GLOBAL_PLATFORM = Aid("A000000151000000")


@pytest.mark.parametrize("size", range(5, 17))
def test_five_to_sixteen_bytes_are_an_aid(size: int) -> None:
    aid = Aid(bytes(range(size)))
    assert aid == bytes(range(size))
    assert aid.rid == bytes(range(5))
    assert aid.rid + aid.pix == aid


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 17, 18, 255])
def test_fewer_or_more_are_not(size: int) -> None:
    with pytest.raises(ValueError, match="5 to 16"):
        Aid(bytes(size))


@pytest.mark.parametrize("digits", ["D392F00026010000000", "D392F0002G", "0xD392F00026"])
def test_digits_that_are_no_hexadecimal_are_refused(digits: str) -> None:
    with pytest.raises(ValueError, match=r"hexadecimal|fromhex"):
        Aid(digits)


def test_digits_and_bytes_make_the_same_aid() -> None:
    assert Aid("d392f000260100000001") == JPKI
    assert str(JPKI) == "D392F000260100000001"
    assert repr(JPKI) == "Aid('D392F000260100000001')"
    assert eval(repr(JPKI)) == JPKI


@pytest.mark.parametrize("size", range(11))
def test_every_truncation_selects(size: int) -> None:
    # ISO/IEC 7816-4:2020, 11.2.2
    assert JPKI.matches(JPKI[:size])


@pytest.mark.parametrize("name", [bytes(JPKI) + b"\0", bytes(JPKI)[1:], b"\xd3\x93", b"\xa0"])
def test_another_name_does_not_select(name: bytes) -> None:
    assert not JPKI.matches(name)


@pytest.mark.parametrize("nibble", range(16))
def test_the_first_nibble_says_who_registered(nibble: int) -> None:
    # ISO/IEC 7816-4:2020, 12.2.2
    expected = {10: "international", 13: "national", 14: "standard", 15: "proprietary"}
    aid = Aid(bytes((nibble << 4 | 3, 0x92, 0xF0, 0x00, 0x26)))
    assert aid.category == expected.get(nibble, "reserved")
    assert aid.country == ("392" if nibble == 0xD else None)


def test_the_aids_of_this_project_are_where_they_belong() -> None:
    assert (JPKI.category, JPKI.country) == ("national", "392")
    assert (GLOBAL_PLATFORM.category, GLOBAL_PLATFORM.country) == ("international", None)


def test_a_copy_is_an_aid() -> None:
    copy = pickle.loads(pickle.dumps(JPKI))
    assert copy == JPKI
    assert type(copy) is Aid
    assert hash(JPKI) == hash(bytes(JPKI))

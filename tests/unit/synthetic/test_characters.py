"""Which characters a certificate can hold, and how substitutes are flagged."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard.synthetic.characters import (
    GETA,
    SUBSTITUTES,
    cell,
    certificate_text,
    full_width,
    letters,
)


@pytest.mark.parametrize(
    ("text", "shown", "flags"),
    [
        ("黒桐　幹也", "黒桐　幹也", "00000"),
        ("髙橋　花子", "高橋　花子", "10000"),
        ("山﨑　𠮷", "山崎　吉", "0101"),
        ("桒原", "桒原", "00"),  # JIS X 0212: no substitute
        ("渡邉　邊", "渡邉　邊", "0000"),  # JIS X 0208 level 2
        ("葛󠄀城", "葛城", "10"),  # a variant by its selector: one character
        ("𪚲", GETA, "1"),
        ("Ａ１－２", "Ａ１－２", "0000"),
        ("A", GETA, "1"),  # half width is not among them
        ("ｱ", GETA, "1"),
        ("", "", ""),
    ],
)
def test_substitutes_take_the_place_of_what_does_not_fit(text: str, shown: str, flags: str) -> None:
    result = certificate_text(text)
    assert (result.text, result.flags) == (shown, flags)


@given(st.text())
def test_there_is_one_flag_for_each_character(text: str) -> None:
    result = certificate_text(text)
    assert len(result.text) == len(result.flags) == len(list(letters(text)))
    assert all(cell(character) for character in result.text)
    again = certificate_text(result.text)
    assert again.text == result.text
    assert "1" not in again.flags


@given(st.text())
def test_what_has_no_flag_is_unchanged(text: str) -> None:
    result = certificate_text(text)
    for (original, _), shown, flag in zip(letters(text), result.text, result.flags, strict=True):
        assert flag == "1" or shown == original


def test_substitutes_fit_and_what_they_stand_for_does_not() -> None:
    assert SUBSTITUTES
    for original, substitute in SUBSTITUTES.items():
        assert cell(original) is None
        assert cell(substitute) is not None
    assert cell(GETA) is not None


def test_cells_are_those_of_the_two_standards() -> None:
    assert cell("亜") == bytes.fromhex("B0A1")  # the first of level 1
    assert cell("弌") == bytes.fromhex("D0A1")  # the first of level 2
    assert cell("丂") == bytes.fromhex("8FB0A1")  # the first of JIS X 0212
    assert cell("－") == bytes.fromhex("A1DD")


def test_full_width_covers_ascii() -> None:
    assert full_width("SMITH JOHN 7-2") == "ＳＭＩＴＨ　ＪＯＨＮ　７－２"
    assert full_width("山") == "山"


def test_the_repr_shows_no_text() -> None:
    assert repr(certificate_text("黒桐")) == "<CertificateText, 2 characters>"

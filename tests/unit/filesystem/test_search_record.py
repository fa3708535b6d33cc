"""SEARCH RECORD (ISO/IEC 7816-4:2020, 11.4.7), simple and enhanced."""

from __future__ import annotations

import pytest

from jukicard import Card
from tests.support.applets.iso_applet import FIXED, selected_iso_card
from tests.support.published.transcript import play, send

R2 = FIXED[1].hex().upper()


@pytest.fixture
def card() -> Card:
    """Return a card on which EF 6F01 (linear fixed, short identifier 2) is current."""
    card = selected_iso_card()
    play(card, "00A4020C026F01 -> 9000")
    return card


class TestSearch:
    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00A2010401 A2 00", "02 9000"),
            ("00A2010401 02 00", "010203 9000"),
            ("00A2020401 02 00", "0203 9000"),
            ("00A2030501 02 00", "030201 9000"),
            ("00A2020501 02 00", "0201 9000"),
            ("00A2011402 0203 00", "010203 9000"),
            ("00A2020401 A1 00", "6282"),
            ("00A2010401 EE 00", "6282"),
            ("00A2010405 A101020300 00", "6282"),
            # enhanced: 04 forward with an offset, 0C behind a value
            ("00A2010603 0400 A2 00", "02 9000"),
            ("00A2010603 0401 A2 00", "6282"),
            ("00A2010603 0401 02 00", "010203 9000"),
            ("00A2010603 0402 01 00", "6282"),
            ("00A2030603 0501 02 00", "030201 9000"),
            ("00A2010603 0C01 02 00", "010203 9000"),
            ("00A2010603 0C02 01 00", "6282"),
            ("00A2010603 0CEE 01 00", "6282"),
            ("00A2010603 0600 02 00", "0203 9000"),
            ("00A2030603 0700 02 00", "0201 9000"),
            ("00A2030603 0600 02 00", "6282"),
            ("00A2010401 02", "6700"),
            ("00A20104", "6700"),
            ("00A2010402 0203 02", "6C03"),
            ("00A2010602 0400 00", "6700"),
            ("00A2010603 0000 02 00", "6A80"),
            ("00A2010603 1400 02 00", "6A80"),
            ("00A2040401 02 00", "6A83"),
            ("00A2FF0401 02 00", "6A86"),
            ("00A2010001 02 00", "6A86"),
            ("00A2010701 02 00", "6A86"),
            ("00A2010C01 02 00", "6981"),
        ],
    )
    def test_numbers_of_those_that_match(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer.replace(" ", "")

    def test_the_first_match_becomes_current(self, card: Card) -> None:
        play(
            card,
            f"""
            00A2020401 02 00 -> 0203 9000
            00B2000400 -> {R2} 9000
            00A2000603 0600 02 00 -> 03 9000       # from the record after the current one
            00A2000603 0700 02 00 -> 0201 9000
            00A2010401 EE 00 -> 6282
            00B2000400 -> {R2} 9000                # no match moves nothing
            """,
        )

    def test_next_without_a_current_record_is_the_first(self, card: Card) -> None:
        play(card, "00A2000603 0600 02 00 -> 010203 9000")
        play(card, "00A4020C026F01 -> 9000 \n 00A2000603 0700 02 00 -> 030201 9000")

    def test_variable_records(self, card: Card) -> None:
        play(card, "00A4020C026F02 -> 9000")
        second, first = b"second".hex(), b"first".hex()
        play(
            card,
            f"""
            00A2010406{second}00 -> 02 9000
            00A2010405{first}00 -> 01 9000
            00A2010404FCFDFEFF00 -> 04 9000
            00A20106050CFE FF656E 00 -> 04 9000
            """,
        )

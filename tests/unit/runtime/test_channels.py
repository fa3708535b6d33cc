"""Logical channels (ISO/IEC 7816-4:2020, 11.1): opened, closed, numbered, and kept apart."""

from __future__ import annotations

import dataclasses

import pytest

from jukicard import Card
from tests.support.applets.iso_applet import SELECT, iso_card, selected_iso_card
from tests.support.published.transcript import play, status


@pytest.fixture
def card() -> Card:
    return selected_iso_card()


def on(channel: int, command: str) -> str:
    """Return a command with class 00 or 80 as it is sent on a channel."""
    value = int(command[:2], 16)
    value |= channel if channel < 4 else 0x40 | channel - 4
    return f"{value:02X}{command[2:]}"


def test_the_card_opens_the_lowest_free_one_up_to_19(card: Card) -> None:
    for number in range(1, 20):
        play(card, f"0070000001 -> {number:02X} 9000")
    play(card, "0070000001 -> 6A81")
    play(card, "00708005 -> 9000 \n 0070000001 -> 05 9000 \n 0070000001 -> 6A81")


def test_one_by_number(card: Card) -> None:
    play(
        card,
        """
        00700007 -> 9000
        00700007 -> 6985          # open already
        0070000701 -> 6985
        00700013 -> 9000
        00700014 -> 6881
        007000FF -> 6881
        0070000001 -> 01 9000
        00708007 -> 9000
        00708007 -> 6881          # not open any more
        00708000 -> 6A81          # the basic one stays
        """,
    )


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00700000", "6700"),
        ("00700001 01 AA", "6700"),
        ("0070800100", "6700"),
        ("0070800101 AA", "6700"),
        ("0070010001", "6A86"),
        ("0070400001", "6A86"),
        ("00708100", "6A86"),
        ("0070FF00", "6A86"),
        ("8070000001", "6D00"),
        ("1070000001", "6884"),
    ],
)
def test_what_it_refuses_opens_nothing(card: Card, command: str, answer: str) -> None:
    play(card, f"{command} -> {answer} \n 0070000001 -> 01 9000")


def test_a_channel_closes_itself_and_the_basic_one_does_not(card: Card) -> None:
    play(card, "00700002 -> 9000 \n 02708000 -> 9000 \n 02B0000001 -> 6881 \n 00708000 -> 6A81")
    play(card, "00700005 -> 9000 \n 41708000 -> 9000 \n 41B0000001 -> 6881")


@pytest.mark.parametrize("size", [1, 2, 4, 5, 19, 20])
def test_a_card_with_fewer(size: int) -> None:
    card = iso_card(options=lambda o: dataclasses.replace(o, channels=size))
    for number in range(1, size):
        play(card, f"0070000001 -> {number:02X} 9000")
    play(card, "0070000001 -> 6A81")
    for number in range(20):
        wanted = "9000" if number < size else "6881"
        assert status(card, on(number, SELECT)) == wanted


def test_a_new_channel_starts_at_the_default_application(card: Card) -> None:
    play(card, "0070000001 -> 01 9000 \n 01CA004500 -> * 9000 \n 01B0810001 -> 6D00")


def test_every_channel_has_its_own_file_and_record(card: Card) -> None:
    for number in range(1, 20):
        play(card, f"007000{number:02X} -> 9000 \n {on(number, SELECT)} -> 9000")
    for number in range(20):
        play(card, f"{on(number, '00A4020C026F01')} -> 9000")
        play(card, f"{on(number, f'00B2{number % 3 + 1:02X}0400')} -> A{number % 3 + 1}010203 9000")
    play(card, f"{on(19, '00A4020C022F01')} -> 9000")
    for number in range(19):
        play(card, f"{on(number, '00B2000400')} -> A{number % 3 + 1}010203 9000")
    play(card, f"{on(19, '00B0000001')} -> 00 9000")


def test_a_closed_channel_forgets_all_of_itself(card: Card) -> None:
    play(
        card,
        f"""
        00700001 -> 9000
        {on(1, SELECT)} -> 9000
        0120009104 31323334 -> 9000
        01A4020C024F03 -> 9000
        01B0000001 -> FF 9000
        11D6000001 AA -> 9000
        00708001 -> 9000
        00700001 -> 9000
        01B0000001 -> 6D00
        01D6000001 AA -> 6D00
        {on(1, SELECT)} -> 9000
        01A4020C024F03 -> 9000
        01B0000001 -> 6982
        """,
    )


@pytest.mark.parametrize("contactless", [False, True])
def test_a_reset_closes_all_but_the_basic_one(contactless: bool) -> None:
    card = iso_card(contactless=contactless)
    play(card, f"00700001 -> 9000 \n 00700013 -> 9000 \n {on(1, SELECT)} -> 9000")
    card.reset()
    play(card, "01A4040C -> 6881 \n 4FA4040C -> 6881 \n 0070000001 -> 01 9000")
    play(card, "01B0810001 -> 6D00")


def test_chains_and_waiting_answers_belong_to_their_channel(card: Card) -> None:
    play(
        card,
        f"""
        00700001 -> 9000
        {on(1, SELECT)} -> 9000
        10D6810002 AAAA -> 9000
        11D6810402 BBBB -> 9000
        01D6810401 BC -> 9000
        00D6810001 AC -> 9000
        01B0810008 -> AAAAAC03BBBBBC07 9000
        00CA00C100 -> * 6100
        01C0000002 -> 6985
        00C0000002 -> 0001 61FE
        """,
    )

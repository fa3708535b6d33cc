"""Exchanges of known clients with text, surface and common, replayed from vectors/transcripts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from jukicard.apdu.trace import DumpCommand, DumpReset, DumpResponse, parse_dump
from tests.support.cards.face_cards import face_card

FOLDER: Final = Path(__file__).parents[3] / "vectors" / "transcripts"
CARDS: Final = {
    "face_common_new_pin": "successor",
    "face_common_number": "successor",
    "face_surface_age": "successor",
    "face_surface_juki_a": "juki-a",
    "face_surface_juki_b": "juki-b",
    "face_text_new_pin": "successor",
    "face_text_numbers": "successor",
    "face_text_pin": "successor",
    "face_text_wrong_pin": "successor",
}
"""The card that each transcript is of."""


def test_every_transcript_of_these_applications_is_replayed() -> None:
    assert {path.stem for path in FOLDER.glob("face_*")} == CARDS.keys()


@pytest.mark.parametrize("name", CARDS)
def test_the_card_answers_as_it_did(name: str) -> None:
    events = parse_dump((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))
    card = face_card(CARDS[name])
    answer = b""
    compared = 0
    for event in events:
        match event:
            case DumpReset(atr):
                card.power_off()
                assert card.power_on() == atr
            case DumpCommand(pattern):
                answer = card.transmit(pattern.raw)
            case DumpResponse(pattern):
                assert pattern.matches(answer), f"{pattern}: {answer.hex().upper()}"
                compared += 1
    assert isinstance(events[0], DumpReset)
    assert compared == sum(isinstance(event, DumpCommand) for event in events) > 1

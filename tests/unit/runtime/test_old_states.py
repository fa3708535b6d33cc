"""Every card that any release has kept is read by this one, and answers as it did then."""

from __future__ import annotations

from pathlib import Path

import pytest

import jukicard
from jukicard import Card, MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.naive_terminal import JUKI, PURPOSES, NaiveTerminal, keys_of
from tests.support.states import STATES, STORIES, kept, make
from tests.support.transcript import play

KEPT = list(kept())


def test_this_release_has_kept_its_own() -> None:
    folder = STATES / jukicard.__version__
    names = {path.stem for path in folder.glob("*.card")}
    assert names == {name.replace(" ", "_") for name in STORIES}, (
        "run `python -m tests.support.states` once when the version changes"
    )


@pytest.mark.parametrize(
    ("image", "script"), KEPT, ids=[f"{i.parent.name}-{i.stem}" for i, _ in KEPT]
)
def test_a_card_of_an_old_release_is_read_and_answers_as_then(image: Path, script: Path) -> None:
    card = Card.restore(MemorySnapshot.from_bytes(image.read_bytes()), on_bug=raise_bug)
    text = script.read_text(encoding="ascii")
    assert f"# ATR {card.power_on().hex().upper()}" in text
    play(card, text)


def test_cards_are_kept_in_every_state_that_changes_what_they_answer() -> None:
    """GET DATA of the card's state and of the residence state, ISO/IEC 7816-4:2020, 7.4.10."""
    scripts = [script.read_text(encoding="ascii") for _, script in KEPT]
    for answer in (
        "00CA008A00 -> 8A01059000",
        "00CA008A00 -> 8A01049000",
        "00CA008A00 -> 8A010C9000",
        "00CA00C100 -> C101009000",
        "00CA00C100 -> C101019000",
    ):
        assert any(answer in script for script in scripts), answer


@pytest.mark.parametrize(
    ("stem", "opened_to"),
    [
        ("juki-v1_as_issued", {1, 2, 3, 4, 5}),
        ("juki-v1_suspended", {4}),
        ("juki-v1_moved_out", {3, 4}),
        ("juki-v1_terminated", set()),
    ],
)
def test_a_kept_card_still_knows_which_systems_it_lets_in(stem: str, opened_to: set[int]) -> None:
    images = [image for image, _ in KEPT if image.stem == stem]
    assert images
    for image in images:
        snapshot = MemorySnapshot.from_bytes(image.read_bytes())
        for reference, purpose in PURPOSES.items():
            card = Card.restore(snapshot, on_bug=raise_bug)
            card.power_on()
            number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
            terminal = NaiveTerminal(card.transmit, number)
            terminal.select(JUKI)
            terminal.get_challenge()
            keys = keys_of(number, purpose)
            answer = terminal.mutual_authenticate(keys, 0x80 | reference)
            assert (answer.status == 0x9000) is (reference in opened_to), (image, purpose)


@pytest.mark.parametrize("name", STORIES)
def test_the_same_card_is_made_the_same_way(name: str) -> None:
    assert make(name) == make(name)

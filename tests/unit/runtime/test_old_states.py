"""Every card that any release has kept is read by this one, and answers as it did then."""

from __future__ import annotations

from pathlib import Path

import pytest

import jukicard
from jukicard import Card, MemorySnapshot
from jukicard.runtime.boundary import raise_bug
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


@pytest.mark.parametrize("name", STORIES)
def test_the_same_card_is_made_the_same_way(name: str) -> None:
    assert make(name) == make(name)

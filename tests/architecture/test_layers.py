"""The way of a command as it is told: in the pipeline's own list and in the manual's drawing."""

from __future__ import annotations

import re
from pathlib import Path

from jukicard import issue_card
from jukicard.runtime import pipeline
from jukicard.runtime.dispatcher import Dispatcher

ROOT = Path(__file__).parents[2]
DRAWN = {
    "Channels": "channel",
    "SecureMessagingLayer": "secure messaging",
    "Boundary": "boundary",
    "Admission": "admission",
    "Chaining": "chaining",
    "Dispatcher": "dispatcher",
}
"""What the manual calls each layer."""


def layers() -> list[str]:
    """The layers of a powered card, from the outermost: each knows the next one only."""
    card = issue_card(seed=1)
    card.power_on()
    assert card._pipeline is not None
    layer = card._pipeline.process.__self__  # type: ignore[attr-defined]
    found = [layer]
    while not isinstance(layer, Dispatcher):
        layer = layer._next.__self__
        found.append(layer)
    return [type(each).__name__ for each in found]


def test_the_pipelines_list_is_the_pipeline() -> None:
    assert pipeline.__doc__ is not None
    told = re.findall(r"^\w+ +([A-Z]\w+) {2,}", pipeline.__doc__, re.MULTILINE)
    assert told == layers()


def test_the_manual_draws_the_same_way() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = text.split("## 3. One APDU")[1]
    boxes = re.findall(r"^│ ([A-Z]\w+) {2,}", told.split("```")[1], re.MULTILINE)
    assert [name for name in boxes if name in DRAWN] == layers()
    drawing = told.split("```")[3]
    drawn = re.findall(r"└ ([a-z]+(?: [a-z]+)?) {2,}", drawing)
    wanted = [DRAWN[name] for name in layers()]
    assert [name for name in drawn if name in DRAWN.values()] == wanted

"""A placement: what an application is given, and that a privilege is no parameter."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from jukicard import PROFILES, Card, ImageError, MemorySnapshot, issue_card
from jukicard.apdu import Aid
from jukicard.memory import PersistentMemory
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.card import CARD_PARTITION
from jukicard.runtime.placement import (
    Entry,
    Placement,
    Privilege,
    entries_from_bytes,
    entries_to_bytes,
)
from tests.support.applets.lifecycle_applet import AID, LifeCycleApplet
from tests.support.cards.states import STATES
from tests.support.published.transcript import play

FOR_THE_CARD = frozenset({Privilege.CARD})
SUSPEND, END = "0004000002 3F00", "00FE0000"
KEPT = sorted(STATES.glob("*/*.card"))


def card_with(placement: Placement) -> Card:
    juki = PROFILES["juki-v1"]
    profile = dataclasses.replace(juki, applications=(*juki.applications, placement))
    card = issue_card(profile, seed=1, on_bug=raise_bug)
    card.power_on()
    play(card, f"00A4040C{len(placement.aid):02X}{placement.aid} -> 9000")
    return card


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"privilege": "card"},
        {"colour": "red", "privilege": "card"},
        {"privileges": "card"},
        {"privileges": '["card"]'},
        {"card": "card"},
    ],
    ids=str,
)
@pytest.mark.parametrize("restored", [False, True])
def test_no_parameter_is_a_privilege(parameters: dict[str, str], restored: bool) -> None:
    """The application lets anybody suspend and end the card, if it may."""
    card = card_with(Placement(AID, LifeCycleApplet.type_name, parameters))
    if restored:
        card = Card.restore(card.snapshot())
        card.power_on()
        play(card, f"00A4040C{len(AID):02X}{AID} -> 9000")
    found = card.applications.get(AID)
    assert found is not None
    assert found.applet.context.card is None
    assert dict(found.applet.context.parameters) == parameters
    play(card, f"{SUSPEND} -> 6A82 \n {END} -> 6D00")
    assert card.state.usable


@pytest.mark.parametrize("restored", [False, True])
def test_a_privilege_is_one_whatever_the_parameters(restored: bool) -> None:
    card = card_with(Placement(AID, LifeCycleApplet.type_name, {"privilege": "none"}, FOR_THE_CARD))
    if restored:
        card = Card.restore(card.snapshot())
        card.power_on()
        play(card, f"00A4040C{len(AID):02X}{AID} -> 9000")
    play(card, f"{SUSPEND} -> 9000")
    assert not card.state.usable


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "values",
    [
        (b"12345", "x", {}, frozenset()),
        (AID, Text("x"), {}, frozenset()),
        (AID, "x", {1: "y"}, frozenset()),
        (AID, "x", {"y": Text("z")}, frozenset()),
        (AID, "x", {}, {Privilege.CARD}),
        (AID, "x", {}, frozenset({"card"})),
        (AID, "x", {}, "card"),
    ],
    ids=str,
)
def test_what_is_no_placement(values: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        Placement(*values)


def test_a_placement_is_nobodys_to_change() -> None:
    given = {"layout": "juki"}
    placement = Placement(AID, "surface", given)
    given["layout"] = "other"
    assert placement.parameters == {"layout": "juki"}
    with pytest.raises(TypeError):
        placement.parameters["layout"] = "other"  # type: ignore[index]
    with pytest.raises(AttributeError):
        placement.privileges = FOR_THE_CARD  # type: ignore[misc]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [Entry(Placement(AID, "x"))],
        [
            Entry(Placement(AID, "juki", {"privilege": "card"})),
            Entry(Placement(Aid("F000000001"), "y", {"a": "b"}, FOR_THE_CARD), "some-package"),
        ],
    ],
)
def test_what_is_written_is_read(entries: list[Entry]) -> None:
    assert entries_from_bytes(entries_to_bytes(entries), lambda kind: True) == entries


def old(**entry: object) -> bytes:
    return json.dumps([{"aid": str(AID), "parameters": {}, **entry}]).encode()


def test_what_0_1_0_wrote_of_an_own_kind_and_of_anothers() -> None:
    parameters = {"layout": "juki", "privilege": "card"}
    raw = old(type="mine", parameters=parameters)
    assert entries_from_bytes(raw, lambda kind: kind == "mine") == [
        Entry(Placement(AID, "mine", {"layout": "juki"}, FOR_THE_CARD))
    ]
    assert entries_from_bytes(raw, lambda kind: False) == [
        Entry(Placement(AID, "mine", parameters))
    ]


@pytest.mark.parametrize("image", KEPT, ids=[f"{it.parent.name}-{it.stem}" for it in KEPT])
def test_a_kept_card_has_the_privileges_it_had(image: Path) -> None:
    snapshot = MemorySnapshot.from_bytes(image.read_bytes())
    written = json.loads(snapshot.partitions["card"]["applications"])
    had = {entry["aid"] for entry in written if "privilege" in entry["parameters"]}
    assert had
    card = Card.restore(snapshot)
    assert {str(it.aid) for it in card.applications if it.privileged} == had
    profile = PROFILES[re.split("_", image.stem)[0]]
    assert [(it.aid, it.privileged) for it in card.applications] == [
        (placement.aid, Privilege.CARD in placement.privileges)
        for placement in profile.applications
    ]
    assert not any("privilege" in it.placement.parameters for it in card.applications)


def test_an_old_card_that_gets_another_application_keeps_its_privileges() -> None:
    image = next(path for path in KEPT if path.stem == "juki-v1_as_issued")
    card = Card.restore(MemorySnapshot.from_bytes(image.read_bytes()))
    had = [it.placement for it in card.applications]
    with card.environment.memory.transaction():
        card.applications.install(Placement(AID, LifeCycleApplet.type_name, {"privilege": "card"}))
    again = Card.restore(card.snapshot())
    assert [it.placement for it in again.applications][:-1] == had
    assert not list(again.applications)[-1].privileged


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[",
        b"7",
        b"[7]",
        b"[{}]",
        old(type=7),
        old(type="juki", aid="F0"),
        old(type="juki", aid=7),
        old(type="juki", parameters=None),
        old(type="juki", parameters=["privilege"]),
        old(type="juki", parameters={"a": 1}),
        old(type="juki", parameters={"privilege": "cards"}),
        old(type="juki", parameters={"privilege": ["card"]}),
        old(type="juki", privileges="card"),
        old(type="juki", privileges=["cards"]),
        old(type="juki", privileges=[["card"]]),
        old(type="juki", privileges={"card": 1}),
    ],
)
def test_damage_is_told_before_the_first_answer(raw: bytes) -> None:
    card = issue_card("juki-v1", seed=1)
    memory = card.environment.memory
    memory.partition(CARD_PARTITION).put_now("applications", raw)
    with pytest.raises(ImageError, match="damaged"):
        Card.restore(PersistentMemory.restore(memory.snapshot()).snapshot())

"""Which kinds of application a card can have, and what it says of one it cannot."""

from __future__ import annotations

import dataclasses
from importlib import metadata

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid
from jukicard.runtime.applet import Applet
from jukicard.runtime.registry import UnknownAppletError, applet_class, offer_applet
from tests.support.applets.iso_applet import AID, TWIN_AID, IsoApplet, TwinApplet, iso_card
from tests.support.published.transcript import play


def test_an_offered_class_is_found_by_its_name() -> None:
    assert applet_class("test-iso") is IsoApplet
    assert applet_class("test-iso-twin") is TwinApplet
    assert offer_applet(IsoApplet) is IsoApplet, "offering the same again changes nothing"


@pytest.mark.parametrize("name", ["test-iso", "issuer", "juki"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    other = type("Other", (IsoApplet,), {"type_name": name})
    with pytest.raises(ValueError, match=f"another kind of application '{name}'"):
        offer_applet(other)
    assert applet_class(name) is not other


def test_the_own_kinds_are_applications() -> None:
    for name in ("issuer", "juki"):
        found = applet_class(name)
        assert issubclass(found, Applet)
        assert found.type_name == name


def test_an_unknown_kind_is_named_with_what_to_do() -> None:
    with pytest.raises(UnknownAppletError, match=r"'nowhere'.*install the package"):
        applet_class("nowhere")


def test_an_entry_point_that_is_no_application(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("odd", "builtins:int", "jukicard.applets")
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [point])
    with pytest.raises(UnknownAppletError, match="'odd'"):
        applet_class("odd")


def test_an_entry_point_that_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    value = f"{IsoApplet.__module__}:{IsoApplet.__qualname__}"
    point = metadata.EntryPoint("elsewhere", value, "jukicard.applets")
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [point])
    assert applet_class("elsewhere") is IsoApplet


def test_a_profile_of_ones_own_has_further_applications() -> None:
    card = iso_card(forbidden=False)
    aids = [application.aid for application in card.applications]
    assert aids[-2:] == [AID, TWIN_AID]
    assert aids[:-2] == [aid for aid, *_ in PROFILES["juki-v1"].applications]
    restored = Card.restore(card.snapshot())
    restored.power_on()
    play(restored, f"00A4040C09{AID} -> 9000 \n 00B0810002 -> 0001 9000")


def test_a_profile_may_have_nothing_but_an_application_of_ones_own() -> None:
    profile = dataclasses.replace(
        PROFILES["juki-v1"], applications=((Aid(AID), IsoApplet.type_name, {}),)
    )
    card = issue_card(profile)
    assert [application.aid for application in card.applications] == [Aid(AID)]
    card.power_on()
    assert card.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00", "it is the default"

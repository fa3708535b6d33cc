"""Making blank cards: what is given to one, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jukicard import PROFILES, CardKeys, Pins, Printed, ProfileError, draw_person, issue_card
from jukicard.apdu import Aid
from jukicard.environment import CardEnvironment, SeededRandom
from jukicard.memory import PersistentMemory, RamBackend
from jukicard.profiles.masters import published_master
from jukicard.runtime.card import Card
from jukicard.runtime.placement import Placement, entries_from_bytes, entries_to_bytes
from tests.support.cards.issuer_desk import POINTS, PointsApplet

NOBODYS = "a blank card is nobody's"


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"person": draw_person(SeededRandom(1), issued=PROFILES["juki-v1"].issued)}, NOBODYS),
        ({"code": "12345678909"}, NOBODYS),
        ({"municipality": "13221"}, NOBODYS),
        ({"pin": "1234"}, NOBODYS),
        ({"pins": Pins()}, NOBODYS),
        ({"pins": {}}, NOBODYS),
        ({"applications": [Placement(POINTS, PointsApplet.type_name)]}, "over the issuer domain"),
        ({"printed": Printed(form=1)}, "gets its form when it is personalised"),
    ],
)
def test_what_is_somebodys_is_not_given_to_a_blank_card(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        issue_card("juki-v1", blank=True, **wishes)


def test_a_profile_of_ones_own_with_an_application_from_elsewhere_has_no_blank_cards() -> None:
    further = Placement(POINTS, PointsApplet.type_name)
    own = PROFILES["juki-v1"]
    own = replace(own, applications=(*own.applications, further))
    with pytest.raises(ProfileError, match="over the issuer domain"):
        issue_card(own, blank=True)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_seed_makes_the_same_card_and_another_one_another(profile: str) -> None:
    first, again, other = (issue_card(profile, seed=n, blank=True).snapshot() for n in (1, 1, 2))
    assert first.contents() == again.contents() != other.contents()


def test_its_keys_come_from_the_masters_that_are_given() -> None:
    masters = {name: published_master(f"another {name}") for name in ("COUNTER", "SUSPEND")}
    keys = CardKeys(
        masters=masters, issuer=(bytes(range(16)), bytes(range(1, 17)), bytes(range(2, 18)))
    )
    number = bytes.fromhex("8139200011223344")
    printed = Printed(card_number=number, access_number="271828")
    blank = issue_card("juki-v1", seed=1, keys=keys, printed=printed, blank=True)
    whole = issue_card("juki-v1", seed=1, keys=keys, printed=printed)
    juki = "application D3921000310001010401"
    for place in ("content/0104", "content/0105", "object//5A"):
        assert blank.snapshot().contents()[juki][place] == whole.snapshot().contents()[juki][place]
    assert "content/0101" not in blank.snapshot().contents()[juki], "no master, no key"


def test_a_master_from_the_printed_access_number_is_refused_on_a_blank_card_too() -> None:
    keys = CardKeys(masters={"COUNTER": b"271828".ljust(16, b"\0")})
    with pytest.raises(ProfileError, match="derived from what is printed"):
        issue_card("juki-v1", keys=keys, printed=Printed(access_number="271828"), blank=True)


def test_what_waits_is_remembered_with_the_card() -> None:
    backend = RamBackend()
    waiting = issue_card("juki-v2", memory=PersistentMemory(backend), blank=True).applications.blank
    assert len(waiting) == 3
    again = Card(CardEnvironment(memory=PersistentMemory(backend)))
    assert again.applications.blank == waiting


def test_entries_of_issued_cards_are_kept_as_before() -> None:
    raw = issue_card("juki-v1", seed=1).snapshot().contents()["card"]["applications"]
    assert b"blank" not in raw
    blank = issue_card("juki-v1", seed=1, blank=True).snapshot().contents()["card"]["applications"]
    entries = entries_from_bytes(blank, lambda kind: True)
    assert [one.blank for one in entries] == [False, True, True]
    assert entries_to_bytes(entries) == blank
    assert all(isinstance(one.placement.aid, Aid) for one in entries)

"""Cards with applications from elsewhere: they are issued, get contents and keys, and are kept."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jukicard import PROFILES, Card, CardKeys, Pins, Placement, Privilege, ProfileError, issue_card
from jukicard.apdu import Aid, CommandApdu
from jukicard.kit.personalisation import Order
from jukicard.memory import MemorySnapshot
from jukicard.profiles.masters import published_master
from jukicard.runtime.application import ConfinedApplication
from jukicard.runtime.kinds import UnknownAppletError, offer_applet
from tests.support.applets.intruder import INTRUDER, IntruderApplet
from tests.support.elsewhere import LOANS, install_distribution
from tests.support.naive.terminal import KeyPair, NaiveTerminal, card_key, keys_of
from tests.support.published.transcript import play

AID = Aid("F04C4F414E53")
SELECT = f"00A4040C06{AID} -> 9000\n"


@pytest.fixture(autouse=True)
def loans(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The package that offers the kind `loans` is installed."""
    install_distribution(
        monkeypatch, tmp_path, name="town-loans", kind="loans", module="town_loans", source=LOANS
    )
    yield
    sys.modules.pop("town_loans", None)


def issued(**wishes: Any) -> Card:
    values = {"seed": 1, "municipality": "13221", "applications": ["loans"], **wishes}
    card = issue_card(values.pop("profile", "juki-v1"), **values)
    card.power_on()
    return card


def terminal_of(card: Card, keys: Callable[[bytes], KeyPair], aid: Aid = AID) -> NaiveTerminal:
    """A terminal that tries to authenticate for LIBRARY."""
    card.transmit(bytes((0, 0xA4, 4, 0x0C, len(aid))) + aid)
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    assert terminal.get_challenge().status == 0x9000
    terminal.mutual_authenticate(keys(number), 0x81)
    return terminal


def writes(terminal: NaiveTerminal) -> bool:
    return terminal.protected(CommandApdu(0, 0xD6, 0x81, 0, b"x")).status == 0x9000


@pytest.mark.parametrize("profile", PROFILES)
def test_it_is_issued_with_contents_pin_and_keys(profile: str) -> None:
    card = issued(profile=profile)
    found = card.applications.get(AID)
    assert isinstance(found, ConfinedApplication)
    assert not found.placement.privileges
    play(
        card,
        SELECT
        + """
        00B0810000 -> 6982
        00200091 04 31323334 -> 9000
        00B081000B -> 3133323231207768697465 9000
        """,
    )
    assert writes(terminal_of(card, lambda number: keys_of(number, "LIBRARY", AID)))
    assert not writes(terminal_of(card, lambda number: keys_of(number, "COUNTER", AID)))
    assert not writes(terminal_of(card, lambda number: keys_of(number, "LIBRARY")))


def test_what_else_is_on_the_card_is_what_it_was() -> None:
    partitions = [
        {
            name: dict(values)
            for name, values in card.snapshot().partitions.items()
            if name not in ("card", f"application {AID}")
        }
        for card in (issued(), issued(applications=[]))
    ]
    assert partitions[0] == partitions[1]


def test_it_lies_where_it_is_placed_with_its_parameters() -> None:
    other = Aid("F04C4F414E5302")
    card = issued(applications=[Placement(other, "loans", {"colour": "red"})])
    assert card.applications.get(AID) is None
    play(
        card,
        f"""
        00A4040C07{other} -> 9000
        00200091 04 31323334 -> 9000
        00B0810009 -> 313332323120726564 9000
        """,
    )
    assert writes(terminal_of(card, lambda number: keys_of(number, "LIBRARY", other), other))


def test_it_is_kept_and_goes_on() -> None:
    card = issued(pins={"loans": "4321"})
    again = Card.restore(MemorySnapshot.from_bytes(card.snapshot().export_with_keys()))
    again.power_on()
    play(again, SELECT + "00200091 04 31323334 -> 63C2 \n 00200091 04 34333231 -> 9000")


# --- purposes and PINs are names ---

MASTER = bytes(range(1, 17))


def test_masters_are_taken_for_every_purpose_on_the_card() -> None:
    card = issued(keys=CardKeys(masters={"LIBRARY": MASTER}))

    def keys(number: bytes) -> KeyPair:
        return KeyPair(card_key(MASTER, number, AID, 1), card_key(MASTER, number, AID, 2))

    assert writes(terminal_of(card, keys))
    assert not writes(terminal_of(card, lambda number: keys_of(number, "LIBRARY", AID)))


def test_a_purpose_without_a_master_has_no_key() -> None:
    card = issued(keys=CardKeys(masters={"COUNTER": MASTER}))
    play(card, SELECT + "0084000008 -> * 9000 \n 0082008128" + "00" * 40 + "28 -> 6A88")


def test_suites_are_taken_for_every_purpose_on_the_card() -> None:
    card = issued(keys=CardKeys(suites={"LIBRARY": "MA-AES256"}))
    found = card.applications.get(AID)
    assert found is not None
    assert ("LIBRARY", len(published_master("LIBRARY", suite_of(found)))) == ("LIBRARY", 32)


def suite_of(application: Any) -> Any:
    ef, _ = application.applet.keys.find(1)
    return application.applet.keys.engine(ef).suite


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"keys": CardKeys(masters={"NOBODY": MASTER})}, "no purpose 'NOBODY'; there is .*LIBRARY"),
        ({"keys": CardKeys(suites={"NOBODY": "MA-AES256"})}, "'NOBODY', which has no master"),
        ({"applications": [], "keys": CardKeys(masters={"LIBRARY": MASTER})}, "no purpose 'LIBR"),
        ({"pins": {"nobody": "1234"}}, "for no application on this card.* juki, .*, loans"),
        ({"pins": {"loans": "12"}}, "0011 has 4 to 4 characters"),
        ({"pins": {"loans": 1234}}, "a PIN is text"),
        ({"pins": {"juki": "12"}}, "the juki PIN is four digits"),
        ({"applications": ["loans", "loans"]}, f"an application {AID} on the card already"),
        (
            {"applications": [Placement(PROFILES["juki-v1"].applications[1].aid, "loans")]},
            "already",
        ),
        ({"applications": ["jpki"]}, "'jpki' cannot be placed with these parameters"),
        ({"applications": ["text"]}, "holder's numbers: it was not given Privilege.NUMBERS"),
    ],
)
def test_what_cannot_be_is_refused(wishes: dict[str, Any], why: str) -> None:
    with pytest.raises(ProfileError, match=why) as refused:
        issued(**wishes)
    assert "nobody" not in str(refused.value), "it may be a PIN that was put in the wrong place"


def test_a_kind_that_is_not_installed_is_named() -> None:
    with pytest.raises(UnknownAppletError, match="'nowhere', which is not installed here"):
        issued(applications=["nowhere"])
    with pytest.raises(UnknownAppletError, match="'nowhere', which is not installed here"):
        issued(applications=[Placement(AID, "nowhere")])


def test_pins_of_both_ways_are_the_same() -> None:
    named = issued(pins={"juki": "1111", "signature": "ABCDEF"}).snapshot()
    assert named == issued(pins=Pins(juki="1111", signature="ABCDEF")).snapshot()
    assert named == issued(pins={"signature": "ABCDEF"}, pin="1111").snapshot()


# --- what it may ask for, and how it is run meanwhile ---


def personalising(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[Order], object], *privileges: Privilege
) -> Card:
    """A card on which the intruder does this with its order."""
    monkeypatch.setattr(
        IntruderApplet, "personalise", lambda applet, order: work(order), raising=False
    )
    placement = Placement(INTRUDER, IntruderApplet.type_name, privileges=frozenset(privileges))
    return issue_card("juki-v1", seed=1, applications=[placement])


def test_the_numbers_are_told_with_the_privilege_only(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def ask(order: Order) -> None:
        told.append(order.numbers())

    with pytest.raises(ProfileError, match=r"not given Privilege\.NUMBERS"):
        personalising(monkeypatch, ask)
    with pytest.raises(ProfileError, match=r"not given Privilege\.NUMBERS"):
        personalising(monkeypatch, ask, Privilege.CARD)
    assert not told
    personalising(monkeypatch, ask, Privilege.NUMBERS)
    [numbers] = told
    assert len(numbers.resident_code) == 11


def fail(order: Order) -> None:
    raise ZeroDivisionError


def never_end(order: Order) -> None:
    while True:
        pass


def leave(order: Order) -> None:
    raise SystemExit


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (fail, "the application raised ZeroDivisionError"),
        (never_end, "more than 1000000 steps"),
        (leave, "the application raised SystemExit"),
        (lambda order: order.pin(7), "the name of a PIN is no str"),
        (lambda order: order.keys_for(b"COUNTER"), "a purpose is no str"),
        (lambda order: order.certified_key("else"), "the application raised ValueError"),
    ],
)
def test_one_that_misbehaves_is_told_in_words_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[Order], object], why: str
) -> None:
    with pytest.raises(ProfileError, match=f"the card cannot be personalised: .*{why}"):
        personalising(monkeypatch, work)


def test_an_order_holds_nothing_of_the_other_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything it has without an underscore, and how much of it is a method of something else."""
    seen: dict[str, object] = {}

    def look(order: Order) -> None:
        for name in dir(order):
            if not name.startswith("_"):
                value = seen[name] = getattr(order, name)
                assert getattr(value, "__self__", order) is order, name

    personalising(monkeypatch, look)
    assert seen.keys() == {name for name in dir(Order) if not name.startswith("_")}
    assert not any(isinstance(value, dict) for value in seen.values())


def test_each_gets_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(order: Order) -> None:
        object.__setattr__(order.holder, "name", "somebody else")

    card = personalising(monkeypatch, spoil)
    assert card.snapshot().partitions == {
        **issue_card("juki-v1", seed=1).snapshot().partitions,
        "card": card.snapshot().partitions["card"],
    }


def test_one_of_ones_own_need_not_be_personalised() -> None:
    nowhere = classmethod(lambda cls, parameters: None)  # where it lies is the intruder's place
    kind = type("Empty", (IntruderApplet,), {"type_name": "test-empty", "usual_aid": nowhere})
    offer_applet(kind)
    card = issue_card("juki-v1", seed=1, applications=[Placement(INTRUDER, "test-empty")])
    assert f"application {INTRUDER}" not in card.snapshot().partitions


def test_a_profile_of_ones_own_may_have_it_too() -> None:
    juki = PROFILES["juki-v1"]
    profile = dataclasses.replace(juki, applications=(*juki.applications, Placement(AID, "loans")))
    assert issued(profile=profile, applications=[]).snapshot() == issued().snapshot()

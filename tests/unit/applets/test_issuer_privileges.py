"""A domain's privileges decide what it may do, and neither its keys nor its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from jukicard import PROFILES, Card, Placement, ProfileError, issue_card
from jukicard.apdu import Aid
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import is_own
from jukicard.runtime.placement import Privilege, entries_from_bytes, entries_to_bytes
from tests.support.cards.issuer_desk import (
    ISSUED,
    ISSUER,
    JPKI,
    NEW_KEYS,
    POINTS,
    apdu,
    delete,
    install,
    put_key,
    session,
)
from tests.support.published.transcript import send
from tests.support.tearing.issuer import store

NAMES: Final = {"privilege": "card", "privileges": "applications", "card": "applications"}
"""Parameters that speak of privileges, and are none."""
CARD: Final = {
    "lock the card": apdu(0xF0, 0x80, 0x7F, b""),
    "end the card": apdu(0xF0, 0x80, 0xFF, b""),
}
APPLICATIONS: Final = {
    "list the applications": apdu(0xF2, 0x40, 0x02, b"\x4f\0"),
    "list what is offered": apdu(0xF2, 0x20, 0x02, b"\x4f\0"),
    "lock an application": apdu(0xF0, 0x40, 0x80, bytes.fromhex(JPKI)),
    "install": install(),
    "for personalisation": install(0x20, aid=bytes.fromhex(JPKI)),
    "delete": delete(bytes.fromhex(JPKI)),
}
ITS_OWN: Final = {
    "list itself": apdu(0xF2, 0x80, 0x02, b"\x4f\0"),
    "an object of its own": store(0x80, b"\xf0\x02AB"),
}


def domain_with(*privileges: Privilege) -> Card:
    """A card whose registry gives the issuer domain these privileges, and telling parameters.

    Issued with both: who makes a domain without the one is refused.
    """
    card = Card.restore(ISSUED, on_bug=raise_bug)
    memory = card.environment.memory
    partition = memory.partition("card")
    entries = entries_from_bytes(partition.get("applications") or b"", is_own)
    place = next(at for at, one in enumerate(entries) if one.placement.aid == Aid(ISSUER))
    old = entries[place].placement
    entries[place] = entries[place]._replace(
        placement=Placement(old.aid, old.kind, NAMES, frozenset(privileges))
    )
    with memory.transaction():
        partition.put("applications", entries_to_bytes(entries))
    made = Card.restore(card.snapshot(), on_bug=raise_bug)
    made.power_on()
    return made


def answer(command: bytes, *privileges: Privilege) -> str:
    """The status word of a command in a session of such a domain."""
    return session(domain_with(*privileges)).send(command)[-4:]


@pytest.mark.parametrize("name", CARD)
def test_only_with_card_it_changes_the_card(name: str) -> None:
    assert answer(CARD[name], Privilege.APPLICATIONS) == "6985"
    assert answer(CARD[name]) == "6985"
    assert answer(CARD[name], Privilege.CARD) == "9000"


@pytest.mark.parametrize("name", APPLICATIONS)
def test_only_with_applications_it_manages_them(name: str) -> None:
    assert answer(APPLICATIONS[name], Privilege.CARD) == "6985"
    assert answer(APPLICATIONS[name]) == "6985"
    assert answer(APPLICATIONS[name], Privilege.APPLICATIONS) in ("9000", "6310")


@pytest.mark.parametrize("name", ITS_OWN)
def test_what_is_its_own_needs_no_privilege(name: str) -> None:
    assert answer(ITS_OWN[name]) == "9000"


def test_what_is_refused_changes_nothing() -> None:
    for given in ((), (Privilege.CARD,)):
        card = domain_with(*given)
        host = session(card)
        before = card.environment.memory.snapshot().contents()
        for command in APPLICATIONS.values():
            assert host.send(command)[-4:] == "6985"
        assert card.environment.memory.snapshot().contents() == before
        assert host.send(put_key(host, NEW_KEYS, 2)).endswith("9000"), "its own keys"
        assert card.applications.get(POINTS) is None


@pytest.mark.parametrize("also", [(), (Privilege.APPLICATIONS,)], ids=["not", "with it"])
def test_only_with_applications_it_is_let_in_while_the_card_is_suspended(
    also: tuple[Privilege, ...],
) -> None:
    card = domain_with(Privilege.CARD, *also)
    assert session(card).send(CARD["lock the card"]) == "9000"
    card.power_on()
    send(card, f"00A4040C07{ISSUER}")
    opened = send(card, "8050000008" + bytes(8).hex() + "00")
    assert opened[-4:] == ("9000" if also else "6985")


@pytest.mark.parametrize("privileges", [(), (Privilege.CARD,)], ids=["none", "the card's"])
def test_no_card_is_issued_with_a_domain_without_applications(
    privileges: tuple[Privilege, ...],
) -> None:
    first, *others = PROFILES["juki-v1"].applications
    domain = Placement(first.aid, first.kind, NAMES, frozenset(privileges))
    profile = replace(PROFILES["juki-v1"], applications=(domain, *others))
    with pytest.raises(ProfileError, match=r"Privilege\.APPLICATIONS"):
        issue_card(profile, seed=1)

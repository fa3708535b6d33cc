"""An application is personalised on one channel while the issuer does something on another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from jukicard import Card
from jukicard.apdu import Aid
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.issuer_desk import (
    ISSUED,
    K_ENC,
    K_MAC,
    POINTS,
    apdu,
    contents,
    delete,
    install,
    put_key,
)
from tests.support.naive.scp03_host import Host
from tests.support.published.transcript import send

OTHER: Final = Aid("F0504F494E545303")
OBJECT: Final = apdu(0xE2, 0x80, 0, bytes.fromhex("C10177"))
BLOCK: Final = apdu(0xE2, 0x00, 0, bytes.fromhex("C101"))
LAST: Final = apdu(0xE2, 0x80, 1, bytes.fromhex("77"))
UNBLOCK: Final = apdu(0x2C, 0x03, 0, bytes.fromhex("0004"))
Ask = Callable[[Host], bytes]
ASKED: Final[dict[str, Ask]] = {
    "STORE DATA": lambda host: OBJECT,
    "PUT KEY": lambda host: put_key(host, (K_ENC, K_MAC), 2, 1),
    "RESET RETRY COUNTER": lambda host: UNBLOCK,
}
MEANWHILE: Final[dict[str, tuple[tuple[bytes, ...], str]]] = {
    "nothing": ((), ""),
    "another one is removed and installed": (
        (delete(OTHER), install(aid=OTHER)),
        "",
    ),
    "it is locked and unlocked": (
        (apdu(0xF0, 0x40, 0x80, POINTS), apdu(0xF0, 0x40, 0x07, POINTS)),
        "",
    ),
    "it is refused to be installed again": ((install(),), ""),
    "it is personalised there": ((install(0x20), OBJECT), ""),
    "it is removed": ((delete(POINTS),), "6985"),
    "it is removed and installed again": ((delete(POINTS), install()), "6985"),
    "it is removed and installed twice": ((delete(POINTS), install()) * 2, "6985"),
    "another takes its name": (
        (delete(POINTS), install(parameters=bytes.fromhex("C900EF04C8020000"))),
        "6985",
    ),
}


@pytest.fixture
def card() -> Card:
    made = Card.restore(ISSUED, on_bug=raise_bug)
    made.power_on()
    here = Host(made.transmit).open()
    for aid in (POINTS, OTHER):
        assert here.send(install(aid=aid)) == "009000"
        assert here.send(install(0x20, aid=aid)) == "009000"
        assert here.send(put_key(here, (K_ENC, K_MAC), 1)).endswith("9000")
    return made


def both(card: Card) -> tuple[Host, Host]:
    send(card, "00A4040C07A0000001510000")
    assert send(card, "0070000001") == "019000"
    return Host(card.transmit).open(), Host(card.transmit, channel=1).open()


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("command", ASKED)
def test_what_was_begun_goes_on_with_the_same_one_alone(
    card: Card, command: str, meanwhile: str
) -> None:
    here, there = both(card)
    commands, refused = MEANWHILE[meanwhile]
    assert here.send(install(0x20)) == "009000"
    for one in commands:
        there.send(one)
    before = contents(card)
    answer = here.send(ASKED[command](here))
    assert answer[-4:] == (refused or "9000")
    if refused:
        assert contents(card) == before
        assert card.last_refusal is not None
        assert "was removed meanwhile" in card.last_refusal.reason
        named = "009000" if card.applications.get(POINTS) else "6A88"
        assert here.send(install(0x20)) == named
        if named == "009000" and command == "STORE DATA":
            assert here.send(OBJECT) == "9000", "named again it is meant"


def test_blocks_of_one_are_not_finished_in_another(card: Card) -> None:
    here, there = both(card)
    assert here.send(install(0x20)) == "009000"
    assert here.send(BLOCK) == "9000"
    for command in (delete(POINTS), install()):
        assert there.send(command) == "009000"
    before = contents(card)
    assert here.send(LAST) == "6985"
    assert contents(card) == before


def test_a_removal_that_is_refused_ends_nothing(card: Card) -> None:
    assert send(card, "00700002") == "9000"
    assert send(card, f"02A4040C{len(POINTS):02X}{POINTS}") == "9000"
    here, there = both(card)
    assert here.send(install(0x20)) == "009000"
    assert there.send(delete(POINTS)) == "6985", "it is selected"
    assert here.send(OBJECT) == "9000"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("80E28000 03 C10177", "STORE DATA"),
        ("80E40000 03 4F0100", "DELETE"),
        ("80E60C00 01 00", "INSTALL"),
        ("80D80081 01 00", "PUT KEY"),
        ("80F28000 02 4F00", "GET STATUS"),
        ("80F08007", "SET STATUS"),
        ("802C0300 02 0004", "RESET RETRY COUNTER"),
    ],
)
def test_a_refusal_names_the_command_as_its_class_does(card: Card, command: str, name: str) -> None:
    """Also where the card's state refuses it, and where the application does not know it."""
    send(card, "00A4040C07A0000001510000")
    assert send(card, command) == "6982"
    assert _reason(card) == f"{name}: the issuer has opened no session"
    send(card, f"00A4040C{len(POINTS):02X}{POINTS}")
    assert send(card, command) in ("6E00", "6D00")
    here = both(card)[0]
    assert here.send(apdu(0xF0, 0x80, 0x7F, b"")) == "9000"
    if name not in ("GET STATUS", "SET STATUS"):
        assert here.send(bytes.fromhex(command)) == "6985"
        assert _reason(card) == f"{name}: the card is suspended"


def _reason(card: Card) -> str:
    assert card.last_refusal is not None
    return card.last_refusal.reason

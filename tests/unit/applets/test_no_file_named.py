"""A command that names no file is not answered about one: 6A82 is for a file that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.apdu import Aid, CommandApdu, Ins
from jukicard.testing.applets import with_forbidden
from tests.support.published.transcript import send

NOT_FOUND = 0x6A82
AIDS = {
    "juki": "D3921000310001010401",
    "jpki": "D392F000260100000001",
    "surface": "D3921000310001010402",
    "text": "D3921000310001010408",
    "common": "D3921000310001010100",
    "operator": "F04F50455241544F5201",
}
APPLICATIONS = [
    (profile, name)
    for profile in PROFILES
    for name in AIDS
    if Aid(AIDS[name]) in [placement.aid for placement in PROFILES[profile].applications]
]
OVER_THE_CARD = ("juki", "operator")
DATA = (b"", b"\0", b"1234", bytes.fromhex("5C015A"), bytes(40))


def card_of(profile: str) -> Card:
    card = issue_card(
        with_forbidden(PROFILES[profile]), seed=1, printed=Printed(access_number="271828")
    )
    card.power_on()
    return card


def naming_nothing() -> Iterator[CommandApdu]:
    """Every instruction with P1-P2 0000: no short identifier, no identifier in P1-P2.

    SELECT is left out, whose data names a file; in the others' data there is no identifier.
    """
    for cla in (0x00, 0x80):
        for ins in range(256):
            for data in DATA:
                for ne in (0, 256):
                    if ins != Ins.SELECT:
                        yield CommandApdu(cla, ins, 0, 0, data, ne)


@pytest.mark.parametrize(("profile", "name"), APPLICATIONS)
def test_nothing_is_said_about_a_file_that_nobody_named(profile: str, name: str) -> None:
    selected = card_of(profile)
    assert send(selected, f"00A4040C0A{AIDS[name]}") == "9000"
    told = []
    for command in naming_nothing():
        answer = selected.transmit(command.encode())
        if int.from_bytes(answer[-2:], "big") == NOT_FOUND:
            told.append(command.encode().hex())
    assert told == []


@pytest.mark.parametrize("command", ["00FE0000", "00FE000000", "00FE0001", "00FE0000023F00"])
@pytest.mark.parametrize(("profile", "name"), APPLICATIONS)
def test_an_application_without_a_say_over_the_card_does_not_know_its_end(
    profile: str, name: str, command: str
) -> None:
    """TERMINATE CARD USAGE is answered as after a reset, where no application was selected."""
    card = card_of(profile)
    after_reset = send(card, command)
    send(card, f"00A4040C0A{AIDS[name]}")
    answer = send(card, command)
    assert after_reset == "6D00"
    assert (answer == after_reset) is (name not in OVER_THE_CARD)
    assert send(card, "00CA008A00").endswith("8A01059000") or name not in OVER_THE_CARD

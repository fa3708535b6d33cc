"""A chain is protected as its least protected link, and no challenge outlives the next command."""

from __future__ import annotations

import pytest

from jukicard.apdu import CommandApdu
from tests.support.cards.juki_desk import CODE_RECORD, desk
from tests.support.naive.terminal import PURPOSES, keys_of

HALF = len(CODE_RECORD) // 2
LINKS = (
    CommandApdu(0x10, 0xDC, 0x01, 0x14, CODE_RECORD[:HALF]),
    CommandApdu(0x00, 0xDC, 0x01, 0x14, CODE_RECORD[HALF:]),
)


@pytest.mark.parametrize(
    ("readable", "status"),
    [((False, False), 0x9000), ((True, False), 0x6982), ((False, True), 0x6982)],
)
def test_every_link_has_to_be_encrypted(readable: tuple[bool, bool], status: int) -> None:
    terminal = desk().terminal
    terminal.authenticate(4)
    first, last = (
        terminal.protected(link, readable=plain)
        for link, plain in zip(LINKS, readable, strict=True)
    )
    assert (first.status, last.status) == (0x9000, status)


def test_a_readable_chain_does_not_taint_the_next_command() -> None:
    terminal = desk().terminal
    terminal.authenticate(4)
    assert terminal.protected(LINKS[0], readable=True).status == 0x9000
    assert terminal.protected(LINKS[1]).status == 0x6982
    whole = CommandApdu(0x00, 0xDC, 0x01, 0x14, CODE_RECORD)
    assert terminal.protected(whole).status == 0x9000


BETWEEN = {
    "GET DATA": "00CA005A00",
    "SELECT of itself": "00A4040C0AD3921000310001010401",
    "GET CHALLENGE that is refused": "0084000100",
    "GET CHALLENGE without Le": "00840000",
    "GET RESPONSE": "00C0000000",
    "a link of a chain": "10DC01140400000000",
    "a link that may not be chained": "10CA005A00",
    "an instruction nobody knows": "00560000",
    "MUTUAL AUTHENTICATE of another class": "8082008128" + "00" * 40 + "28",
    "a protected command without a session": "0CCA005A0A8E08000000000000000000",
    "a header that is not authenticated": "08CA005A0A8E08000000000000000000",
    "MUTUAL AUTHENTICATE, protected without a session": "0C8200810A8E08000000000000000000",
    "MUTUAL AUTHENTICATE of a wrong length": "00820081020000",
    "MUTUAL AUTHENTICATE with an unknown key": "0082009E28" + "00" * 40 + "28",
}


@pytest.mark.parametrize("name", BETWEEN)
def test_a_challenge_is_for_the_next_command_only(name: str) -> None:
    """Whatever that command is and wherever in the card it ends (docs/attacks.md, attack 12)."""
    there = desk()
    assert there.terminal.get_challenge().status == 0x9000
    there.status(BETWEEN[name])
    keys = keys_of(there.terminal.card_number, PURPOSES[4])
    answer = there.terminal.mutual_authenticate(keys, 0x84)
    if answer.status == 0x6883:  # it was taken for the end of a chain, which is over now
        answer = there.terminal.mutual_authenticate(keys, 0x84)
    assert answer.status == 0x6985


def test_an_answer_in_links_is_one_command() -> None:
    there = desk()
    challenge = there.terminal.get_challenge().data
    message = keys_of(there.terminal.card_number, PURPOSES[4]).message(challenge)
    for at, cla in ((0, "10"), (16, "10"), (32, "00")):
        part = message[at : at + 16]
        ending = "28" if cla == "00" else ""
        command = f"{cla}820084{len(part):02X}{part.hex()}{ending}"
        assert there.status(command) == 0x9000


def test_an_answer_in_links_that_is_broken_off_is_none() -> None:
    there = desk()
    challenge = there.terminal.get_challenge().data
    keys = keys_of(there.terminal.card_number, PURPOSES[4])
    assert there.status("1082008410" + keys.message(challenge)[:16].hex()) == 0x9000
    assert there.status("00CA005A00") == 0x6883
    assert there.terminal.mutual_authenticate(keys, 0x84).status == 0x6985


def test_what_reaches_no_channel_is_no_command_on_it() -> None:
    """No command APDU, an invalid class, a closed channel: nothing was asked of this one."""
    there = desk()
    assert there.terminal.get_challenge().status == 0x9000
    for command, status in (("00CA", 0x6700), ("20CA005A00", 0x6E00), ("05CA005A00", 0x6881)):
        assert there.status(command) == status
    keys = keys_of(there.terminal.card_number, PURPOSES[4])
    assert there.terminal.mutual_authenticate(keys, 0x84).status == 0x9000

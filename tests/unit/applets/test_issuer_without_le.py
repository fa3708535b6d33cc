"""A host that leaves Le out, as known ones do: it opens the issuer domain and is answered in full.

GET RESPONSE comes plain behind INITIALIZE UPDATE and must not end the opening; for nothing, or
behind a protected command, it does. All other ways into a session refuse a command without Le.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.runtime.boundary import raise_bug
from tests.support.naive.scp03_host import Host, without_le

NUMBER = "80CA005A00"


def issued(variant: int = 0x70) -> Card:
    profile = replace(PROFILES["juki-v1"], secure_channel=variant)
    card = issue_card(profile, seed=1, on_bug=raise_bug)
    card.power_on()
    return card


def host(card: Card, level: int, variant: int, piece: int) -> Host:
    size = 16 if variant == 0x71 else 8
    return Host(without_le(card.transmit, piece), level=level, size=size)


@pytest.mark.parametrize("piece", [1, 13, 256])
@pytest.mark.parametrize("variant", [0x60, 0x70, 0x71])
@pytest.mark.parametrize("level", [0x01, 0x03, 0x11, 0x13, 0x33])
def test_scp03(level: int, variant: int, piece: int) -> None:
    card = issued(variant)
    opened = host(card, level, variant, piece).open()
    for command in (NUMBER, "80CA006600", "80F28002024F0000", "80F24002024F0000"):
        answer = opened.send(command)
        assert answer[-4:] == "9000"
        assert len(answer) > 10


def test_get_response_for_nothing_ends_an_opening() -> None:
    card = issued()
    opened = Host(card.transmit)
    assert opened.initialize() == b"\x90\0"
    assert card.transmit(bytes.fromhex("00C0000000")) == b"\x69\x85"
    assert card.transmit(opened.external()) == b"\x68\x82"


def test_another_command_before_the_rest_ends_an_opening() -> None:
    card = issued()
    opened = Host(without_le(card.transmit, 256))
    assert opened.initialize() == b"\x90\0"
    assert card.transmit(bytes.fromhex("8050000008") + bytes(8))[0] == 0x61
    assert card.transmit(bytes.fromhex("80CA005A00"))[-2:] == b"\x90\0"
    assert card.transmit(bytes.fromhex("00C0000000")) == b"\x69\x85"
    assert card.transmit(opened.external()) == b"\x68\x82"


def test_get_response_in_plain_ends_a_session_in_use() -> None:
    card = issued()
    opened = Host(card.transmit).open()
    assert opened.send(NUMBER)[-4:] == "9000"
    assert card.transmit(bytes.fromhex("00C0000000")) == b"\x69\x85"
    assert opened.send(NUMBER) == "6882"

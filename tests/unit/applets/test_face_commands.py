"""What text, surface and common do beside reading: sign for everybody, and obey the counter."""

from __future__ import annotations

import hashlib

import pytest

from jukicard.apdu import CommandApdu
from jukicard.applets.text import AID as TEXT
from jukicard.applets.text.objects import Attributes
from jukicard.runtime.placement import Placement
from tests.support.cards.face_cards import (
    AIDS,
    at_the_counter,
    blank_card,
    face_card,
    personalise,
    read_file,
    selected,
    verify,
)
from tests.support.cards.face_order import (
    BIRTH,
    NAME,
    PIN,
    common_contents,
    key,
    surface_contents,
    text_contents,
)
from tests.support.naive.rsa_signature import SHA256_INFO, assert_signed
from tests.support.published.transcript import play, send

# -- internal authentication -----------------------------------------------------------------------


def test_common_proves_that_the_card_is_there() -> None:
    card = selected("common")
    for challenge in (b"\x00", b"challenge", bytes(range(255))):
        command = CommandApdu(0, 0x88, 0, 0x99, challenge, 256)
        answer = card.transmit(command.encode())
        assert answer.endswith(b"\x90\x00")
        assert_signed(key("card").public, challenge, answer[:-2])
    play(card, "00A4020C020019 -> 9000")
    current = send(card, "008800800401020304" + "00")
    assert current == send(card, "008800990401020304" + "00"), "deterministic"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00880199040102030400", "6A86"),
        ("008800190401020304 00", "6A88"),
        ("008800BF0401020304 00", "6A86"),
        ("00880099", "6700"),
        ("0088009900", "6700"),
        ("008800990401020304", "6700"),
        ("00880099000100" + "00" * 256 + "0000", "6700"),
        ("0088009C0401020304 00", "6981"),
        ("008800810401020304 00", "6981"),
        ("008800950401020304 00", "6A82"),
        ("008800800401020304 00", "6986"),
    ],
)
def test_a_wrong_internal_authenticate_is_refused(command: str, answer: str) -> None:
    assert send(selected("common"), command) == answer


# -- the card's own key ---------------------------------------------------------------------------


@pytest.mark.parametrize(("application", "fid"), [("text", 0x13), ("surface", 0x1A)])
def test_the_card_signs_with_its_own_key_for_everybody(application: str, fid: int) -> None:
    card = selected(application)
    info = SHA256_INFO + hashlib.sha256(b"challenge").digest()
    own = card.transmit(CommandApdu(0x80, 0x2A, 0, 0, info, 256).encode())
    assert own.endswith(b"\x90\x00")
    key("card").public.verify("sha256", b"challenge", own[:-2])
    assert card.transmit(CommandApdu(0x80, 0x2A, 0, 0x80 | fid, info, 256).encode()) == own
    play(card, f"00A4020C02{fid:04X} -> 9000")
    assert card.transmit(CommandApdu(0x80, 0x2A, 0, 0x80, info, 256).encode()) == own


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("802A0100013000", "6A86"),
        ("802A0013013000", "6A88"),
        ("802A00BF013000", "6A86"),
        ("802A0000", "6700"),
        ("802A000000", "6700"),
        ("802A00000130", "6700"),
        ("802A00000000F6" + "30" * 246 + "0000", "6700"),
        ("802A0091013000", "6981"),
        ("802A0080013000", "6986"),
        ("802A009D013000", "6A82"),
        ("002A0000013000", "6D00"),
        ("802B0000013000", "6D00"),
    ],
)
@pytest.mark.parametrize("application", ["text", "surface"])
def test_a_wrong_signature_command_is_refused(application: str, command: str, answer: str) -> None:
    assert send(selected(application), command) == answer


def test_a_juki_card_has_no_key_of_its_own() -> None:
    assert send(selected("surface", "juki-b"), "802A0000013000") == "6A88"


def test_without_a_key_nothing_is_signed() -> None:
    card = blank_card(Placement(TEXT, "text"))
    card.power_on()
    play(card, f"00A4040C0A{TEXT} -> 9000\n802A0000013000 -> 6984")


# -- at the counter -------------------------------------------------------------------------------


def test_the_counter_writes_a_new_address_encrypted() -> None:
    card, terminal = at_the_counter("text")
    moved = Attributes(NAME, "東京都八王子市本町１－１", BIRTH, "1").encode()
    update = CommandApdu(0, 0xD6, 0x82, 0, moved)
    assert terminal.protected(update, readable=True).status == 0x6982, "a MAC is not enough"
    assert terminal.protected(update).status == 0x9000
    assert terminal.protected(CommandApdu(0, 0xB0, 0x82, 0, ne=16)).status == 0x6982
    # a plain command ends the session: nothing is left of what was proven
    assert terminal.plain(update).status == 0x6982
    play(card, verify(0x11, PIN))
    assert read_file(card, 2)[0][: len(moved)] == moved


@pytest.mark.parametrize(("application", "fid"), [("text", 5), ("surface", 3)])
def test_the_counter_writes_what_is_not_personal_under_a_mac(application: str, fid: int) -> None:
    card, terminal = at_the_counter(application)
    update = CommandApdu(0, 0xD6, 0x80 | fid, 0, b"\xaa")
    assert terminal.protected(update, readable=True).status == 0x9000
    assert read_file(card, fid)[0][:1] == b"\xaa"


def test_the_counter_extends_a_card_in_common() -> None:
    _, terminal = at_the_counter("common")
    record = b"\x01\x1c" + b"400000012719843" + b"13221" + b"20400217"
    update = CommandApdu(0, 0xDC, 0x01, 0x0C, record)
    assert terminal.protected(update, readable=True).status == 0x9000
    assert terminal.protected(CommandApdu(0, 0xB2, 0x01, 0x0C, ne=256)).data == record


@pytest.mark.parametrize("application", ["text", "surface", "common"])
def test_without_a_key_the_counter_has_no_access(application: str) -> None:
    make = {"text": text_contents, "surface": surface_contents, "common": common_contents}
    card = face_card()
    fresh = blank_card(*(application.placement for application in card.applications))
    personalise(fresh, make[application](systems=()))
    fresh.power_on()
    play(fresh, f"00A4040C0A{AIDS[application]} -> 9000\n0084000008 -> * 9000")
    assert send(fresh, "0082008428" + "00" * 40 + "28") == "6A88"
    assert send(fresh, "00CA005A00") == "5A0881392001020304059000"

"""Text, surface and common are closed: every instruction before anything is proven."""

from __future__ import annotations

from typing import Final

import pytest

from jukicard import Card
from jukicard.apdu import CommandApdu
from tests.support.cards.face_cards import AIDS, selected
from tests.support.cards.face_order import (
    ADDRESS,
    ADDRESS_IMAGE,
    BIRTH_CODE,
    MY_NUMBER,
    NAME,
    NAME_IMAGE,
    NUMBER_IMAGE,
    PHOTO,
    key,
)

FILES: Final = bytes.fromhex("A4 B0 B1 B2 B3 A0 A1 A2 D0 D1 D2 D6 D7 DC DD E2 0C 0E 0F CA CB DA DB")
SECURITY: Final = bytes.fromhex("20 24 2C 84 82")
LIFE_CYCLE: Final = bytes.fromhex("44 04 E6 E8")
CARD: Final = bytes.fromhex("70 C0")
KNOWN: Final = frozenset(FILES + SECURITY + LIFE_CYCLE + CARD)
WORLDS: Final = {
    ("text", "successor"): (KNOWN | {0x46}, frozenset(bytes.fromhex("32 2A C0"))),
    ("surface", "successor"): (KNOWN | {0x46}, frozenset(bytes.fromhex("32 AE 2A C0"))),
    ("surface", "juki-a"): (KNOWN | {0x46}, frozenset(bytes.fromhex("32 AE 2A C0"))),
    ("surface", "juki-b"): (KNOWN | {0x46}, frozenset(bytes.fromhex("32 AE 2A C0"))),
    ("common", "successor"): (KNOWN | {0x88}, frozenset(bytes.fromhex("32 AE C0"))),
}
"""Every instruction that an application knows, with class 00 and with class 80."""
SOME: Final = bytes.fromhex("00 01 02 03 04 05 0C 14 1F 20 7F 80 81 82 83 85 91 92 95 9A 9F FF")
"""Values of P1 and P2 on both sides of every border there is."""
PERSONAL: Final = (
    MY_NUMBER.encode(),
    NAME.encode(),
    ADDRESS.encode(),
    BIRTH_CODE.encode(),
    b"19800217",
    NAME_IMAGE[8:],
    ADDRESS_IMAGE[8:],
    NUMBER_IMAGE[8:],
    PHOTO[12:],
)

every_world = pytest.mark.parametrize(("application", "kind"), WORLDS)


def ready(application: str, kind: str, card: Card | None = None) -> Card:
    if card is None:
        return selected(application, kind, forbidden=False)  # every application is selected here
    card.reset()
    card.transmit(CommandApdu(0, 0xA4, 4, 0x0C, AIDS[application]).encode())
    return card


@every_world
def test_an_instruction_is_known_or_answers_6d00(application: str, kind: str) -> None:
    card = ready(application, kind)
    for cla, known in zip((0x00, 0x80), WORLDS[application, kind], strict=True):
        for ins in range(256):
            answer = card.transmit(bytes((cla, ins, 0xFF, 0xFF)))
            assert (answer != b"\x6d\x00") is (ins in known), f"{cla:02X}{ins:02X}"
            ready(application, kind, card)


@every_world
def test_no_parameter_gives_out_or_changes_anything(application: str, kind: str) -> None:
    card = ready(application, kind)
    before = card.snapshot()
    plain, proprietary = WORLDS[application, kind]
    commands = [(0x00, ins) for ins in sorted(plain)] + [(0x80, ins) for ins in sorted(proprietary)]
    answers = 0
    for cla, ins in commands:
        if ins in (0x70, 0x84):
            continue  # channels and challenges are no file's business
        for p1 in SOME:
            for p2 in SOME:
                for body in (b"", b"\x00"):
                    answer = card.transmit(bytes((cla, ins, p1, p2)) + body)
                    assert answer[-2] != 0x6F
                    assert not any(secret in answer for secret in PERSONAL)
                    answers += len(answer) > 2
    assert answers, "the free files were read"
    assert card.snapshot() == before


@every_world
def test_whatever_was_personalised_no_answer_is_a_private_key(application: str, kind: str) -> None:
    card = ready(application, kind)
    private = key("card").der
    kept = b"".join(
        value for values in card.snapshot().partitions.values() for value in values.values()
    )
    assert (private in kept) is (kind == "successor")
    for fid in range(0x0120):
        card.transmit(bytes.fromhex(f"00A4020C02{fid:04X}"))
        for read in ("00B00000000000", "00B2010400", "00CA005A00"):
            assert private[-64:] not in card.transmit(bytes.fromhex(read))

"""A PIN in its command: what CCID 1.1, 6.1.11 and the hosts there are expect, byte by byte."""

from __future__ import annotations

from typing import Any

import pytest

from jukicard.transport.ccid.pinblock import build, in_block
from jukicard.transport.ccid.pinstructure import Misfit, parse
from jukicard.transport.tpdu import LRC
from tests.support.readers.secure_messages import modification, verification

PIN = [1, 2, 3, 4]
NEW = [9, 8, 7, 6]


def built(template: str, digits: list[int] = PIN, **fields: Any) -> str:
    body = verification(bytes.fromhex(template), most=15, least=1, **fields)
    return build(parse(body), digits, None).hex(" ").upper()


@pytest.mark.parametrize(
    ("template", "fields", "command"),
    [
        # without a block the PIN makes the data, whichever way the host leaves Lc out
        ("00200080", {}, "00 20 00 80 04 31 32 33 34"),
        ("0020008000", {}, "00 20 00 80 04 31 32 33 34"),
        ("0020008008", {}, "00 20 00 80 04 31 32 33 34"),
        ("00200080", {"form": 0x80}, "00 20 00 80 04 01 02 03 04"),
        ("00200080", {"form": 0x81}, "00 20 00 80 02 12 34"),
        # ... behind what is there, or over a frame that is padded already
        ("0020008001AA", {"form": 0x8A}, "00 20 00 80 05 AA 31 32 33 34"),
        ("0020008008FFFFFFFFFFFFFFFF", {}, "00 20 00 80 08 31 32 33 34 FF FF FF FF"),
        # a block, at the left and at the right; what is not PIN is the template's
        ("0020008008FFFFFFFFFFFFFFFF", {"block": 8}, "00 20 00 80 08 31 32 33 34 FF FF FF FF"),
        (
            "00200080080000000000000000",
            {"block": 8, "form": 0x86},
            "00 20 00 80 08 00 00 00 00 31 32 33 34",
        ),
        # control nibble 2, length in four bits, BCD: the example of ISO 9564 format 2
        (
            "002000800820FFFFFFFFFFFFFF",
            {"form": 0x89, "block": 0x47, "length": 4},
            "00 20 00 80 08 24 12 34 FF FF FF FF FF",
        ),
        # the same as another well-known host says it: bits, and a block that counts its head
        (
            "002000800820FFFFFFFFFFFFFF",
            {"form": 0x41, "block": 0x48, "length": 4},
            "00 20 00 80 08 24 12 34 FF FF FF FF FF",
        ),
        # a whole byte of length in front
        (
            "002000800900FFFFFFFFFFFFFFFF",
            {"form": 0x8A, "block": 0x88, "length": 0x10},
            "00 20 00 80 09 04 31 32 33 34 FF FF FF FF",
        ),
        # half bytes at both ends
        ("0020008003FFFFFF", {"form": 0x21, "block": 2}, "00 20 00 80 03 F1 23 4F"),
        # an Le stays behind the data
        ("0020008004FFFFFFFF00", {"block": 4}, "00 20 00 80 04 31 32 33 34 00"),
    ],
)
def test_a_pin_is_put_in_its_place(template: str, fields: dict[str, Any], command: str) -> None:
    assert built(template, **fields) == command


def test_an_odd_digit_leaves_the_half_byte_beside_it() -> None:
    odd = [1, 2, 3]
    assert built("0020008004FFFFFFFF", odd, form=0x81, block=4) == "00 20 00 80 04 12 3F FF FF"
    assert built("0020008004FFFFFFFF", odd, form=0x85, block=4) == "00 20 00 80 04 FF FF F1 23"
    assert built("00200080", odd, form=0x81) == "00 20 00 80 02 12 30"


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        ("0020008008FFFF", {"block": 8, "form": 0x86}),  # a block at the right, half of it
        ("00200080", {"block": 8}),  # a block, and no data
        ("0020008003FFFFFF", {"block": 8}),  # no room for the digits
        ("0020008002FFFF", {"form": 0xF2}),  # begins behind the data
        ("002000800000FFFF", {}),  # an extended command
        ("0020008001FFFFFF", {}),  # more than Lc says
        ("0020008002FFFF", {"block": 0x40, "length": 0x1F}),  # the length behind the data
        ("0020008004FFFFFFFF", {"block": 0x44, "length": 4}),  # the length in the PIN
    ],
)
def test_what_does_not_fit_is_told(template: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Misfit):
        built(template, **fields)


def changed(
    template: str, pin: list[int] | None = PIN, then: list[int] | None = NEW, **fields: Any
) -> str:
    body = modification(bytes.fromhex(template), most=15, least=1, **fields)
    return build(parse(body), pin, then).hex(" ").upper()


def test_a_modification_puts_both_where_they_belong() -> None:
    padded = "0024008010" + "FF" * 16
    assert changed(padded, block=8, new=8)[15:] == "31 32 33 34 FF FF FF FF 39 38 37 36 FF FF FF FF"
    assert changed(padded, block=8, old=8)[15:] == "39 38 37 36 FF FF FF FF 31 32 33 34 FF FF FF FF"
    assert changed("00240080") == "00 24 00 80 08 31 32 33 34 39 38 37 36"
    assert changed("00240080", [1, 2, 3], [4, 5]) == "00 24 00 80 05 31 32 33 34 35"
    assert changed("00240180", None, confirm=1) == "00 24 01 80 04 39 38 37 36"


def test_two_pins_never_stand_over_one_another() -> None:
    with pytest.raises(Misfit):
        changed("0024008010" + "FF" * 16, block=8, new=2)


def test_length_fields_count_from_their_own_pin() -> None:
    template = "0024008010" + "20FFFFFFFFFFFFFF" * 2
    found = changed(template, form=0x89, block=0x47, length=4, new=8)
    assert found[15:] == "24 12 34 FF FF FF FF FF 24 98 76 FF FF FF FF FF"


def test_a_block_has_the_length_and_the_check_of_what_is_in_it() -> None:
    command = bytes.fromhex("002000800431323334")
    block = in_block(bytes.fromhex("004004"), command, LRC)
    assert block.hex(" ").upper() == "00 40 09 00 20 00 80 04 31 32 33 34 E9"
    for pcb in range(256):
        if pcb & 0xBF:
            with pytest.raises(Misfit):
                in_block(bytes((0, pcb, 0)), command, LRC)
    with pytest.raises(Misfit):
        in_block(bytes(3), bytes(255), LRC)

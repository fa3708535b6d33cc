"""Answers to reset: those of Japanese cards, every rule of ISO/IEC 7816-3 clause 8, broken ones."""

from __future__ import annotations

import copy
import pickle
from functools import reduce
from operator import xor
from typing import Any

import pytest

from jukicard.apdu import Atqb, Atr, AtrError, Convention
from tests.support.published.vectors import load

JAPAN = load("apdu/atr_japan")["cases"]
JUKI_CONTACT = "3BE000FF8131FE4514"
JUKI_CONTACTLESS = "3B888001000014E0B38191005E"


def rebuilt(atr: Atr) -> Atr:
    """Build an ATR again from the parts that were read."""
    return Atr.build(
        convention=atr.convention,
        protocols=atr.types,
        historical_bytes=atr.historical_bytes,
        interface_bytes={
            name: value for name, value in atr.interface_bytes.items() if name[:2] != "TD"
        },
    )


@pytest.mark.parametrize("case", JAPAN, ids=lambda case: str(case["atr"]))
def test_published_answers(case: dict[str, Any]) -> None:
    atr = Atr.parse(bytes.fromhex(case["atr"]))
    expected = case["parsed"]
    assert atr.hex == str(atr) == case["atr"]
    assert atr.raw == bytes(atr) == bytes.fromhex(case["atr"])
    assert atr.historical_bytes == bytes.fromhex(expected["historical_bytes"])
    assert list(dict.fromkeys(atr.types)) == expected["protocols"]
    assert list(atr.protocols) == [t for t in expected["protocols"] if t != 15]
    assert atr.has_tck is expected["tck_present"]
    assert (reduce(xor, atr.raw[1:]) == 0) is expected["tck_ok"]
    assert atr.convention is Convention.DIRECT
    assert rebuilt(atr) == atr


@pytest.mark.parametrize("case", JAPAN, ids=lambda case: str(case["atr"]))
def test_every_wrong_bit_of_a_published_answer_is_found(case: dict[str, Any]) -> None:
    # Except where the flipped bit makes it an answer of T=0 alone, which has no TCK to be wrong.
    raw = bytes.fromhex(case["atr"])
    accepted = []
    for position in range(1, len(raw)):
        for bit in range(8):
            wrong = bytearray(raw)
            wrong[position] ^= 1 << bit
            try:
                accepted.append(Atr.parse(bytes(wrong)))
            except AtrError:
                continue
    assert [atr for atr in accepted if atr.has_tck or set(atr.types) != {0}] == []


@pytest.mark.parametrize("case", JAPAN, ids=lambda case: str(case["atr"]))
def test_every_cut_and_every_longer_one_is_refused(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["atr"])
    for size in range(len(raw)):
        with pytest.raises(AtrError):
            Atr.parse(raw[:size])
    for extra in (b"\0", b"\x90\0", raw):
        with pytest.raises(AtrError):
            Atr.parse(raw + extra)


def test_the_interface_bytes_have_their_names() -> None:
    atr = Atr.parse(bytes.fromhex(JUKI_CONTACT))
    assert dict(atr.interface_bytes) == {
        "TB1": 0x00, "TC1": 0xFF, "TD1": 0x81, "TD2": 0x31, "TA3": 0xFE, "TB3": 0x45,
    }  # fmt: skip
    assert list(atr.interface_bytes) == ["TB1", "TC1", "TD1", "TD2", "TA3", "TB3"]
    assert atr.types == (1, 1)
    assert atr.protocols == (1,)
    assert atr.specific_mode is None
    with pytest.raises(TypeError):
        atr.interface_bytes["TA1"] = 0  # type: ignore[index]


def test_specific_mode_is_ta2() -> None:
    assert Atr.parse(bytes.fromhex("3BF59100FF918171FE400042000100D1D6")).specific_mode == 1


@pytest.mark.parametrize("ts", range(256))
def test_every_ts(ts: int) -> None:
    # ISO/IEC 7816-3:2006, 8.1
    raw = bytes((ts, 0x00))
    if ts in (0x3B, 0x3F):
        atr = Atr.parse(raw)
        assert atr.convention is (Convention.DIRECT if ts == 0x3B else Convention.INVERSE)
        assert rebuilt(atr) == atr
    else:
        with pytest.raises(AtrError, match="TS"):
            Atr.parse(raw)


@pytest.mark.parametrize("t0", range(256))
def test_every_t0(t0: int) -> None:
    # ISO/IEC 7816-3:2006, 8.2.2: Y1 and K; TD1 = 00 ends the chain with T=0, so there is no TCK
    present, k = t0 >> 4, t0 & 0x0F
    interface = [0x11 * (bit + 1) for bit in range(3) if present >> bit & 1]
    if present & 8:
        interface.append(0x00)
    historical = bytes(range(0x80, 0x80 + k))
    raw = bytes((0x3B, t0, *interface)) + historical
    atr = Atr.parse(raw)
    assert atr.historical_bytes == historical
    assert list(atr.interface_bytes.values()) == interface
    assert atr.protocols == (0,)
    assert not atr.has_tck
    assert rebuilt(atr) == atr
    if len(raw) > 2:
        with pytest.raises(AtrError):
            Atr.parse(raw[:-1])


@pytest.mark.parametrize("first", range(16))
@pytest.mark.parametrize("second", [None, *range(16)])
def test_every_order_of_two_types(first: int, second: int | None) -> None:
    # ISO/IEC 7816-3:2006, 8.2.3 and 8.2.5
    types = (first,) if second is None else (first, second)
    allowed = first != 15 and (second is None or second >= first)
    if not allowed:
        with pytest.raises(AtrError, match=r"T=15|ascending"):
            Atr.build(protocols=types)
        return
    atr = Atr.build(protocols=types, historical_bytes=b"ab")
    assert atr.types == types
    assert atr.protocols == tuple(dict.fromkeys(t for t in types if t != 15))
    assert atr.has_tck is (set(types) != {0})
    assert len(atr.raw) == 2 + len(types) + 2 + atr.has_tck
    if atr.has_tck:
        for wrong in (atr.raw[:-1], atr.raw + b"\0", atr.raw[:-1] + bytes((atr.raw[-1] ^ 1,))):
            with pytest.raises(AtrError):
                Atr.parse(wrong)
    else:
        with pytest.raises(AtrError, match="follow"):
            Atr.parse(atr.raw + bytes((reduce(xor, atr.raw[1:]),)))


def test_three_types_in_disorder_are_refused() -> None:
    with pytest.raises(AtrError, match="ascending"):
        Atr.build(protocols=(0, 14, 1))
    assert Atr.build(protocols=(0, 1, 15)).protocols == (0, 1)


# -- length ---------------------------------------------------------------------------------------


def test_the_longest_answer_has_32_characters_after_ts() -> None:
    # ISO/IEC 7816-3:2006, 8.2.1: T0, 15 interface bytes, 15 historical bytes, TCK
    names = [f"T{letter}{level}" for level in range(1, 5) for letter in "ABC"][:12]
    atr = Atr.build(
        protocols=(1, 1, 1),
        interface_bytes=dict.fromkeys(names, 0x5A),
        historical_bytes=bytes(15),
    )
    assert len(atr.raw) == 33
    assert Atr.parse(atr.raw) == atr
    with pytest.raises(AtrError, match="33"):
        Atr.build(
            protocols=(1, 1, 1, 1),
            interface_bytes=dict.fromkeys(names, 0x5A),
            historical_bytes=bytes(15),
        )


@pytest.mark.parametrize("raw", [b"", b"\x3b", b"\x3b" + bytes(33)])
def test_a_length_that_no_answer_has_is_refused(raw: bytes) -> None:
    with pytest.raises(AtrError, match="2 to 33"):
        Atr.parse(raw)


@pytest.mark.parametrize(
    "raw", ["3B10", "3B80", "3BF0000000", "3B8081", "3B80818131", "3B0100AA", "3B01"]
)
def test_a_chain_that_ends_too_early_or_too_late_is_refused(raw: str) -> None:
    with pytest.raises(AtrError):
        Atr.parse(bytes.fromhex(raw))


# -- building -------------------------------------------------------------------------------------


def test_the_juki_cards_answers_are_built_from_their_parts() -> None:
    contact = Atr.build(
        protocols=(1, 1), interface_bytes={"TB1": 0, "TC1": 0xFF, "TA3": 0xFE, "TB3": 0x45}
    )
    assert contact.hex == JUKI_CONTACT
    assert repr(contact) == f"Atr('{JUKI_CONTACT}')"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"historical_bytes": bytes(16)}, "at most 15"),
        ({"protocols": (16,)}, "0 to 15"),
        ({"protocols": (-1,)}, "0 to 15"),
        ({"protocols": (15,)}, "T=15"),
        ({"protocols": (1, 0)}, "ascending"),
        ({"interface_bytes": {"TA1": 256}}, "0 to 255"),
        ({"interface_bytes": {"TA1": -1}}, "0 to 255"),
        ({"interface_bytes": {"TA2": 1}}, "no place"),
        ({"interface_bytes": {"TD1": 1}}, "no place"),
        ({"interface_bytes": {"TE1": 1}}, "no place"),
        ({"protocols": (1,), "interface_bytes": {"TA3": 1}}, "no place"),
        ({"interface_bytes": {"TA0": 1}}, "no place"),
    ],
)
def test_parts_that_make_no_answer_are_refused(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(AtrError, match=why):
        Atr.build(**arguments)


@pytest.mark.parametrize("historical", range(16))
def test_the_contactless_answer_of_type_a(historical: int) -> None:
    # PC/SC part 3, 3.1.3.2.3.1, table 3-5
    atr = Atr.contactless_a(bytes(range(historical)))
    assert atr.raw[:4] == bytes((0x3B, 0x80 | historical, 0x80, 0x01))
    assert atr.historical_bytes == bytes(range(historical))
    assert atr.protocols == (0, 1)
    assert reduce(xor, atr.raw[1:]) == 0


def test_more_historical_bytes_than_15_have_no_contactless_answer() -> None:
    with pytest.raises(AtrError, match="15"):
        Atr.contactless_a(bytes(16))


@pytest.mark.parametrize(
    ("application_data", "protocol_info", "atr"),
    [
        ("000014E0", "B38191", JUKI_CONTACTLESS),
        ("000005E0", "B381A1", "3B888001000005E0B381A1007F"),
        ("004B51FF", "B381D1", "3B888001004B51FFB381D1000F"),
        ("00000000", "9181C1", "3B888001000000009181C100D8"),
        ("000014E0", "B3819100", JUKI_CONTACTLESS),
    ],
)
def test_the_contactless_answer_of_type_b(
    application_data: str, protocol_info: str, atr: str
) -> None:
    atqb = Atqb(
        pupi=b"\1\2\3\4",
        application_data=bytes.fromhex(application_data),
        protocol_info=bytes.fromhex(protocol_info),
    )
    assert Atr.contactless_b(atqb).hex == atr
    assert atr in {case["atr"] for case in JAPAN}


@pytest.mark.parametrize("mbli", range(-1, 17))
def test_every_mbli(mbli: int) -> None:
    atqb = Atqb(pupi=bytes(4), application_data=bytes(4), protocol_info=bytes(3))
    if 0 <= mbli <= 15:
        assert Atr.contactless_b(atqb, mbli).historical_bytes == bytes(7) + bytes((mbli << 4,))
    else:
        with pytest.raises(AtrError, match="MBLI"):
            Atr.contactless_b(atqb, mbli)


# -- ATQB: ISO/IEC 14443-3:2018, 7.9 --------------------------------------------------------------


@pytest.mark.parametrize("raw", ["5001020304000014E0B38191", "5001020304000014E0B3819100"])
def test_an_atqb_survives(raw: str) -> None:
    atqb = Atqb.parse(bytes.fromhex(raw))
    assert atqb.pupi == b"\1\2\3\4"
    assert atqb.application_data == bytes.fromhex("000014E0")
    assert atqb.protocol_info == bytes.fromhex(raw[18:])
    assert atqb.encode() == bytes.fromhex(raw)
    assert atqb == Atqb.parse(atqb.encode())
    assert len({atqb, Atqb.parse(atqb.encode())}) == 1
    assert "01020304" in repr(atqb)


@pytest.mark.parametrize("size", [0, 1, 11, 14, 32])
def test_an_atqb_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(AtrError, match="12 or 13"):
        Atqb.parse(b"\x50" * size)


@pytest.mark.parametrize("first", sorted(set(range(256)) - {0x50}))
def test_an_atqb_begins_with_50(first: int) -> None:
    with pytest.raises(AtrError, match="begins with 50"):
        Atqb.parse(bytes((first,)) + bytes(11))


@pytest.mark.parametrize(
    "sizes", [(3, 4, 3), (5, 4, 3), (4, 3, 3), (4, 5, 3), (4, 4, 2), (4, 4, 5)]
)
def test_parts_of_another_length_are_refused(sizes: tuple[int, int, int]) -> None:
    pupi, application_data, protocol_info = map(bytes, sizes)
    with pytest.raises(AtrError, match="PUPI"):
        Atqb(pupi=pupi, application_data=application_data, protocol_info=protocol_info)


# -- as a value -----------------------------------------------------------------------------------


def test_equality_and_copies() -> None:
    atr = Atr.parse(bytes.fromhex(JUKI_CONTACT))
    other = Atr.parse(bytes.fromhex(JUKI_CONTACTLESS))
    assert atr == pickle.loads(pickle.dumps(atr)) == copy.deepcopy(atr)
    assert atr != other
    assert atr != atr.raw
    assert len({atr, Atr.parse(atr.raw), other}) == 2

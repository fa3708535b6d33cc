"""Answers to reset of any shape survive both ways, and any bytes are read whole or refused."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest
from hypothesis import assume, given, strategies as st

from jukicard.apdu import Atqb, Atr, AtrError, Convention

types = st.lists(st.integers(0, 15), max_size=4).map(sorted).filter(lambda t: t[:1] != [15])
byte = st.integers(0, 255)


@st.composite
def answers(draw: st.DrawFn) -> Atr:
    protocols = draw(types)
    names = [f"T{letter}{level}" for level in range(1, len(protocols) + 2) for letter in "ABC"]
    interface_bytes = draw(st.dictionaries(st.sampled_from(names), byte, max_size=6))
    historical_bytes = draw(st.binary(max_size=15))
    convention = draw(st.sampled_from(Convention))
    atr = Atr.build(
        protocols=protocols,
        interface_bytes=interface_bytes,
        historical_bytes=historical_bytes,
        convention=convention,
    )
    assert list(atr.types) == protocols
    assert {n: v for n, v in atr.interface_bytes.items() if n[:2] != "TD"} == interface_bytes
    assert (atr.historical_bytes, atr.convention) == (historical_bytes, convention)
    return atr


@given(answers())
def test_an_answer_survives(atr: Atr) -> None:
    assert Atr.parse(atr.raw) == atr
    assert len(atr.raw) <= 33
    if atr.has_tck:
        assert reduce(xor, atr.raw[1:]) == 0


@given(answers(), st.data())
def test_a_wrong_check_byte_is_refused(atr: Atr, data: st.DataObject) -> None:
    assume(atr.has_tck)
    flip = data.draw(st.integers(1, 255))
    with pytest.raises(AtrError, match="TCK"):
        Atr.parse(atr.raw[:-1] + bytes((atr.raw[-1] ^ flip,)))


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=34).map(lambda rest: b"\x3b" + rest)))
def test_any_bytes_are_an_answer_in_whole_or_refused(raw: bytes) -> None:
    try:
        atr = Atr.parse(raw)
    except AtrError:
        return
    given_bytes = {n: v for n, v in atr.interface_bytes.items() if n[:2] != "TD"}
    rebuilt = Atr.build(
        convention=atr.convention,
        protocols=atr.types,
        interface_bytes=given_bytes,
        historical_bytes=atr.historical_bytes,
    )
    assert rebuilt.raw == atr.raw == raw


@given(st.binary(max_size=15))
def test_any_bytes_are_an_atqb_in_whole_or_refused(raw: bytes) -> None:
    for candidate in (raw, b"\x50" + raw):
        try:
            atqb = Atqb.parse(candidate)
        except AtrError:
            continue
        assert atqb.encode() == candidate


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=3, max_size=4), st.integers(0, 15))
def test_a_contactless_answer_repeats_the_atqb(
    application_data: bytes, protocol_info: bytes, mbli: int
) -> None:
    atqb = Atqb(pupi=bytes(4), application_data=application_data, protocol_info=protocol_info)
    atr = Atr.contactless_b(atqb, mbli)
    assert atr.historical_bytes == application_data + protocol_info[:3] + bytes((mbli << 4,))
    assert Atr.parse(atr.raw) == atr

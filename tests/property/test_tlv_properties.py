"""Data objects of any shape survive both ways, and any bytes are read whole or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu import Tlv, TlvError
from jukicard.apdu.tlv import (
    encode_length,
    encode_simple,
    encode_tag,
    is_constructed,
    parse_simple,
    read_length,
)


def _tags() -> st.SearchStrategy[int]:
    """Return tags of one to three bytes as ISO/IEC 7816-4:2020, 6.3 codes them."""
    class_bits = st.integers(0, 7).map(lambda bits: bits << 5)
    one = st.builds(lambda top, low: top | low, class_bits, st.integers(0, 30)).filter(bool)
    two = st.builds(lambda top, second: (top | 0x1F) << 8 | second, class_bits, st.integers(1, 127))
    three = st.builds(
        lambda top, second, third: (top | 0x1F) << 16 | (second | 0x80) << 8 | third,
        class_bits, st.integers(1, 127), st.integers(0, 127),
    )  # fmt: skip
    return st.one_of(one, two, three)


tags = _tags()
values = st.one_of(st.binary(max_size=12), st.sampled_from((127, 128, 255, 256, 65_536)).map(bytes))
primitives = st.builds(Tlv, tags.filter(lambda tag: not is_constructed(tag)), values)
objects = st.recursive(
    primitives,
    lambda inner: st.builds(Tlv, tags.filter(is_constructed), st.lists(inner, max_size=4)),
    max_leaves=12,
)


@given(objects)
def test_an_object_survives(tlv: Tlv) -> None:
    raw = tlv.encode()
    assert Tlv.parse(raw) == tlv
    assert Tlv.parse(raw).encode() == raw
    for inner in tlv.walk():
        if inner.constructed:
            assert Tlv(inner.tag, inner.children) == inner


@given(st.lists(objects, max_size=5))
def test_a_sequence_of_objects_survives(tlvs: list[Tlv]) -> None:
    assert Tlv.parse_all(b"".join(tlv.encode() for tlv in tlvs)) == tlvs


@given(objects, st.data())
def test_a_cut_object_is_refused(tlv: Tlv, data: st.DataObject) -> None:
    raw = tlv.encode()
    size = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(TlvError):
        Tlv.parse(raw[:size])


@given(
    st.one_of(
        st.binary(max_size=40),
        objects.map(Tlv.encode).flatmap(
            lambda raw: st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)).map(
                lambda change: raw[: change[0]] + bytes((change[1],)) + raw[change[0] + 1 :]
            )
        ),
    )
)
def test_any_bytes_are_read_whole_or_refused(raw: bytes) -> None:
    try:
        tlvs = Tlv.parse_all(raw)
    except TlvError:
        return
    assert b"".join(tlv.encode() for tlv in tlvs) == raw
    for tlv in tlvs:
        try:
            below = list(tlv.walk())
        except TlvError:
            continue
        assert below[0] == tlv


@given(tags)
def test_a_tag_is_what_its_bytes_spell(tag: int) -> None:
    raw = encode_tag(tag)
    assert int.from_bytes(raw, "big") == tag
    assert Tlv.parse(raw + b"\0").tag == tag


@given(st.integers(0, 0xFFFFFFFF))
def test_a_length_is_written_in_its_shortest_form(length: int) -> None:
    field = encode_length(length)
    assert read_length(field) == (length, len(field))
    assert len(field) == 1 if length < 128 else len(field) == 1 + (length.bit_length() + 7) // 8


@given(st.binary(max_size=6))
def test_any_length_field_is_canonical_or_refused(raw: bytes) -> None:
    try:
        length, end = read_length(raw)
    except TlvError:
        return
    assert encode_length(length) == raw[:end]


simple = st.lists(st.tuples(st.integers(1, 254), values.filter(lambda v: len(v) < 65_536)))


@given(simple)
def test_simple_objects_survive(pairs: list[tuple[int, bytes]]) -> None:
    raw = b"".join(encode_simple(number, value) for number, value in pairs)
    assert parse_simple(raw) == pairs


@given(st.binary(max_size=24))
def test_any_simple_bytes_are_read_whole_or_refused(raw: bytes) -> None:
    try:
        pairs = parse_simple(raw)
    except TlvError:
        return
    assert b"".join(encode_simple(number, value) for number, value in pairs) == raw

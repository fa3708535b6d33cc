"""Data objects: all tags of one and two bytes, every length boundary, published and broken ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jukicard.apdu import Tlv, TlvError
from jukicard.apdu.tlv import (
    MAX_DEPTH,
    encode_length,
    encode_simple,
    encode_tag,
    is_constructed,
    parse_simple,
    read_length,
)
from tests.support.published.vectors import load

BER = load("tlv/ber_tlv")
FCP = load("tlv/fcp_templates")


# -- tags -----------------------------------------------------------------------------------------
# ISO/IEC 7816-4:2020, 6.3, as a pattern over the bits: bits 5 to 1 of the first byte not all 1, or
# all 1 and further bytes, bit 8 set in all but the last, the number not beginning with zeros. FF
# is such a first byte: data on Japanese cards have tags like FF20.
TAG = re.compile(
    "(?!00000000)"
    "(?:[01]{3}(?!11111)[01]{5}"
    "|[01]{3}11111(?![01]0000000)0[01]{7}"
    "|[01]{3}11111(?![01]0000000)1[01]{7}0[01]{7})"
)


def is_tag(raw: bytes) -> bool:
    return TAG.fullmatch("".join(f"{byte:08b}" for byte in raw)) is not None


def test_all_tags_of_one_byte() -> None:
    for first in range(256):
        check_tag(bytes((first,)))
    assert sum(is_tag(bytes((first,))) for first in range(256)) == 256 - 8 - 1  # 00 is padding


def test_all_tags_of_two_bytes() -> None:
    for first in range(256):
        for second in range(256):
            check_tag(bytes((first, second)))
    assert sum(is_tag(bytes((first, b))) for first in range(256) for b in range(256)) == 8 * 127


def test_tags_of_three_bytes_at_every_boundary() -> None:
    for second in range(256):
        for third in range(256):
            check_tag(bytes((0x5F, second, third)))
            check_tag(bytes((0x7F, second, third)))


def check_tag(raw: bytes) -> None:
    """Check what `raw`, read as one tag field or as the start of a data object, is."""
    tag = int.from_bytes(raw, "big")
    if is_tag(raw):
        assert encode_tag(tag) == raw
        assert Tlv(tag).encode() == raw + b"\0"
        assert is_constructed(tag) is bool(raw[0] & 0x20)
    elif raw[0]:  # a number does not show leading zeros
        with pytest.raises(ValueError, match="no BER-TLV tag"):
            Tlv(tag)
    prefix = next((raw[:size] for size in range(1, len(raw) + 1) if is_tag(raw[:size])), None)
    if prefix is None:
        with pytest.raises(TlvError):
            Tlv.parse_first(raw)
    elif len(prefix) == len(raw):
        assert Tlv.parse_first(raw + b"\0") == (Tlv(tag), len(raw) + 1)


@pytest.mark.parametrize("tag", [-1, 0, 0xFF, 0x1F, 0x5F81, 0x5F8101FF, 0x5F818101, 0x8100])
def test_a_number_that_spells_no_tag_is_refused(tag: int) -> None:
    with pytest.raises(ValueError, match="tag"):
        Tlv(tag)
    with pytest.raises(ValueError, match="tag"):
        encode_tag(tag)


def test_the_version_tag_of_passports_is_accepted() -> None:
    # Two bytes for the number 1: ICAO Doc 9303-10 has it all the same.
    assert Tlv.parse(bytes.fromhex("5F010430313037")).tag == 0x5F01


# -- lengths --------------------------------------------------------------------------------------

LENGTHS = [
    *range(300),
    *(boundary + d for boundary in (0x8000, 0x10000, 0x1000000, 0xFFFFFFFF) for d in (-1, 0)),
]


@pytest.mark.parametrize("case", BER["lengths"], ids=lambda case: str(case["length"]))
def test_published_length_fields(case: dict[str, Any]) -> None:
    encoded = bytes.fromhex(case["encoded"])
    assert encode_length(case["length"]) == encoded
    assert read_length(encoded) == (case["length"], len(encoded))
    assert read_length(b"\xff" + encoded + b"\xff", 1) == (case["length"], len(encoded) + 1)


@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_has_one_field(length: int) -> None:
    field = encode_length(length)
    assert read_length(field) == (length, len(field))
    for size in range(len(field)):
        with pytest.raises(TlvError):
            read_length(field[:size])
    # The same length in every longer form is refused.
    for size in range(max(1, len(field)), 6):
        longer = bytes((0x80 | size,)) + length.to_bytes(size, "big")
        with pytest.raises(TlvError):
            read_length(longer)


@pytest.mark.parametrize("first", range(0x80, 0x100))
def test_every_first_byte_of_a_long_form(first: int) -> None:
    field = bytes((first,)) + b"\x01" * 127
    if 0x81 <= first <= 0x84:
        size = first & 0x7F
        if size == 1:
            with pytest.raises(TlvError, match="shortest"):
                read_length(field)
        else:
            assert read_length(field) == (int.from_bytes(b"\1" * size, "big"), size + 1)
    else:
        with pytest.raises(TlvError):
            read_length(field)


@pytest.mark.parametrize("length", [1 << 32, 1 << 40])
def test_a_length_beyond_four_bytes_has_no_field(length: int) -> None:
    with pytest.raises(ValueError, match="cannot say"):
        encode_length(length)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_values_of_every_length_class_survive(size: int) -> None:
    tlv = Tlv(0x53, b"\x17" * size)
    raw = tlv.encode()
    assert Tlv.parse(raw) == tlv
    assert Tlv.parse_first(b"\0\0" + raw + b"\0", 2) == (tlv, len(raw) + 2)
    with pytest.raises(TlvError, match="follow"):
        Tlv.parse(raw + b"\0")
    for cut in {1, 2, len(raw) // 2, len(raw) - 1} - {len(raw)}:
        with pytest.raises(TlvError):
            Tlv.parse(raw[:cut])


# -- published structures -------------------------------------------------------------------------


@pytest.mark.parametrize("case", BER["cases"], ids=lambda case: str(case["path"]))
def test_published_objects_are_found_by_path(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["tlv"])
    first, *rest = (int(tag, 16) for tag in case["path"])
    tlv = Tlv.parse(raw)
    assert tlv.tag == first
    found = tlv.find(*rest)
    assert found is not None
    assert found.value == bytes.fromhex(case["value"])
    assert Tlv(tlv.tag, tlv.children).encode() == raw == tlv.encode()


@pytest.mark.parametrize("case", BER["invalid"], ids=lambda case: str(case["why"]))
def test_published_malformed_objects_are_refused(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["tlv"])
    with pytest.raises(TlvError):
        list(Tlv.parse(raw).walk())
    if case["why"].startswith("as a length field"):
        with pytest.raises(TlvError):
            read_length(raw)


@pytest.mark.parametrize("case", BER["indefinite_length"], ids=lambda case: str(case["tlv"]))
def test_the_indefinite_length_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(TlvError, match="indefinite"):
        Tlv.parse(bytes.fromhex(case["tlv"]))


# ISO/IEC 7816-4:2020, 7.4.5, file descriptor byte: bits 6 to 4 category, bits 3 to 1 structure
def descriptor_of(value: bytes) -> str:
    low = value[0] & 0x3F
    if low == 0x38:
        return "df"
    if low == 0x39:
        return "ber_tlv"
    return {1: "transparent", 2: "linear_fixed"}[low & 0x07]


@pytest.mark.parametrize("case", FCP["cases"], ids=lambda case: str(case["name"]))
def test_published_control_parameters(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["fcp"])
    fcp = Tlv.parse(raw)
    assert fcp.tag == 0x62
    values = {child.tag: child.value for child in fcp.children}
    assert len(values) == len(fcp.children)
    assert Tlv(0x62, fcp.children).encode() == raw
    assert values[0x83] == bytes.fromhex(case["fid"])
    assert descriptor_of(values[0x82]) == case["descriptor"]
    assert values[0x8A] == bytes.fromhex(case["life_cycle"])
    assert values.get(0x84) == (bytes.fromhex(case["df_name"]) if "df_name" in case else None)
    if "size" in case:
        assert int.from_bytes(values[0x80], "big") == case["size"]
        assert values[0x88][0] >> 3 == case["sfi"]
    if "records" in case:
        assert int.from_bytes(values[0x82][2:4], "big") == case["record_length"]
        assert values[0x82][4] == case["records"]
    templates = {tlv.tag for tlv in fcp.walk() if tlv.constructed}
    assert templates == {0x62} | ({0xA5} & values.keys())


@pytest.mark.parametrize("case", FCP["file_descriptors"], ids=lambda case: str(case["do82"]))
def test_published_file_descriptors(case: dict[str, Any]) -> None:
    do = Tlv.parse(bytes.fromhex(case["do82"]))
    assert do.tag == 0x82
    assert descriptor_of(do.value) == case["descriptor"]
    if "records" in case:
        assert int.from_bytes(do.value[2:4], "big") == case["record_length"]
        assert do.value[4] == case["records"]


@pytest.mark.parametrize("case", FCP["cases"], ids=lambda case: str(case["name"]))
def test_every_cut_of_a_template_is_refused(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["fcp"])
    for size in range(len(raw)):
        with pytest.raises(TlvError):
            Tlv.parse(raw[:size])


# -- structure ------------------------------------------------------------------------------------

NESTED = Tlv(0x7F49, [Tlv(0x06, b"\1"), Tlv(0x30, [Tlv(0x81, b"\2"), Tlv(0x81, b"\3")]), Tlv(0x82)])


def test_find_takes_the_first_of_a_tag() -> None:
    assert NESTED.find() is NESTED
    assert NESTED.find(0x30, 0x81) == Tlv(0x81, b"\2")
    assert NESTED.find(0x82) == Tlv(0x82)
    assert NESTED.find(0x83) is None
    assert NESTED.find(0x83, 0x81) is None
    with pytest.raises(TlvError, match="primitive"):
        NESTED.find(0x06, 0x81)


def test_walk_goes_depth_first_in_order() -> None:
    assert [tlv.tag for tlv in NESTED.walk()] == [0x7F49, 0x06, 0x30, 0x81, 0x81, 0x82]


def test_a_primitive_object_has_no_children() -> None:
    with pytest.raises(TlvError, match="primitive"):
        _ = Tlv(0x81, b"\x81\0").children
    with pytest.raises(ValueError, match="primitive"):
        Tlv(0x81, [Tlv(0x82)])


def test_hostile_nesting_ends_in_an_error() -> None:
    raw = b""
    for _ in range(10_000):
        raw = b"\x30" + encode_length(len(raw)) + raw
    with pytest.raises(TlvError, match="nested"):
        list(Tlv.parse(raw).walk())


@pytest.mark.parametrize(
    ("depth", "allowed"), [(1, True), (MAX_DEPTH, True), (MAX_DEPTH + 1, False)]
)
def test_the_depth_that_is_followed(depth: int, allowed: bool) -> None:
    tlv = Tlv(0x81)
    for _ in range(depth):
        tlv = Tlv(0x30, [tlv])
    if allowed:
        assert len(list(tlv.walk())) == depth + 1
    else:
        with pytest.raises(TlvError, match="nested"):
            list(tlv.walk())


def test_parse_all_reads_to_the_end_or_refuses() -> None:
    objects = [Tlv(0x81, b"\1"), Tlv(0x5F24, b"\2\3"), Tlv(0x30, [Tlv(0x81)])]
    raw = b"".join(tlv.encode() for tlv in objects)
    assert Tlv.parse_all(raw) == objects
    assert Tlv.parse_all(b"") == []
    for rest in (b"\0", b"\x81", b"\x81\1", b"\x5f", b"\xff\0", b"\x81\x80\0\0"):
        with pytest.raises(TlvError):
            Tlv.parse_all(raw + rest)


def test_equality_hash_and_text() -> None:
    assert len({Tlv(0x81, b"\1"), Tlv.parse(b"\x81\1\1")}) == 1
    assert Tlv(0x81, b"\1") not in [Tlv(0x82, b"\1"), Tlv(0x81, b"\2")]
    assert Tlv(0x81) != b"\x81\0"
    assert repr(Tlv(0x5F24, b"1234")) == "<Tlv 5F24, 4 bytes>"


def test_no_error_shows_a_value() -> None:
    for raw in ("8104313233343536", "810531323334", "30053132333435"):
        with pytest.raises(TlvError) as refused:
            list(Tlv.parse(bytes.fromhex(raw)).walk())
        assert "3132" not in str(refused.value)


# -- SIMPLE-TLV: ISO/IEC 7816-4:2020, 6.2 ---------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 256, 65_535])
def test_simple_values_of_every_length_class(size: int) -> None:
    for number in (1, 0x7F, 0xFE):
        raw = encode_simple(number, bytes(size))
        assert parse_simple(raw + encode_simple(5, b"\1")) == [(number, bytes(size)), (5, b"\1")]
        assert len(raw) == size + (2 if size < 255 else 4)


@pytest.mark.parametrize("number", range(256))
def test_every_simple_tag(number: int) -> None:
    raw = bytes((number, 1, 0xAA))
    if 1 <= number <= 254:
        assert parse_simple(raw) == [(number, b"\xaa")]
        assert encode_simple(number, b"\xaa") == raw
    else:
        with pytest.raises(TlvError):
            parse_simple(raw)
        with pytest.raises(ValueError, match="1 to 254"):
            encode_simple(number, b"\xaa")


@pytest.mark.parametrize(
    "raw", ["01", "0102AA", "01FF", "01FF01", "01FF0001AA", "01FF00FEAA", "01FF0100AA", "0100FF"]
)
def test_malformed_simple_objects_are_refused(raw: str) -> None:
    with pytest.raises(TlvError):
        parse_simple(bytes.fromhex(raw))


@pytest.mark.parametrize("size", [0, 1, 128, 253, 254])
def test_a_simple_length_in_its_longer_form_is_refused(size: int) -> None:
    with pytest.raises(TlvError, match="shortest"):
        parse_simple(b"\x01\xff" + size.to_bytes(2, "big") + bytes(size))


def test_a_simple_value_beyond_two_length_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="65535"):
        encode_simple(1, bytes(65_536))

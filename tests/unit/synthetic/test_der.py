"""The DER writer: lengths, numbers, times and object identifiers at their edges."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from hypothesis import given, strategies as st

from jukicard.synthetic.pki import der

UTC = datetime.UTC


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "020100"),
        (127, "02017F"),
        (128, "02020080"),
        (255, "020200FF"),
        (256, "02020100"),
        (65537, "0203010001"),
        (0x8000_0000, "02050080000000"),
    ],
)
def test_integers_are_shortest_and_positive(value: int, encoded: str) -> None:
    assert der.integer(value).hex().upper() == encoded


@given(st.integers(0, 2**300))
def test_integers_read_back(value: int) -> None:
    encoded = der.integer(value)
    assert int.from_bytes(encoded[2:], "big", signed=True) == value
    assert len(encoded) == 3 or encoded[2] or encoded[3] & 0x80


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        der.integer(-1)


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("2.5.4.3", "0603550403"),
        ("1.2.840.113549.1.1.11", "06092A864886F70D01010B"),
        ("1.2.392.200149.8.5.5.1", "060A2A83088C9B5508050501"),
        ("2.999.3", "0603883703"),
        ("2.16.840.1.101.3.4.2.1", "0609608648016503040201"),
    ],
)
def test_object_identifiers(dotted: str, encoded: str) -> None:
    assert der.oid(dotted).hex().upper() == encoded


@given(st.lists(st.integers(0, 2**40), max_size=6))
def test_object_identifiers_read_back(arcs: list[int]) -> None:
    dotted = ".".join(map(str, (1, 2, *arcs)))
    content = der.oid(dotted)[2:]
    numbers, value = [], 0
    for byte in content[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    assert content[0] == 42
    assert numbers == arcs
    assert x509.ObjectIdentifier(dotted).dotted_string == dotted


@pytest.mark.parametrize(
    ("moment", "encoded"),
    [
        (datetime.datetime(2015, 4, 1, 1, 2, 3, tzinfo=UTC), b"\x17\x0d150401010203Z"),
        (datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime.datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (
            datetime.datetime(2015, 4, 1, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=9))),
            b"\x17\x0d150401000000Z",
        ),
    ],
)
def test_times_are_utc_and_generalized_from_2050(moment: datetime.datetime, encoded: bytes) -> None:
    assert der.time(moment) == encoded


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        der.time(datetime.datetime(2015, 4, 1))
    with pytest.raises(ValueError, match="time zone"):
        der.generalized_time(datetime.datetime(2015, 4, 1))


@pytest.mark.parametrize(
    ("size", "head"), [(127, "047F"), (128, "048180"), (255, "0481FF"), (256, "04820100")]
)
def test_lengths_are_shortest(size: int, head: str) -> None:
    encoded = der.octets(bytes(size))
    assert encoded.hex().upper().startswith(head)
    assert len(encoded) == size + len(head) // 2


def test_strings_have_their_types() -> None:
    assert der.printable("JP") == b"\x13\x02JP"
    assert der.utf8("黒") == b"\x0c\x03\xe9\xbb\x92"
    assert der.bits(b"\xc0", 6) == bytes.fromhex("030206C0")
    with pytest.raises(UnicodeEncodeError):
        der.printable("日本")

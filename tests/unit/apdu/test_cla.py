"""All 256 class bytes against tables 2 and 3 of ISO/IEC 7816-4:2020, written down here again."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest

from jukicard.apdu import ClassByte, ClassKind, SecureMessagingIndication

SM = SecureMessagingIndication


@dataclass(frozen=True)
class Row:
    """One line of the table: a bit pattern (`x` any, `c` chaining, `n` channel) and its meaning."""

    pattern: str
    kind: ClassKind
    messaging: SecureMessagingIndication
    first_channel: int


# ISO/IEC 7816-4:2020, 5.4.1: table 2 (0000 0000 to 0001 1111), the reserved rest, table 3; and the
# same with bit 8 for the proprietary class (GlobalPlatform Card Specification 2.3.1, 11.1.4).
TABLE = (
    Row("000c00nn", ClassKind.FIRST_INTERINDUSTRY, SM.NONE, 0),
    Row("000c01nn", ClassKind.FIRST_INTERINDUSTRY, SM.PROPRIETARY, 0),
    Row("000c10nn", ClassKind.FIRST_INTERINDUSTRY, SM.HEADER_NOT_AUTHENTICATED, 0),
    Row("000c11nn", ClassKind.FIRST_INTERINDUSTRY, SM.HEADER_AUTHENTICATED, 0),
    Row("001xxxxx", ClassKind.RESERVED, SM.NONE, 0),
    Row("010cnnnn", ClassKind.FURTHER_INTERINDUSTRY, SM.NONE, 4),
    Row("011cnnnn", ClassKind.FURTHER_INTERINDUSTRY, SM.HEADER_AUTHENTICATED, 4),
    Row("100c00nn", ClassKind.PROPRIETARY, SM.NONE, 0),
    Row("100c01nn", ClassKind.PROPRIETARY, SM.PROPRIETARY, 0),
    Row("100c10nn", ClassKind.PROPRIETARY, SM.HEADER_NOT_AUTHENTICATED, 0),
    Row("100c11nn", ClassKind.PROPRIETARY, SM.HEADER_AUTHENTICATED, 0),
    Row("101xxxxx", ClassKind.PROPRIETARY, SM.NONE, 0),
    Row("110cnnnn", ClassKind.PROPRIETARY, SM.NONE, 4),
    Row("111cnnnn", ClassKind.PROPRIETARY, SM.HEADER_AUTHENTICATED, 4),
)
ALL = range(256)


def row_of(value: int) -> Row:
    bits = f"{value:08b}"
    rows = [
        row
        for row in TABLE
        if all(want in ("x", "c", "n", bit) for want, bit in zip(row.pattern, bits, strict=True))
    ]
    assert len(rows) == 1, f"the table must have one line for {value:02X}"
    return rows[0]


def bits_of(value: int, pattern: str, letter: str) -> int:
    digits = [bit for want, bit in zip(pattern, f"{value:08b}", strict=True) if want == letter]
    return int("".join(digits), 2) if digits else 0


@pytest.mark.parametrize("value", ALL)
def test_a_class_byte_means_what_the_table_says(value: int) -> None:
    cla = ClassByte(value)
    assert cla.value == int(cla) == value
    if value == 0xFF:
        assert cla.kind is ClassKind.INVALID
        assert (cla.channel, cla.chained, cla.secure, cla.interindustry) == (0, False, False, False)
        assert cla.secure_messaging is SM.NONE
        return
    row = row_of(value)
    assert cla.kind is row.kind
    assert cla.secure_messaging is row.messaging
    assert cla.secure is (row.messaging is not SM.NONE)
    assert cla.chained is bool(bits_of(value, row.pattern, "c"))
    assert cla.channel == row.first_channel + bits_of(value, row.pattern, "n")
    assert cla.interindustry is (value < 0x80 and "x" not in row.pattern)


@pytest.mark.parametrize("value", ALL)
def test_there_is_one_instance_of_each(value: int) -> None:
    cla = ClassByte(value)
    assert ClassByte(value) is cla
    assert pickle.loads(pickle.dumps(cla)) is cla
    assert repr(cla) == f"ClassByte(0x{value:02X})"
    assert cla == ClassByte(value)
    assert [other for other in map(ClassByte, ALL) if other == cla] == [cla]


@pytest.mark.parametrize("value", [-1, 256, 0x1FF])
def test_what_is_no_byte_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="0 to 255"):
        ClassByte(value)


def test_a_class_byte_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ClassByte(0).channel = 3
    with pytest.raises(AttributeError):
        del ClassByte(0).channel
    assert ClassByte(0).channel == 0


@pytest.mark.parametrize("proprietary", [False, True])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("channel", range(20))
def test_what_is_built_says_what_was_asked(
    channel: int, chained: bool, secure: bool, proprietary: bool
) -> None:
    if (channel, chained, secure, proprietary) == (19, True, True, True):
        with pytest.raises(ValueError, match="FF"):
            ClassByte.build(channel=channel, chained=chained, secure=secure, proprietary=True)
        return
    cla = ClassByte.build(channel=channel, chained=chained, secure=secure, proprietary=proprietary)
    assert (cla.channel, cla.chained, cla.secure) == (channel, chained, secure)
    assert (cla.kind is ClassKind.PROPRIETARY) is proprietary
    assert cla.secure_messaging is (SM.HEADER_AUTHENTICATED if secure else SM.NONE)


@pytest.mark.parametrize("channel", [-1, 20, 255])
def test_no_class_byte_for_a_channel_that_does_not_exist(channel: int) -> None:
    with pytest.raises(ValueError, match="0 to 19"):
        ClassByte.build(channel=channel)


WITH_PARTS = [value for value in ALL if value & 0x60 != 0x20 and value != 0xFF]


@pytest.mark.parametrize("value", WITH_PARTS)
def test_replacing_nothing_or_a_part_by_itself_changes_nothing(value: int) -> None:
    cla = ClassByte(value)
    assert cla.replace() is cla
    assert cla.replace(channel=cla.channel, chained=cla.chained) is cla


@pytest.mark.parametrize("value", WITH_PARTS)
def test_replacing_a_part_leaves_the_others(value: int) -> None:
    cla = ClassByte(value)
    for channel in range(20):
        if (channel, cla.chained, cla.secure, value >= 0x80) == (19, True, True, True):
            continue
        moved = cla.replace(channel=channel)
        assert (moved.channel, moved.chained, moved.secure) == (channel, cla.chained, cla.secure)
        assert (moved.value >= 0x80) is (value >= 0x80)
        if channel < 4 and cla.channel < 4:
            assert moved.secure_messaging is cla.secure_messaging
    plain = cla.replace(secure=False)
    assert not plain.secure
    assert (plain.channel, plain.chained, plain.kind) == (cla.channel, cla.chained, cla.kind)
    last = cla.replace(chained=False)
    assert not last.chained
    assert (last.channel, last.secure_messaging) == (cla.channel, cla.secure_messaging)


@pytest.mark.parametrize("value", sorted(set(ALL) - set(WITH_PARTS)))
def test_a_class_byte_without_parts_has_none_to_replace(value: int) -> None:
    with pytest.raises(ValueError, match=f"{value:02X}"):
        ClassByte(value).replace(channel=1)

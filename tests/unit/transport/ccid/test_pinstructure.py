"""Every byte of a PIN structure is taken, or told by its place (CCID 1.1, 6.1.11)."""

from __future__ import annotations

from typing import Any

import pytest

from jukicard.transport.ccid.messages import CcidError
from jukicard.transport.ccid.pinstructure import LONGEST, Coding, Ends, Misfit, parse
from tests.support.readers.secure_messages import CHANGE, VERIFY, modification, verification


def refused(body: bytes) -> int | None:
    """Return the bError of a structure, or None when it is taken; Misfit is 6B80."""
    try:
        parse(body)
    except CcidError as error:
        return error.code
    except Misfit:
        return 0x6B80
    return None


VERIFY_FIELDS: dict[str, tuple[int, set[int]]] = {
    "seconds": (11, set(range(256))),
    "form": (12, {value for value in range(256) if value & 3 != 3}),
    "block": (13, set(range(256))),
    "length": (14, set(range(32))),
    "ends": (17, set(range(1, 8))),
    "number": (18, {0, 1, 0xFF}),
    "index": (21, set(range(256))),
}
MODIFY_FIELDS: dict[str, tuple[int, set[int]]] = {
    "form": (12, {value for value in range(256) if value & 3 != 3}),
    "length": (14, set(range(32))),
    "old": (15, set(range(256))),
    "new": (16, set(range(256))),
    "confirm": (19, {0, 1, 2, 3}),
    "ends": (20, set(range(1, 8))),
    "number": (21, {0, 1, 2, 3, 0xFF}),
}


@pytest.mark.parametrize("field", VERIFY_FIELDS)
def test_every_value_of_a_verification_is_taken_or_told_by_its_place(field: str) -> None:
    place, allowed = VERIFY_FIELDS[field]
    for value in range(256):
        arguments: dict[str, Any] = {"most": 255, "least": 0, field: value}
        code = refused(verification(**arguments))
        assert code in ((None, 0x6B80) if value in allowed else (place,)), f"{value:02X}"


@pytest.mark.parametrize("field", MODIFY_FIELDS)
def test_every_value_of_a_modification_is_taken_or_told_by_its_place(field: str) -> None:
    place, allowed = MODIFY_FIELDS[field]
    for value in range(256):
        arguments: dict[str, Any] = {"most": 255, "least": 0, field: value}
        code = refused(modification(**arguments))
        assert code in ((None, 0x6B80) if value in allowed else (place,)), f"{value:02X}"


def test_no_other_operation_is_done() -> None:
    for operation in range(2, 256):
        assert refused(bytes((operation,)) + verification()[1:]) == 10


@pytest.mark.parametrize("body", [verification(), modification()], ids=["verify", "modify"])
def test_a_structure_that_is_cut_is_refused_at_every_length(body: bytes) -> None:
    template = 4
    for size in range(len(body) - template):
        assert refused(body[:size]) == 1
    for size in range(len(body) - template, len(body)):
        assert refused(body[:size]) == 0x6B80  # a command without a header
    assert refused(body) is None


def test_digits_are_most_first_on_the_wire() -> None:
    found = parse(verification(most=12, least=6))
    assert (found.minimum, found.maximum) == (6, 12)
    assert refused(verification(most=5, least=6)) == 0x6B80
    assert refused(verification(most=0, least=0)) == 0x6B80


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        ({"most": 255}, LONGEST),
        ({"most": 12, "block": 0x08}, 8),  # ASCII: a digit a byte
        ({"most": 20, "block": 0x08, "form": 0x81}, 16),  # BCD: two
        ({"most": 20, "block": 0x40}, 15),  # four bits of length
        ({"most": 20, "block": 0x10}, 1),
    ],
)
def test_no_more_digits_are_taken_than_their_place_holds(
    arguments: dict[str, Any], most: int
) -> None:
    assert parse(verification(least=1, **arguments)).maximum == most


def test_the_format_is_read_bit_by_bit() -> None:
    codings = {"00": Coding.BINARY, "01": Coding.BCD, "10": Coding.ASCII}
    for form in range(256):
        bits = f"{form:08b}"
        if bits[6:] in codings:
            found = parse(verification(form=form)).format
            assert found.at == int(bits[1:5], 2) * (8 if bits[0] == "1" else 1)
            assert found.right == (bits[5] == "1")
            assert found.coding is codings[bits[6:]]


def test_conditions_are_combined() -> None:
    assert parse(verification(ends=5)).ends == {Ends.FULL, Ends.TIME}
    assert parse(verification(ends=7)).ends == set(Ends)


@pytest.mark.parametrize(
    ("number", "indexes", "confirm", "shown"),
    [
        (0, (7,), 3, (None, None, None)),
        (1, (7, 8), 3, (7, None, None)),
        (2, (7, 8), 1, (7, 8)),
        (2, (7, 8), 3, (7, 8, None)),
        (3, (7, 8, 9), 3, (7, 8, 9)),
        (3, (7, 8, 9), 0, (7,)),
        (0xFF, (7, 8), 3, (0, 1, 2)),
        (0xFF, (7, 8), 1, (1, 2)),
        (0xFF, (7, 8), 2, (0, 1)),
    ],
)
def test_messages_come_in_their_order(
    number: int, indexes: tuple[int, ...], confirm: int, shown: tuple[int | None, ...]
) -> None:
    body = modification(number=number, indexes=indexes, confirm=confirm)
    found = parse(body)
    assert found.messages == shown
    assert found.template == CHANGE


def test_a_driver_may_send_three_indexes_always() -> None:
    body = modification(number=0, indexes=(7, 8, 9))
    assert parse(body, indexes=3).template == CHANGE
    assert parse(body, indexes=3).messages == (None, None, None)


def test_the_rest_is_read_from_its_place() -> None:
    found = parse(
        modification(
            seconds=9, old=3, new=5, language=0x0411, prologue=bytes.fromhex("004004"), confirm=1
        )
    )
    assert (found.seconds, found.old, found.new, found.confirm) == (9, None, 5, True)
    assert (found.language, found.prologue) == (0x0411, bytes.fromhex("004004"))
    plain = parse(verification(VERIFY + b"\x00"))
    assert (plain.old, plain.new, plain.confirm) == (0, None, False)
    assert plain.template == VERIFY + b"\x00"


def test_a_pin_goes_into_commands_for_pins_only() -> None:
    pins = {0x20, 0x21, 0x24, 0x25, 0x2C, 0x2D}
    for ins in range(256):
        taken = refused(verification(bytes((0, ins, 0, 0x80)))) is None
        assert taken == (ins in pins), f"{ins:02X}"
    assert refused(verification(bytes.fromhex("80320080"))) is None
    assert refused(verification(bytes.fromhex("80D60080"))) == 0x6B80

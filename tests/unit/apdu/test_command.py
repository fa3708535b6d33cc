"""Command APDUs: every published encoding, every length boundary, every malformed one."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from jukicard.apdu import ClassByte, CommandApdu, Ins, MalformedApduError
from tests.support.naive import apdu_grammar
from tests.support.published.vectors import load

VECTORS = load("apdu/iso7816_apdu_cases")


def raw_of(case: dict[str, Any]) -> bytes:
    return b"".join(
        bytes.fromhex(part["hex"])
        if "hex" in part
        else bytes.fromhex(part["repeat"]) * part["count"]
        for part in case["encoded_parts"]
    )


def case_id(case: dict[str, Any]) -> str:
    return f"{case['case']}-{case['nc']}-{case['ne']}"


@pytest.mark.parametrize("case", VECTORS["cases"], ids=case_id)
def test_published_encodings_both_ways(case: dict[str, Any]) -> None:
    raw = raw_of(case)
    header = bytes.fromhex(case["header"])
    cla, ins, p1, p2 = header
    built = CommandApdu(cla, ins, p1, p2, b"\x42" * case["nc"], case["ne"])
    parsed = CommandApdu.parse(raw)
    assert parsed == built
    assert built.encode() == raw == parsed.encode()
    assert (parsed.case, len(parsed.data), parsed.ne) == (case["case"], case["nc"], case["ne"])
    assert (parsed.extended, parsed.header) == (case["extended"], header)


@pytest.mark.parametrize("case", VECTORS["more"], ids=lambda case: str(case["apdu"]))
def test_published_decodings(case: dict[str, Any]) -> None:
    raw = bytes.fromhex(case["apdu"])
    parsed = CommandApdu.parse(raw)
    assert parsed.header == bytes.fromhex(case["header"])
    assert parsed.data == bytes.fromhex(case.get("data", ""))
    assert len(parsed.data) == case["nc"]
    assert (parsed.ne, parsed.extended) == (case["ne"], case["extended"])
    assert parsed.encode() == raw


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: str(case["why"]))
def test_published_malformed_commands_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedApduError):
        CommandApdu.parse(bytes.fromhex(case["apdu"]))


def test_the_grammar_agrees_with_the_published_cases() -> None:
    for case in VECTORS["cases"]:
        read = apdu_grammar.read(raw_of(case))
        assert read is not None
        assert (read.case, len(read.data), read.ne) == (case["case"], case["nc"], case["ne"])
    assert [
        c["why"] for c in VECTORS["invalid"] if apdu_grammar.read(bytes.fromhex(c["apdu"]))
    ] == []


# -- every length near a boundary -----------------------------------------------------------------

BOUNDARIES_NC = (0, 1, 2, 127, 128, 254, 255, 256, 257, 511, 512, 65_534, 65_535)
BOUNDARIES_NE = (0, 1, 2, 255, 256, 257, 258, 65_535, 65_536)


@pytest.mark.parametrize("ne", BOUNDARIES_NE)
@pytest.mark.parametrize("nc", BOUNDARIES_NC)
@pytest.mark.parametrize("extended", [False, True])
def test_every_pair_of_lengths_survives_and_the_grammar_agrees(
    nc: int, ne: int, extended: bool
) -> None:
    command = CommandApdu(0x00, Ins.READ_BINARY, 1, 2, b"\xa5" * nc, ne, extended=extended)
    raw = command.encode()
    assert CommandApdu.parse(raw) == command
    read = apdu_grammar.read(raw)
    assert read is not None
    assert (read.case, read.data, read.ne) == (command.case, command.data, command.ne)
    assert apdu_grammar.write(command.case, command.header, command.data, command.ne) == raw


@pytest.mark.parametrize("lc", range(256))
def test_every_short_body_length_around_every_lc(lc: int) -> None:
    # For each fifth byte: the rest one too short, right, with Le, one too long.
    for rest in {0, 1, lc - 1, lc, lc + 1, lc + 2} - {-1}:
        raw = bytes((0x00, 0xB0, 0, 0, lc)) + bytes(rest)
        if apdu_grammar.read(raw) is None:
            with pytest.raises(MalformedApduError):
                CommandApdu.parse(raw)
        else:
            assert CommandApdu.parse(raw).encode() == raw


@pytest.mark.parametrize("size", range(4))
def test_fewer_than_four_bytes_are_no_command(size: int) -> None:
    with pytest.raises(MalformedApduError, match="at least 4"):
        CommandApdu.parse(bytes(size))


def test_every_prefix_of_a_command_is_refused_or_another_command() -> None:
    raw = CommandApdu(0x00, Ins.VERIFY, 0, 0x80, b"1234", 16, extended=True).encode()
    for size in range(len(raw)):
        read = apdu_grammar.read(raw[:size])
        if read is None:
            with pytest.raises(MalformedApduError):
                CommandApdu.parse(raw[:size])
        else:
            assert CommandApdu.parse(raw[:size]).encode() == raw[:size]


# -- making one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((256, 0, 0, 0), "class byte"),
        ((-1, 0, 0, 0), "class byte"),
        ((0, 256, 0, 0), "are bytes"),
        ((0, -1, 0, 0), "are bytes"),
        ((0, 0, 256, 0), "are bytes"),
        ((0, 0, 0, -1), "are bytes"),
        ((0, 0, 0, 0, bytes(65_536)), "at most 65535"),
        ((0, 0, 0, 0, b"", -1), "ne is 0 to 65536"),
        ((0, 0, 0, 0, b"", 65_537), "ne is 0 to 65536"),
    ],
)
def test_a_field_outside_its_range_is_refused(arguments: tuple[Any, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CommandApdu(*arguments)


def test_a_command_without_lengths_is_never_extended() -> None:
    assert not CommandApdu(0, 0xA4, 0, 0, extended=True).extended
    assert CommandApdu(0, 0xA4, 0, 0, extended=True).case == "1"


def test_replace_changes_what_is_named() -> None:
    command = CommandApdu(0x00, Ins.SELECT, 4, 12, b"\xd3\x92", 0)
    assert command.replace() == command
    assert command.replace(cla=ClassByte(0x0C)).header == bytes.fromhex("0CA4040C")
    assert command.replace(data=b"").case == "1"
    assert command.replace(ne=256).case == "4S"
    assert command.replace(data=bytes(256)).case == "3E"
    assert command.replace(extended=True).case == "3E"
    assert command.replace(extended=True).replace(extended=False) == command
    assert command.replace(data=bytes(300)).replace(extended=False).extended


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_becomes_bytes(kind: type) -> None:
    raw = bytes.fromhex("0020008004313233340A")
    command = CommandApdu.parse(kind(raw))
    assert type(command.data) is bytes
    assert command == CommandApdu(0, 0x20, 0, 0x80, kind(b"1234"), 10)
    assert command.encode() == raw


def test_equal_commands_are_equal_and_others_are_not() -> None:
    command = CommandApdu(0x00, 0xB0, 0, 0, b"\1", 4)
    assert len({command, CommandApdu.parse(command.encode())}) == 1
    different = [
        CommandApdu(0x01, 0xB0, 0, 0, b"\1", 4),
        CommandApdu(0x00, 0xB1, 0, 0, b"\1", 4),
        CommandApdu(0x00, 0xB0, 1, 0, b"\1", 4),
        CommandApdu(0x00, 0xB0, 0, 1, b"\1", 4),
        CommandApdu(0x00, 0xB0, 0, 0, b"\2", 4),
        CommandApdu(0x00, 0xB0, 0, 0, b"\1", 5),
        CommandApdu(0x00, 0xB0, 0, 0, b"\1", 4, extended=True),
    ]
    assert command not in different
    assert command != command.encode()


def test_copies_are_equal() -> None:
    command = CommandApdu(0x5F, Ins.GET_DATA, 0x5F, 0x51, b"", 65_536)
    assert pickle.loads(pickle.dumps(command)) == command == copy.deepcopy(command)


def test_no_text_of_a_command_shows_its_data() -> None:
    command = CommandApdu(0x00, Ins.VERIFY, 0, 0x80, b"1234")
    for text in (repr(command), str(command)):
        assert "1234" not in text
        assert "31323334" not in text
    assert repr(command) == "<CommandApdu 00 20 00 80 Nc=4 Ne=0>"
    for malformed in ("00200080053132333435 3637", "00200080 000004 31323334 3536 37"):
        with pytest.raises(MalformedApduError) as refused:
            CommandApdu.parse(bytes.fromhex(malformed))
        assert "3132" not in str(refused.value)

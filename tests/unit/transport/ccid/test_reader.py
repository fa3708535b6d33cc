"""The reader's end of CCID 1.1: every message, every level, chains, and cards that move."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukicard import (
    CRC,
    LRC,
    PROFILES,
    Card,
    ContactCard,
    PinPad,
    Pps,
    atr_variant,
    issue_card,
)
from jukicard.testing import ScriptedKeypad
from jukicard.transport import SlotState, SlotStatus
from jukicard.transport.ccid import (
    CcidError,
    CcidReader,
    ExchangeLevel,
    SecureRequest,
    time_extension,
)
from jukicard.transport.ccid.messages import Icc, Request
from jukicard.transport.tpdu import Edc
from tests.support.readers.ccid_driver import Driver, lrc, message
from tests.support.readers.secure_messages import verification
from tests.support.readers.statuses import Statuses

SELECT = "00A4040C0AD3921000310001010401"
CHALLENGE = "0084000008"


@pytest.fixture
def card() -> Card:
    return issue_card("mynumber", seed=1)


def juki(atr: str | None = None) -> Card:
    profile = PROFILES["juki-v1"]
    if atr is not None:
        profile = replace(profile, contact_atr=bytes.fromhex(atr))
    return issue_card(profile, seed=1, pin="1234")


def test_the_first_exchange_of_a_driver_is_as_it_was_measured(card: Card) -> None:
    driver = Driver(CcidReader([card]))
    assert driver.send(0x65)[:2] == (1, 0)
    assert driver.send(0x62) == (0, 0, 0, card.atr.hex().upper())
    assert driver.block("FF1113FD") == "FF1113FD"
    assert driver.send(0x61, "1310FF4600FB00", "010000") == (0, 0, 1, "1310FF4600FB00")
    assert driver.block("00C101FE3E") == "00E101FE1E"
    assert driver.block(lrc("00000F" + SELECT)) == lrc("0000029000")
    assert driver.send(0x65)[:2] == (0, 0)
    assert driver.send(0x63)[:2] == (1, 0)
    assert driver.send(0x63)[:2] == (1, 0)


def test_the_warm_reset_of_a_card_with_power_forgets_what_was_selected() -> None:
    driver = Driver(CcidReader([juki()], level=ExchangeLevel.SHORT))
    driver.send(0x62)
    assert driver.block(SELECT) == "9000"
    assert driver.block("00A4020C02001C") == "9000"
    assert driver.send(0x62)[:2] == (0, 0)
    assert driver.block("00A4020C02001C") != "9000"


def test_a_card_with_t0_is_spoken_to_in_headers_and_data() -> None:
    driver = Driver(CcidReader([juki("3B6000FF")]))
    assert driver.send(0x62)[3] == "3B6000FF"
    assert driver.send(0x6C) == (0, 0, 0, "1100FF0A00")
    assert driver.block("00A404000AD3921000310001010401")[:2] == "61"
    assert driver.block("00C0000016").endswith("9000")
    assert len(driver.block(CHALLENGE)) == 20
    assert driver.send(0x6F, "00A404")[:2] == (0x40, 0xF6)  # no TPDU


def test_the_short_level_gives_whole_apdus_and_no_more() -> None:
    driver = Driver(CcidReader([juki()], level=ExchangeLevel.SHORT))
    driver.send(0x62)
    assert driver.block(SELECT) == "9000"
    assert len(driver.block("0084000000")) == 2 * (256 + 2)
    assert driver.send(0x6F, "00" * 262)[:2] == (0x40, 1)


class Echo:
    """A card that answers with as many bytes as were sent, for chains."""

    atr = bytes.fromhex("3BE000FF8131FE4514")

    def __init__(self) -> None:
        self.got: list[bytes] = []

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        pass

    def transmit(self, command: bytes, /) -> bytes:
        self.got.append(command)
        return command + b"\x90\x00"


def extended() -> tuple[Driver, Echo]:
    card = Echo()
    driver = Driver(CcidReader([card], level=ExchangeLevel.EXTENDED))
    driver.send(0x62)
    return driver, card


@pytest.mark.parametrize("size", [4, 259, 260, 261, 262, 522, 523, 65_535, 65_544])
def test_chains_carry_commands_and_answers_of_every_length(size: int) -> None:
    driver, card = extended()
    command = bytes(index * 7 & 0xFF for index in range(size))
    parts = [command[start : start + 261] for start in range(0, size, 261)]
    chain, answer = 0, ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        level = (0 if last else 1) if index == 0 else (2 if last else 3)
        status, error, chain, answer = driver.send(0x6F, part.hex(), f"00{level:02X}00")
        assert (status, error) == (0, 0)
        if not last:
            assert (chain, answer) == (0x10, "")
    got = answer
    assert chain == (1 if size + 2 > 261 else 0)
    while chain in (1, 3):
        _, _, chain, answer = driver.send(0x6F, "", "001000")
        assert chain in (2, 3)
        got += answer
    assert bytes.fromhex(got) == command + b"\x90\x00"
    assert card.got == [command]


@pytest.mark.parametrize("level", ["02", "03", "04", "10", "FF"])
def test_a_chain_that_was_never_begun_reaches_no_card(level: str) -> None:
    driver, card = extended()
    status, error, _, _ = driver.send(0x6F, "" if level == "10" else "00B0000000", f"00{level}00")
    assert (status, error) == (0x40, 8)
    assert card.got == []
    assert driver.block(CHALLENGE) == CHALLENGE + "9000"


def test_a_chain_without_end_is_cut_off_and_costs_no_memory() -> None:
    driver, card = extended()
    driver.send(0x6F, "00" * 261, "000100")
    refused = [driver.send(0x6F, "00" * 261, "000300")[:2] for _ in range(260)]
    assert (0x40, 1) in refused
    assert card.got == []


def test_a_new_command_and_abort_drop_a_chain() -> None:
    driver, card = extended()
    driver.send(0x6F, "11" * 10, "000100")
    assert driver.block(CHALLENGE) == CHALLENGE + "9000"
    driver.send(0x6F, "11" * 10, "000100")
    assert driver.send(0x72)[:2] == (0, 0)
    assert driver.send(0x6F, "22", "000200")[:2] == (0x40, 8)
    assert card.got == [bytes.fromhex(CHALLENGE)]


def test_any_number_of_slots_each_with_its_own_card() -> None:
    reader = CcidReader([juki(), None, juki()])
    driver = Driver(reader)
    assert [driver.send(0x65, slot=slot)[0] for slot in range(3)] == [1, 2, 1]
    assert driver.send(0x62, slot=1)[:2] == (0x42, 0xFE)
    assert driver.send(0x62, slot=2)[:2] == (0, 0)
    assert [driver.send(0x65, slot=slot)[0] for slot in range(3)] == [1, 2, 0]
    assert driver.send(0x65, slot=3)[:2] == (0x42, 5)
    for wrong in (0, 257):
        with pytest.raises(ValueError, match="slots"):
            CcidReader([None] * wrong)


def test_a_card_that_was_swapped_is_absent_until_the_driver_was_told_so() -> None:
    moves: list[tuple[int, bool]] = []
    reader = CcidReader([juki()], moved=lambda slot, there: moves.append((slot, there)))
    driver, slot = Driver(reader), reader.slots[0]
    driver.send(0x62)
    first = slot.remove()
    slot.insert(juki())
    assert driver.send(0x6F, lrc("000000"))[:2] == (0x42, 0xFE)
    assert driver.send(0x62)[:2] == (0x42, 0xFE)
    assert driver.send(0x65)[0] == 2
    assert driver.send(0x65)[0] == 1
    assert driver.send(0x62)[:2] == (0, 0)
    assert moves == [(0, False), (0, True)]
    assert first is not None


def test_a_reset_behind_the_drivers_back_is_one() -> None:
    reader = CcidReader([juki()], level=ExchangeLevel.SHORT)
    driver = Driver(reader)
    driver.send(0x62)
    assert driver.block(SELECT) == "9000"
    reader.slots[0].reset()
    assert driver.block("00A4020C02001C") != "9000"


class Failing(Echo):
    def transmit(self, command: bytes, /) -> bytes:
        raise RuntimeError("PIN 1234")


def test_a_card_that_fails_is_mute_and_the_operator_hears_where() -> None:
    told: list[SlotStatus] = []
    driver = Driver(CcidReader([Failing()], level=ExchangeLevel.SHORT, on_status=told.append))
    driver.send(0x62)
    assert driver.send(0x6F, CHALLENGE)[:2] == (0x41, 0xFE)
    assert [status.state for status in told] == [SlotState.FAULT]
    assert "1234" not in told[0].detail
    assert driver.send(0x62)[:2] == (0, 0)


def test_pps_is_accepted_for_what_the_atr_offers_and_else_not_answered(card: Card) -> None:
    driver = Driver(CcidReader([card]))
    for refused in ("FF1013FC", "FF1113FC", "FF11"):
        driver.send(0x62)
        assert driver.send(0x6F, refused)[:2] == (0x40, 0xFE)
    driver.send(0x62)
    assert driver.block("FF01FE") == "FF01FE"
    assert driver.block("00C101FE3E") == "00E101FE1E"
    assert driver.send(0x61, "1100000A00", "000000")[:2] == (0, 0)
    assert driver.send(0x6F, CHALLENGE)[:2] == (0x40, 0xFE)  # T=0 to a card that speaks T=1


def with_atr(**variant: Any) -> Card:
    return issue_card(
        "juki-v1", seed=1, options=lambda o: replace(o, atr=atr_variant(o.atr, **variant))
    )


def test_a_speed_above_ta1_is_answered_without_pps1() -> None:
    for asked, agreed in (("FF119678", "FF01FE"), ("FF1113FD", "FF1113FD"), ("FF1111FF",) * 2):
        driver = Driver(CcidReader([with_atr(speed=0x13)]))
        driver.send(0x62)
        assert driver.block(asked) == agreed


T1_SELECT, T1_OK = lrc("00000F" + SELECT), lrc("0000029000")
T0_SELECT = "00A404000AD3921000310001010401"


@pytest.mark.parametrize(
    ("specific", "pps", "no_pps", "select", "selected"),
    [
        (0, "FF1013FC", "6E00", T0_SELECT, "6116"),
        (1, "FF1113FD", lrc("008200"), T1_SELECT, T1_OK),
    ],
)
def test_a_card_in_specific_mode_speaks_what_ta2_says_and_hears_no_pps(
    specific: int, pps: str, no_pps: str, select: str, selected: str
) -> None:
    driver = Driver(CcidReader([with_atr(protocols=(0, 1), speed=0x13, specific=specific)]))
    driver.send(0x62)
    assert driver.send(0x6C)[2] == specific
    assert driver.block(pps) == no_pps
    assert driver.block(select) == selected


def test_pps_chooses_among_the_protocols_until_the_next_reset() -> None:
    driver = Driver(CcidReader([with_atr(protocols=(0, 1))]))
    driver.send(0x62)
    assert driver.send(0x6C)[2:] == (0, "1100000A00")
    assert driver.block("FF01FE") == "FF01FE"
    assert driver.send(0x6F, T1_SELECT)[:2] == (0x40, 0xFE)  # still set to T=0
    driver.send(0x61, "11100045004000", "010000")
    assert driver.block(T1_SELECT) == T1_OK
    assert driver.block("FF01FE") != "FF01FE"  # now it is a block, and damaged
    driver.send(0x62)
    assert driver.block(T0_SELECT)[:2] == "61"


def test_whoever_makes_the_reader_makes_the_contacts() -> None:
    driver = Driver(CcidReader([with_atr()], contact=partial(ContactCard, pps=Pps.MUTE)))
    driver.send(0x62)
    assert driver.send(0x6F, "FF01FE")[:2] == (0x40, 0xFE)


@pytest.mark.parametrize("atr", ["3B800F8F", "3B8F", "", "FFFF", "3B80801101"])
def test_a_card_without_t0_and_t1_is_mute_but_for_whole_apdus(atr: str) -> None:
    card = Echo()
    card.atr = bytes.fromhex(atr)
    reader = CcidReader([card])
    driver = Driver(reader)
    for _ in range(2):  # cold and warm
        assert driver.send(0x62) == (0, 0, 0, atr)
        for sent in ("FF11119E", "FF01FE", CHALLENGE, lrc("00C101FE")):
            assert driver.send(0x6F, sent)[:2] == (0x40, 0xFE)
    reader.slots[0].reset()
    reader.level = ExchangeLevel.SHORT
    assert driver.block(CHALLENGE) == CHALLENGE + "9000"


def test_a_key_pad_is_given_what_it_needs_and_its_refusal_is_the_answer() -> None:
    seen: list[SecureRequest] = []

    def pad(request: SecureRequest) -> bytes:
        seen.append(request)
        if request.body[0]:
            raise CcidError(0xF0)
        return request.transmit(bytes.fromhex(SELECT))

    reader = CcidReader([juki()], level=ExchangeLevel.SHORT, secure=pad)
    driver = Driver(reader)
    assert driver.send(0x69, "00")[:2] == (0x41, 0xFE)
    driver.send(0x62)
    assert driver.send(0x69, "00112233") == (0, 0, 0, "9000")
    assert driver.send(0x69, "01112233")[:2] == (0x40, 0xF0)
    assert "112233" not in repr(seen[0])
    assert not seen[0].ended()
    reader.slots[0].remove()
    assert seen[0].ended()
    assert Driver(CcidReader([juki()])).send(0x69, "00")[:2] == (0x41, 0)


@pytest.mark.parametrize(("crc", "edc"), [(False, LRC), (True, CRC)])
@pytest.mark.parametrize("parameters", ["", "111{}FF4500FE00"])
def test_a_pin_from_the_pad_has_the_checksum_that_the_card_has(
    crc: bool, edc: Edc, parameters: str
) -> None:
    card = issue_card(
        "juki-v1",
        seed=1,
        pin="1234",
        options=lambda options: replace(options, atr=atr_variant(options.atr, (1,), crc=crc)),
    )
    driver = Driver(CcidReader([card], secure=PinPad(ScriptedKeypad("1234#"))))
    driver.send(0x62)
    if parameters:  # else what the ATR says holds
        driver.send(0x61, parameters.format(int(crc)), "010000")
    for sent in ("00000F" + SELECT, "00400700A4020C02001C"):
        driver.block(edc.seal(bytes.fromhex(sent)).hex())
    answer = driver.block_of(0x69, verification().hex())
    assert answer == edc.seal(bytes.fromhex("0000029000")).hex().upper()


FAULTS = [
    # what the driver does, bStatus, bError; as docs/transports.md has it
    ("half a header", b"\x65\x00\x00", 0x41, 1),
    ("dwLength too large", message(0x65)[:1] + b"\x01\x00\x00\x00" + bytes(5), 0x41, 1),
    ("dwLength too small", message(0x6F, CHALLENGE)[:1] + bytes(14), 0x41, 1),
    ("dwLength 4 GiB", b"\x6f\xff\xff\xff\xff" + bytes(5), 0x41, 1),
    ("longer than any message", message(0x6F, "00" * 262), 0x41, 1),
    ("a slot that is not there", message(0x65, slot=9), 0x42, 5),
    ("an unknown message", message(0x00), 0x41, 0),
    ("a message for hardware", message(0x71), 0x41, 0),
    ("no power", message(0x6F, CHALLENGE), 0x41, 0xFE),
    ("parameters without power", message(0x61, "1100000A00"), 0x41, 0xFE),
    ("an unknown voltage", message(0x62, fields="040000"), 0x41, 7),
    ("an unknown clock command", message(0x6E, fields="020000"), 0x41, 7),
    ("a data rate of no length", message(0x73, "00"), 0x41, 1),
    ("an escape of another maker", message(0x6B, "FFFF"), 0x41, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "status", "error"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_what_is_wrong_is_named_and_the_card_is_as_before(
    sent: bytes, status: int, error: int
) -> None:
    card = juki()
    before = card.snapshot().export_with_keys()
    reader = CcidReader([card])
    answer = reader.handle(sent)
    assert answer[7:9] == bytes((status, error))
    assert card.snapshot().export_with_keys() == before
    driver = Driver(reader)
    assert driver.send(0x62)[:2] == (0, 0)
    for fields, data, code in (("020000", "00", 7), ("000000", "00", 1), ("010000", "00" * 5, 1)):
        assert driver.send(0x61, data, fields)[:2] == (0x40, code)


def test_a_wrong_sequence_number_is_given_back_and_nothing_is_done_twice() -> None:
    reader = CcidReader([Echo()], level=ExchangeLevel.SHORT)
    for seq in (200, 3, 3, 0):
        assert reader.handle(message(0x65, seq=seq))[6] == seq


@given(st.lists(st.binary(max_size=40) | st.builds(
    lambda kind, data, fields, slot: message(kind, data.hex(), fields.hex(), slot),
    st.sampled_from([*range(0x61, 0x74)]),
    st.binary(max_size=30), st.binary(min_size=3, max_size=3), st.integers(0, 2),
), max_size=20), st.sampled_from(ExchangeLevel))  # fmt: skip
def test_whatever_comes_there_is_an_answer_and_no_mistake_of_ours(
    messages: list[bytes], level: ExchangeLevel
) -> None:
    reader = CcidReader([Echo(), None], level=level, on_status=Statuses())
    for sent in (message(0x62), *messages):
        answer = reader.handle(sent)
        assert len(answer) >= 10
        assert answer[8] != 0xFB
        assert answer[5:7] == sent[5:7].ljust(2, b"\0")


def test_time_is_asked_for_in_a_message_of_its_own() -> None:
    request = Request.parse(message(0x6F, CHALLENGE, seq=7))
    assert time_extension(request, Icc.ACTIVE, 3) == bytes.fromhex("80000000000007800300")

"""READ, UPDATE, WRITE, ERASE and SEARCH BINARY (ISO/IEC 7816-4:2020, 11.3), even and odd."""

from __future__ import annotations

import pytest

from jukicard import Card
from tests.support.applets.iso_applet import selected_iso_card
from tests.support.published.transcript import play, send, status

WHOLE = "000102030405060708090A0B0C0D0E0F"


@pytest.fixture
def card() -> Card:
    """Return a card on which EF 2F01 (16 bytes, short identifier 1) is current."""
    card = selected_iso_card()
    play(card, "00A4020C022F01 -> 9000")
    return card


class TestRead:
    def test_from_any_offset_and_up_to_any_length(self, card: Card) -> None:
        for offset in range(16):
            for size in (1, 2, 15, 16, 17, 256):
                wanted = WHOLE[2 * offset : 2 * (offset + size)]
                command = f"00B0{offset:04X}{size % 256:02X}"
                # less than was asked for is no error: clients read blocks until one is short
                assert send(card, command) == wanted + "9000"

    def test_an_offset_outside_is_6b00(self, card: Card) -> None:
        for offset in (16, 17, 255, 256, 0x7FFF):
            assert send(card, f"00B0{offset:04X}01") == "6B00"
            assert send(card, f"00B0{offset:04X}00") == "6B00"

    def test_by_short_identifier(self, card: Card) -> None:
        play(
            card,
            """
            00B0810002 -> 0001 9000
            00B0810E05 -> 0E0F 9000
            00B0811001 -> 6B00
            00B0800001 -> 00 9000       # 80: the current EF
            00B09E0001 -> FF 9000       # 2F02 has 30
            00B0000001 -> FF 9000       # and is current now
            00B09D0001 -> 6A82
            00B09F0001 -> 6A86
            00B0A00001 -> 6A86
            00B0C10001 -> 6A86
            00B0FF0001 -> 6A86
            00B0000001 -> FF 9000       # a refused one changes nothing
            """,
        )

    def test_extended_lengths(self, card: Card) -> None:
        play(card, "00B0000000 0000 -> " + WHOLE + "9000")
        play(card, "00B0000000 0003 -> 000102 9000")
        play(card, "00A4020C022F03 -> 9000")
        play(card, "00B0000000 0000 -> " + "FF" * 600 + "9000")
        play(card, "00B0000000 012C -> " + "FF" * 300 + "9000")
        play(card, "00B0012C00 0000 -> " + "FF" * 300 + "9000")
        play(card, "00B0000000 -> " + "FF" * 256 + "9000")

    def test_beyond_15_bits_only_the_odd_form_reaches(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C022F02 -> 9000
            00D7000008 54029C3F 5302AABB -> 6A84
            00D7000007 54029C3F 5301AA -> 9000
            00B1000004 54029C3F 00 -> 5301AA 9000
            00B1000005 5403009C3F 00 -> 5301AA 9000
            00B1000004 54029C40 00 -> 6B00
            00B1000006 5404FFFFFFFF 00 -> 6B00
            00B07FFF01 -> FF 9000
            """,
        )

    def test_odd(self, card: Card) -> None:
        play(
            card,
            f"""
            00B1000003 540100 00 -> 5310 {WHOLE} 9000
            00B1000003 540100 12 -> 5310 {WHOLE} 9000
            00B1000003 540100 11 -> 530F {WHOLE[:30]} 9000    # Le counts tag and length
            00B1000003 540100 03 -> 530100 9000
            00B1000003 540100 02 -> 6700
            00B100000354010E00 -> 53020E0F 9000
            00B10001035401 0E 00 -> 53020E0F 9000             # short identifier
            00B12F0103540100 03 -> 530100 9000                # file identifier
            00B1000003540110 00 -> 6B00
            00B10000 -> 6700
            00B1000003 540100 -> 6700
            00B1000002 5400 00 -> 6A80
            00B1000007 54050000000000 00 -> 6A80
            00B1000003 530100 00 -> 6A80
            00B1000006 540100540100 00 -> 6A80
            00B1000002 5401 00 -> 6A80
            00B1001F03540100 00 -> 6A86
            00B13FFF03540100 00 -> 6A86
            00B1FFFF03540100 00 -> 6A86
            00B1002003540100 00 -> 6A82
            00B1EEEE03540100 00 -> 6A82
            00B17F1003540100 00 -> 6A82
            """,
        )

    def test_odd_over_the_short_length(self, card: Card) -> None:
        play(card, "00A4020C022F03 -> 9000")
        # 253 bytes with their three bytes of tag and length fill 256
        play(card, "00B1000003 540100 00 -> 5381FD" + "FF" * 253 + "9000")
        play(card, "00B1000000 0003 540100 0000 -> 53820258" + "FF" * 600 + "9000")
        # a value of 128 bytes needs one more byte of length: 130 bytes of room hold 127
        for room, size in ((129, 127), (130, 127), (131, 128), (132, 129)):
            length = f"{size:02X}" if size < 128 else f"81{size:02X}"
            wanted = f"53{length}" + "FF" * size + "9000"
            assert send(card, f"00B1000003 540100 {room:02X}") == wanted

    def test_lengths_it_has_not(self, card: Card) -> None:
        play(
            card,
            """
            00B00000 -> 6700
            00B00000 01 00 -> 6700
            00B00000 01 00 00 -> 6700
            """,
        )

    def test_what_is_current_decides(self, card: Card) -> None:
        play(
            card,
            """
            00A4000C -> 9000
            00B0000000 -> 6986
            00A4020C026F01 -> 9000
            00B0000000 -> 6981       # records
            00B1000003 540100 00 -> 6981
            00A4020C020011 -> 9000
            00B0000000 -> 6981       # an internal EF
            00B0910000 -> 6981
            """,
        )


class TestUpdate:
    @pytest.mark.parametrize(
        ("command", "after"),
        [
            ("00D60000 01 AA", "AA" + WHOLE[2:]),
            ("00D6000E 02 AABB", WHOLE[:28] + "AABB"),
            ("00D60000 10 " + "55" * 16, "55" * 16),
            ("00D6810F 01 AA", WHOLE[:30] + "AA"),
            ("00D60000 000001 AA", "AA" + WHOLE[2:]),
            ("00D70000 06 540101 5301AA", "00AA" + WHOLE[4:]),
            ("00D70000 06 540101 7301AA", "00AA" + WHOLE[4:]),
            ("00D70001 06 54010F 5301AA", WHOLE[:30] + "AA"),
            ("00D72F01 07 54020000 5301AA", "AA" + WHOLE[2:]),
        ],
    )
    def test_it_replaces(self, card: Card, command: str, after: str) -> None:
        assert send(card, command) == "9000"
        assert send(card, "00B0000010") == after + "9000"

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00D60010 01 AA", "6B00"),
            ("00D67FFF 01 AA", "6B00"),
            ("00D6000F 02 AABB", "6A84"),
            ("00D60000 11 " + "55" * 17, "6A84"),
            ("00D60000", "6700"),
            ("00D6000000", "6700"),
            ("00D69F00 01 AA", "6A86"),
            ("00D69D00 01 AA", "6A82"),
            ("00D69100 01 AA", "6981"),
            ("00D68200 01 AA", "6981"),
            ("00D70000 03 540100", "6A80"),
            ("00D70000 06 5301AA 540100", "6A80"),
            ("00D70000 09 540100 5301AA 5301BB", "6A80"),
            ("00D70000 06 540100 5401AA", "6A80"),
            ("00D70000 06 540110 5301AA", "6B00"),
            ("00D70000 07 54010F 5302AABB", "6A84"),
            ("00D70000", "6700"),
            ("00D7001F 06 540100 5301AA", "6A86"),
        ],
    )
    def test_what_it_refuses_changes_nothing(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer
        assert send(card, "00B0810010") == WHOLE + "9000"

    def test_no_current_ef(self, card: Card) -> None:
        play(card, "00A4000C -> 9000")
        for ins in ("D6", "D0"):
            assert send(card, f"00{ins}0000 01 AA") == "6986"

    def test_what_was_written_outlives_the_power(self, card: Card) -> None:
        play(card, "00D60000 01 AA -> 9000")
        card.power_off()
        card.power_on()
        play(card, "00A4040C09F049534F5445535401 -> 9000 \n 00B0810001 -> AA 9000")


class TestWrite:
    @pytest.mark.parametrize(
        ("fid", "data", "after"),
        [
            ("2F11", "30", "3F0F0F0F"),  # OR of 0F and 30
            ("2F12", "35", "050F0F0F"),  # AND of 0F and 35
            ("2F13", "30", "30000000"),  # once
        ],
    )
    def test_the_write_function_of_the_file(
        self, card: Card, fid: str, data: str, after: str
    ) -> None:
        play(
            card,
            f"""
            00A4020C02{fid} -> 9000
            00D0000001{data} -> 9000
            00B0000004 -> {after} 9000
            00D1000006 540100 5301{data} -> {"6985" if fid == "2F13" else "9000"}
            00B0000004 -> {after} 9000
            """,
        )

    def test_once_is_once_for_each_byte(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C022F13 -> 9000
            00D0000102 1122 -> 9000
            00D0000003 AABBCC -> 6985
            00D0000001 AA -> 9000
            00D0000301 DD -> 9000
            00B0000004 -> AA1122DD 9000
            00D0000201 22 -> 6985
            00D6000001 77 -> 9000        # UPDATE is under its own condition
            00B0000001 -> 77 9000
            """,
        )

    def test_what_it_refuses(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C022F11 -> 9000
            00D0000401 AA -> 6B00
            00D0000302 AABB -> 6A84
            00D00000 -> 6700
            00D08201 01 AA -> 6981
            00A4020C022F11 -> 9000       # a valid short identifier had made its EF current
            00D1000003 540100 -> 6A80
            00B0000004 -> 0F0F0F0F 9000
            """,
        )


class TestErase:
    @pytest.mark.parametrize(
        ("command", "after"),
        [
            ("000E0000", "00000000"),
            ("000E0002", "0F0F0000"),
            ("000E0001 02 0003", "0F00000F"),
            ("000E0003 02 0004", "0F0F0F00"),
            ("000F0000", "00000000"),
            ("000F0000 03 540102", "0F0F0000"),
            ("000F0000 06 540101 540103", "0F00000F"),
        ],
    )
    def test_to_the_end_or_to_an_offset(self, card: Card, command: str, after: str) -> None:
        play(card, f"00A4020C022F11 -> 9000 \n {command} -> 9000 \n 00B0000004 -> {after} 9000")

    def test_the_erased_state_is_what_write_can_change(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C022F12 -> 9000
            000E0000 -> 9000
            00B0000004 -> FFFFFFFF 9000
            00D0000001 5A -> 9000
            00B0000001 -> 5A 9000
            00A4020C022F13 -> 9000
            00D0000001 11 -> 9000
            000E0000 -> 9000
            00D0000001 22 -> 9000
            00B0000001 -> 22 9000
            """,
        )

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("000E0004", "6B00"),
            ("000E0000 02 0005", "6B00"),
            ("000E0002 02 0002", "6B00"),
            ("000E0002 02 0001", "6B00"),
            ("000E0000 01 02", "6700"),
            ("000E0000 03 000002", "6700"),
            ("000F0000 09 540100 540101 540102", "6A80"),
            ("000F0000 03 530101", "6A80"),
            ("000E8200", "6981"),
        ],
    )
    def test_what_it_refuses(self, card: Card, command: str, answer: str) -> None:
        play(card, f"00A4020C022F11 -> 9000 \n {command} -> {answer}")
        play(card, "00A4020C022F11 -> 9000 \n 00B0000004 -> 0F0F0F0F 9000")


class TestSearch:
    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00A00000 01 00 00", "0000 9000"),
            ("00A00000 02 0506 00", "0005 9000"),
            ("00A00000 01 0F 02", "000F 9000"),
            ("00A00006 02 0506 00", "6282"),
            ("00A08105 02 0506 00", "0005 9000"),
            ("00A00000 02 0605 00", "6282"),
            ("00A00000 11 " + WHOLE + "10 00", "6282"),
            ("00A10000 07 540100 53020506 00", "54020005 9000"),
            ("00A10000 07 540106 53020506 00", "6282"),
            ("00A1000107 540100 53020506 00", "54020005 9000"),
            ("00A00010 01 00 00", "6B00"),
            ("00A00000", "6700"),
            ("00A00000 01 00", "6700"),
            ("00A0000000", "6700"),
            ("00A08200 01 00 00", "6981"),
            ("00A10000 03 540100 00", "6A80"),
            ("00A10000 06 540110 530100 00", "6B00"),
        ],
    )
    def test_first_match(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer.replace(" ", "")


def test_read_binary_with_all_65536_p1_p2(card: Card) -> None:
    short = {1: (WHOLE, 16), 30: ("FF" * 256, 40_000)}
    select = bytes.fromhex("00A4020C022F01")
    for p1 in range(256):
        card.transmit(select)  # a short identifier makes its EF current
        current = WHOLE
        for p2 in range(256):
            answer = card.transmit(bytes((0, 0xB0, p1, p2, 1))).hex().upper()
            if p1 < 0x80:
                offset = p1 << 8 | p2
                wanted = current[2 * offset : 2 * offset + 2] + "9000" if offset < 16 else "6B00"
            elif p1 & 0x60 or p1 & 0x1F == 31:
                wanted = "6A86"
            elif p1 == 0x80:
                wanted = current[2 * p2 : 2 * p2 + 2] + "9000" if p2 < 16 else "6B00"
            elif (sfi := p1 & 0x1F) in short:
                content, size = short[sfi]
                wanted = content[2 * p2 : 2 * p2 + 2] + "9000" if p2 < size else "6B00"
            elif sfi in (2, 3, 4, 17, 18, 19, 20, 21):
                wanted = "6981"
            else:
                wanted = "6A82"
            assert answer == wanted, f"P1-P2 {p1:02X}{p2:02X}"


def test_every_command_leaves_another_channel_alone(card: Card) -> None:
    play(
        card,
        """
        0070000001 -> 01 9000
        01A4040C09F049534F5445535402 -> 9000
        01A4020C022F01 -> 9000
        01D6000001 77 -> 9000
        00B0000001 -> 00 9000
        01B0000001 -> 77 9000
        """,
    )
    assert status(card, "00A4040C09F049534F5445535402") == "9000"
    assert send(card, "00B0810001") == "779000"

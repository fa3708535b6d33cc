"""READ, UPDATE, WRITE, APPEND, ERASE RECORD (ISO/IEC 7816-4:2020, 11.4) on all structures."""

from __future__ import annotations

import pytest

from jukicard import Card
from tests.support.applets.iso_applet import FIXED, VARIABLE, selected_iso_card
from tests.support.published.transcript import play, send

R1, R2, R3 = (record.hex().upper() for record in FIXED)
V1, V2, V3, V4 = (record.hex().upper() for record in VARIABLE)


@pytest.fixture
def card() -> Card:
    """Return a card on which EF 6F01 (linear fixed, short identifier 2) is current."""
    card = selected_iso_card()
    play(card, "00A4020C026F01 -> 9000")
    return card


def variable(card: Card) -> None:
    play(card, "00A4020C026F02 -> 9000")


def cyclic(card: Card, *records: str) -> None:
    play(card, "00A4020C026F03 -> 9000")
    for record in records:
        play(card, f"00E2000004{record} -> 9000")


def contents(card: Card, fid: str, count: int) -> list[str]:
    """Return the records of a file by number, and check that there is no further one."""
    play(card, f"00A4020C02{fid} -> 9000")
    assert send(card, f"00B2{count + 1:02X}0400") == "6A83"
    return [send(card, f"00B2{number:02X}0400")[:-4] for number in range(1, count + 1)]


class TestRead:
    def test_by_number(self, card: Card) -> None:
        play(
            card,
            f"""
            00B2010400 -> {R1} 9000
            00B2030404 -> {R3} 9000
            00B2040400 -> 6A83
            00B2FE0400 -> 6A83
            00B2FF0400 -> 6A86
            00B2000400 -> {R3} 9000      # 00: the current record, the last one read
            00B2021400 -> {R2} 9000      # by short identifier
            00B201EC00 -> 6A82
            00B201FC00 -> 6A86           # 31 is no short identifier
            00B2010C00 -> 6981           # EF 1 is transparent
            00B2010400 -> 6981           # and current now
            """,
        )

    def test_no_current_record(self, card: Card) -> None:
        play(card, "00B2000400 -> 6A83")

    def test_several(self, card: Card) -> None:
        play(
            card,
            f"""
            00B2010500 -> {R1}{R2}{R3} 9000
            00B2020500 -> {R2}{R3} 9000
            00B2020600 -> {R3}{R2} 9000
            00B2010600 -> {R3}{R2}{R1} 9000
            00B2040500 -> 6A83
            00B2010700 -> 6A86
            """,
        )

    def test_the_first_last_next_and_previous(self, card: Card) -> None:
        play(
            card,
            f"""
            00B2000200 -> {R1} 9000     # next without a current record: the first
            00B2000200 -> {R2} 9000
            00B2000200 -> {R3} 9000
            00B2000200 -> 6A83
            00B2000400 -> {R3} 9000     # a refused one moves nothing
            00B2000300 -> {R2} 9000
            00B2000300 -> {R1} 9000
            00B2000300 -> 6A83
            00B2000100 -> {R3} 9000
            00B2000000 -> {R1} 9000
            00A4020C026F01 -> 9000
            00B2000300 -> {R3} 9000     # previous without a current record: the last
            """,
        )

    def test_by_identifier(self, card: Card) -> None:
        variable(card)
        play(
            card,
            f"""
            00B2010000 -> {V1} 9000
            00B2010100 -> {V3} 9000
            00B2020000 -> {V2} 9000
            00B2010200 -> {V3} 9000
            00B2010200 -> 6A83
            00B2010300 -> {V1} 9000
            00B2EE0000 -> 6A83
            """,
        )

    def test_a_short_le_is_told_the_right_one(self, card: Card) -> None:
        play(
            card,
            f"""
            00B2010403 -> 6C04
            00B2010401 -> 6C04
            00B2010404 -> {R1} 9000
            00B20104FF -> {R1} 9000
            00B2010506 -> 6C0C
            00B20104 -> 6700
            00B2010401AA00 -> 6700
            """,
        )

    def test_a_record_longer_than_a_short_answer(self, card: Card) -> None:
        variable(card)
        assert len(VARIABLE[3]) == 259
        play(
            card,
            f"""
            00B2040400 -> {V4[:512]} 6103
            00C0000003 -> {V4[512:]} 9000
            00B2040400 0000 -> {V4} 9000
            00B2040400 0103 -> {V4} 9000
            00B2040401 -> {V4[:2]} 6100
            00C0000000 -> {V4[2:514]} 6102
            00C0000001 -> {V4[514:516]} 6101
            00C0000002 -> {V4[516:]} 9000
            00C0000001 -> 6985
            """,
        )

    def test_a_part_of_one(self, card: Card) -> None:
        play(
            card,
            f"""
            00B3010403 540100 00 -> 5304{R1} 9000
            00B3020403 540102 00 -> 5302{R2[4:]} 9000
            00B3030403 540103 03 -> 5301{R3[6:]} 9000
            00B3000403 540103 03 -> 5301{R3[6:]} 9000
            00B3010403 540104 00 -> 6B00
            00B3040403 540100 00 -> 6A83
            00B3010503 540100 00 -> 6A86
            00B3010403 540100 02 -> 6C06
            00B30104 -> 6700
            00B3010403 540100 -> 6700
            00B3010403 530100 00 -> 6A80
            00B3010406 540100540101 00 -> 6A80
            """,
        )


@pytest.mark.parametrize(("fid", "size", "count"), [("6F05", 65_532, 1), ("6F06", 32_766, 2)])
def test_the_largest_record_files_answer_and_say_their_size(
    card: Card, fid: str, size: int, count: int
) -> None:
    play(card, f"00A4020C02{fid} -> 9000")
    for number in range(count):
        play(card, f"00E20000 00{size:04X} {f'{number:02X}' * size} -> 9000")
    whole = "".join(f"{number:02X}" * size for number in range(count))
    play(card, f"00B2010500 0000 -> {whole} 9000")
    play(card, f"00B3010400 0003 540100 0000 -> 5382{size:04X}{'00' * size} 9000")
    assert f"8002{size * count:04X}" in send(card, f"00A4020402{fid}00")


class TestUpdate:
    @pytest.mark.parametrize(
        ("command", "after"),
        [
            ("00DC020404 11223344", [R1, "11223344", R3]),
            ("00DC021404 11223344", [R1, "11223344", R3]),
            ("00DC000004 11223344", ["11223344", R2, R3]),
            ("00DC000104 11223344", [R1, R2, "11223344"]),
            ("00DC000204 11223344", ["11223344", R2, R3]),
            ("00DC000304 11223344", [R1, R2, "11223344"]),
            ("00DD020407 540101 53021122", [R1, f"{R2[:2]}1122{R2[6:]}", R3]),
            ("00DD020407 540101 73021122", [R1, f"{R2[:2]}1122{R2[6:]}", R3]),
        ],
    )
    def test_it_replaces(self, card: Card, command: str, after: list[str]) -> None:
        assert send(card, command) == "9000"
        assert contents(card, "6F01", 3) == after

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00DC020403 112233", "6700"),
            ("00DC020405 1122334455", "6700"),
            ("00DC040404 11223344", "6A83"),
            ("00DC000404 11223344", "6A83"),
            ("00DCFF0404 11223344", "6A86"),
            ("00DC010004 11223344", "6A86"),
            ("00DC010504 11223344", "6A86"),
            ("00DC010604 11223344", "6A86"),
            ("00DC010704 11223344", "6A86"),
            ("00DC0104", "6700"),
            ("00DC01EC04 11223344", "6A82"),
            ("00DC010C04 11223344", "6981"),
            ("00DC018C04 11223344", "6981"),
            ("00DD020407 540103 53021122", "6B00"),
            ("00DD020403 540101", "6A80"),
            ("00DD020406 540104 530111", "6B00"),
        ],
    )
    def test_what_it_refuses_changes_nothing(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer
        assert contents(card, "6F01", 3) == [R1, R2, R3]

    def test_the_record_updated_is_the_current_one(self, card: Card) -> None:
        play(card, "00DC020404 11223344 -> 9000 \n 00B2000400 -> 11223344 9000")

    def test_a_variable_record_takes_any_length(self, card: Card) -> None:
        variable(card)
        play(
            card,
            f"""
            00DC010401 AA -> 9000
            00B2010400 -> AA 9000
            00DC0104 000190 {"77" * 400} -> 9000
            00B2010400 0000 -> {"77" * 400} 9000
            00DC0104 000191 {"77" * 401} -> 6700
            00B2020400 -> {V2} 9000
            """,
        )


class TestAppend:
    def test_a_linear_file_grows_to_its_end(self, card: Card) -> None:
        play(
            card,
            """
            00E2000004 11223344 -> 9000
            00B2000400 -> 11223344 9000
            00E2001004 55667788 -> 9000
            00E2000004 99999999 -> 6A84
            00E2000003 112233 -> 6700
            """,
        )
        assert contents(card, "6F01", 5) == [R1, R2, R3, "11223344", "55667788"]

    def test_a_variable_file(self, card: Card) -> None:
        variable(card)
        play(card, "00E20000 000190" + "42" * 400 + "-> 9000 \n 00E2000001 AA -> 9000")
        play(card, "00E2000001 BB -> 6A84 \n 00B2060400 -> AA 9000 \n 00B2070400 -> 6A83")

    def test_a_cyclic_file_loses_its_oldest(self, card: Card) -> None:
        cyclic(card, "00000001", "00000002", "00000003")
        assert contents(card, "6F03", 3) == ["00000003", "00000002", "00000001"]
        cyclic(card, "00000004")
        play(card, "00B2000400 -> 00000004 9000")
        assert contents(card, "6F03", 3) == ["00000004", "00000003", "00000002"]

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00E2010004 11223344", "6A86"),
            ("00E2000404 11223344", "6A86"),
            ("00E20000", "6700"),
            ("00E2000804 11223344", "6981"),
            ("00E200F804 11223344", "6A86"),
            ("00E200E804 11223344", "6A82"),
        ],
    )
    def test_what_it_refuses(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer
        assert contents(card, "6F01", 3) == [R1, R2, R3]


class TestWrite:
    def test_the_write_function(self, card: Card) -> None:
        play(
            card,
            """
            00D2010404 50505050 -> 9000
            00B2010400 -> F1515253 9000
            00D2010403 505050 -> 6700
            00A4020C026F04 -> 9000
            00E2000004 FF00FF00 -> 9000
            00D2010404 0FF00FF0 -> 9000
            00B2010400 -> 0F000F00 9000
            """,
        )

    def test_previous_in_a_cyclic_file_is_a_new_record(self, card: Card) -> None:
        cyclic(card, "00000001")
        play(
            card,
            """
            00D2000304 00000002 -> 9000
            00DC000304 00000003 -> 9000
            00DC000303 000004 -> 6700
            """,
        )
        assert contents(card, "6F03", 3) == ["00000003", "00000002", "00000001"]

    def test_previous_with_a_part_has_no_record_to_be_a_part_of(self, card: Card) -> None:
        cyclic(card, "00000001")
        assert send(card, "00DD000309 540101 5304 00000002") == "6B00"
        assert send(card, "00DD000308 540100 5303 000002") == "6700"
        assert send(card, "00DD000309 540100 5304 00000002") == "9000"
        assert contents(card, "6F03", 2) == ["00000002", "00000001"]

    def test_what_it_refuses(self, card: Card) -> None:
        play(
            card,
            """
            00D3010404 50505050 -> 6D00
            00D2040404 50505050 -> 6A83
            00D2010504 50505050 -> 6A86
            00D20104 -> 6700
            """,
        )
        assert contents(card, "6F01", 3) == [R1, R2, R3]


class TestErase:
    @pytest.mark.parametrize(
        ("command", "after"),
        [
            ("000C0204", [R1, "00000000", R3]),
            ("000C0205", [R1, "00000000", "00000000"]),
            ("000C0114", ["00000000", R2, R3]),
        ],
    )
    def test_one_or_all_behind(self, card: Card, command: str, after: list[str]) -> None:
        assert send(card, command) == "9000"
        assert contents(card, "6F01", 3) == after

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("000C0404", "6A83"),
            ("000C0004", "6A83"),
            ("000C0100", "6A86"),
            ("000C0106", "6A86"),
            ("000CFF04", "6A86"),
            ("000C0104 01 00", "6700"),
            ("000C010C", "6981"),
        ],
    )
    def test_what_it_refuses(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer
        assert contents(card, "6F01", 3) == [R1, R2, R3]

    def test_to_what_write_can_change(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C026F04 -> 9000
            00E2000004 FF00FF00 -> 9000
            000C0104 -> 9000
            00B2010400 -> FFFFFFFF 9000
            """,
        )


def test_an_empty_file_has_no_record(card: Card) -> None:
    cyclic(card)
    for command in ("00B2010400", "00B2000200", "00B2010500", "00DC010404 00000000", "000C0104"):
        assert send(card, command) == "6A83"
    assert send(card, "00A2010401 00 00") == "6A83"


def test_without_a_current_ef(card: Card) -> None:
    play(card, "00A4000C -> 9000")
    for command in ("00B2010400", "00DC010404 00000000", "00D2010404 00000000", "000C0104"):
        assert send(card, command) == "6986"
    assert send(card, "00E2000004 00000000") == "6986"
    assert send(card, "00A2010401 00 00") == "6986"


def test_read_record_with_all_65536_p1_p2(card: Card) -> None:
    """Every P1-P2 on a file of one record, number 1 with identifier A1, short identifier 4."""
    cyclic(card, "A1000000")
    select = bytes.fromhex("00A4020C026F03")
    # fixed 3 records A1 to A3; variable 01, 02, 01, 00; cyclic one record A1
    identifiers = {2: [0xA1, 0xA2, 0xA3], 3: [1, 2, 1, 0], 0: [0xA1], 4: [0xA1]}
    kinds = {1: "6981", 30: "6981", 17: "6981", 18: "6981", 19: "6981", 20: "6981", 21: "6981"}
    for sfi in range(32):
        for p1 in range(256):
            for mode in range(8):
                if sfi == 0:
                    card.transmit(select)
                else:
                    card.transmit(bytes.fromhex("00A4000C023F00"))
                p2 = sfi << 3 | mode
                answer = card.transmit(bytes((0, 0xB2, p1, p2, 0, 0, 0)))[-2:].hex().upper()
                assert answer == _wanted(sfi, p1, mode, identifiers, kinds), f"{p1:02X}{p2:02X}"


def _wanted(
    sfi: int, p1: int, mode: int, files: dict[int, list[int]], kinds: dict[int, str]
) -> str:
    if sfi == 31 or p1 == 0xFF or mode == 7:
        return "6A86"
    if sfi in kinds:
        return kinds[sfi]
    if sfi not in files:
        return "6A82"
    records = files[sfi]
    if mode < 4:
        return "9000" if p1 == 0 or p1 in records else "6A83"
    return "9000" if 1 <= p1 <= len(records) else "6A83"

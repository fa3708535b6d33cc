"""The Juki application: what is publicly known of its bytes, and what is closed to strangers."""

from __future__ import annotations

import datetime

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import Tlv
from jukicard.runtime.boundary import raise_bug
from tests.support.published.transcript import play, send, status

AID = "D3921000310001010401"
SELECT = f"00A4040C0A{AID}"
VERIFY = "0020008004 31323334 -> 9000"


@pytest.fixture
def card() -> Card:
    card = issue_card("juki-v1", seed=1, pin="1234", on_bug=raise_bug)
    card.power_on()
    play(card, f"{SELECT} -> 9000")
    return card


class TestSelection:
    def test_by_name(self, card: Card) -> None:
        play(card, f"{SELECT} -> 9000 \n 00A404000A{AID}00 -> * 9000 \n 00A404000A{AID} -> 9000")

    def test_its_control_information_begins_with_its_name(self, card: Card) -> None:
        answer = send(card, f"00A404000A{AID}00")
        assert answer.endswith("9000")
        template = Tlv.parse(bytes.fromhex(answer)[:-2])
        assert template.tag == 0x6F
        first, *_, last = template.children
        assert (first.tag, first.value.hex().upper()) == (0x84, AID)
        assert last.tag == 0xA5

    def test_by_its_first_bytes_one_by_one(self, card: Card) -> None:
        for size in range(1, 11):
            card.power_on()
            part = AID[: 2 * size]
            play(card, f"00A4040C{size:02X}{part} -> 9000 \n 0020009C -> 63C3")

    def test_another_name_is_not_found(self, card: Card) -> None:
        play(card, "00A4040C0AD3921000310001010409 -> 6A82 \n 00A4040C0AD392F000260100000099->6A82")

    def test_files_are_selected_with_p1_02_only(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C02 001C -> 9000
            00200080 -> 63C3
            00A4020C02 0002 -> 9000
            00A4020C02 0003 -> 9000
            00A4020C02 0004 -> 6A82
            00A4090C02 001C -> 6A86
            00A4080C02 001C -> 6A86
            00A4010C02 001C -> 6A86
            00A4030C -> 6A86
            00A4000C02 001C -> 6A82
            00A4000C02 3F00 -> 6A82
            00A40000023F00 -> 6A82
            """,
        )

    def test_select_mf_without_an_identifier_does_nothing(self, card: Card) -> None:
        play(card, f"00A4020C02001C -> 9000 \n {VERIFY} \n 00A40000 -> 9000 \n 00A4000C -> 9000")
        play(
            card, "00200080 -> 63C3 \n 00A400F0 -> 6A86 \n 00A40002 -> 6A86 \n 00A4000001 00->6700"
        )

    def test_selecting_it_again_leaves_no_ef(self, card: Card) -> None:
        play(card, f"00A4020C02001C -> 9000 \n {SELECT} -> 9000 \n 00200080 -> 6986")

    def test_of_all_65536_p1_p2(self, card: Card) -> None:
        meant = {0x00, 0x04, 0x08, 0x0C}
        for p1 in range(256):
            for p2 in range(256):
                if p1 == 0x04:
                    wanted = "9000" if p2 & 0xF3 < 2 else "6A82" if p2 < 0x10 else "6A86"
                    data = f"0A{AID}"
                else:
                    known = p1 in (0x00, 0x02) and p2 in meant
                    wanted = "6A86" if not known else "9000" if p1 == 0x02 else "6A82"
                    data = "02001C"
                answer = status(card, f"00A4{p1:02X}{p2:02X}{data}")
                if answer == "6700":
                    # a way of SELECT that this application has not, with no such reference
                    assert p1 == 0x03
                    continue
                assert answer == wanted, f"{p1:02X}{p2:02X}"


class TestFiles:
    def test_the_code_needs_more_than_a_pin(self, card: Card) -> None:
        play(
            card,
            f"""
            00B2011400 -> 6982
            00A4020C02001C -> 9000
            {VERIFY}
            00B2011400 -> 6982
            00B2010400 -> 6982
            00B2FE0400 -> 6982
            00B3010403 540100 00 -> 6982
            00A2010401 30 00 -> 6982
            00DC010401 30 -> 6982
            00E2000001 30 -> 6982
            000C0104 -> 6982
            00D2010401 30 -> 6982
            00B0820000 -> 6981
            """,
        )

    def test_the_card_data_need_a_system(self, card: Card) -> None:
        play(
            card,
            f"""
            00A4020C02001C -> 9000
            {VERIFY}
            00A4020C020003 -> 9000
            00B0000000 -> 6982
            00B1000003 540100 00 -> 6982
            00A0000001 30 00 -> 6982
            00D6000001 30 -> 6982
            00D0000001 30 -> 6982
            000E0000 -> 6982
            00B2010400 -> 6981
            """,
        )

    def test_the_pin_and_the_keys_are_never_given_out(self, card: Card) -> None:
        for fid in ("001C", "0101", "0102", "0103", "0104", "0105"):
            play(
                card,
                f"""
                00A4020C02{fid} -> 9000
                00B0000000 -> 6981
                00B1000003 540100 00 -> 6981
                00B2010400 -> 6981
                00A0000001 31 00 -> 6981
                00D6000001 31 -> 6981
                00DC010401 31 -> 6981
                """,
            )

    def test_which_files_there_are(self, card: Card) -> None:
        """No other of the 65,536 identifiers is anything; P6: what is not set has no access."""
        found = []
        for fid in range(0x10000):
            answer = card.transmit(b"\x00\xa4\x02\x0c\x02" + fid.to_bytes(2, "big"))
            if answer != b"\x6a\x82":
                assert answer == b"\x90\x00"
                found.append(fid)
        assert found == [0x0002, 0x0003, 0x001C, *range(0x0101, 0x0106)]

    def test_which_data_objects_there_are(self, card: Card) -> None:
        found = {}
        for tag in range(0x10000):
            answer = card.transmit(b"\x00\xca" + tag.to_bytes(2, "big") + b"\0").hex().upper()
            if answer not in ("6A88", "6A86"):
                found[tag] = answer
        assert set(found) == {0x5A, 0x8A, 0xC1}
        assert found[0x5A].startswith("5A08813920")
        assert found[0x8A] == "8A01059000"
        assert found[0xC1] == "C101009000"
        assert all(answer.endswith("9000") for answer in found.values())

    def test_the_residence_is_changed_at_the_counter_only(self, card: Card) -> None:
        play(card, "00DA00C101 01 -> 6982 \n 00DA00C101 02 -> 6A80 \n 00DA005A01 01 -> 6A88")

    def test_and_so_with_its_odd_instruction(self, card: Card) -> None:
        play(card, "00DB3FFF03 C10101 -> 6982 \n 00DB3FFF03 C10102 -> 6A80")
        play(card, "00DB3FFF03 5A0101 -> 6A88 \n 00DB3FFF06 C10101 C10100 -> 6A88")
        play(card, "00DB3FFF03 C10101 -> 6982 \n 00CA00C100 -> C10100 9000")


class TestBeforeAnyApplication:
    """What a card answers right after reset, when the issuer domain is selected by default."""

    @pytest.fixture
    def fresh(self) -> Card:
        card = issue_card("juki-v1", seed=1, municipality="13221", issued=datetime.date(2015, 4, 1))
        card.power_on()
        return card

    def test_what_it_tells(self, fresh: Card) -> None:
        play(
            fresh,
            """
            00CA00F000 -> 3133323231 9000
            00CA00F200 -> 3230323530343031 9000
            00CA5F5100 -> E000FF8131FE4514 9000
            00CA5F5107 -> 6C08
            """,
        )
        issuer, card_number = send(fresh, "00CA004200"), send(fresh, "00CA004500")
        assert (issuer[:4], len(issuer) // 2 - 4) == ("4210", 16)
        assert card_number[:4] == "450F"
        assert bytes.fromhex(card_number[4:-4]).isdigit()

    def test_it_tells_the_same_number_as_the_juki_application(self, fresh: Card) -> None:
        number = send(fresh, "00CA005A00")
        play(fresh, f"{SELECT} -> 9000 \n 00CA005A00 -> {number}")

    def test_what_it_does_not_know(self, fresh: Card) -> None:
        play(
            fresh,
            """
            00CA00EE00 -> 6A88
            00CA9F7E00 -> 6A88
            00CA00F0 -> 6700
            00A40000 -> 6A86              # SELECT MF after a cold reset
            00A4000C -> 6A86
            00A40000023F00 -> 6A82
            00A4020C020018 -> 6A82        # an EF before any application
            00B0000000 -> 6D00
            00200080 -> 6D00
            """,
        )

    def test_which_instructions_it_knows(self, fresh: Card) -> None:
        known = {
            ins for ins in range(256) if fresh.transmit(bytes((0, ins, 0, 0))) not in (b"\x6d\x00",)
        }
        assert known == {0xA4, 0xC0, 0xCA, 0x70, 0x88}

    def test_which_data_objects_it_has_and_none_is_personal(self, fresh: Card) -> None:
        code = _code_of(fresh)
        found = set()
        for tag in range(0x10000):
            answer = fresh.transmit(b"\x00\xca" + tag.to_bytes(2, "big") + b"\0")
            assert code not in answer
            if answer not in (b"\x6a\x88", b"\x6a\x86"):
                found.add(tag)
        assert found == {0x42, 0x45, 0x5A, 0x66, 0x8A, 0xE0, 0xF0, 0xF2, 0x5F51, 0x9F7F}


def _code_of(card: Card) -> bytes:
    """Return the resident record code out of the card's memory, for comparison only."""
    partition = card.environment.memory.partition(f"application {AID}")
    record = next(value for key, value in partition.items() if key == "content/0002")
    assert record[2:4] == b"\x01\x0b"
    return record[4:15]

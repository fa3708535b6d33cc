"""GET DATA and PUT DATA (ISO/IEC 7816-4:2020, 11.5), even and odd, and what a tag list may ask."""

from __future__ import annotations

import pytest

from jukicard import Card
from jukicard.apdu import Tlv
from tests.support.applets.iso_applet import AID, TREE, IsoApplet, selected_iso_card
from tests.support.published.transcript import play, send, status


@pytest.fixture
def card() -> Card:
    return selected_iso_card()


def applet_of(card: Card) -> IsoApplet:
    found = card.applications.get(AID)
    assert found is not None
    assert isinstance(found.applet, IsoApplet)
    return found.applet


class TestGet:
    def test_what_there_is(self, card: Card) -> None:
        whole = (bytes(range(256)) * 2).hex().upper()
        play(
            card,
            f"""
            00CA005A00 -> 5A03010203 9000      # wrapped in tag and length, as declared
            00CA00C100 0000 -> {whole} 9000    # a long one, bare
            00CA00C100 -> {whole[:512]} 6100
            00C0000000 -> {whole[512:]} 9000
            00CA005A04 -> 6C05
            00CA005A05 -> 5A03010203 9000
            """,
        )

    def test_what_there_is_not(self, card: Card) -> None:
        play(
            card,
            """
            00CA004200 -> 6A88         # not declared
            00CA5F5000 -> 6A88         # declared, never written
            00CA00C300 -> 6982         # declared without a condition: Never
            00CA00C200 -> 6982
            00CA7F1100 -> 6A88
            00CA005A -> 6700
            00CA005A01 00 00 -> 6700
            """,
        )

    @pytest.mark.parametrize(
        "tag", ["0000", "0001", "003F", "00FF", "0200", "3F1F", "5F80", "4000"]
    )
    def test_numbers_that_are_no_tag(self, card: Card, tag: str) -> None:
        assert send(card, f"00CA{tag}00") == "6A86"
        assert send(card, f"00DA{tag}01AA") == "6A86"

    def test_a_proprietary_number_is_never_wrapped(self, card: Card) -> None:
        play(card, "00DA010102 AABB -> 9000 \n 00CA010100 -> AABB 9000")

    def test_by_tag_list(self, card: Card) -> None:
        play(
            card,
            """
            00CB3FFF03 5C015A 00 -> 5A03010203 9000
            00CB000003 5C015A 00 -> 5A03010203 9000
            00DB3FFF03 5F5000 -> 9000
            00CB3FFF05 5C035F505A 00 -> 5F5000 5A03010203 9000
            00CB3FFF04 5C025F50 02 -> 6C03
            00CB3FFF03 5C0142 00 -> 6A88
            00CB3FFF03 5C01C3 00 -> 6982
            00CB3FFF04 5C025AC3 00 -> 6982        # all of them or nothing
            00CB3FFF02 5C00 00 -> 6A80
            00CB3FFF03 4D015A 00 -> 6A80
            00CB3FFF06 5C015A5C015A 00 -> 6A80
            00CB3FFF03 5C015F 00 -> 6A80          # a tag cut short
            00CB3FFF03 5C0100 00 -> 6A80
            00CB3FFF03 5C025A 00 -> 6A80
            00CB3FFF -> 6700
            00CB3FFF03 5C015A -> 6700
            00CB2F0103 5C015A 00 -> 6A86
            """,
        )

    def test_another_df_has_its_own(self, card: Card) -> None:
        play(
            card,
            """
            00DA00C101 11 -> 9000
            00A4010C027F10 -> 9000
            00CA00C100 -> 6A88
            00DA00C101 22 -> 9000
            00CA005A00 -> 6A88
            00A4000C -> 9000
            00CA00C100 -> 11 9000
            """,
        )

    def test_a_list_that_asks_for_more_than_any_answer_holds(self, card: Card) -> None:
        """However often a tag is listed: a status word, and no memory for what cannot be sent."""
        assert status(card, "00DA5F50 00EA60" + "55" * 60_000) == "9000"
        one = send(card, "00CB3FFF 000004 5C025F50 0000")
        assert one == "5F5082EA60" + "55" * 60_000 + "9000"
        for times in (2, 100, 10_000):
            listed = Tlv(0x5C, b"\x5f\x50" * times).encode()
            size = len(listed).to_bytes(2, "big").hex()
            assert send(card, f"00CB3FFF 00{size} {listed.hex()} 0000") == "6700"

    def test_an_object_with_a_constructed_tag_and_any_content(self, card: Card) -> None:
        applet = applet_of(card)
        with card.environment.memory.transaction():
            applet.files.put_data_object(TREE.root, 0xF0, b"13221")
        play(card, "00CA00F000 -> 3133323231 9000 \n 00CB3FFF03 5C01F0 00 -> F0053133323231 9000")


class TestPut:
    def test_it_replaces(self, card: Card) -> None:
        play(
            card,
            """
            00DA005A02 AABB -> 9000
            00CA005A00 -> 5A02AABB 9000
            00DB3FFF07 5A01CC 5F5001DD -> 9000
            00CA005A00 -> 5A01CC 9000
            00CA5F5000 -> DD 9000
            00DA7F6403 8101AA -> 9000
            00CA7F6400 -> 7F64038101AA 9000
            """,
        )

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00DA005A", "6700"),
            ("00DA004201AA", "6A88"),
            ("00DA00C301AA", "6982"),
            ("00DA00C201AA", "6982"),
            ("00DA7F6403 8102AA", "6A80"),
            ("00DA7F6441" + "81 3F" + "00" * 63, "6A84"),
            ("00DB3FFF03 5A02AA", "6A80"),
            ("00DB3FFF", "6700"),
            ("00DB2F0103 5A01AA", "6A86"),
            # what comes first in a refused command is not written either
            ("00DB3FFF06 5A01EE 4201AA", "6A88"),
            ("00DB3FFF06 5A01EE C301AA", "6982"),
            ("00DB3FFF08 5A01EE 7F6402 81AA", "6A80"),
        ],
    )
    def test_what_it_refuses_changes_nothing(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer
        assert send(card, "00CA005A00") == "5A030102039000"

    def test_under_its_condition(self, card: Card) -> None:
        play(
            card,
            """
            00DA00C201 AA -> 6982
            00200091 04 31323334 -> 9000
            00DA00C201 AA -> 9000
            00CA00C200 -> AA 9000
            """,
        )

    def test_in_a_chain(self, card: Card) -> None:
        part = "42" * 250
        play(
            card,
            f"""
            10DA00C1FA {part} -> 9000
            10DA00C1FA {part} -> 9000
            00DA00C164 {"43" * 100} -> 9000
            00CA00C1 000000 -> {part}{part}{"43" * 100} 9000
            10DA00C1FA {part} -> 9000
            10DA00C1FA {part} -> 9000
            00DA00C165 {"43" * 101} -> 6A84
            """,
        )

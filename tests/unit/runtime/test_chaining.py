"""Chains of commands, GET RESPONSE, 61XX, 6CXX and extended lengths (ISO/IEC 7816-4:2020, 5.3)."""

from __future__ import annotations

import pytest

from jukicard import Card
from jukicard.runtime.events import CardEvent, Refusal
from tests.support.applets.iso_applet import SELECT, selected_iso_card
from tests.support.published.transcript import play, send, status

CHAINABLE = frozenset(
    # what carries data that may be long: writing commands, and the cryptographic ones
    bytes.fromhex("2A 46 82 86 87 88 D0 D1 D2 D6 D7 D8 DA DB DC DD E2")
)


@pytest.fixture
def card() -> Card:
    return selected_iso_card()


def answer_of(size: int) -> str:
    return bytes(number % 251 for number in range(size)).hex().upper()


class TestChainsOfCommands:
    def test_the_data_is_put_together(self, card: Card) -> None:
        play(
            card,
            """
            10D6810001 AA -> 9000
            10D6810002 BBCC -> 9000
            10D68100 -> 9000          # an empty link adds nothing
            00B0810004 -> 6883        # not the chain's next link: the chain is gone
            00B0810004 -> 00010203 9000
            10D6810001 AA -> 9000
            10D6810002 BBCC -> 9000
            00D6810001 DD -> 9000
            00B0810005 -> AABBCCDD04 9000
            """,
        )

    def test_it_writes_only_when_it_is_whole(self, card: Card) -> None:
        play(card, "10D6810001 AA -> 9000")
        card.power_off()
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n 00B0810002 -> 0001 9000")

    @pytest.mark.parametrize(
        "other",
        [
            "00D6810101 BB",  # another P2
            "00D6820001 BB",  # another P1
            "00D0810001 BB",  # another instruction
            "10D6810101 BB",
            "10D0810001 BB",
            "00C0000000",
            "0084000008",
            "00200091",
            SELECT,
            "80D6810001 BB",  # another class
        ],
    )
    def test_any_other_command_ends_it(self, card: Card, other: str) -> None:
        play(card, f"10D6810001 AA -> 9000 \n {other} -> 6883")
        play(card, f"{SELECT} -> 9000 \n 00D6810101 CC -> 9000 \n 00B0810003 -> 00CC02 9000")

    def test_a_chain_of_another_kind_than_it_began(self, card: Card) -> None:
        play(card, "10D6810001 AA -> 9000 \n 108400 0008 -> 6884 \n 00D6810001 BB -> 9000")
        play(card, "00B0810002 -> BB01 9000")

    @pytest.mark.parametrize("ins", range(256))
    def test_which_instructions_may_come_in_one(self, card: Card, ins: int) -> None:
        answer = status(card, f"10{ins:02X}000001AA")
        assert answer == ("9000" if ins in CHAINABLE else "6884")

    def test_no_longer_than_a_command_can_be(self, card: Card) -> None:
        # 60,000 bytes fit the object, 65,535 a command
        link = "10DA5F50 00C350" + "55" * 50_000
        last = "00DA5F50 00{size:04X}"
        for size, answer in (
            (10_000, "9000"),
            (10_001, "6A84"),
            (15_535, "6A84"),
            (15_536, "6700"),
        ):
            play(card, f"{link} -> 9000 \n {last.format(size=size)} {'66' * size} -> {answer}")
        play(card, f"{link} -> 9000 \n {link} -> 6700 \n 00DA5F5001 AA -> 9000")

    def test_of_extended_links(self, card: Card) -> None:
        half = "12" * 300
        play(
            card,
            f"""
            00A4020C022F03 -> 9000
            10D60000 00012C {half} -> 9000
            00D60000 00012C {half} -> 9000
            00B00000 000000 -> {half}{half} 9000
            """,
        )

    def test_the_last_link_says_how_long_the_answer_may_be(self, card: Card) -> None:
        play(card, "10DB3FFF05 5A01CC5F50 -> 9000 \n 00DB3FFF02 01DD -> 9000")
        play(card, "00CA005A00 -> 5A01CC 9000 \n 00CA5F5000 -> DD 9000")


class TestGetResponse:
    def test_a_case_without_le_gets_all_of_it_that_way(self, card: Card) -> None:
        play(card, f"80140003 -> 6103 \n 00C0000003 -> {answer_of(3)} 9000 \n 00C0000003 -> 6985")

    def test_in_pieces_of_any_size(self, card: Card) -> None:
        whole = answer_of(600)
        for piece in (1, 7, 100, 255, 256):
            got, word = "", send(card, "80140258")
            assert word == "6100"
            while word[:2] == "61":
                waiting = 600 - len(got) // 2
                assert word == f"61{waiting if waiting < 256 else 0:02X}"
                answer = send(card, f"00C00000{piece % 256:02X}")
                got, word = got + answer[:-4], answer[-4:]
            assert (got, word) == (whole, "9000")

    @pytest.mark.parametrize("size", [0, 1, 2, 127, 128, 255, 256, 257, 511, 512, 513, 65_535])
    @pytest.mark.parametrize("ne", [1, 2, 255, 256])
    def test_61xx_says_what_waits(self, card: Card, size: int, ne: int) -> None:
        whole = answer_of(size)
        answer = send(card, f"8014{size:04X}{ne % 256:02X}")
        if size <= ne:
            assert answer == whole + "9000"
        else:
            rest = size - ne
            assert answer == whole[: 2 * ne] + f"61{rest if rest < 256 else 0:02X}"

    @pytest.mark.parametrize("ne", ["0000", "0001", "0100", "0101", "8000", "FFFF"])
    def test_extended(self, card: Card, ne: str) -> None:
        size, room = 65_535, int(ne, 16) or 65_536
        answer = send(card, f"8014FFFF00{ne}")
        whole = answer_of(size)
        if room >= size:
            assert answer == whole + "9000"
        else:
            rest = size - room
            assert answer == whole[: 2 * room] + f"61{rest if rest < 256 else 0:02X}"
            assert send(card, "00C00000000000") == whole[2 * room :] + "9000"

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00C0010001", "6A86"),
            ("00C0000101", "6A86"),
            ("00C00000", "6700"),
            ("00C0000001AA", "6700"),
            ("00C0000001AA00", "6700"),
        ],
    )
    def test_what_it_refuses(self, card: Card, command: str, answer: str) -> None:
        play(card, f"00C0000001 -> 6985 \n 80140003 -> 6103 \n {command} -> {answer}")

    @pytest.mark.parametrize(
        "other", ["0084000008", SELECT, "00B0810001", "00D6810001AA", "00200091"]
    )
    def test_any_other_command_forgets_what_waits(self, card: Card, other: str) -> None:
        play(card, "80140003 -> 6103")
        send(card, other)
        play(card, "00C0000003 -> 6985")

    def test_a_reset_forgets_it(self, card: Card) -> None:
        play(card, "80140003 -> 6103")
        card.reset()
        play(card, "00C0000003 -> 6985")


class TestRightLength:
    def test_readers_are_told_where_nothing_has_changed(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C026F01 -> 9000
            00B2010401 -> 6C04
            00A2010401 02 01 -> 6C03
            00CA005A01 -> 6C05
            00CB3FFF03 5C015A 01 -> 6C05
            00C0000001 -> 6985            # 6CXX keeps nothing waiting
            """,
        )

    def test_it_is_a_refusal_that_says_why(self, card: Card) -> None:
        events: list[CardEvent] = []
        card.subscribe(events.append)
        play(card, "00CA005A01 -> 6C05")
        (refusal,) = (event for event in events if isinstance(event, Refusal))
        assert (refusal.ins, refusal.status) == (0xCA, 0x6C05)
        assert "5 bytes" in refusal.reason

    def test_256_is_00(self, card: Card) -> None:
        play(card, f"00DA00C1 000100 {'77' * 256} -> 9000 \n 00CA00C1FF -> 6C00")
        play(card, f"00CA00C100 -> {'77' * 256} 9000")

    def test_a_file_is_cut_without_a_word(self, card: Card) -> None:
        play(card, "00B0810001 -> 00 9000")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00",
        "00B000",
        "00B0000001AA00BB",
        "00B0000000FF",
        "00B000000000",
        "00B000000000000000",
        "00D68100 000000AA",
        "00D6810002AA",
        "00D6810001AABBCC",
        "00D68100 000002AA",
        "00D68100 000001AABBCCDD",
    ],
)
def test_what_is_no_command_is_6700_and_changes_nothing(card: Card, raw: str) -> None:
    play(card, "10D6810001 AA -> 9000")
    assert send(card, raw) == "6700"
    play(card, "00D6810001 BB -> 9000 \n 00B0810003 -> AABB02 9000")


def test_short_and_extended_forms_of_the_same_command_answer_alike(card: Card) -> None:
    for short, extended in (
        ("00A4040C09F049534F5445535401", "00A4040C 000009F049534F5445535401"),
        ("00A4000C023F00", "00A4000C 0000023F00"),
        ("00B0810010", "00B08100 000010"),
        ("00CA005A05", "00CA005A 000005"),
        ("00200091", "00200091"),
        ("0020009104 31323334", "00200091 000004 31323334"),
        ("0084000001", "00840000 000001"),
    ):
        copies = [card.fork(), card.fork()]
        for copy in copies:
            copy.power_on()
            play(copy, f"{SELECT} -> 9000")
        assert send(copies[0], short) == send(copies[1], extended)


class TestGetChallenge:
    def test_every_size(self, card: Card) -> None:
        seen = set()
        for size in range(1, 257):
            answer = send(card, f"00840000{size % 256:02X}")
            assert len(answer) == 2 * size + 4
            assert answer.endswith("9000")
            seen.add(answer)
        assert len(seen) > 250, "and every one is another"

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("00840000", "6700"),
            ("0084010008", "6A86"),
            ("0084000108", "6A86"),
            ("0084000001AA08", "6700"),
            ("00840000000101", "6700"),
            ("00840000000000", "6700"),
            ("8084000008", "6D00"),
        ],
    )
    def test_what_it_refuses(self, card: Card, command: str, answer: str) -> None:
        assert send(card, command) == answer

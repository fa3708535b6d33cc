"""CHANGE REFERENCE DATA, CHANGE KEY and RESET RETRY COUNTER: who may, and what it costs."""

from __future__ import annotations

from itertools import product

import pytest

from jukicard import Card, issue_card
from jukicard.filesystem.access import (
    ALWAYS,
    NEVER,
    AccessCondition,
    AllOf,
    AnyOf,
    Authenticated,
    SecurityStatus,
    Verified,
)
from jukicard.kit.pin import changes_without_pin
from tests.support.applets.iso_applet import PIN, SELECT, selected_iso_card
from tests.support.published.transcript import play

VERIFY, WRONG = "0020009104 31323334 -> 9000", "0020009104 39393939"
NEW = "0020009104 35363738 -> 9000"
PUK, NEW_PIN = "3837363534333231", "35363738"


@pytest.fixture
def card() -> Card:
    return selected_iso_card()


def block(card: Card) -> None:
    play(card, f"{WRONG} -> 63C2 \n {WRONG} -> 63C1 \n {WRONG} -> 63C0")


class TestChangeReferenceData:
    def test_with_the_old_value(self, card: Card) -> None:
        play(
            card,
            f"""
            0024009108 31323334{NEW_PIN} -> 9000
            {NEW}
            0020009104 31323334 -> 63C2
            """,
        )

    def test_with_the_new_value_only_after_verify(self, card: Card) -> None:
        play(
            card,
            f"""
            0024019104 {NEW_PIN} -> 6982
            {VERIFY}
            0024019104 {NEW_PIN} -> 9000
            {NEW}
            """,
        )

    def test_the_cards_own_change_key(self, card: Card) -> None:
        play(
            card,
            f"""
            8032009104 {NEW_PIN} -> 6982
            {VERIFY}
            8032019104 {NEW_PIN} -> 6A86
            80320091 -> 6700
            0032009104 {NEW_PIN} -> 6D00
            8032009103 353637 -> 6700
            8032009104 {NEW_PIN} -> 9000
            {NEW}
            """,
        )

    def test_it_survives_the_power(self, card: Card) -> None:
        play(card, f"0024009108 31323334{NEW_PIN} -> 9000")
        card.power_off()
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n {NEW}")

    def test_the_old_value_is_guessed_at_a_price(self, card: Card) -> None:
        play(
            card,
            f"""
            0024009108 39393939{NEW_PIN} -> 63C2
            0024009108 38383838{NEW_PIN} -> 63C1
            0024009104 31323334 -> 6700          # the right one restores the counter ...
            00200091 -> 63C3
            0024009109 31323334{NEW_PIN}39 -> 6700
            0024009108 31323334 41424344 -> 6A80 # ... whatever the new one is
            00200091 -> 63C3
            {VERIFY}                             # and is still the PIN
            0024009108 39393939{NEW_PIN} -> 63C2
            0024009103 313233 -> 63C1
            0024009108 38383838{NEW_PIN} -> 63C0
            0024009108 31323334{NEW_PIN} -> 6984
            00200091 -> 63C0
            """,
        )

    def test_a_wrong_old_value_drops_what_was_proven(self, card: Card) -> None:
        play(
            card,
            f"""
            {VERIFY}
            0024009108 39393939{NEW_PIN} -> 63C2
            00A4020C024F03 -> 9000
            00B0000001 -> 6982
            0024019104 {NEW_PIN} -> 6982
            """,
        )

    def test_a_right_old_value_proves_the_pin(self, card: Card) -> None:
        play(
            card,
            f"""
            0024009108 31323334{NEW_PIN} -> 9000
            00A4020C024F03 -> 9000
            00B0000001 -> FF 9000
            """,
        )

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("0024029108 31323334" + NEW_PIN, "6A86"),
            ("0024FF9108 31323334" + NEW_PIN, "6A86"),
            ("00240091", "6700"),
            ("0024009100", "6700"),
            ("00240191", "6700"),
            ("0024000008 31323334" + NEW_PIN, "6A88"),
            ("0024001108 31323334" + NEW_PIN, "6A88"),
            ("0024008008 31323334" + NEW_PIN, "6986"),
            ("0024008108 31323334" + NEW_PIN, "6981"),
            ("0024009D08 31323334" + NEW_PIN, "6A82"),
            ("0024009F08 31323334" + NEW_PIN, "6A86"),
            ("002400A008 31323334" + NEW_PIN, "6A86"),
            # the resetting code has no condition to be changed under: Never
            ("0024009210 " + PUK + PUK, "6982"),
            ("0024019208 " + PUK, "6982"),
            ("0024009408 35353535" + NEW_PIN, "6982"),
            ("1024009104 31323334", "6884"),
        ],
    )
    def test_what_it_refuses_is_not_counted(self, card: Card, command: str, answer: str) -> None:
        play(card, f"{command} -> {answer} \n 00200091 -> 63C3 \n 00200092 -> 63CA \n {VERIFY}")

    @pytest.mark.parametrize("command", ["002401", "803200"])
    def test_the_form_of_a_new_value(self, card: Card, command: str) -> None:
        play(card, VERIFY)
        for value, answer in (
            ("353637", "6700"),
            ("3536373839", "6700"),
            ("35363741", "6A80"),
            ("FFFFFFFF", "6A80"),
            ("3536372F", "6A80"),
            ("3536373A", "6A80"),
        ):
            play(card, f"{command}91{len(value) // 2:02X}{value} -> {answer}")
        play(card, f"{VERIFY} \n 0020009308 {b'SECRET99'.hex()} -> 9000")
        for text, answer in (
            (b"SHORT", "6700"),
            (b"X" * 17, "6700"),
            (b"lower99", "6A80"),
            (b"WITH SP", "6A80"),
            (b"ABCDE0", "9000"),
            (b"Z" * 16, "9000"),
        ):
            play(card, f"{command}93{len(text):02X}{text.hex()} -> {answer}")
        play(card, f"0020009310 {(b'Z' * 16).hex()} -> 9000")

    def test_a_password_of_variable_length_is_changed_after_verify_only(self, card: Card) -> None:
        """With the old value in front, one command would try every beginning of its data."""
        play(
            card,
            f"""
            0024009310 {b"SECRET99NEWPASS1".hex()} -> 6A86
            0020009308 {b"SECRET99".hex()} -> 9000
            0024009310 {b"SECRET99NEWPASS1".hex()} -> 6A86
            0024019308 {b"NEWPASS1".hex()} -> 9000
            0020009308 {b"NEWPASS1".hex()} -> 9000
            """,
        )

    def test_a_blocked_pin_cannot_be_changed_by_who_had_proven_it(self, card: Card) -> None:
        other = SELECT.replace("00", "01", 1)
        play(card, f"{VERIFY} \n 0070000001 -> 01 9000 \n {other} -> 9000")
        for left in (2, 1, 0):
            play(card, f"0120009104 39393939 -> 63C{left}")
        # what was proven has ended with the PIN, so that the first is refused for want of it
        play(card, f"0024019104 {NEW_PIN} -> 6982 \n 0024009108 31323334{NEW_PIN} -> 6984")


@pytest.mark.parametrize("filler", ["58", "78"])
def test_no_answer_tells_how_long_the_old_value_is(card: Card, filler: str) -> None:
    """Every guess is counted, whatever the length of the data: nothing is learnt for free."""
    for length in range(1, 40):
        copy = card.fork()
        copy.power_on()
        play(copy, f"{SELECT} -> 9000 \n 00240093{length:02X} {filler * length} -> 6A86")
        play(copy, f"00240091{length:02X} {filler * length} -> 63C2")
        play(copy, f"002C0091{length:02X} {filler * length} -> 63C9")


class TestResetRetryCounter:
    def test_with_code_and_new_value(self, card: Card) -> None:
        block(card)
        play(
            card,
            f"""
            002C00910C {PUK}{NEW_PIN} -> 9000
            00200091 -> 63C3
            {NEW}
            """,
        )

    def test_with_the_code_only(self, card: Card) -> None:
        block(card)
        play(card, f"002C019108 {PUK} -> 9000 \n 00200091 -> 63C3 \n {VERIFY}")

    def test_with_the_new_value_only(self, card: Card) -> None:
        block(card)
        play(
            card,
            f"""
            002C029104 {NEW_PIN} -> 6982
            0020009308 {b"SECRET99".hex()} -> 9000
            002C029104 {NEW_PIN} -> 9000
            00200091 -> 63C3
            {NEW}
            """,
        )

    def test_with_nothing(self, card: Card) -> None:
        block(card)
        play(
            card,
            f"""
            002C0391 -> 6982
            0020009308 {b"SECRET99".hex()} -> 9000
            002C0391 -> 9000
            {VERIFY}
            """,
        )

    def test_it_does_not_verify_and_drops_what_was(self, card: Card) -> None:
        play(
            card,
            f"""
            {VERIFY}
            002C019108 {PUK} -> 9000
            00A4020C024F03 -> 9000
            00B0000001 -> 6982
            """,
        )

    def test_the_code_is_guessed_at_a_price_of_its_own(self, card: Card) -> None:
        block(card)
        for left in range(9, -1, -1):
            play(card, f"002C00910C 3131313131313131{NEW_PIN} -> 63C{left:X}")
            play(card, f"00200092 -> 63C{left:X} \n 00200091 -> 63C0")
        play(card, f"002C00910C {PUK}{NEW_PIN} -> 6984 \n 002C019108 {PUK} -> 6984")
        play(card, "00200091 -> 63C0")

    def test_the_right_code_restores_its_counter_whatever_the_new_value_is(
        self, card: Card
    ) -> None:
        block(card)
        play(
            card,
            f"""
            002C019108 3131313131313131 -> 63C9
            002C019107 31313131313131 -> 63C8
            002C00910B {PUK}353637 -> 6700
            00200092 -> 63CA
            002C00910C {PUK}41424344 -> 6A80
            002C019109 {PUK}35 -> 6700
            002C009108 {PUK} -> 6700
            00200092 -> 63CA
            00200091 -> 63C0
            002C019108 {PUK} -> 9000
            {VERIFY}
            """,
        )

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("002C049108 " + PUK, "6A86"),
            ("002CFF9108 " + PUK, "6A86"),
            ("002C0091", "6700"),
            ("002C0191", "6700"),
            ("002C0291", "6700"),
            ("002C039101 00", "6700"),
            ("002C010008 " + PUK, "6A88"),
            ("002C011108 " + PUK, "6A88"),
            ("002C018008 " + PUK, "6986"),
            ("002C018108 " + PUK, "6981"),
            ("002C019D08 " + PUK, "6A82"),
            ("002C019F08 " + PUK, "6A86"),
            # a PIN without a resetting code, and without a condition
            ("002C019308 " + PUK, "6A88"),
            ("002C0393", "6982"),
            ("002C0392", "6982"),
            ("102C019108 " + PUK, "6884"),
        ],
    )
    def test_what_it_refuses_is_not_counted(self, card: Card, command: str, answer: str) -> None:
        play(card, f"{WRONG} -> 63C2 \n {SELECT} -> 9000 \n {command} -> {answer}")
        play(card, "00200091 -> 63C2 \n 00200092 -> 63CA \n 00200093 -> 63C5")


def test_all_65536_p1_p2_of_change_and_reset_count_nothing_but_what_they_name() -> None:
    card = selected_iso_card()
    known = {0x91, 0x92, 0x93, 0x94, 0x95}
    counters = ("00200091 -> 63C3", "00200092 -> 63CA", "00200093 -> 63C5", "00200094 -> 63C1")
    for ins, forms in ((0x24, 2), (0x2C, 4)):
        for p1 in range(256):
            for p2 in range(256):
                if p1 < forms and p2 in known:
                    continue
                play_bytes = bytes((0, ins, p1, p2, 1, 0x31))
                answer = card.transmit(play_bytes).hex().upper()
                if p1 >= forms:
                    assert answer == "6A86", play_bytes.hex()
                else:
                    assert answer in {"6A86", "6A88", "6981", "6A82", "6986", "6700"}
    play(card, "\n".join(counters))


def test_the_juki_pin_is_changed_and_reset_by_nobody_in_plain_text() -> None:
    card = issue_card("juki-v1", seed=1, pin="1234")
    card.power_on()
    play(
        card,
        """
        00A4040C0AD3921000310001010401 -> 9000
        0024009C08 3132333439393939 -> 6982
        0020009C04 31323334 -> 9000
        0024019C04 39393939 -> 6982
        8032009C04 39393939 -> 6982
        0024009C08 3132333439393939 -> 6982
        002C009C08 3132333439393939 -> 6A88
        002C019C04 31323334 -> 6A88
        002C029C04 39393939 -> 6982
        002C039C -> 6982
        0020009C -> 63C3
        0020009C04 31323334 -> 9000
        """,
    )


def test_what_the_old_value_stands_for_is_boolean_algebra() -> None:
    own, other, right = Verified(PIN), Verified(0x0012), Authenticated("X")
    conditions: list[AccessCondition] = [
        own,
        NEVER,
        ALWAYS,
        other,
        AllOf(own),
        AllOf(own, right),
        AllOf(right, other),
        AnyOf(own, right),
        AnyOf(other, right),
        AllOf(AnyOf(own, right), other),
        AnyOf(AllOf(own, right), other),
        AllOf(AllOf(own, right), AllOf(own, other)),
    ]
    for condition, (with_other, with_right) in product(
        conditions, product((False, True), repeat=2)
    ):
        proven = SecurityStatus()
        proven.verified.update({0x0012} if with_other else set())
        proven.authenticated.update({"X"} if with_right else set())
        without = changes_without_pin(condition, PIN).holds(proven)
        proven.verified.add(PIN)
        assert without is condition.holds(proven), condition

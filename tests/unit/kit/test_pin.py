"""VERIFY: what it answers, what it counts, and where what it proved is valid."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import StatusWord
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.events import RetryCounterChanged
from tests.support.applets.iso_applet import AID, SELECT, SELECT_TWIN, iso_card, selected_iso_card
from tests.support.published.transcript import play, send

JUKI = "00A4040C0AD3921000310001010401"
RIGHT, WRONG = "0020009104 31323334", "0020009104 39393939"
QUERY = "00200091"
READ_GUARDED = "00A4020C024F03 -> 9000 \n 00B0000001 -> FF 9000"
REFUSE_GUARDED = "00A4020C024F03 -> 9000 \n 00B0000001 -> 6982"


@pytest.fixture
def card() -> Card:
    return selected_iso_card()


def juki() -> Card:
    card = issue_card("juki-v1", seed=1, pin="1234", on_bug=raise_bug)
    card.power_on()
    play(card, f"{JUKI} -> 9000 \n 00A4020C02001C -> 9000")
    return card


class TestQuery:
    def test_it_never_counts(self, card: Card) -> None:
        for _ in range(20):
            assert send(card, QUERY) == "63C3"
        play(card, f"{RIGHT} -> 9000")

    def test_in_every_state_of_the_pin(self, card: Card) -> None:
        play(
            card,
            f"""
            {QUERY} -> 63C3
            {RIGHT} -> 9000
            {QUERY} -> 63C3        # also when verified
            {READ_GUARDED.splitlines()[0]}
            00B0000001 -> FF 9000  # which it still is
            {WRONG} -> 63C2
            {QUERY} -> 63C2
            {WRONG} -> 63C1
            {QUERY} -> 63C1
            {WRONG} -> 63C0
            {QUERY} -> 63C0
            {RIGHT} -> 6984
            {QUERY} -> 63C0        # and when blocked
            """,
        )

    def test_other_counters(self, card: Card) -> None:
        play(card, "00200092 -> 63CA \n 00200093 -> 63C5 \n 00200094 -> 63C1 \n 00200095 -> 63C0")

    def test_of_the_current_ef(self) -> None:
        card = juki()
        play(card, "00200080 -> 63C3 \n 0020009C -> 63C3 \n 0020008004 31323334 -> 9000")
        play(card, "00200080 -> 63C3")

    @pytest.mark.parametrize("command", ["00200091 00", "00200091 04", "00200091 000000"])
    def test_with_le_it_is_6700_and_not_counted(self, card: Card, command: str) -> None:
        play(card, f"{command} -> 6700 \n {QUERY} -> 63C3")

    def test_with_le_where_the_card_is_lenient(self) -> None:
        card = iso_card(options=lambda o: dataclasses.replace(o, lenient_verify=True))
        play(card, f"{SELECT} -> 9000 \n 0020009100 -> 63C3 \n {WRONG} -> 63C2")
        play(card, "0020009100 -> 63C2 \n 00200091000000 -> 63C2 \n 00200091 -> 63C2")


class TestCounting:
    @pytest.mark.parametrize(
        "value",
        [
            *("39393939", "313233", "3132333435", "31323335", "00000000", "31", "31" * 16),
            *("31" * 255, "FF313233", "3132333400", "31323334FF", "313233340000"),
        ],
    )
    def test_every_wrong_value_costs_a_try(self, card: Card, value: str) -> None:
        play(card, f"00200091 {len(value) // 2:02X} {value} -> 63C2 \n {QUERY} -> 63C2")

    def test_a_long_value_in_an_extended_command(self, card: Card) -> None:
        play(card, f"00200091 00012C {'31' * 300} -> 63C2 \n 00200091 000004 31323334 -> 9000")

    def test_lower_case_is_simply_wrong(self, card: Card) -> None:
        play(
            card,
            f"""
            0020009308 {b"secret99".hex()} -> 63C4
            0020009308 {b"Secret99".hex()} -> 63C3
            0020009308 {b"SECRET99".hex()} -> 9000
            00200093 -> 63C5
            """,
        )

    def test_blocked_means_blocked(self, card: Card) -> None:
        play(card, f"{WRONG} -> 63C2 \n {WRONG} -> 63C1 \n {WRONG} -> 63C0")
        for _ in range(3):
            play(card, f"{RIGHT} -> 6984 \n {WRONG} -> 6984 \n {QUERY} -> 63C0")

    def test_the_status_by_option(self) -> None:
        card = iso_card(options=lambda o: dataclasses.replace(o, blocked_status=StatusWord(0x6983)))
        play(card, f"{SELECT} -> 9000 \n {WRONG} -> 63C2 \n {WRONG} -> 63C1 \n {WRONG} -> 63C0")
        play(card, f"{RIGHT} -> 6983 \n {QUERY} -> 63C0")

    def test_the_right_value_restores_the_counter(self, card: Card) -> None:
        for wrong in (1, 2, 1, 2):
            for left in range(2, 2 - wrong, -1):
                play(card, f"{WRONG} -> 63C{left}")
            play(card, f"{RIGHT} -> 9000 \n {QUERY} -> 63C3")

    def test_one_try_only(self, card: Card) -> None:
        play(card, "0020009404 35353536 -> 63C0 \n 0020009404 35353535 -> 6984")

    def test_a_pin_that_was_never_set_is_blocked(self, card: Card) -> None:
        play(card, "0020009504 00000000 -> 6984 \n 00200095 -> 63C0")

    def test_each_pin_counts_for_itself(self, card: Card) -> None:
        play(card, f"{WRONG} -> 63C2 \n 00200092 -> 63CA \n 0020009204 31313131 -> 63C9")
        play(card, f"{QUERY} -> 63C2 \n {SELECT_TWIN} -> 9000 \n {QUERY} -> 63C3")

    def test_blocked_survives_everything(self, card: Card) -> None:
        play(card, f"{WRONG} -> 63C2 \n {WRONG} -> 63C1 \n {WRONG} -> 63C0")
        card.reset()
        play(card, f"{SELECT} -> 9000 \n {RIGHT} -> 6984")
        card.power_off()
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n {RIGHT} -> 6984")
        for copy in (card.fork(), Card.restore(card.snapshot())):
            copy.power_on()
            play(copy, f"{SELECT} -> 9000 \n {RIGHT} -> 6984 \n {QUERY} -> 63C0")

    def test_every_counter_value_survives_power_off(self, card: Card) -> None:
        for left in (2, 1, 0):
            play(card, f"{WRONG} -> 63C{left}")
            card.power_off()
            card.power_on()
            play(card, f"{SELECT} -> 9000 \n {QUERY} -> 63C{left}")

    def test_observers_are_told_of_each_new_value(self, card: Card) -> None:
        told: list[RetryCounterChanged] = []
        card.subscribe(lambda e: told.append(e) if isinstance(e, RetryCounterChanged) else None)
        play(card, f"{WRONG} -> 63C2 \n {QUERY} -> 63C2 \n {RIGHT} -> 9000 \n {RIGHT} -> 9000")
        assert told == [RetryCounterChanged(AID, "0011", 2), RetryCounterChanged(AID, "0011", 3)]


class TestWhereItIsValid:
    def test_until_the_power_goes(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000 \n {READ_GUARDED}")
        card.power_off()
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n {REFUSE_GUARDED}")

    def test_until_a_contact_card_is_reset(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000 \n {READ_GUARDED}")
        card.reset()
        play(card, f"{SELECT} -> 9000 \n {REFUSE_GUARDED}")

    def test_a_contactless_card_keeps_it_over_a_reset_but_not_over_power_off(self) -> None:
        card = iso_card(contactless=True)
        play(card, f"{SELECT} -> 9000 \n {RIGHT} -> 9000")
        card.reset()
        play(card, READ_GUARDED)
        card.reset()
        play(card, f"{SELECT} -> 9000 \n {READ_GUARDED}")
        card.power_off()
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n {REFUSE_GUARDED}")

    def test_a_fork_does_not_have_it(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000")
        copy = card.fork()
        copy.power_on()
        play(copy, f"{SELECT} -> 9000 \n {REFUSE_GUARDED}")
        play(card, READ_GUARDED)

    def test_selecting_the_same_application_keeps_it(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000")
        for again in (SELECT, f"00A4040009{AID}00", "00A4040C05F049534F54", "00A4040C02F049"):
            play(card, f"{again} -> * 9000 \n {READ_GUARDED}")

    def test_unless_the_card_says_otherwise(self) -> None:
        card = iso_card(options=lambda o: dataclasses.replace(o, reselect_keeps_status=False))
        play(card, f"{SELECT} -> 9000 \n {RIGHT} -> 9000 \n {READ_GUARDED}")
        play(card, f"{SELECT} -> 9000 \n {REFUSE_GUARDED}")

    @pytest.mark.parametrize("other", [SELECT_TWIN, JUKI, "00A4040C", "00A4040E02F049"])
    def test_another_application_drops_it_and_coming_back_does_not_help(
        self, card: Card, other: str
    ) -> None:
        play(card, f"{RIGHT} -> 9000 \n {other} -> 9000 \n {SELECT} -> 9000 \n {REFUSE_GUARDED}")

    def test_a_selection_that_fails_drops_nothing(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000 \n 00A4040C02EEEE -> 6A82 \n {READ_GUARDED}")

    def test_files_of_the_same_application_keep_it(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000 \n 00A4000C027F10 -> 9000 \n 00A4000C -> 9000")
        play(card, READ_GUARDED)

    def test_the_twin_never_had_it(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000 \n {SELECT_TWIN} -> 9000 \n {REFUSE_GUARDED}")

    def test_other_channels_never_see_it(self, card: Card) -> None:
        other = SELECT.replace("00", "01", 1)
        play(
            card,
            f"""
            {RIGHT} -> 9000
            0070000001 -> 01 9000
            {other} -> 9000
            01A4020C024F03 -> 9000
            01B0000001 -> 6982
            01200091 -> 63C3
            0120009104 31323334 -> 9000
            01B0000001 -> 6981
            01A4020C024F03 -> 9000
            01B0000001 -> FF 9000
            {WRONG} -> 63C2
            01B0000001 -> FF 9000
            {REFUSE_GUARDED}
            """.replace("01B0000001 -> 6981\n", ""),
        )

    def test_a_wrong_value_drops_it(self, card: Card) -> None:
        play(card, f"{RIGHT} -> 9000 \n {WRONG} -> 63C2 \n {REFUSE_GUARDED}")

    def test_a_blocked_pin_drops_it(self, card: Card) -> None:
        play(
            card,
            f"{RIGHT} -> 9000 \n 0070000001 -> 01 9000 \n {SELECT.replace('00', '01', 1)} -> 9000",
        )
        for left in (2, 1, 0):
            play(card, f"0120009104 39393939 -> 63C{left}")
        play(card, f"{RIGHT} -> 6984 \n {REFUSE_GUARDED}")

    def test_each_pin_is_proven_for_itself(self, card: Card) -> None:
        prove = {"91": "31323334", "92": "3837363534333231", "93": b"SECRET99".hex()}
        for chosen in itertools.permutations(prove, 2):
            play(card, "00A4040C -> 9000 \n " + f"{SELECT} -> 9000")
            for p2 in chosen:
                play(card, f"002000{p2}{len(prove[p2]) // 2:02X}{prove[p2]} -> 9000")
            wanted = "9000" if {"91", "93"} <= set(chosen) else "6982"
            play(card, f"00A4020C024F05 -> 9000 \n 00B0000001 -> * {wanted}")


class TestParameters:
    def test_all_65536_p1_p2_with_and_without_data(self, card: Card) -> None:
        """Only P1 00 and a reference of this application mean something; nothing else counts."""
        pins = {0x91: "63C3", 0x92: "63CA", 0x93: "63C5", 0x94: "63C1", 0x95: "63C0"}
        wrong = {0x91: "63C2", 0x92: "63C9", 0x93: "63C4", 0x94: "63C0", 0x95: "6984"}
        files = {0x81, 0x82, 0x83, 0x84, 0x9E}
        before = card.snapshot()
        for p1 in range(256):
            for p2 in range(256):
                if p1:
                    wanted = "6A86"
                elif p2 in pins:
                    wanted = pins[p2]
                elif p2 & 0x60 or p2 & 0x1F == 0x1F:
                    wanted = "6A86"
                elif p2 < 0x80:
                    wanted = "6A88"  # no global references
                elif p2 == 0x80:
                    wanted = "6986"
                else:
                    wanted = "6981" if p2 in files else "6A82"
                header = bytes((0, 0x20, p1, p2))
                if p1 == 0 and p2 == 0x80:
                    play(card, f"{SELECT} -> 9000")  # no EF is current
                assert card.transmit(header).hex().upper() == wanted, header.hex()
                if wanted[:2] == "63":
                    continue
                assert card.transmit(header + b"\x041234").hex().upper() == wanted, header.hex()
        assert card.snapshot() == before
        for p2, answer in wrong.items():
            assert send(card, f"002000{p2:02X}0400000000") == answer

    def test_a_file_that_is_no_pin(self, card: Card) -> None:
        play(card, "00A4020C022F01 -> 9000 \n 00200080 -> 6981 \n 0020008004 31323334 -> 6981")

    def test_no_chain(self, card: Card) -> None:
        play(card, f"1020009102 3132 -> 6884 \n 0020009102 3334 -> 63C2 \n {RIGHT} -> 9000")


def test_the_juki_pin() -> None:
    """P5: three different wrong PINs stop the card's function for the time being."""
    card = juki()
    play(
        card,
        """
        00200080 -> 63C3
        0020008000 -> 6700
        0020008004 39393939 -> 63C2
        0020008004 38383838 -> 63C1
        0020008004 31323334 -> 9000
        00200080 -> 63C3
        0020008004 39393939 -> 63C2
        0020008004 38383838 -> 63C1
        0020008004 37373737 -> 63C0
        0020008004 31323334 -> 6984
        00200080 -> 63C0
        """,
    )


def test_no_pin_is_in_a_reason_or_a_repr(card: Card) -> None:
    events: list[object] = []
    card.subscribe(events.append)
    for value in (b"8642", b"97531", b"7777"):
        send(card, f"00200091{len(value):02X}{value.hex()}")
        send(card, f"00240091{2 * len(value):02X}{value.hex()}{value.hex()}")
        send(card, f"002C0091{len(value):02X}{value.hex()}")
    assert len(events) > 9
    text = " ".join(f"{event!r} {event}" for event in events)
    for secret in (b"8642", b"97531", b"7777", b"1234", b"87654321"):
        assert secret.decode() not in text
        assert secret.hex() not in text

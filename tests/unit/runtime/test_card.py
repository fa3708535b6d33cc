"""The card as an object: power, resets, snapshots, forks, and what becomes of a bug inside."""

from __future__ import annotations

import logging
import tracemalloc

import pytest

from jukicard import Card, CardUnpoweredError, ImageError, MemorySnapshot
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory
from jukicard.runtime.boundary import log_bug
from jukicard.runtime.events import (
    ApplicationSelected,
    CardEvent,
    Exchange,
    MemoryCommitted,
    PoweredOff,
    PoweredOn,
    Refusal,
)
from tests.support.applets.iso_applet import AID, SELECT, iso_card, selected_iso_card
from tests.support.published.transcript import play, send


class TestPower:
    def test_without_it_there_is_no_answer(self) -> None:
        card = iso_card()
        card.power_off()
        assert not card.powered
        assert card.last_refusal is None
        with pytest.raises(CardUnpoweredError, match="power_on"):
            card.transmit(b"\0\xb0\0\0\0")
        with pytest.raises(CardUnpoweredError, match="power_on"):
            card.reset()
        card.power_off()
        assert card.power_on() == card.atr
        assert card.powered

    def test_switching_it_on_again_forgets_as_switching_it_off_does(self) -> None:
        card = selected_iso_card()
        card.power_on()
        play(card, "00B0810001 -> 6D00")

    def test_a_contact_reset_forgets_everything(self) -> None:
        card = selected_iso_card()
        play(card, "0020009104 31323334 -> 9000 \n 00A4020C022F01 -> 9000 \n 80100000 -> 9000")
        assert card.reset() == card.atr
        play(card, f"00B0000001 -> 6D00 \n {SELECT} -> 9000 \n 00B0000001 -> 6986")
        play(card, "00A4020C024F04 -> 9000 \n 00B0000001 -> 6982")

    def test_a_contactless_reset_keeps_application_and_pins_of_the_basic_channel(self) -> None:
        card = iso_card(contactless=True)
        play(card, f"{SELECT} -> 9000 \n 0020009104 31323334 -> 9000 \n 80100000 -> 9000")
        play(card, "00A4020C022F01 -> 9000 \n 80140003 -> 6103")
        assert card.reset() == card.atr
        play(card, "00C0000003 -> 6985 \n 00B0000001 -> 6986")
        play(card, "00A4020C024F03 -> 9000 \n 00B0000001 -> FF 9000")
        # what a system has proven ends: the next one may be another
        play(card, "00A4020C024F04 -> 9000 \n 00B0000001 -> 6982")
        card.power_off()
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n 00A4020C024F03 -> 9000 \n 00B0000001 -> 6982")


class TestSnapshots:
    def test_a_restored_card_goes_on_where_it_was(self) -> None:
        card = selected_iso_card()
        play(card, "00D6810001 AA -> 9000 \n 0084000008 -> * 9000")
        raw = card.snapshot().export_with_keys()
        copies = [card.fork(), Card.restore(MemorySnapshot.from_bytes(raw))]
        for copy in copies:
            assert not copy.powered
            copy.power_on()
            play(copy, f"{SELECT} -> 9000 \n 00B0810002 -> AA01 9000")
        play(card, "00B0810002 -> AA01 9000")
        challenges = {send(each, "0084000020") for each in (card, *copies)}
        assert len(challenges) == 1, "the generator goes on from the same place too"

    def test_forks_go_their_own_ways(self) -> None:
        card = selected_iso_card()
        fork = card.fork()
        fork.power_on()
        play(fork, f"{SELECT} -> 9000 \n 00D6810001 BB -> 9000 \n 0020009104 39393939 -> 63C2")
        play(card, "00B0810001 -> 00 9000 \n 00200091 -> 63C3 \n 00D6810001 CC -> 9000")
        play(fork, "00B0810001 -> BB 9000")

    def test_commands_that_change_nothing_leave_the_snapshot_as_it_is(self) -> None:
        card = selected_iso_card()
        before = card.snapshot()
        for command in ("00B0810010", "00200091", "00CA005A00", "00B0FFFF00", "00D6810001", SELECT):
            send(card, command)
        assert card.snapshot() == before

    def test_memory_without_a_card(self) -> None:
        with pytest.raises(ImageError, match="no personalised card"):
            Card(CardEnvironment(memory=PersistentMemory()))
        with pytest.raises(ImageError, match="no personalised card"):
            Card.restore(MemorySnapshot({}))


class TestBugs:
    def test_a_bug_is_6f00_and_nothing_of_the_command_lands(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        card = iso_card(on_bug=log_bug)
        play(card, f"{SELECT} -> 9000")
        with caplog.at_level(logging.ERROR, "jukicard.bug"):
            play(card, "8012000004 31323334 -> 6F00")
        assert "ZeroDivisionError" in caplog.text
        assert "1234" not in caplog.text, "a bug's text may hold a command's data"
        play(card, "00B0810002 -> 0001 9000")

    def test_under_test_it_is_raised(self) -> None:
        card = selected_iso_card()
        with pytest.raises(ZeroDivisionError):
            send(card, "80120000")
        play(card, "00B0810002 -> 0001 9000")


def test_observers_are_told_what_happens_until_they_unsubscribe() -> None:
    card = iso_card()
    events: list[CardEvent] = []
    stop = card.subscribe(events.append)
    play(card, f"{SELECT} -> 9000 \n 00D6810001 AA -> 9000 \n 00D6821001 AA -> 6981")
    card.reset()
    card.power_off()
    kinds = [type(event) for event in events]
    assert kinds == [
        ApplicationSelected,
        Exchange,
        MemoryCommitted,
        Exchange,
        Refusal,
        Exchange,
        PoweredOn,
        PoweredOff,
    ]
    refusal = events[4]
    assert isinstance(refusal, Refusal)
    assert (refusal.channel, refusal.ins, refusal.status) == (0, 0xD6, 0x6981)
    committed = events[2]
    assert isinstance(committed, MemoryCommitted)
    assert committed.partitions == (f"application {AID}",)
    stop()
    stop()
    card.power_on()
    assert len(events) == len(kinds)


def test_an_exchange_shows_no_bytes_in_its_text() -> None:
    card = selected_iso_card()
    events: list[CardEvent] = []
    card.subscribe(events.append)
    play(card, "0020009104 31323334 -> 9000")
    exchange = next(event for event in events if isinstance(event, Exchange))
    assert exchange.command == bytes.fromhex("002000910431323334")
    assert exchange.response == b"\x90\x00"
    assert "31323334" not in repr(events)
    assert "1234" not in repr(events)


def test_its_text_says_what_it_is_and_no_secret() -> None:
    card = iso_card(forbidden=False)
    assert repr(card) == "<Card juki-v1, 5 applications, power on>"
    card.power_off()
    assert repr(card).endswith("power off>")


def test_the_memory_of_a_further_card_is_small() -> None:
    """A fork costs its own dictionaries, not copies of what all cards share."""
    card = iso_card()
    for application in card.applications:
        assert application.applet is not None
    card.fork().power_on()
    kept = []
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            fork = card.fork()
            fork.power_on()
            send(fork, SELECT)
            kept.append(fork)
        each = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
    finally:
        tracemalloc.stop()
    assert each < 24 * 1024

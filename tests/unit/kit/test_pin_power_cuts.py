"""Power cuts and failing memory at every write of every PIN command: no guess is ever free."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pytest

from jukicard import Card
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.testing.faults import FaultyBackend
from tests.support.applets.iso_applet import SELECT, iso_card
from tests.support.published.transcript import play, send

PUK = "3837363534333231"
OLD, NEW = "31323334", "35363738"


@dataclass
class Rig:
    """A card over a backend that can lose power."""

    card: Card
    backend: FaultyBackend

    def counters(self) -> tuple[int, int]:
        """Return what is left for PIN and resetting code."""
        return int(send(self.card, "00200091")[-1], 16), int(send(self.card, "00200092")[-1], 16)

    def right_pin(self) -> str:
        """Return which of the two values is the PIN, without an effect on this card."""
        matching = []
        for value in (OLD, NEW):
            copy = self.card.fork()
            copy.power_on()
            play(copy, f"{SELECT} -> 9000 \n 002C019108{PUK} -> 9000")
            if send(copy, f"0020009104{value}") == "9000":
                matching.append(value)
        assert len(matching) == 1, "the PIN is neither the old nor the new one, or both"
        return matching[0]


def rig(*, wrong_before: int = 0) -> Rig:
    backend = FaultyBackend(RamBackend())
    card = iso_card(memory=PersistentMemory(backend))
    play(card, f"{SELECT} -> 9000")
    for _ in range(wrong_before):
        send(card, "0020009104 39393939")
    return Rig(card, backend)


def cuts(command: str, before: str = "", *, wrong_before: int = 0) -> list[tuple[Rig, str]]:
    """Run `command` with the power cut at every write, landed and not; return what was left.

    The answer is empty where the power went before there was one.
    """
    results = []
    for landed in (False, True):
        for at in range(1, 50):
            tested = rig(wrong_before=wrong_before)
            if before:
                play(tested.card, before)
            tested.backend.cut_after = tested.backend.writes + at
            tested.backend.landed = landed
            try:
                answer = send(tested.card, command)
            except PowerLoss:
                answer = ""
            tested.backend.cut_after = None
            tested.card.power_on()
            play(tested.card, f"{SELECT} -> 9000")
            results.append((tested, answer))
            if answer:
                break
        else:
            raise AssertionError("the command never ends its writing")
    assert len(results) >= 4, "it writes something: there is something to cut"
    return results


@pytest.mark.parametrize("wrong_before", [0, 1, 2])
def test_a_wrong_guess(wrong_before: int) -> None:
    full = 3 - wrong_before
    results = cuts("0020009104 39393939", wrong_before=wrong_before)
    for tested, answer in results:
        left, _ = tested.counters()
        if answer:
            assert (answer, left) == (f"63C{full - 1}", full - 1)
        else:
            # without an answer nothing was learnt; the counter never rises
            assert left in (full, full - 1)
        assert tested.right_pin() == OLD


@pytest.mark.parametrize("wrong_before", [0, 1, 2])
def test_a_right_guess(wrong_before: int) -> None:
    full = 3 - wrong_before
    for tested, answer in cuts("0020009104 31323334", wrong_before=wrong_before):
        left, _ = tested.counters()
        assert left == 3 if answer else left in (full - 1, full, 3)


def test_whoever_watches_the_writes_and_cuts_before_the_second_learns_at_a_price() -> None:
    """A right and a wrong value differ in the writes after the first; that one is never saved."""
    for value in ("31323334", "39393939"):
        tested = rig()
        tested.backend.cut_after = tested.backend.writes + 2
        with contextlib.suppress(PowerLoss):
            send(tested.card, f"0020009104{value}")
        tested.backend.cut_after = None
        tested.card.power_on()
        play(tested.card, f"{SELECT} -> 9000")
        assert tested.counters()[0] == 2


def test_guessing_with_a_cut_at_every_possible_write_never_takes_more_than_three() -> None:
    """However the power is cut, three guesses that were compared are all there are."""
    for at in (1, 2, 3):
        for landed in (False, True):
            tested = rig()
            compared = 0
            for _ in range(12):
                tested.backend.cut_after = tested.backend.writes + at
                tested.backend.landed = landed
                before = tested.counters()[0]
                try:
                    answer = send(tested.card, "0020009104 39393939")
                except PowerLoss:
                    answer = ""
                tested.backend.cut_after = None
                tested.card.power_on()
                play(tested.card, f"{SELECT} -> 9000")
                after = tested.counters()[0]
                assert after <= before
                if answer[:2] == "63":
                    assert after == before - 1
                    compared += 1
            assert compared <= 3


CHANGES = [
    ("00240091 08 3132333435363738", ""),
    ("00240191 04 35363738", "0020009104 31323334 -> 9000"),
    ("80320091 04 35363738", "0020009104 31323334 -> 9000"),
    (f"002C0091 0C {PUK}35363738", ""),
    ("002C0291 04 35363738", "0020009308 5345435245543939 -> 9000"),
]


@pytest.mark.parametrize(("command", "before"), CHANGES)
@pytest.mark.parametrize("wrong_before", [0, 2])
def test_a_change_lands_whole_or_not_at_all(command: str, before: str, wrong_before: int) -> None:
    if before.startswith("0020009104"):
        wrong_before = 0  # the PIN that was verified has all its tries
    for tested, answer in cuts(command, before, wrong_before=wrong_before):
        left, code_left = tested.counters()
        assert answer in ("", "9000")
        assert left in (3 - wrong_before, 2 - wrong_before, 3)
        assert code_left in (9, 10)
        right = tested.right_pin()
        if answer:
            assert (left, code_left, right) == (3, 10, NEW)
        elif command.startswith("002C") and right == NEW:
            assert left == 3, "a new value and its fresh counter land together"


@pytest.mark.parametrize("command", [f"002C0191 08 {PUK}", "002C0391"])
def test_unblocking(command: str) -> None:
    before = "0020009308 5345435245543939 -> 9000"
    for tested, answer in cuts(command, before, wrong_before=3):
        left, code_left = tested.counters()
        assert left == 3 if answer else left in (0, 3)
        assert code_left in (9, 10)


@pytest.mark.parametrize("landed", [False, True])
def test_after_a_cut_nothing_proven_is_left(landed: bool) -> None:
    for at in (1, 2):
        tested = rig()
        tested.backend.cut_after = tested.backend.writes + at
        tested.backend.landed = landed
        with pytest.raises(PowerLoss):
            send(tested.card, "0020009104 31323334")
        tested.backend.cut_after = None
        tested.card.power_on()
        play(tested.card, f"{SELECT} -> 9000 \n 00A4020C024F03 -> 9000 \n 00B0000001 -> 6982")


class TestFailingMemory:
    """A memory that refuses a write instead of losing power: 6581, and nothing is proven."""

    @pytest.mark.parametrize("at", [1, 2])
    def test_verify(self, at: int) -> None:
        tested = rig()
        tested.backend.fail_after = tested.backend.writes + at
        assert send(tested.card, "0020009104 31323334") == "6581"
        play(tested.card, "00A4020C024F03 -> 9000 \n 00B0000001 -> 6982")
        assert tested.counters()[0] == 4 - at
        play(tested.card, "0020009104 31323334 -> 9000")

    def test_no_comparison_without_its_counter(self) -> None:
        for value in ("31323334", "39393939"):
            tested = rig()
            tested.backend.fail_after = tested.backend.writes + 1
            assert send(tested.card, f"0020009104{value}") == "6581"

    @pytest.mark.parametrize("at", [1, 2, 3])
    def test_change(self, at: int) -> None:
        tested = rig()
        tested.backend.fail_after = tested.backend.writes + at
        assert send(tested.card, "0024009108 3132333435363738") == "6581"
        assert tested.right_pin() == OLD
        assert tested.counters()[0] == (2 if at == 2 else 3)

    def test_unblock(self) -> None:
        for at in (1, 2, 3):
            tested = rig(wrong_before=3)
            tested.backend.fail_after = tested.backend.writes + at
            assert send(tested.card, f"002C00910C {PUK}35363738") == "6581"
            assert tested.counters()[0] == 0
            assert tested.right_pin() == OLD

    def test_update(self) -> None:
        tested = rig()
        tested.backend.fail_after = tested.backend.writes + 1
        play(tested.card, "00D6810001 AA -> 6581 \n 00B0810001 -> 00 9000")
        play(tested.card, "00D6810001 AA -> 9000 \n 00B0810001 -> AA 9000")
        assert tested.card.last_refusal is not None
        assert "nothing was changed" in tested.card.last_refusal.reason

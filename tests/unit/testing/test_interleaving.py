"""Two programs, one card: every order is tried once, the broken one is told, nothing hangs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from jukicard import Card, CommandApdu
from jukicard.testing import (
    HazardousCard,
    InterleavingBroken,
    Interleavings,
    Mute,
    PowerCut,
    ProgramHangs,
    card_in,
    interleave,
)
from jukihost import (
    CardError,
    CardReset,
    Connection,
    Ins,
    JukiSession,
    PublishedKeys,
    Purpose,
    StatusError,
    build_channel,
)
from tests.support.readers.echo_card import EchoCard

SELECT = CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, JukiSession.AID)
OTHER = CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, bytes.fromhex("D392F000260100000001"))


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith("interleaved")]


def sends(name: int, count: int) -> Callable[[Connection], None]:
    def program(reader: Connection) -> None:
        with reader:
            for number in range(count):
                reader.transmit(bytes((0, name, 0, number)))

    return program


class Heard(EchoCard):
    """Remembers what came, in order."""

    said: ClassVar[list[tuple[bytes, ...]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.came: list[bytes] = []
        self.powered = False

    def transmit(self, command: bytes) -> bytes:
        self.came.append(command)
        return command + b"\x90\x00"

    def power_off(self) -> None:
        if self.came:
            self.said.append(tuple(self.came))
            self.came = []
        self.powered = False


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 3), (4, 4), (5, 1), (0, 3)])
def test_every_order_comes_once(first: int, second: int) -> None:
    Heard.said = []
    result = interleave(Heard, sends(0xA0, first), sends(0xB0, second))
    count = math.comb(first + second, first)
    assert result == Interleavings(count, all=True)
    assert len(Heard.said) == len(set(Heard.said)) == count
    assert {len(order) for order in Heard.said} == {first + second}


def test_more_than_the_bound_are_drawn_from_the_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        Heard.said = []
        result = interleave(Heard, sends(0xA0, 8), sends(0xB0, 8), most=30, seed=seed)
        assert result == Interleavings(30, all=False)
        found.append(tuple(Heard.said))
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) > 20


def reads(reader: Connection) -> None:
    """A terminal that takes for granted that it is alone."""
    with reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
        juki.verify_pin("1234")
        juki.read_code()


def selects(reader: Connection) -> None:
    """Another program that looks what card that is."""
    with reader:
        channel = build_channel(reader)
        try:
            channel.transmit(OTHER)
        except CardReset:
            reader.reset()
            channel.transmit(OTHER)


def test_sessions_hold_the_card_and_without_that_it_breaks() -> None:
    alone = interleave(card_in, reads, selects)
    assert alone.all
    assert alone.tried > 1
    with pytest.raises(InterleavingBroken) as broken:
        interleave(card_in, reads, selects, transactions=False)
    told = str(broken.value)
    assert told.startswith("reads raised ")
    assert "# selects:\n> SELECT by DF name" in told
    assert "# reads:\n> " in told
    assert "31323334" not in told
    assert isinstance(broken.value.__cause__, CardError)


def test_who_resets_is_not_told_and_the_other_is() -> None:
    seen: set[str] = set()

    def resets(reader: Connection) -> None:
        with reader:
            reader.reset()

    def works(reader: Connection) -> None:
        with reader:
            channel = build_channel(reader)
            try:
                channel.transmit(SELECT)
                channel.transmit(SELECT)
                seen.add("done")
            except CardReset:
                seen.add("reset")
                reader.reset()
                channel.transmit(SELECT)

    assert interleave(card_in, works, resets).all
    assert seen == {"done", "reset"}


def test_an_invariant_is_asked_after_every_exchange() -> None:
    def guesses(reader: Connection) -> None:
        with reader:
            channel = build_channel(reader)
            channel.transmit(SELECT)
            for _ in range(2):
                channel.transmit(CommandApdu(0x00, Ins.VERIFY, 0x00, 0x9C, b"0000"))

    def not_blocked(card: Card) -> bool:
        fork = card.fork()
        fork.power_on()
        fork.transmit(SELECT.encode())
        return fork.transmit(bytes.fromhex("0020009C"))[1] & 0x0F > 0

    assert interleave(card_in, guesses, selects, invariant=not_blocked).all
    with pytest.raises(InterleavingBroken, match="what must hold does not hold any more") as broken:
        interleave(card_in, guesses, guesses, invariant=not_blocked)
    lines = str(broken.value).splitlines()
    assert lines[0].startswith("after this exchange of guesses")
    assert lines[-1].startswith("< 63C1") or "63C0" in lines[-1]


def test_a_program_that_waits_for_something_else_is_told() -> None:
    gate = threading.Event()

    def waits(reader: Connection) -> None:
        with reader:
            reader.transmit(SELECT.encode())
            gate.wait(60)

    with pytest.raises(ProgramHangs, match=r"waits did nothing for 0\.2 s"):
        interleave(card_in, waits, selects, seconds=0.2)
    gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("interleaved"):
            thread.join(60)


def test_a_program_that_catches_everything_ends_all_the_same() -> None:
    def stubborn(reader: Connection) -> None:
        with reader:
            for _ in range(50):
                try:
                    reader.transmit(SELECT.encode())
                except BaseException:  # noqa: BLE001 - what is tested
                    continue

    def fails(reader: Connection) -> None:
        with reader:
            reader.transmit(SELECT.encode())
            raise ValueError("as asked")

    with pytest.raises(InterleavingBroken, match="fails raised ValueError: as asked"):
        interleave(card_in, fails, stubborn, most=5)


@pytest.mark.parametrize("hazard", [Mute(at=2), PowerCut()])
def test_hazards_reach_a_program_as_over_a_reader(hazard: Any) -> None:
    met: list[str] = []

    def tries(reader: Connection) -> None:
        with reader:
            channel = build_channel(reader)
            try:
                channel.transmit(SELECT)
                channel.transmit(CommandApdu(0x00, Ins.VERIFY, 0x00, 0x9C, b"0000"))
            except (CardError, StatusError) as error:
                met.append(type(error).__name__)

    def other(reader: Connection) -> None:
        with reader:
            reader.transmit(SELECT.encode()) if hazard == PowerCut() else None

    interleave(lambda: HazardousCard(card_in(), hazard), tries, other, most=10)
    assert met


def test_a_bound_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        interleave(card_in, reads, selects, most=0)

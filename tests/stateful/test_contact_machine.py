"""A contact card in a reader with a bad line: resets, PPS, both protocols; nothing happens twice.

The reader's end is a second opinion: tests.support.naive.contact_terminal and the readers of T=0
and T=1 that stand on nothing of the card.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jukicard.transport.tpdu import ContactCard, Pps, atr_variant
from tests.support import soak
from tests.support.naive.contact_terminal import AtrRead, pps_request, pps_succeeded, reader_for
from tests.support.readers.t1_reader import GaveUp, T1Reader, crc, is_whole, lrc
from tests.support.readers.tpdu_faults import BOUNDARIES, Exchanges
from tests.support.readers.tpdu_line import CountingCard, FaultyLine, noise, size_asked

PLAIN = bytes.fromhex("3BE000FF8131FE4514")
VARIANTS = [
    atr_variant(PLAIN, offered, specific=specific, speed=speed)
    for offered in ((0,), (1,), (0, 1))
    for specific in (None, *offered)
    for speed in (None, 0x95)
]


class ContactMachine(RuleBasedStateMachine):
    """What a terminal does with one card; it knows the ATR and what PPS answered, no more."""

    @initialize(atr=st.sampled_from(VARIANTS), pps=st.sampled_from(Pps))
    def insert(self, atr: bytes, pps: Pps) -> None:
        self.inner = CountingCard(atr, size_asked)
        self.card = ContactCard(self.inner, pps=pps)
        self.exchanges = Exchanges(self.inner)
        self.atr = AtrRead(self.card.power_on())
        self.begin()

    def begin(self) -> None:
        self.fresh, self.protocol = True, self.atr.first
        self.open()

    def open(self) -> None:
        self.reader = reader_for(self.protocol, self.atr, self.card.exchange)

    @rule(warm=st.booleans())
    def reset(self, warm: bool) -> None:
        again = self.card.reset() if warm else self.card.power_on()
        assert again == self.card.atr
        self.begin()

    @precondition(lambda self: self.fresh and not self.atr.specific)
    @rule(protocol=st.integers(0, 2), speed=st.none() | st.sampled_from([0x11, 0x13, 0x95, 0x97]))
    def negotiate(self, protocol: int, speed: int | None) -> None:
        request = pps_request(protocol, speed)
        if pps_succeeded(request, self.card.exchange(request)):
            assert protocol in self.atr.offered
            self.fresh, self.protocol = False, protocol
            self.open()

    @rule(nc=st.integers(8, 300), size=st.sampled_from(BOUNDARIES))
    def exchange_over_t1(self, nc: int, size: int) -> None:
        if self.protocol == 1:
            command = self.exchanges.next_command(nc, size)
            self.exchanges.completed(command, self.reader.transmit(command), size)
            self.fresh = False

    @rule(size=st.integers(0, 255))
    def exchange_over_t0(self, size: int) -> None:
        if self.protocol == 0:
            # CLA INS P1 P2 of READ BINARY: a command of its own each time is T=1's matter
            before = self.inner.executed.total()
            self.reader.transmit(bytes((0x00, 0xB0, 0, 0, size)))
            assert self.inner.executed.total() == before + 1
            self.inner.executed.clear()
            self.exchanges = Exchanges(self.inner)
            self.fresh = False

    @invariant()
    def both_ends_agree(self) -> None:
        assert self.card.protocol == self.protocol
        self.exchanges.check()


def test_a_terminal_and_a_card_always_agree() -> None:
    run_state_machine_as_test(ContactMachine, settings=settings(stateful_step_count=15))


@pytest.mark.parametrize("uses_crc", [False, True], ids=["LRC", "CRC"])
@pytest.mark.parametrize("share", [0.03, 0.10, 0.35])
def test_noise_on_the_line_repeats_and_changes_no_command(
    share: float, uses_crc: bool, record_property: Callable[[str, object], None]
) -> None:
    rng = random.Random(f"{share} {uses_crc}")
    atr = atr_variant(PLAIN, (0, 1), speed=0x95, ifsc=64, crc=uses_crc)
    inner = CountingCard(atr, size_asked)
    card = ContactCard(inner)
    line = FaultyLine(card.exchange, partial(is_whole, checksum=crc if uses_crc else lrc))
    exchanges = Exchanges(inner)
    told = AtrRead(card.power_on())

    def begin() -> T1Reader:
        line.quieten()
        request = pps_request(1, 0x95)
        assert pps_succeeded(request, card.exchange(request))
        reader = reader_for(1, told, line)
        assert isinstance(reader, T1Reader)
        return reader

    reader, done, lost = begin(), 0, 0
    for _ in range(soak.times(400, soak=100_000)):
        size = rng.choice(BOUNDARIES)
        command = exchanges.next_command(rng.randrange(8, 200), size)
        line.plan(noise(rng, share))
        try:
            exchanges.completed(command, reader.transmit(command), size)
        except GaveUp as gone:
            lost += 1
            if not gone.resynchronised:
                card.reset()
                reader = begin()
        else:
            done += 1
    exchanges.check()
    record_property("noise", f"{share:.0%}: {done} right, {lost} given up")
    assert done > lost if share < 0.35 else done > 0

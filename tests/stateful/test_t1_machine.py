"""T=1 over a line that loses, repeats, damages and cuts blocks: nothing is ever done twice.

The reader's end is a second opinion written from the standard (tests.support.readers.t1_reader).
"""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jukicard.apdu import Atr
from jukicard.transport.tpdu import T1Card
from tests.support.readers.t1_reader import Aborted, GaveUp, T1Reader, crc, is_whole, lrc
from tests.support.readers.tpdu_faults import FAULTS, SIZES, Exchanges
from tests.support.readers.tpdu_line import CountingCard, Fault, FaultyLine, size_asked

IFSC = st.sampled_from([1, 2, 31, 32, 33, 254])
IFSD = st.sampled_from([1, 2, 31, 32, 33, 254])


class T1Machine(RuleBasedStateMachine):
    """One card in one reader; `crc_used` is set by the subclasses."""

    crc_used = False

    @initialize(
        ifsc=IFSC,
        announced=st.none() | IFSC,
        waits=st.integers(0, 2),
        nad=st.sampled_from([0x00, 0x21, 0x12]),
    )
    def start(self, ifsc: int, announced: int | None, waits: int, nad: int) -> None:
        atr = Atr.build(
            protocols=(1, 1), interface_bytes={"TA3": ifsc, "TC3": 1 if self.crc_used else 0}
        )
        self.inner = CountingCard(bytes(atr), size_asked)
        self.card = T1Card(
            self.inner, nad=nad, announced_ifsc=announced, wait=lambda command: waits, multiplier=3
        )
        checksum = crc if self.crc_used else lrc
        self.line = FaultyLine(self.card.receive, partial(is_whole, checksum=checksum))
        self.reader = T1Reader(self.line, checksum=checksum, ifsc=ifsc, nad=nad)
        self.exchanges = Exchanges(self.inner)
        self.card.power_on()

    def recover(self, lost: GaveUp) -> None:
        """Do what the reader is documented to do: begin anew, with a reset if need be."""
        self.line.plan([])
        if not lost.resynchronised:
            self.line.quieten()
            self.card.reset()
            self.reader.start()

    @rule(nc=SIZES, size=SIZES, faults=FAULTS)
    def exchange(self, nc: int, size: int, faults: list[Fault]) -> None:
        command = self.exchanges.next_command(nc, size)
        self.line.plan(faults)
        try:
            answer = self.reader.transmit(command)
        except GaveUp as lost:
            assert self.line.excuse
            self.recover(lost)
        else:
            self.exchanges.completed(command, answer, size)

    @rule(size=IFSD, faults=FAULTS)
    def change_ifsd(self, size: int, faults: list[Fault]) -> None:
        self.line.plan(faults)
        if self.reader.change_ifsd(size):
            assert self.card.ifsd == size
        else:
            assert self.line.excuse
            self.recover(GaveUp(resynchronised=False))

    @rule(faults=FAULTS, aborts_its_own=st.booleans())
    def abort(self, faults: list[Fault], aborts_its_own: bool) -> None:
        self.line.plan(faults)
        try:
            if aborts_its_own:
                confirmed = self.reader.start_and_abort(b"\x00")
            elif self.reader.ifsc >= 8:
                confirmed = self.reader.receive_and_abort(self.exchanges.next_command(8, 700))
            else:
                confirmed = True
        except GaveUp as lost:
            self.recover(lost)
        else:
            if not confirmed:
                self.recover(GaveUp(resynchronised=False))

    @rule(faults=FAULTS)
    def resynchronise(self, faults: list[Fault]) -> None:
        self.line.plan(faults)
        if not self.reader.resynchronise():
            self.recover(GaveUp(resynchronised=False))

    @rule()
    def reset(self) -> None:
        self.line.quieten()
        self.card.reset()
        self.reader.start()

    @rule(size=SIZES)
    def a_good_line_is_enough(self, size: int) -> None:
        self.line.plan([])
        command = self.exchanges.next_command(8, size)
        try:
            answer = self.reader.transmit(command)
        except GaveUp:
            raise AssertionError("\n".join(self.line.journal)) from None
        self.exchanges.completed(command, answer, size)

    @invariant()
    def nothing_happens_twice(self) -> None:
        self.exchanges.check()


class T1MachineWithCrc(T1Machine):
    crc_used = True


@pytest.mark.parametrize("machine", [T1Machine, T1MachineWithCrc])
def test_no_command_is_executed_twice(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=25))


def test_a_card_that_gets_too_much_aborts_and_goes_on() -> None:
    inner = CountingCard(bytes(Atr.build(protocols=(1,))), size_asked)
    card = T1Card(inner, buffer=100)
    reader = T1Reader(card.receive)
    exchanges = Exchanges(inner)
    card.power_on()
    # The buffer is looked at when another block is to follow: blocks here have 32 bytes.
    for nc, is_aborted in ((100, False), (128, False), (129, True), (8, False), (1000, True)):
        command = exchanges.next_command(nc, 40)
        if is_aborted:
            with pytest.raises(Aborted):
                reader.transmit(command)
        else:
            exchanges.completed(command, reader.transmit(command), 40)
    assert inner.executed.total() == 3
    exchanges.completed(last := exchanges.next_command(8, 40), reader.transmit(last), 40)
    exchanges.check()

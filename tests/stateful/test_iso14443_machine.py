"""Contactless frames over a field that loses, repeats, damages and cuts them: nothing twice.

The reader's end is a second opinion written from the standard
(tests.support.readers.iso14443_reader).
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

from jukicard.apdu import Atqb
from jukicard.transport.tpdu import Ats, Iso14443Card, Iso14443TypeACard
from jukicard.transport.tpdu.picc import PiccState
from tests.support.readers.iso14443_reader import Pcd, PiccLost, Type, is_whole
from tests.support.readers.tpdu_faults import FAULTS, SIZES, Exchanges
from tests.support.readers.tpdu_line import CountingCard, Fault, FaultyLine, size_asked

ATR = bytes.fromhex("3B888001000014E0B38191005E")
CODES = st.sampled_from([0, 2, 5, 8, 9, 12])


class PiccMachine(RuleBasedStateMachine):
    """One card in one field; the subclass says of which type."""

    kind: Type

    @initialize(
        fsc_code=CODES,
        fsd_code=CODES,
        cid=st.none() | st.sampled_from([0, 1, 14]),
        nad=st.none() | st.sampled_from([0x00, 0x21]),
        waits=st.integers(0, 2),
    )
    def start(
        self, fsc_code: int, fsd_code: int, cid: int | None, nad: int | None, waits: int
    ) -> None:
        self.inner = CountingCard(ATR, size_asked)
        self.card = self.make(fsc_code, waits)
        self.line = FaultyLine(self.card.receive, partial(is_whole, kind=self.kind))
        self.pcd = Pcd(self.line, kind=self.kind, fsd_code=fsd_code, cid=cid, nad=nad)
        self.exchanges = Exchanges(self.inner)
        self.card.power_on()
        assert self.pcd.activate()

    def make(self, fsc_code: int, waits: int) -> Iso14443Card | Iso14443TypeACard:
        raise NotImplementedError

    def wake(self) -> None:
        """Do what comes before activation and is below the view."""

    def find_again(self) -> None:
        """Do what the reader is documented to do: activate anew, with a new field if need be."""
        self.line.plan([])
        self.wake()
        if not self.pcd.activate():
            self.line.quieten()
            self.card.power_off()
            self.card.power_on()
            assert self.pcd.activate()

    @rule(nc=SIZES, size=SIZES, faults=FAULTS)
    def exchange(self, nc: int, size: int, faults: list[Fault]) -> None:
        command = self.exchanges.next_command(nc, size)
        self.line.plan(faults)
        try:
            answer = self.pcd.transmit(command)
        except PiccLost as lost:
            assert self.line.excuse
            if lost.deselected:
                assert self.card.state is PiccState.HALT
            self.find_again()
        else:
            self.exchanges.completed(command, answer, size)

    @rule(faults=FAULTS)
    def deselect(self, faults: list[Fault]) -> None:
        self.line.plan(faults)
        assert self.pcd.deselect() or self.line.excuse
        self.find_again()

    @rule(faults=FAULTS)
    def activate_again_from_a_new_field(self, faults: list[Fault]) -> None:
        self.line.quieten()
        self.card.power_off()
        self.card.power_on()
        self.line.plan(faults)
        if not self.pcd.activate():
            assert self.line.excuse
            self.find_again()

    @rule(size=SIZES)
    def a_good_field_is_enough(self, size: int) -> None:
        self.line.plan([])
        command = self.exchanges.next_command(8, size)
        try:
            answer = self.pcd.transmit(command)
        except PiccLost:
            raise AssertionError("\n".join(self.line.journal)) from None
        self.exchanges.completed(command, answer, size)

    @rule()
    def the_reader_asks_whether_it_is_there(self) -> None:
        self.line.plan([])
        assert self.pcd.is_there() or self.pcd.is_there()  # the first may meet a stale copy

    @invariant()
    def nothing_happens_twice(self) -> None:
        if hasattr(self, "exchanges"):
            self.exchanges.check()


class TypeBMachine(PiccMachine):
    kind = Type.B

    def make(self, fsc_code: int, waits: int) -> Iso14443Card:
        atqb = Atqb(
            pupi=b"\x01\x02\x03\x04",
            application_data=bytes(4),
            protocol_info=bytes((0, fsc_code << 4 | 1, 0x93)),
        )
        return Iso14443Card(self.inner, atqb=atqb, wait=lambda command: waits, multiplier=59)


class TypeAMachine(PiccMachine):
    kind = Type.A

    def make(self, fsc_code: int, waits: int) -> Iso14443TypeACard:
        ats = Ats(fsci=fsc_code, has_nad=True, historical_bytes=b"\x80")
        return Iso14443TypeACard(self.inner, ats=ats, wait=lambda command: waits)

    def wake(self) -> None:
        assert isinstance(self.card, Iso14443TypeACard)
        self.card.select()


@pytest.mark.parametrize("machine", [TypeBMachine, TypeAMachine])
def test_no_command_is_executed_twice(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=25))

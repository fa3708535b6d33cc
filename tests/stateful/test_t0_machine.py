"""T=0 with bytes that never arrive: what completes is right, and nothing is done twice.

The reader's end is a second opinion written from the standard (tests.support.readers.t0_reader).
T=0 has nothing but the reader's waiting time against loss, so a lost byte always ends in a reset.
"""

from __future__ import annotations

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jukicard.apdu import CommandApdu
from jukicard.transport.tpdu import T0Card
from tests.support.readers.t0_port import IsoPort
from tests.support.readers.t0_reader import CardMute, T0Reader

NC = st.sampled_from([1, 2, 254, 255, 256, 257, 510, 700])
NE = st.sampled_from([1, 2, 254, 255, 256, 257, 700, 65_536])
SIZES = st.sampled_from([0, 1, 2, 254, 255, 256, 257, 511, 512, 513, 700])


class BreakingLine:
    """Carries bytes; after `there` bytes to the card, or `back` from it, nothing comes through."""

    def __init__(self, card: T0Card, *, single: bool) -> None:
        self._card = card
        self._single = single
        self.mend()

    def mend(self) -> None:
        self.there, self.back = 10**9, 10**9

    def __call__(self, data: bytes) -> bytes:
        data = data[: max(self.there, 0)]
        self.there -= len(data)
        pieces = [data[i : i + 1] for i in range(len(data))] if self._single else [data]
        answer = b"".join(self._card.feed(piece) for piece in pieces)[: max(self.back, 0)]
        self.back -= len(answer)
        return answer


class T0Machine(RuleBasedStateMachine):
    @initialize(nulls=st.integers(0, 2), byte_wise=st.booleans(), single=st.booleans())
    def start(self, nulls: int, byte_wise: bool, single: bool) -> None:
        self.port = IsoPort()
        self.card = T0Card(self.port, wait=lambda command: nulls, byte_wise=byte_wise)
        self.line = BreakingLine(self.card, single=single)
        self.reader = T0Reader(self.line)
        self.done: list[CommandApdu] = []
        self.card.power_on()

    @rule(case=st.integers(1, 4), nc=NC, ne=NE, size=SIZES)
    def exchange(self, case: int, nc: int, ne: int, size: int) -> None:
        command = self.port.command(case, nc, ne, size)
        assert self.reader.transmit(command.encode()) == self.port.expected(command)
        assert self.port.received[command.header].data == command.data
        self.done.append(command)

    @rule(
        case=st.integers(1, 4),
        nc=NC,
        ne=NE,
        size=SIZES,
        at=st.integers(0, 700),
        to_card=st.booleans(),
    )
    def exchange_over_a_line_that_breaks(
        self, case: int, nc: int, ne: int, size: int, at: int, to_card: bool
    ) -> None:
        command = self.port.command(case, nc, ne, size)
        if to_card:
            self.line.there = at
        else:
            self.line.back = at
        try:
            answer = self.reader.transmit(command.encode())
        except CardMute:
            self.card.reset()
        else:
            assert answer == self.port.expected(command)
            self.done.append(command)
        self.line.mend()

    @rule(case=st.integers(1, 4), size=SIZES)
    def an_answer_is_left_behind(self, case: int, size: int) -> None:
        """The reader does not fetch what 61XX or 6CXX announces, and goes on."""
        command = self.port.command(case, 3, 7, size)
        p3 = bytes((7 if case == 2 else len(command.data),))
        self.reader.tpdu(command.header + p3, command.data, incoming=7 if case == 2 else 0)

    @invariant()
    def nothing_happens_twice(self) -> None:
        for header, count in self.port.executed.items():
            assert count == 1
            assert header in self.port.sizes, "a command nobody sent"
        assert all(self.port.executed[command.header] == 1 for command in self.done)


def test_no_command_is_executed_twice() -> None:
    run_state_machine_as_test(T0Machine, settings=settings(stateful_step_count=30))

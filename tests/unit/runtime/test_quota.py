"""The quota of memory: what a neighbour keeps costs nobody else time or steps, and it is counted
right whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

import pytest
from hypothesis import given, settings, strategies as st

from jukicard import Card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.environment import CardEnvironment
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.kit import Applet, BasicState, IsoError, StatusWord
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.firewall import StepBudget
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from jukicard.testing.faults import FaultyBackend
from tests.support import soak
from tests.support.cards.issuer_desk import ISSUED, SHARING, install, session
from tests.support.published.transcript import send

WRITER: Final = Aid("F05752495445520A")
NEIGHBOURS: Final = [Aid(bytes(WRITER) + bytes((number,))) for number in range(55)]
QUOTA: Final = 65_536


@offer_applet
class WriterApplet(Applet[BasicState]):
    """INS 10 writes Lc empty values from P1 P2 on; 20 to 26 write or delete one, 24 up in vain."""

    type_name = "test-writer"

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return WRITER

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        memory, at = self.context.memory, command.p1 << 8 | command.p2
        if command.ins == 0x10:
            for number in range(at, at + len(command.data)):
                memory.put(f"{number:X}", b"")
            return ResponseApdu()
        key = "k" * (command.p1 + 1)
        if command.ins & 0x01:
            memory.delete(key)
        else:
            (memory.put_now if command.ins & 0x02 else memory.put)(key, bytes(command.p2 * 50))
        if command.ins & 0x04:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, "rolled back")
        return ResponseApdu()


def powered(card: Card) -> Card:
    card.power_on()
    return card


def write_many(card: Card, aid: Aid, first: int, count: int) -> str:
    assert send(card, f"00A4040C{len(aid):02X}{aid}") == "9000"
    for start in range(first, first + count, 250):
        size = min(250, first + count - start)
        answer = send(card, f"8010{start:04X}{size:02X}" + "00" * size)
        if answer != "9000":
            return answer
    return "9000"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """Returns how many steps of an application's budget something took."""
    taken: list[str] = []
    trace = StepBudget._trace

    def counted(self: StepBudget, frame: FrameType, event: str, arg: object) -> Any:
        taken.append(event)
        return trace(self, frame, event, arg)

    monkeypatch.setattr(StepBudget, "_trace", counted)

    def of(work: Callable[[], object]) -> int:
        taken.clear()
        work()
        return len(taken)

    return of


def test_what_neighbours_keep_costs_a_writer_no_step(
    steps: Callable[[Callable[[], object]], int],
) -> None:
    """Thousands of values, of one neighbour and of as many as a card holds; also cut and anew."""
    card = powered(Card.restore(ISSUED, on_bug=raise_bug))
    host = session(card, level=1)
    assert host.send(install(module=WRITER, aid=WRITER)) == "009000"
    sharing = install(module=WRITER, aid=NEIGHBOURS[0], parameters=SHARING)
    assert host.send(sharing) == "009000"

    def fifty(card: Card) -> int:
        """The steps of a command that writes fifty values, none of which was there."""
        card.power_on()
        send(card, f"00A4040C08{WRITER}")
        taken = steps(lambda: answers.append(send(card, "8010F00032" + "00" * 50)))
        with card.environment.memory.transaction():
            for number in range(0xF000, 0xF032):
                card.environment.memory.partition(f"application {WRITER}").delete(f"{number:X}")
        return taken

    answers: list[str] = []
    fifty(card)  # its object is made
    alone = fifty(card)
    assert write_many(card, NEIGHBOURS[0], 0, 8_000) == "9000"
    assert fifty(card) == alone
    host = session(card, level=1)
    for aid in NEIGHBOURS[1:]:
        assert host.send(install(module=WRITER, aid=aid, parameters=SHARING)) == "009000"
    assert fifty(card) == alone
    anew = powered(Card.restore(card.snapshot(), on_bug=raise_bug))
    fifty(anew)
    assert fifty(anew) == alone
    assert set(answers) == {"9000"}


RESERVED: Final = {WRITER: 0, NEIGHBOURS[0]: 0, NEIGHBOURS[1]: 0x4000, NEIGHBOURS[2]: 0x2000}
"""Whose own how many bytes are, for whoever is installed, of a quota that may be full by then."""
PARTS: Final = list(RESERVED)
DEEDS: Final = st.tuples(
    st.sampled_from(["cut", "cut, landed", "remove", "anew", *[""] * 8]),
    st.sampled_from(PARTS),
    st.sampled_from(["20", "21", "22", "24", "25", "26"]),
    st.integers(0, 2),
    st.sampled_from([0, 1, 90, 250, 255]),
)


class Counted:
    """A card whose writers do as they are told; the power may go at the write."""

    def __init__(self) -> None:
        self.start(RamBackend(ISSUED.contents()))

    def start(self, kept: RamBackend) -> None:
        self.kept = kept
        self.faulty = FaultyBackend(kept)
        self.card = Card(CardEnvironment(memory=PersistentMemory(self.faulty)), on_bug=raise_bug)
        self.card.power_on()

    def there(self) -> dict[Aid, int]:
        """Return which writers are on the card, and how much each may still write."""
        found = {aid: self.card.applications.get(aid) for aid in PARTS}
        return {aid: one.room() for aid, one in found.items() if one is not None and one.room}

    def do(self, what: str, aid: Aid, command: str) -> None:
        if what == "anew":
            return self.start(self.kept)
        self.faulty.landed = what == "cut, landed"
        self.faulty.cut_after = self.faulty.writes + 1 if what.startswith("cut") else None
        try:
            self.change(what, aid, command)
        except PowerLoss:
            self.faulty.cut_after = None
        self.card.power_on()
        self.faulty.cut_after = None
        return None

    def change(self, what: str, aid: Aid, command: str) -> None:
        card, applications = self.card, self.card.applications
        if applications.get(aid) is None:
            fits = RESERVED[aid] <= self.common()
            with suppress(IsoError), card.environment.memory.transaction():
                applications.install(
                    Placement(aid, "test-writer"), after_issue=True, reserved=RESERVED[aid]
                )
                applications.change(aid, Operation.ACTIVATE)
            assert (applications.get(aid) is not None) is fits
        elif what == "remove":
            with card.environment.memory.transaction():
                applications.remove(aid)
        else:
            assert send(card, f"00A4040C{len(aid):02X}{aid}") == "9000"
            assert send(card, command) in ("9000", "6985", "6A84")
            self.expect()  # before the power that ends each deed

    def used(self) -> dict[Aid, int]:
        """Return how much each writer on the card keeps, recounted."""
        memory = self.card.environment.memory
        return {
            aid: sum(
                len(key) + len(value)
                for key, value in memory.partition(f"application {aid}").items()
            )
            for aid in self.there()
        }

    def common(self) -> int:
        """Return what nobody has reserved and nobody has written."""
        return QUOTA - sum(RESERVED[aid] or size for aid, size in self.used().items())

    def expect(self) -> None:
        there, used, common = self.there(), self.used(), self.common()
        assert there == {
            aid: RESERVED[aid] - size if RESERVED[aid] else common for aid, size in used.items()
        }


@settings(max_examples=soak.times(40, soak=1_000), deadline=None)
@given(st.lists(DEEDS, max_size=25))
def test_what_is_left_is_what_a_recount_leaves(
    deeds: list[tuple[str, Aid, str, int, int]],
) -> None:
    """Also after commands that are refused, power cuts at a write, removal, and a card anew."""
    counted = Counted()
    for what, aid, ins, key, size in deeds:
        counted.do(what, aid, f"80{ins}{key:02X}{size:02X}")
        counted.expect()

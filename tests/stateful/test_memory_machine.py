"""Random walks over the memory against its model: power cuts, failures, snapshots, forks, both
backends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jukicard.memory import (
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    PowerLoss,
    RamBackend,
    SqliteBackend,
    TransactionError,
    create_card,
)
from jukicard.memory.backend import Backend, Contents
from jukicard.testing.faults import FaultyBackend
from tests.stateful.memory_model import (
    KEYS,
    PARTITIONS,
    Model,
    Values,
    assert_reads_as,
    flat,
    nested,
)
from tests.support import soak

PLACES = st.tuples(st.sampled_from(PARTITIONS), st.sampled_from(KEYS))
VALUES = st.sampled_from([b"", b"\x00", b"1", b"2" * 5000])
FAULTS = st.sampled_from(["none", "none", "none", "cut before", "cut after", "fail"])


class SimulatedCard:
    """A memory, the backend it believes in, and the model of both."""

    def __init__(
        self, memory: PersistentMemory, faulty: FaultyBackend | None, model: Model
    ) -> None:
        self.faulty = faulty
        self.told: list[dict[str, tuple[str, ...]]] = []
        self.take_over(memory, model)

    def take_over(self, memory: PersistentMemory, model: Model) -> None:
        self.memory, self.model = memory, model
        memory.on_commit = lambda changes: self.told.append(dict(changes))
        self.counted = memory.partition(PARTITIONS[0])
        self.counted.count()

    def arm(self, fault: str) -> None:
        """Make the next write fail in the given way."""
        if self.faulty is not None:
            following = self.faulty.writes + 1
            self.faulty.cut_after = following if fault.startswith("cut") else None
            self.faulty.landed = fault == "cut after"
            self.faulty.fail_after = following if fault == "fail" else None

    def write(
        self,
        act: Callable[[], None],
        expected: Callable[[], None],
        fault: str,
        changes: set[tuple[str, str]],
    ) -> None:
        """Run an operation that may land something, and the same on the model, whatever happens.

        The observer is told of what landed, unless the power went while it did.
        """
        self.arm(fault)
        told: list[dict[str, tuple[str, ...]]] = []
        self.told.clear()
        try:
            act()
        except PowerLoss:
            if fault == "cut after":
                expected()
            self.power_on()
        except MemoryFailureError:
            # The transaction that failed is over; one in which a put_now failed goes on.
            if act == self.memory.commit:
                self.model.rollback()
        else:
            expected()
            told = grouped(changes)
        assert self.told == told
        self.arm("none")

    def power_on(self) -> None:
        with pytest.raises(TransactionError):
            self.memory.snapshot()
        if self.model.pending is not None:
            self.memory.rollback()
        self.model.rollback()
        with pytest.raises(TransactionError, match="recover"):
            self.memory.begin()
        with pytest.raises(TransactionError, match="recover"):
            self.memory.partition("A").put_now("x", b"lost")
        self.memory.recover()


def grouped(places: set[tuple[str, str]]) -> list[dict[str, tuple[str, ...]]]:
    """Return what an observer hears when these have landed: one call, or none for nothing."""
    call: dict[str, tuple[str, ...]] = {}
    for name, key in sorted(places):
        call[name] = (*call.get(name, ()), key)
    return [call] if call else []


class MemoryMachine(RuleBasedStateMachine):
    """The rules; what differs is where a card's values are kept."""

    cards = Bundle("cards")
    snapshots = Bundle("snapshots")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[SimulatedCard] = []
        self.taken: list[tuple[MemorySnapshot, Values]] = []

    def backend(self, number: int) -> Backend | None:
        """Return the empty backend of a new card."""
        raise NotImplementedError

    def add(self, snapshot: MemorySnapshot | None, values: Values) -> SimulatedCard:
        inner = self.backend(len(self.all))
        faulty = None if inner is None else FaultyBackend(inner)
        if snapshot is None:
            memory = PersistentMemory(faulty)
        else:
            memory = PersistentMemory.restore(snapshot, faulty)
            assert memory.meta == snapshot.meta
        card = SimulatedCard(memory, faulty, Model(values))
        self.all.append(card)
        return card

    @initialize(target=cards)
    def first_card(self) -> SimulatedCard:
        return self.add(None, {})

    @rule(card=cards)
    def begin(self, card: SimulatedCard) -> None:
        if card.model.pending is None:
            card.memory.begin()
            card.model.begin()
        else:
            with pytest.raises(TransactionError):
                card.memory.begin()

    @rule(card=cards, place=PLACES, value=st.one_of(st.none(), VALUES))
    def put_or_delete(
        self, card: SimulatedCard, place: tuple[str, str], value: bytes | None
    ) -> None:
        partition = card.memory.partition(place[0])
        act: Callable[[], None] = (
            (lambda: partition.delete(place[1]))
            if value is None
            else (lambda: partition.put(place[1], value))
        )
        if card.model.pending is None:
            with pytest.raises(TransactionError):
                act()
        else:
            act()
            card.model.put(place, value)

    @rule(card=cards, name=st.sampled_from(PARTITIONS))
    def drop_partition(self, card: SimulatedCard, name: str) -> None:
        if card.model.pending is None:
            with pytest.raises(TransactionError):
                card.memory.drop_partition(name)
        else:
            card.memory.drop_partition(name)
            card.model.drop(name)

    @rule(card=cards, place=PLACES, value=VALUES, fault=FAULTS)
    def put_now(
        self, card: SimulatedCard, place: tuple[str, str], value: bytes, fault: str
    ) -> None:
        partition = card.memory.partition(place[0])
        card.write(
            lambda: partition.put_now(place[1], value),
            lambda: card.model.put_now(place, value),
            fault,
            {place},
        )

    @rule(card=cards, fault=FAULTS)
    def commit(self, card: SimulatedCard, fault: str) -> None:
        if card.model.pending is None:
            with pytest.raises(TransactionError):
                card.memory.commit()
            return
        changed = card.model.changed()
        writes = card.faulty.writes if card.faulty else 0
        card.write(card.memory.commit, card.model.commit, fault, changed)
        if card.faulty is not None:
            assert card.faulty.writes - writes == bool(changed), "one transaction, one write"

    @rule(card=cards)
    def rollback(self, card: SimulatedCard) -> None:
        card.memory.rollback()
        card.model.rollback()

    @rule(card=cards)
    def power_off_and_on(self, card: SimulatedCard) -> None:
        card.memory.recover()
        card.model.rollback()

    @rule(card=cards, target=snapshots)
    def take(self, card: SimulatedCard) -> tuple[MemorySnapshot, Values]:
        taken = card.memory.snapshot({"number": str(len(self.taken))}), dict(card.model.landed)
        self.taken.append(taken)
        return taken

    @rule(taken=snapshots, target=cards, through_bytes=st.booleans())
    def fork(self, taken: tuple[MemorySnapshot, Values], through_bytes: bool) -> SimulatedCard:
        snapshot, values = taken
        if through_bytes:
            snapshot = MemorySnapshot.from_bytes(snapshot.export_with_keys())
        return self.add(snapshot, values)

    @rule(card=cards, taken=snapshots, fault=FAULTS)
    def put_back(
        self, card: SimulatedCard, taken: tuple[MemorySnapshot, Values], fault: str
    ) -> None:
        """Restore a snapshot over a card that has other contents, in one write or not at all."""
        if card.faulty is None:
            return
        card.memory.recover()
        card.model.rollback()
        card.arm(fault)
        try:
            memory = PersistentMemory.restore(taken[0], card.faulty)
        except (MemoryFailureError, PowerLoss):
            card.memory.recover()
            if fault == "cut after":
                card.model = Model(taken[1])
        else:
            card.take_over(memory, Model(taken[1]))
        assert card.memory.meta in ({}, *(snapshot.meta for snapshot, _ in self.taken))
        card.arm("none")

    @invariant()
    def every_card_reads_as_its_model(self) -> None:
        for card in self.all:
            assert_reads_as(card.memory, card.model.view())

    @invariant()
    def a_power_cut_now_would_leave_what_landed(self) -> None:
        for card in self.all:
            assert flat(card.memory.snapshot().partitions) == card.model.landed
            if card.faulty is not None:
                kept: Contents = card.faulty.load()
                kept.pop("", None)
                assert kept == nested(card.model.landed)

    @invariant()
    def the_kept_count_is_a_recount(self) -> None:
        for card in self.all:
            assert card.counted.size == sum(
                len(key) + len(value)
                for (name, key), value in card.model.view().items()
                if name == PARTITIONS[0]
            )
            assert card.memory.partition(PARTITIONS[1]).size is None, "nobody asked"

    @invariant()
    def snapshots_never_change(self) -> None:
        for snapshot, values in self.taken:
            assert flat(snapshot.partitions) == values


class WithoutBackend(MemoryMachine):
    def backend(self, number: int) -> Backend | None:
        return None


class WithRam(MemoryMachine):
    def backend(self, number: int) -> Backend | None:
        return RamBackend()


class WithSqlite(MemoryMachine):
    """All cards of a run live in one file."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())

    def backend(self, number: int) -> Backend | None:
        path = self.directory / "cards.img"
        create_card(path, f"card {number}")
        return SqliteBackend(path, f"card {number}")

    def teardown(self) -> None:
        for card in self.all:
            card.memory.close()
        left = sorted(entry.name for entry in self.directory.iterdir())
        shutil.rmtree(self.directory)
        assert left in ([], ["cards.img"])


@pytest.mark.parametrize(
    ("machine", "examples"),
    [
        (WithoutBackend, soak.times(150, soak=5_000)),
        (WithRam, soak.times(250, soak=5_000)),
        (WithSqlite, soak.times(40, soak=1_000)),
    ],
)
def test_the_memory_does_what_its_model_does(
    machine: type[RuleBasedStateMachine], examples: int
) -> None:
    options: dict[str, Any] = {"max_examples": examples, "stateful_step_count": 40}
    run_state_machine_as_test(
        machine,
        settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **options),
    )

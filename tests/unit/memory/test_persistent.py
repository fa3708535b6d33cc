"""What the random walks cannot show: handles, types, observers, interrupts, and what repr tells."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from jukicard.memory import (
    MemoryFailureError,
    MemorySnapshot,
    Partition,
    PersistentMemory,
    PowerLoss,
    RamBackend,
    TransactionError,
)
from jukicard.memory.backend import Changes, Contents
from jukicard.testing.faults import FaultyBackend
from tests.support.interrupts import at_every_line

SECRET = b"resident code 12345678901"


class InterruptedBackend(RamBackend):
    """Ctrl-C in the middle of a write: what landed is not known to the caller."""

    def __init__(self, landed: bool) -> None:
        super().__init__({"A": {"x": b"old"}})
        self._landed = landed

    def write(self, changes: Changes) -> None:
        if self._landed:
            super().write(changes)
        raise KeyboardInterrupt


def filled() -> PersistentMemory:
    memory = PersistentMemory()
    with memory.transaction():
        memory.partition("A").put("x", b"1")
        memory.partition("B").put("y", b"2")
    return memory


def test_a_partition_is_the_same_object_each_time_and_survives_everything() -> None:
    memory = PersistentMemory(RamBackend({"A": {"x": b"1"}}))
    partition = memory.partition("A")
    get = partition.get
    with memory.transaction():
        memory.drop_partition("A")
        assert get("x") is None
        partition.put("x", b"2")
    memory.recover()
    assert memory.partition("A") is partition
    assert get("x") == partition.get("x") == b"2"


def test_a_transaction_that_raises_is_rolled_back_and_over() -> None:
    memory = filled()

    def fail() -> None:
        with memory.transaction():
            memory.partition("A").put("x", b"lost")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert memory.partition("A").get("x") == b"1"
    with memory.transaction():
        pass


@pytest.mark.parametrize(
    "write",
    [
        lambda memory: memory.partition("A").put("x", b""),
        lambda memory: memory.partition("A").delete("x"),
        lambda memory: memory.partition("A").delete("absent"),
        lambda memory: memory.drop_partition("A"),
        lambda memory: memory.drop_partition("absent"),
        lambda memory: memory.commit(),
    ],
)
def test_outside_a_transaction_a_write_is_a_mistake(
    write: Callable[[PersistentMemory], None],
) -> None:
    memory = filled()
    with pytest.raises(TransactionError):
        write(memory)
    assert memory.snapshot() == filled().snapshot()


def test_a_transaction_inside_another_is_a_mistake_that_rolls_back_the_outer_one() -> None:
    memory = filled()

    def nest() -> None:
        with memory.transaction():
            memory.partition("A").put("x", b"lost")
            with memory.transaction():
                pass

    with pytest.raises(TransactionError, match="running"):
        nest()
    assert memory.snapshot() == filled().snapshot()


def test_a_rollback_without_a_transaction_does_nothing() -> None:
    memory = filled()
    memory.rollback()
    assert memory.snapshot() == filled().snapshot()


@pytest.mark.parametrize("value", [bytearray(b"1"), memoryview(b"1"), "1", 1, None])
def test_a_value_is_bytes(value: object) -> None:
    memory = filled()
    with memory.transaction():
        with pytest.raises(TypeError, match="bytes"):
            memory.partition("A").put("x", value)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="bytes"):
            memory.partition("A").put_now("x", value)  # type: ignore[arg-type]
    assert memory.snapshot() == filled().snapshot()


@pytest.mark.parametrize(
    ("name", "error"), [("名", ValueError), ("\ud800", ValueError), (1, TypeError)]
)
def test_a_name_is_ascii_text(name: str, error: type[Exception]) -> None:
    memory = filled()
    with memory.transaction(), pytest.raises(error):
        memory.partition("A").put(name, b"")
    with pytest.raises(error):
        memory.partition("A").put_now(name, b"")
    with pytest.raises(error):
        memory.partition(name)
    assert memory.snapshot() == filled().snapshot()


def test_the_partition_of_the_meta_is_out_of_reach() -> None:
    memory = PersistentMemory.restore(MemorySnapshot({}, {"profile": "juki-v1"}))
    with pytest.raises(ValueError, match="name"):
        memory.partition("")
    with memory.transaction(), pytest.raises(ValueError, match="name"):
        memory.drop_partition("")
    assert memory.partitions() == []
    assert memory.meta == {"profile": "juki-v1"}


def test_the_meta_goes_where_the_card_goes() -> None:
    backend = RamBackend()
    PersistentMemory.restore(MemorySnapshot({"A": {"x": b""}}, {"n": "住基"}), backend)
    again = PersistentMemory(backend)
    assert again.meta == {"n": "住基"}
    assert again.snapshot().meta == {"n": "住基"}
    assert again.snapshot({"n": "other"}).meta == {"n": "other"}
    PersistentMemory.restore(again.snapshot({}), backend)
    again.recover()
    assert again.meta == {}


def test_restoring_what_is_there_already_writes_nothing() -> None:
    backend = FaultyBackend(RamBackend({"A": {"x": b"1"}}))
    PersistentMemory.restore(PersistentMemory(backend).snapshot(), backend)
    assert backend.writes == 0


def test_writing_the_same_value_again_is_no_write_but_put_now_always_is() -> None:
    backend = FaultyBackend(RamBackend({"A": {"x": b"1"}}))
    memory = PersistentMemory(backend)
    with memory.transaction():
        memory.partition("A").put("x", b"2")
        memory.partition("A").put("x", b"1")
        memory.partition("A").put("y", b"2")
        memory.partition("A").delete("y")
    assert backend.writes == 0
    memory.partition("A").put_now("x", b"1")
    assert backend.writes == 1


def test_a_failed_put_now_leaves_the_transaction_as_it_was() -> None:
    backend = FaultyBackend(RamBackend(), fail_after=1)
    memory = PersistentMemory(backend)
    with memory.transaction():
        memory.partition("A").put("x", b"pending")
        with pytest.raises(MemoryFailureError):
            memory.partition("A").put_now("x", b"now")
        assert memory.partition("A").get("x") == b"pending"
    assert backend.load() == {"A": {"x": b"pending"}}


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("by", ["put", "put_now"])
def test_an_interrupt_inside_a_write_is_found_out_at_power_on(landed: bool, by: str) -> None:
    memory = PersistentMemory(InterruptedBackend(landed))
    partition = memory.partition("A")
    with pytest.raises(KeyboardInterrupt), memory.transaction():
        getattr(partition, by)("x", b"new")
    with pytest.raises(TransactionError, match="recover"):
        memory.begin()
    with pytest.raises(TransactionError, match="recover"):
        memory.snapshot()
    memory.recover()
    assert partition.get("x") == (b"new" if landed else b"old")
    memory.begin()


def test_a_recovery_that_fails_may_be_tried_again() -> None:
    class Unreadable(FaultyBackend):
        readable = True

        def load(self) -> Contents:
            if not self.readable:
                raise MemoryFailureError("locked")
            return super().load()

    backend = Unreadable(RamBackend({"A": {"x": b"1"}}), cut_after=1, landed=True)
    memory = PersistentMemory(backend)
    with pytest.raises(PowerLoss):
        memory.partition("A").put_now("x", b"2")
    backend.readable = False
    with pytest.raises(MemoryFailureError):
        memory.recover()
    with pytest.raises(TransactionError, match="recover"):
        memory.begin()
    backend.readable = True
    memory.recover()
    assert memory.partition("A").get("x") == b"2"


def test_recovery_takes_what_the_backend_holds_even_where_nothing_went_wrong() -> None:
    backend = RamBackend({"A": {"x": b"1", "y": b"1"}})
    memory = PersistentMemory(backend)
    gone = memory.partition("A")
    PersistentMemory.restore(MemorySnapshot({"B": {"z": b"2"}}), backend)
    memory.recover()
    assert (gone.items(), memory.partitions()) == ([], ["B"])


def test_an_observer_hears_of_keys_after_they_landed_and_never_of_values() -> None:
    memory, heard = filled(), []
    memory.on_commit = lambda changes: heard.append((dict(changes), memory.partition("A").get("x")))
    with memory.transaction():
        memory.partition("B").put("y", SECRET)
        memory.partition("B").put("a", SECRET)
        memory.partition("A").put_now("x", SECRET)
        memory.partition("A").delete("x")
    assert heard == [
        ({"A": ("x",)}, SECRET),
        ({"A": ("x",), "B": ("a", "y")}, None),
    ]


def test_an_observer_that_fails_undoes_nothing() -> None:
    memory = filled()

    def fail(_: object) -> None:
        raise ZeroDivisionError

    memory.on_commit = fail
    with pytest.raises(ZeroDivisionError), memory.transaction():
        memory.partition("A").put("x", b"landed")
    assert memory.partition("A").get("x") == b"landed"
    with pytest.raises(ZeroDivisionError):
        memory.partition("A").put_now("x", b"too")
    assert memory.snapshot().partitions["A"]["x"] == b"too"
    memory.begin()


def test_order_does_not_depend_on_history() -> None:
    """A card that was reloaded must answer in the same order as one that was not."""
    memory = PersistentMemory()
    with memory.transaction():
        for key in "zax":
            memory.partition("B").put(key, key.encode())
        memory.partition("A").put("k", b"")
    memory.begin()
    memory.partition("B").delete("a")
    memory.rollback()
    assert memory.partitions() == ["A", "B"]
    assert memory.partition("B").keys() == ["a", "x", "z"]
    assert memory.partition("B").items() == [("a", b"a"), ("x", b"x"), ("z", b"z")]


def test_repr_shows_no_value() -> None:
    backend = FaultyBackend(RamBackend())
    memory = PersistentMemory(backend)
    with memory.transaction():
        memory.partition("A").put("x", SECRET)
        shown = repr(memory)
    things = [
        memory,
        memory.partition("A"),
        memory.snapshot(),
        backend,
        RamBackend({"A": {"x": SECRET}}),
    ]
    shown += "".join(map(repr, things))
    assert "resident" not in shown
    assert "pending" in shown
    assert "<Partition A, 1 values>" in shown
    assert "1 partitions, 1 values, 25 bytes" in shown


def test_closing_drops_what_is_pending_and_closes_the_backend() -> None:
    class Closing(RamBackend):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    backend = Closing({"A": {"x": b"1"}})
    memory = PersistentMemory(FaultyBackend(backend))
    memory.begin()
    memory.partition("A").put("x", b"2")
    memory.close()
    assert (backend.closed, memory.partition("A").get("x")) == (1, b"1")
    PersistentMemory().close()


def test_forks_share_every_value_and_change_alone() -> None:
    value = SECRET * 100
    first = PersistentMemory.restore(MemorySnapshot({"A": {"x": value, "y": b"1"}}))
    second = PersistentMemory.restore(first.snapshot())
    assert second.partition("A").get("x") is value
    second.partition("A").put_now("y", b"2")
    assert first.partition("A").get("y") == b"1"


def test_a_further_card_costs_little_and_leaves_with_its_last_reference() -> None:
    contents = {f"P{n}": {f"key {k}": bytes([k]) * 30 for k in range(12)} for n in range(5)}
    snapshot = MemorySnapshot(contents)
    PersistentMemory.restore(snapshot)
    gc.collect()
    tracemalloc.start()
    try:
        cards = [PersistentMemory.restore(snapshot) for _ in range(100)]
        each = tracemalloc.get_traced_memory()[0] / 100
        assert each < 6 * 1024, "60 values in 5 partitions, shared"
        cards.clear()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 16 * 1024
    finally:
        tracemalloc.stop()


def test_a_backend_of_ram_is_not_changed_by_what_it_gave_or_took() -> None:
    given = {"A": {"x": b"1"}, "empty": {}}
    backend = RamBackend(given)
    given["A"]["x"] = b"2"
    backend.load()["A"]["x"] = b"3"
    assert backend.load() == {"A": {"x": b"1"}}


def test_a_write_to_ram_that_is_interrupted_has_not_happened() -> None:
    class Interrupted(dict[str, dict[str, bytes | None]]):
        def items(self) -> Iterator[tuple[str, dict[str, bytes | None]]]:  # type: ignore[override]
            yield from list(super().items())
            raise KeyboardInterrupt

    backend = RamBackend({"A": {"x": b"1"}})
    with pytest.raises(KeyboardInterrupt):
        backend.write(Interrupted({"A": {"x": b"2"}, "B": {"y": b"2"}}))
    assert backend.load() == {"A": {"x": b"1"}}


def taken(part: Partition) -> int:
    return sum(len(key) + len(value) for key, value in part.items())


@pytest.mark.parametrize("how", ["put", "delete", "put_now", "rollback", "recover"])
def test_an_interrupted_change_leaves_no_wrong_count(how: str) -> None:
    made: list[PersistentMemory] = []

    def change() -> None:
        memory = PersistentMemory(FaultyBackend(RamBackend({"A": {"x": b"old", "y": b"1"}})))
        made.append(memory)
        part = memory.partition("A")
        part.count()
        memory.begin()
        part.put("longer", b"12345")
        if how == "delete":
            part.delete("x")
        if how == "put_now":
            part.put_now("x", b"longer")
        if how == "rollback":
            memory.rollback()
        if how == "recover":
            memory.recover()

    lines = list(at_every_line(("memory/persistent.py",), change))
    assert len(lines) > 20
    for memory in made:
        part = memory.partition("A")
        for again in (memory.recover, part.count, memory.recover):
            assert part.size in (None, taken(part))
            again()
        assert part.size == taken(part)

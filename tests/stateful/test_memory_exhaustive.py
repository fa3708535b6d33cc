"""Every short sequence of operations, cut at every write, before and after it lands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from jukicard.memory import (
    MemoryFailureError,
    PersistentMemory,
    PowerLoss,
    RamBackend,
    SqliteBackend,
    create_card,
)
from jukicard.memory.backend import Backend
from jukicard.memory.snapshot import MemorySnapshot
from jukicard.testing.faults import FaultyBackend
from tests.stateful.memory_model import Model, Values, assert_reads_as, nested

Operation = tuple[str, ...]
BEFORE: Values = {("A", "x"): b"0", ("B", "y"): b"0"}
OUTSIDE: list[Operation] = [("begin",), ("put_now", "A", "x", "3"), ("put_now", "A", "y", "4")]
INSIDE: list[Operation] = [
    ("put", "A", "x", "1"),
    ("put", "A", "x", "0"),
    ("put", "B", "x", "2"),
    ("delete", "A", "x"),
    ("drop", "A"),
    ("put_now", "A", "x", "3"),
    ("put_now", "A", "y", "4"),
    ("commit",),
    ("rollback",),
]


def sequences(length: int, inside: bool = False) -> Iterator[list[Operation]]:
    """Yield all sequences of exactly this length that a card's boundary could produce."""
    if not length:
        yield []
        return
    for operation in INSIDE if inside else OUTSIDE:
        name = operation[0]
        then_inside = name == "begin" or (inside and name not in {"commit", "rollback"})
        for rest in sequences(length - 1, then_inside):
            yield [operation, *rest]


def run(memory: PersistentMemory, operation: Operation) -> None:
    match operation:
        case ("put", name, key, value):
            memory.partition(name).put(key, value.encode())
        case ("put_now", name, key, value):
            memory.partition(name).put_now(key, value.encode())
        case ("delete", name, key):
            memory.partition(name).delete(key)
        case ("drop", name):
            memory.drop_partition(name)
        case (name,):
            getattr(memory, name)()
        case _:
            raise AssertionError(operation)


def run_model(model: Model, operation: Operation) -> None:
    match operation:
        case ("put", name, key, value):
            model.put((name, key), value.encode())
        case ("put_now", name, key, value):
            model.put_now((name, key), value.encode())
        case ("delete", name, key):
            model.put((name, key), None)
        case ("drop", name):
            model.drop(name)
        case (name,):
            getattr(model, name)()
        case _:
            raise AssertionError(operation)


def play(sequence: list[Operation], backend: FaultyBackend) -> None:
    """Run a sequence to its end or its fault and power on; compare with the model throughout."""
    memory, model = PersistentMemory(backend), Model(BEFORE)
    for operation in sequence:
        try:
            run(memory, operation)
        except PowerLoss:
            if backend.landed:
                run_model(model, operation)
            break
        except MemoryFailureError:
            if operation == ("commit",):
                model.rollback()
        else:
            run_model(model, operation)
        assert_reads_as(memory, model.view())
    memory.recover()
    assert_reads_as(memory, model.landed)
    assert backend.load() == nested(model.landed)


def play_with_every_fault(sequence: list[Operation], fresh: Callable[[], Backend]) -> int:
    """Play without a fault, then with each; return how many times that was."""
    quiet = FaultyBackend(fresh())
    play(sequence, quiet)
    quiet.close()
    for write in range(1, quiet.writes + 1):
        for backend in (
            FaultyBackend(fresh(), cut_after=write),
            FaultyBackend(fresh(), cut_after=write, landed=True),
            FaultyBackend(fresh(), fail_after=write),
        ):
            play(sequence, backend)
            assert backend.writes >= write
            backend.close()
    return 1 + 3 * quiet.writes


def test_every_sequence_of_up_to_five_operations_in_ram() -> None:
    played = sum(
        play_with_every_fault(sequence, lambda: RamBackend(nested(BEFORE)))
        for length in range(1, 6)
        for sequence in sequences(length)
    )
    assert played > 20_000


def test_every_sequence_of_up_to_three_operations_in_an_sqlite_file(tmp_path: Path) -> None:
    path, snapshot = tmp_path / "cards.img", MemorySnapshot(nested(BEFORE))
    create_card(path, "keeps the file open")
    open_file = SqliteBackend(path, "keeps the file open")
    numbers = count()

    def fresh() -> Backend:
        card_id = f"card {next(numbers)}"
        create_card(path, card_id, snapshot)
        return SqliteBackend(path, card_id)

    played = sum(
        play_with_every_fault(sequence, fresh)
        for length in range(1, 4)
        for sequence in sequences(length)
    )
    open_file.close()
    assert played > 400


# The counter rule of docs/tearing.md, on the smallest command that has to follow it.

TRIES = 3
PIN = b"1234"


class Refused(Exception):
    """A command that ends in an error: the boundary rolls back."""


def verify(memory: PersistentMemory, guess: bytes, write_first: bool = True) -> None:
    """Do what VERIFY does, with its counter by `put_now`, or wrongly by `put`."""
    pin = memory.partition("pin")
    left = (pin.get("left") or b"\0")[0]
    if left == 0:
        raise Refused
    write = pin.put_now if write_first else pin.put
    write("left", bytes([left - 1]))
    if guess != pin.get("value"):
        raise Refused
    pin.put("left", bytes([TRIES]))


def compared(memory: PersistentMemory, guess: bytes, write_first: bool = True) -> bool:
    """Run the command as the boundary does; say whether the attacker has learned anything."""
    try:
        with memory.transaction():
            verify(memory, guess, write_first)
    except (Refused, MemoryFailureError):
        return False
    except PowerLoss:
        memory.recover()
        return False
    return True


def left(memory: PersistentMemory) -> int:
    return (memory.partition("pin").get("left") or b"\0")[0]


def card_with_pin(tries: int, cut: int | None = None, landed: bool = False) -> PersistentMemory:
    contents = {"pin": {"value": PIN, "left": bytes([tries])}}
    return PersistentMemory(FaultyBackend(RamBackend(contents), cut, landed=landed))


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("guess", [PIN, b"9999"])
def test_a_counter_only_rises_with_success(guess: bytes, cut: int, landed: bool) -> None:
    memory = card_with_pin(2, cut, landed)
    # A wrong guess is one write; the second cut is for the commit of a success.
    assert not compared(memory, guess), "refused, or the power went"
    if guess == PIN and cut == 2 and landed:
        assert left(memory) == TRIES, "the success itself has landed"
    elif cut == 1 and not landed:
        assert left(memory) == 2, "nothing was compared yet"
    else:
        assert left(memory) == 1, "a guess was made, or may have been"


def test_no_guess_is_free_although_its_command_is_rolled_back() -> None:
    memory = card_with_pin(TRIES)
    for tried in range(1, TRIES + 1):
        assert not compared(memory, b"9999")
        assert left(memory) == TRIES - tried
    assert not compared(memory, PIN), "blocked, even for the right PIN"


def test_this_test_sees_the_mistake_it_is_here_for() -> None:
    memory = card_with_pin(TRIES)
    for _ in range(10):
        assert not compared(memory, b"9999", write_first=False)
    assert left(memory) == TRIES

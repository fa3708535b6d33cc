"""The fault-injecting backend does what tearing tests rely on: it counts, cuts and stays cut."""

from __future__ import annotations

import pytest

from jukicard.memory import MemoryFailureError, PowerLoss, RamBackend
from jukicard.testing.faults import FaultyBackend


def put(backend: FaultyBackend, value: bytes) -> None:
    backend.write({"A": {"x": value}})


@pytest.mark.parametrize(("landed", "found"), [(False, b"1"), (True, b"2")])
def test_the_power_goes_at_the_chosen_write_and_comes_back_with_load(
    landed: bool, found: bytes
) -> None:
    backend = FaultyBackend(RamBackend(), cut_after=2, landed=landed)
    put(backend, b"1")
    for value in (b"2", b"3", b"4"):
        with pytest.raises(PowerLoss):
            put(backend, value)
    assert backend.writes == 2
    assert backend.load() == {"A": {"x": found}}
    put(backend, b"5")
    assert (backend.writes, backend.load()) == (3, {"A": {"x": b"5"}})


def test_only_the_chosen_write_fails() -> None:
    backend = FaultyBackend(RamBackend(), fail_after=2)
    put(backend, b"1")
    with pytest.raises(MemoryFailureError):
        put(backend, b"2")
    assert backend.load() == {"A": {"x": b"1"}}
    put(backend, b"3")
    assert (backend.writes, backend.load()) == (3, {"A": {"x": b"3"}})


@pytest.mark.parametrize("number", [0, -1])
def test_writes_are_counted_from_one(number: int) -> None:
    with pytest.raises(ValueError, match="number 1"):
        FaultyBackend(RamBackend(), number)
    with pytest.raises(ValueError, match="number 1"):
        FaultyBackend(RamBackend(), fail_after=number)


def test_no_handler_of_errors_sees_a_power_loss() -> None:
    assert not issubclass(PowerLoss, Exception)
    assert issubclass(MemoryFailureError, Exception)

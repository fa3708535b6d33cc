"""Thousands of signatures leave memory as it was: the card keeps nothing of a signature."""

from __future__ import annotations

import gc
import hashlib
import tracemalloc
from pathlib import Path

import pytest

from jukicard import issue_card
from jukicard.runtime.boundary import raise_bug
from tests.support import soak

SIGNATURES = soak.times(10_000, soak=200_000)
MEASURED = 200
"""How many signatures are made while the interpreter's own allocations are watched."""
SELECT_JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")
VERIFY = bytes.fromhex("002000980431323334")
SELECT_KEY = bytes.fromhex("00A4020C020017")


def sign_command(number: int) -> bytes:
    info = bytes.fromhex("3031300D060960864801650304020105000420")
    digest = hashlib.sha256(number.to_bytes(4, "big")).digest()
    return bytes.fromhex("802A008033") + info + digest + b"\0"


def resident_bytes() -> int:
    """Return how much memory this process occupies, what native libraries allocate included."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


@pytest.mark.slow
def test_memory_is_flat_over_thousands_of_signatures() -> None:
    card = issue_card("mynumber", seed=1, on_bug=raise_bug)
    card.power_on()
    for command in (SELECT_JPKI, VERIFY, SELECT_KEY):
        assert card.transmit(command) == b"\x90\x00"

    def sign(first: int, count: int) -> None:
        for number in range(first, first + count):
            answer = card.transmit(sign_command(number))
            assert len(answer) == 258

    sign(0, 1_000)  # until every cache is full
    before = resident_bytes()
    sign(1_000, SIGNATURES - 1_000)
    grown = resident_bytes() - before
    # keeping every signature would be more than 2.3 MB
    assert grown < 1_000_000, f"{grown} bytes more after {SIGNATURES} signatures"

    tracemalloc.start()
    try:
        sign(SIGNATURES, MEASURED)
        gc.collect()
        allocated, _ = tracemalloc.get_traced_memory()
        sign(SIGNATURES + MEASURED, 5 * MEASURED)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] - allocated
    finally:
        tracemalloc.stop()
    # one object for each signature would be 50,000 bytes or more
    assert kept < 20_000, f"{kept} bytes more after {5 * MEASURED} signatures"

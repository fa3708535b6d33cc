"""`jukihost issue --reader` over a real pcscd: a feeder puts one card after the other into it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jukicard.testing import HazardousCard, Pulled
from tests.support.host.bulk_office import PASSPHRASE, BulkOffice, bulk_office, lines
from tests.support.host.issuing_office import quick_keys
from tests.support.interop.pcscd import Pcscd
from tests.support.rest import rest_of

__all__ = ["quick_keys"]
pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("pcscd"),
    pytest.mark.usefixtures("quick_keys"),
]
PEOPLE = 3
HALF_WAY = 20
"""The exchange, of some forty, at which a card is gone."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BulkOffice]:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    with bulk_office(tmp_path, people=PEOPLE, feeds=1) as office:
        office.ports = []
        yield office


def until(run: subprocess.Popen[str], is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert run.poll() is None, "".join((f"the run has ended, and {what}:\n", *rest_of(run)))
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_feeder_puts_cards_into_a_reader_and_one_is_pulled_half_way(
    shop: BulkOffice, pcscd: Pcscd
) -> None:
    """Nobody is asked for it: it is made whole when it comes again, for its row."""
    [feed] = shop.feeds
    names = [str(feed.next_name()) for _ in range(PEOPLE)]
    cards = {name: feed.open(name) for name in names}
    run = shop.started("--reader", pcscd.readers[0], "--feeder", "--wait", "60")
    try:
        first = HazardousCard(cards[names[0]], Pulled(at=HALF_WAY))
        pcscd.insert(first)
        until(run, lambda: first.pulled, "the first card was not begun")
        pcscd.remove()
        assert (shop.begun(), shop.made()) == (1, 0)
        for made, name in enumerate((names[1], names[0], names[2]), 1):
            pcscd.insert(cards[name])
            until(run, lambda made=made: shop.made() == made, f"{made} not made")  # type: ignore[misc]
            pcscd.remove()
        [said] = rest_of(run)
    finally:
        run.kill()
        rest_of(run)
    for name, card in cards.items():
        feed.release(name, card)
    assert run.returncode == 0, said
    rows = [(one["row"], one["made"]) for one in lines(said) if "row" in one]
    assert rows == [(2, False), (3, True), (2, True), (4, True)]
    assert lines(said)[-1]["result"] == {"made": PEOPLE, "before": 0, "failed": 0, "left": 0}
    shop.check_each_has_one()

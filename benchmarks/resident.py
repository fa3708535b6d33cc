"""How much the system gives a process for each further card: run for itself, so that it starts new.

python -m benchmarks.resident PROFILE COUNT USED
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from jukicard import Card, issue_card


def resident() -> int:
    """Return this process's resident set in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def use(card: Card, *, everything: bool) -> Card:
    """Power a card on and, if wanted, select each of its applications."""
    card.power_on()
    if everything:
        for application in card.applications:
            aid = application.aid
            card.transmit(bytes.fromhex(f"00A4040C{len(aid):02X}{aid}"))
    return card


def bytes_each(profile: str, count: int, *, used: bool) -> int:
    """Return the growth of this process by each of many cards from one snapshot."""
    snapshot = issue_card(profile, seed=1).snapshot()
    use(Card.restore(snapshot), everything=used)  # what all cards share is there before counting
    gc.collect()
    before = resident()
    cards = [use(Card.restore(snapshot), everything=used) for _ in range(count)]
    gc.collect()
    return (resident() - before) // len(cards)


if __name__ == "__main__":
    print(bytes_each(sys.argv[1], int(sys.argv[2]), used=sys.argv[3] == "used"))

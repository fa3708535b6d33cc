"""A Juki card that offers PACE, alone or with what certificates need, and a terminal before it."""

from __future__ import annotations

from functools import cache

from jukicard.apdu import Tlv
from jukicard.memory import MemorySnapshot
from tests.support.cards.eac_desk import CHIP_KEY, ROOT_DRAFT, certificate, der
from tests.support.cards.juki_desk import Desk, desk, issued
from tests.support.naive.pace import NUMBER, NaivePace


@cache
def with_number() -> MemorySnapshot:
    """A card with an access number."""
    return issued(access_number=NUMBER)


@cache
def with_certificates() -> MemorySnapshot:
    """A card with an access number that lets systems in by certificate too."""
    return issued(
        access_number=NUMBER, trust_anchors=[certificate(ROOT_DRAFT)], chip_key=der(CHIP_KEY)
    )


def pace_desk() -> Desk:
    """A powered card with an access number, and its terminal."""
    return desk(with_number())


def opened(there: Desk, *more: Tlv) -> NaivePace:
    """Open a private session; `more` goes into MSE: SET AT."""
    pace = NaivePace(there.terminal)
    assert pace.steps(*more).status == 0x9000
    return pace

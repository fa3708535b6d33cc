"""What the attacks are made against: a fresh desk for every test, and eyes inside the card."""

from __future__ import annotations

from functools import cache

import pytest

from jukicard.memory import MemorySnapshot
from tests.support.applets.intruder import IntruderApplet
from tests.support.cards.juki_desk import Desk, desk, issued


@cache
def snapshot() -> MemorySnapshot:
    """One card for all tests; each gets a copy."""
    return issued()


@pytest.fixture
def there() -> Desk:
    return desk(snapshot())


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops end sooner, so that there is time for many of them."""
    monkeypatch.setattr("jukicard.runtime.registry.STEP_BUDGET", 20_000)


@pytest.fixture(params=[False, True], ids=["since issue", "after issue"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intruder is on the card since it was issued, or the issuer has installed it later."""
    monkeypatch.setattr(IntruderApplet, "comes_later", request.param)

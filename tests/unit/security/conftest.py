"""What the attacks are made against: a fresh desk for every test, and eyes inside the card."""

from __future__ import annotations

from functools import cache

import pytest

from jukicard.memory import MemorySnapshot
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

"""What the tests of applications from elsewhere share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from jukicard.runtime import registry
from tests.support.applets.hostile import HostileApplet


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop applications soon; afterwards the trace function is back and nothing is planned."""
    monkeypatch.setattr(registry, "STEP_BUDGET", 20_000)
    before = sys.gettrace()
    yield
    assert sys.gettrace() is before, "the trace function was not put back"
    HostileApplet.plan.clear()
    HostileApplet.kept.clear()

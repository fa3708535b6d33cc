"""What the tests of applications from elsewhere share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from jukicard.runtime import registry
from tests.support.applets.hostile import HostileApplet


@pytest.fixture(params=[False, True], ids=["since issue", "after issue"])
def few_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop applications soon; afterwards the trace function is back and nothing is planned.

    They are on the card since it was issued, or the issuer has installed them after that.
    """
    monkeypatch.setattr(HostileApplet, "comes_later", request.param)
    monkeypatch.setattr(registry, "STEP_BUDGET", 20_000)
    before = sys.gettrace()
    yield
    assert sys.gettrace() is before, "the trace function was not put back"
    HostileApplet.plan.clear()
    HostileApplet.kept.clear()

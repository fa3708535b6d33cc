"""What the tests of applications from elsewhere share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jukicard.memory.backend import Contents
from jukicard.runtime import registry
from tests.support.applets.branch import installed, left_by_version_1
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


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contents]:
    """What a card keeps with three applications of version 1, one of them from after its issue."""
    with left_by_version_1(tmp_path_factory.mktemp("one")) as kept:
        yield kept


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Installs version 2, or another, with a migration."""

    def install(migrate: str = "", version: int = 2) -> None:
        installed(monkeypatch, tmp_path / f"{version}", version, migrate)

    yield install
    sys.modules.pop("town_library", None)

"""What every test shares: how long hypothesis searches, and that nothing reaches the forbidden.

HYPOTHESIS_PROFILE chooses among the profiles below, JUKICARD_SOAK=1 the long versions of tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support import counted, soak
from tests.support.applets.forbidden import Watch, watching

# No deadline and no complaint about slowness: a loaded machine is no reason for a test to fail.
_ANY_SPEED = (HealthCheck.too_slow,)

# default: while working. ci: the same examples on every run. soak: for `make soak`, in hours.
# thorough: overnight, for one codec. The last two bring new examples always.
settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=_ANY_SPEED
)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=150,
    derandomize=True,
    print_blob=True,
    suppress_health_check=_ANY_SPEED,
)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=_ANY_SPEED,
)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=10_000,
    print_blob=True,
    suppress_health_check=_ANY_SPEED,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header() -> str:
    """Say whether the long versions of tests run."""
    return soak.header()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long versions out, unless they are asked for."""
    soak.leave_out(config, items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was counted, in a worker of pytest-xdist."""
    counted.hand_over(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what a worker has counted."""
    counted.take_over(node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was counted."""
    counted.show(terminalreporter)


@pytest.fixture(autouse=True)
def forbidden() -> Iterator[Watch]:
    """Fail a test in which something reached a `ForbiddenApplet`, on whatever card it was."""
    with watching() as watch:
        yield watch


@pytest.fixture
def forbidden_is_reached(forbidden: Watch) -> None:
    """Reach it on purpose, to see that it tells."""
    forbidden.expected = True

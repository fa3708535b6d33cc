"""The long versions of tests: left out unless they are asked for, and that is said.

JUKICARD_SOAK=1 (`make soak` sets it) brings the tests marked `soak`, the full number of repetitions
of those that call `times`, and the whole of what others `sample` or `share`. Without it CI
keeps a part: the same on every run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import Final, TypeVar

import pytest

Case = TypeVar("Case")

SHARES: Final = 3
"""In so many parts falls what is tried in turns."""
ASKED = os.environ.get("JUKICARD_SOAK") == "1"
"""Whether the long versions run."""


def times(part: int, *, soak: int) -> int:
    """How often to repeat: `part` always, `soak` where the long versions run.

    Raises ValueError for a part that is nothing, or no part.
    """
    if not 0 < part < soak:
        raise ValueError(f"{part} of {soak} repetitions is no part that says anything")
    return soak if ASKED else part


def sample(cases: Iterable[str], part: int) -> list[str]:
    """What of many cases to try: `part` of them, the same on every run; all in the long run.

    Raises ValueError for a part that is nothing, or no part.
    """
    every = sorted(cases)
    return sorted(random.Random(part).sample(every, times(part, soak=len(every))))


def share(cases: Iterable[Case], turn: int) -> list[Case]:
    """Return what of many cases to try this time: every third, all in the long run.

    turn: which time it is; three that follow each other bring each case once.
    """
    step = 1 if ASKED else SHARES
    return [case for number, case in enumerate(cases, turn) if number % step == 0]


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests marked `soak` out of `items`, in place, unless they are asked for."""
    left_out = [] if ASKED else [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def header() -> str:
    """Say it at the head of every run: workers of pytest-xdist tell nobody what they leave out."""
    if ASKED:
        return "soak: the long versions of tests run (JUKICARD_SOAK=1)"
    return (
        "soak: the long versions of tests are left out (JUKICARD_SOAK=1 or `make soak` runs them)"
    )

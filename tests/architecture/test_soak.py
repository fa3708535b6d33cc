"""The long versions of tests: left out and said so, or run when they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import soak

ROOT = Path(__file__).parents[2]
CANARY = "test_only_where_the_long_versions_are_asked_for"


@pytest.mark.soak
def test_only_where_the_long_versions_are_asked_for() -> None:
    assert soak.ASKED


def _collected(asked: str | None, *options: str) -> str:
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment.pop("JUKICARD_SOAK", None)
    if asked is not None:
        environment["JUKICARD_SOAK"] = asked
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, *options]
    done = subprocess.run(
        [*command, "--collect-only"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("options", [(), ("-m", "soak or not soak")])
@pytest.mark.parametrize("asked", [None, "", "0"])
def test_are_left_out_and_the_run_says_so(asked: str | None, options: tuple[str, ...]) -> None:
    told = _collected(asked, *options)
    assert "test_are_left_out_and_the_run_says_so" in told
    assert CANARY not in told
    assert "1 deselected" in told
    assert "soak: the long versions of tests are left out" in told


def test_run_when_they_are_asked_for() -> None:
    told = _collected("1")
    assert CANARY in told
    assert "deselected" not in told
    assert "soak: the long versions of tests run" in told


def test_a_part_is_more_than_nothing_and_less_than_all() -> None:
    assert soak.times(3, soak=40) == (40 if soak.ASKED else 3)
    for part in (-1, 0, 40, 41):
        with pytest.raises(ValueError, match="is no part"):
            soak.times(part, soak=40)

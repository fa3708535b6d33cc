"""The card with points: written outside the tree, installed before and after issue, and torn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import run

SCENE = str(Path(__file__).with_name("points_scene.py"))


@pytest.mark.parametrize("where", ["in-process", "tcp"])
def test_points_come_and_go(installed: Path, where: str) -> None:
    assert "credited, spent, refused, unblocked" in run(installed, SCENE, where)


def test_balance_and_log_agree_after_any_power_cut(installed: Path) -> None:
    said = run(installed, SCENE, "tear")
    assert "10 cuts, landed: False" in said  # four bookings, one PIN, two authentications
    assert "10 cuts, landed: True" in said


def test_it_comes_after_issue_and_goes_without_a_trace(installed: Path) -> None:
    assert "installed, removed, installed again, removed" in run(installed, SCENE, "later")

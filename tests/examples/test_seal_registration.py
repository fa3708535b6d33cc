"""Seal registration: written outside the tree, installed before issue and, from a shell, after."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import run

SCENE = str(Path(__file__).with_name("seal_scene.py"))


@pytest.mark.parametrize("where", ["in-process", "tcp"])
def test_a_seal_is_registered_shown_and_abolished(installed: Path, where: str) -> None:
    assert "registered, shown, abolished" in run(installed, SCENE, where)


def test_it_is_installed_and_removed_from_a_shell(installed: Path) -> None:
    assert "installed, removed, installed again, removed" in run(installed, SCENE, "later")

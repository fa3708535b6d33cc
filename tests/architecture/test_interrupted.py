"""A Ctrl-C that comes while Python makes a class (a module is being loaded) ends a command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHILE_A_CLASS_IS_MADE = """
import sys
from {package}.cli import main
class Pressed:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt
def load(*arguments):
    type("Loaded", (), {{"body": Pressed()}})
import {package}.cli as cli
cli._run = load
sys.exit(main([]))
"""


@pytest.mark.parametrize("package", ["jukicard", "jukihost"])
def test_an_interrupt_that_python_wraps(package: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WHILE_A_CLASS_IS_MADE.format(package=package)],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (130, f"{package}: interrupted\n")

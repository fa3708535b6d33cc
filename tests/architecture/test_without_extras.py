"""The base install: every command says what it lacks, in words, and to programs in their one line.

The commands are found on the command line: a new one is walked here at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tree import ROOT

SCRIPT = Path(__file__).with_name("without_extras.py")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What became of each command: its words, its exit code, its results, what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT)],
        cwd=tmp_path_factory.mktemp("nothing"),
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_no_command_ends_in_anything_but_an_exit_code_and_words(ended: list[list[Any]]) -> None:
    assert len(ended) > 150
    assert [one for one in ended if one[1] not in (0, 1, 2, 3)] == []
    assert [words for words, code, _, said in ended if code and not said.strip()] == []


def test_what_needs_the_terminals_extra_says_so(ended: list[list[Any]]) -> None:
    lacks = {tuple(words[:2]) for words, _, _, said in ended if "jukicard[terminal]" in said}
    assert lacks >= {("counter", "identify"), ("counter", "shell"), ("issue", "--from")}
    assert len(lacks) > 50


def test_a_program_gets_its_one_result_there_too(ended: list[list[Any]]) -> None:
    tells = [one for one in ended if one[0][0] in ("counter", "issue") and one[0][-1] == "--json"]
    assert len(tells) > 50
    assert [(words, results) for words, _, results, _ in tells if results != 1] == []

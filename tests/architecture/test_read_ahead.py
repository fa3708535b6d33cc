"""No test asks `communicate` for what a program says whose lines it reads one by one before.

`readline` takes all that has come and keeps what follows the line; `communicate` of two pipes, or
with a bound, asks the system and leaves that out. A line is lost now and then, and a test for one
that must not come passes. `rest_of` reads on where `readline` stopped.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rest import rest_of

TESTS = Path(__file__).parents[1]
LINES = {"readline", "readlines"}


def lost(source: str) -> list[int]:
    """Return the lines where the answer of `communicate` is used, where lines are read as well."""
    if "communicate" not in source:
        return []
    tree = ast.parse(source)
    called = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    if not any(_name(one) in LINES for one in called):
        return []
    dropped = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    return [one.lineno for one in called if _name(one) == "communicate" and id(one) not in dropped]


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("one.stdout.readline()\nsaid, _ = one.communicate(timeout=5)", [2]),
        ("one.stdout.readline()\nassert one.communicate()[0] == ''", [2]),
        ("one.stdout.readline()\none.communicate(timeout=5)", []),
        ("said, _ = one.communicate(timeout=5)", []),
    ],
)
def test_a_line_that_may_be_lost_is_noticed(source: str, found: list[int]) -> None:
    assert lost(source) == found


def test_no_line_is_lost() -> None:
    paths = sorted(TESTS.rglob("*.py"))
    found = {str(path): at for path in paths if (at := lost(path.read_text("utf-8")))}
    assert not found


def test_the_rest_has_what_was_read_ahead_and_what_comes_for_the_last_word() -> None:
    words = "print('one\\ntwo', flush=True); print(input(), flush=True); exit('three')"
    with subprocess.Popen(
        [sys.executable, "-c", words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "one\n"
        assert rest_of(program, "last\n") == ["two\nlast\n", "three\n"]
        assert program.returncode == 1


def test_a_program_that_does_not_end_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.PIPE, text=True
    ) as program:
        with pytest.raises(subprocess.TimeoutExpired):
            rest_of(program, seconds=0.2)
        program.wait(60)

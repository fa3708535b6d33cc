"""No test names a port that another program may have taken meanwhile.

A port that was free when it was looked for is anybody's once it was let go of: another worker gets
it, and a test that counts on nobody listening there, or that wants to listen itself, fails now and
then. `kept_port` keeps it.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
MADE = {"create_server", "socket"}
ASKS = "getsockname"
HARMLESS = {ASKS, "bind", "listen", "setsockopt", "str", "int"}
OF_ITS_OWN = {"support/interop/clients.py": "a network of its own, in which nobody else is"}


def let_go(source: str) -> list[int]:
    """Return the lines of the `with` blocks that open a socket for nothing but to ask where it is.

    Nothing is called in them but what says, and what binds.
    """
    if ASKS not in source:
        return []
    return [
        block.lineno
        for block in ast.walk(ast.parse(source))
        if isinstance(block, ast.With)
        and _called(*(item.context_expr for item in block.items)) & MADE
        and ASKS in _called(*block.body) <= HARMLESS
        and not any(isinstance(one, ast.Yield) for step in block.body for one in ast.walk(step))
    ]


def _called(*parts: ast.AST) -> set[str]:
    """Return the last name of whatever is called there."""
    return {
        ast.unparse(one.func).rpartition(".")[2]
        for part in parts
        for one in ast.walk(part)
        if isinstance(one, ast.Call)
    }


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("with socket.create_server(a) as one:\n    port = one.getsockname()[1]", [1]),
        ("with closing(socket.create_server(a)) as one:\n    port = one.getsockname()[1]", [1]),
        ("with socket.socket() as one:\n    one.bind(a)\n    where = one.getsockname()", [1]),
        ("def port():\n  with socket.socket() as one:\n    return one.getsockname()[1]", [2]),
        ("with socket.create_server(a) as one:\n    b = one.getsockname()\n    call(b)", []),
        ("with socket.create_server(a) as one:\n    yield one.getsockname()", []),
    ],
)
def test_a_port_that_is_let_go_of_is_noticed(source: str, found: list[int]) -> None:
    assert let_go(source) == found


def test_no_test_lets_go_of_a_port_before_it_is_used() -> None:
    found = {
        path.relative_to(TESTS).as_posix(): lines
        for path in sorted(TESTS.rglob("*.py"))
        if (lines := let_go(path.read_text("utf-8")))
    }
    assert found.keys() == OF_ITS_OWN.keys(), found

"""What holds for every package under `examples/`."""

from __future__ import annotations

import ast

import pytest

from tests.examples.conftest import EXAMPLES, FACES, PACKAGES


@pytest.mark.parametrize("name", PACKAGES)
def test_it_imports_from_the_faces_only(name: str) -> None:
    sources = list((EXAMPLES / name / "src").rglob("*.py"))
    assert len(sources) >= 3
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("juki"):
                assert node.module in FACES, path

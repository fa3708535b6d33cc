"""Both packages are imported and used where what only Unix has is missing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.without_unix import BLOCKED

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("without_unix.py")
GUARDED = {
    "jukicard/cli/__init__.py": {"resource"},
    "jukicard/cli/keypad.py": {"resource", "termios"},
    "jukicard/memory/inuse.py": {"fcntl"},
    "jukicard/transport/ccid/place.py": {"termios", "tty"},
    "host/jukihost/cli/__init__.py": {"resource"},
}
"""Where such a module is used if it is there, and nothing is missed where it is not."""


def _run(what: str, folder: Path) -> list[str]:
    """What was done, a line each, in a process without modules and calls, or without calls."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), what, str(folder)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return [line for line in done.stdout.splitlines() if line.endswith((": done", " modules"))]


def test_both_packages_are_imported_and_used_without_them(tmp_path: Path) -> None:
    told = _run("modules", tmp_path)
    assert len(told) == 6, told
    assert int(told[0].split()[0]) > 250


def test_a_key_store_needs_no_call_that_only_unix_has(tmp_path: Path) -> None:
    assert _run("calls", tmp_path) == ["key_stores: done"]


def _unix_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found & BLOCKED


@pytest.mark.parametrize("package", ["jukicard", "host/jukihost"])
def test_they_are_named_only_where_they_may_be_missing(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): _unix_modules(path) for path in files}
    named = {path: names for path, names in found.items() if names}
    assert named == {p: names for p, names in GUARDED.items() if p.startswith(f"{package}/")}

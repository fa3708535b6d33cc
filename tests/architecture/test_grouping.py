"""Tests of one group run on one worker, one after the other.

There is one pcscd per machine, and the blocks of one manual page build on each other: both rely on
the groups of pytest-xdist. Releases of it and of pytest that do not fit each other drop the groups
without a word, and what fails then fails now and then.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GROUPED = """
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(6))
def test_in_a_group(number): pass
"""
PAGE = "```python\nnumber = 0\n```\n" + "```python\nnumber += 1\n```\n" * 5


def workers(output: str, path: str) -> set[str]:
    lines = re.findall(rf"^\[(gw\d)\] \[ *\d+%\] PASSED {re.escape(path)}", output, re.M)
    assert len(lines) == 6, output
    return set(lines)


def test_groups_and_pages_stay_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_grouped.py").write_text(GROUPED)
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text("utf-8"))
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup",
         "-p", "no:cacheprovider", "test_grouped.py", "README.md"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    for path in ("test_grouped.py", "README.md"):
        assert len(workers(finished.stdout, path)) == 1, finished.stdout

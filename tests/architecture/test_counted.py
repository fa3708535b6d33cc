"""What tests count is shown at the end of a run, with and without workers, passed or failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNTING = """
import pytest
from tests.support import counted

@pytest.mark.xdist_group("one")
def test_that_passes():
    counted.tell("3 of 500 right")

@pytest.mark.xdist_group("two")
def test_that_fails():
    counted.tell("started 2 times")
    assert False
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_each_line_is_shown_once_at_the_end(tmp_path: Path, workers: int) -> None:
    (tmp_path / "test_counting.py").write_text(COUNTING)
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--dist", "loadgroup",
         "--tb=no", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert finished.returncode == 1, finished.stdout
    _, head, end = finished.stdout.partition(" counted ")
    assert head, finished.stdout
    assert end.splitlines()[1:3] == ["3 of 500 right", "started 2 times"]
    assert finished.stdout.count("3 of 500 right") == 1

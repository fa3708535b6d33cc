"""The packages under `examples/`, installed offline into a folder of the tests' own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed, as whoever uses it would: with its entry points."""
    import shutil

    source = tmp_path_factory.mktemp("source") / "library-card"
    shutil.copytree(EXAMPLES / "library-card", source)  # building leaves files behind
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        check=True,
    )
    return target

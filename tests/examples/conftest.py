"""The packages under `examples/`, installed offline into a folder of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGES = sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml"))
FACES = {"jukicard", "jukicard.apdu", "jukicard.kit", "jukicard.testing", "jukihost"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples are installed, as whoever uses them would: with their entry points."""
    sources = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(EXAMPLES / name, sources / name)  # building leaves files behind
    target = tmp_path_factory.mktemp("installed")
    install(target, *(sources / name for name in PACKAGES))
    return target


def install(target: Path, *sources: Path) -> None:
    """Install packages from their sources, offline, into a folder."""
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    paths = [str(source) for source in sources]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *paths],
        check=True,
    )


def run(installed: Path, *arguments: str, expect: int = 0) -> str:
    """Run Python with the installed packages at hand; return what it said, errors too."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr

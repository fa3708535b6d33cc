"""The files of the project: what git tracks, or in a source distribution what came with it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
MADE: Final = ("PKG-INFO", "setup.cfg", "jukicard.egg-info/")
"""What only a source distribution has: setuptools writes it."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project that is there, relative to the root."""
    if (ROOT / ".git").exists():
        # A clone may belong to another user than the one who tests it; nothing is executed from it.
        command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        names = listing.split("\0")
    else:
        names = (ROOT / "jukicard.egg-info/SOURCES.txt").read_text("utf-8").splitlines()
        names = [name for name in names if not name.startswith(MADE)]
    files = tuple(Path(name) for name in names if name and (ROOT / name).is_file())
    assert files, "there is no file of the project"
    return files


def copy_to(place: Path) -> None:
    """Copy the files of the project to a new folder: building leaves things behind in its tree."""
    for path in tracked():
        (place / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, place / path)

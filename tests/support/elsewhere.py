"""Distributions that offer applications, installed for one test: metadata and a module on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

_MODULE = """
from jukicard.apdu import ResponseApdu
from jukicard.runtime.applet import Applet, BasicState


class Library(Applet):
    type_name = "library"

    def new_state(self):
        return BasicState()

    def select(self, command, state):
        return ResponseApdu()

    def process(self, command, state):
        return ResponseApdu(b"a book")
"""


def install_distribution(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    name: str = "town-library",
    kind: str = "library",
    module: str = "town_library",
    source: str = _MODULE,
) -> None:
    """Put a distribution on the path that offers one kind of application, until the test ends."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[jukicard.applets]\n{kind} = {module}:Library\n")
    (folder / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)

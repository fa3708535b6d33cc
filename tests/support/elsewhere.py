"""Distributions that offer applications, installed for one test: metadata and a module on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

MODULE = """
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

LOANS = """
from jukicard.kit import (
    CARD_NUMBER, AccessRules, Aid, Authenticated, DedicatedFile, Files, FileTree, KeyFile,
    KeyState, Keys, PinFile, Pins, TransparentFile, Verified,
)

PIN, READER, KEY = 0x0011, 0x0001, 0x0101
AID = Aid("F04C4F414E53")


class Library(Files[KeyState], Pins[KeyState], Keys[KeyState]):
    type_name = "loans"
    tree = FileTree(
        DedicatedFile(
            name=AID,
            files=(
                PinFile(fid=PIN, change=Verified(PIN)),
                TransparentFile(fid=READER, size=64, access=AccessRules(
                    read=Verified(PIN), update=Authenticated("LIBRARY"))),
                KeyFile(fid=KEY, reference=1, right="LIBRARY"),
            ),
            objects=(CARD_NUMBER,),
        )
    )

    def personalise(self, order):
        super().personalise(order)
        self.pins.set_value(self.tree.ef(PIN), order.pin("loans").encode())
        colour = self.context.parameters.get("colour", "white")
        self.files.put_content(
            self.tree.ef(READER), f"{order.holder.municipality} {colour}".encode()
        )
"""
"""A kind `loans`: a reader's file behind a PIN of its own, and a system for purpose LIBRARY."""


def install_distribution(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    name: str = "town-library",
    kind: str = "lending",
    module: str = "town_library",
    source: str = MODULE,
) -> None:
    """Put a distribution on the path that offers one kind of application, until the test ends."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[jukicard.applets]\n{kind} = {module}:Library\n")
    (folder / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)

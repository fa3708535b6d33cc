"""A card reader on libccid's serial line, for the tests that know the virtual reader's `Pcscd`.

It has a daemon of its own. libpcsclite of this process, and what it starts, look for a daemon at
one path; `door` leads them to this one for as long as a test needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from jukicard.transport import CardPort
from jukicard.transport.ccid.models import MODELS
from jukicard.transport.ccid.place import reader_entry
from jukicard.transport.ccid.serial import SerialReader
from tests.support.interop.ccid import CcidDaemon
from tests.support.interop.pcscd import SOCKET_DIRECTORY, PrivateNetwork
from tests.support.readers.statuses import Statuses

SHORT_APDU: Final = 0x02
"""ifdDriverOptions: a GemPCTwin is told to take short APDUs instead of TPDUs."""
_DOOR: Final = SOCKET_DIRECTORY / "pcscd.comm"


@contextmanager
def door_to(daemon: CcidDaemon) -> Iterator[None]:
    """Lead this process to a daemon; contexts of PC/SC that are made here stay with it."""
    aside = _DOOR.with_name("aside")
    if os.path.lexists(_DOOR):
        _DOOR.rename(aside)
    _DOOR.symlink_to(daemon.socket)
    try:
        yield
    finally:
        _DOOR.unlink()
        if aside.exists():
            aside.rename(_DOOR)


class CcidReaders:
    """One reader and the pcscd that found it; `insert` and `remove` as those of `Pcscd`."""

    def __init__(self, folder: Path, model: str = "GemPCTwin", options: int = 0) -> None:
        link = str(folder / "line")
        self.slots = SerialReader(None, link, model=MODELS[model], on_status=Statuses())
        self.daemon = CcidDaemon(folder, {model: reader_entry(model, link, model)}, options=options)
        self.readers = self.daemon.readers
        self.network = PrivateNetwork()

    @contextmanager
    def running(self) -> Iterator[CcidReaders]:
        """Have the reader and its daemon."""
        try:
            with self.slots, self.daemon:
                yield self
        finally:
            self.network.close()

    @contextmanager
    def door(self) -> Iterator[CcidReaders]:
        """Lead this process to this daemon; what is in the reader at the end is taken out."""
        with door_to(self.daemon):
            yield self
            self.remove()

    def insert(self, card: CardPort, slot: int = 0) -> str:
        """Put a card in and wait until PC/SC sees it; return the reader's name."""
        self.slots.slots[slot].insert(card)
        self.wait_for_card(slot)
        return self.readers[slot]

    def remove(self, slot: int = 0) -> None:
        """Take the card out, if there is one, and wait until PC/SC sees that."""
        if self.slots.slots[slot].occupied:
            self.slots.slots[slot].remove()
        self.wait_for_card(slot, present=False)

    def wait_for_card(self, slot: int = 0, *, present: bool = True) -> None:
        """Wait until PC/SC sees a card in the reader, or none."""
        self.daemon.terminal.wait_for(self.readers[slot], present=present)

"""The five USB readers in front of a pcscd of the tests' own, and a terminal in front of that."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from jukicard import PinPad
from jukicard.testing import ScriptedKeypad
from jukicard.transport import CardPort
from tests.support.interop.ccid import DRIVER_FILE, CcidDaemon, missing_parts as missing_for_ccid
from tests.support.interop.terminal import Terminal
from tests.support.usb.bus import UsbReader, build_library
from tests.support.usb.models import MODELS, VENDOR, UsbModel


def missing_parts() -> list[str]:
    """Return what of the system is missing; empty when the readers can be plugged in."""
    return missing_for_ccid() + ([] if shutil.which("cc") else ["cc"])


class UsbDesk:
    """The five readers, pcscd, and a terminal in front of them."""

    def __init__(self, folder: Path) -> None:
        (folder / "bus").mkdir()
        self.pad = ScriptedKeypad()
        self._stack = ExitStack()
        build_library(folder)
        self.readers = {
            model: UsbReader(
                folder / "bus",
                model.product,
                model,
                secure=PinPad(self.pad) if model.pin_support else None,
            )
            for model in MODELS
        }
        driver = folder / "driver"
        driver.mkdir()
        self.daemon = CcidDaemon(
            driver,
            {model.name: each.entry(driver / DRIVER_FILE) for model, each in self.readers.items()},
            devices=[(VENDOR, model.product) for model in MODELS],
            LD_LIBRARY_PATH=str(folder),
            JUKICARD_USB=str(folder / "bus"),
        )
        self.terminal: Terminal = self.daemon.terminal

    def __enter__(self) -> UsbDesk:
        with ExitStack() as stack:
            for reader in self.readers.values():
                stack.enter_context(reader)
            stack.enter_context(self.daemon)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def name(self, model: UsbModel) -> str:
        """What PC/SC calls a reader."""
        return self.daemon.readers[MODELS.index(model)]

    def insert(self, model: UsbModel, card: CardPort) -> None:
        """Put a card in and wait until PC/SC sees it."""
        self.readers[model].slot.insert(card)
        self.terminal.wait_for(self.name(model), present=True)

    def remove(self, model: UsbModel) -> None:
        """Take the card out, if there is one, and wait until PC/SC sees that."""
        if self.readers[model].slot.occupied:
            self.readers[model].slot.remove()
        self.terminal.wait_for(self.name(model), present=False)

    @contextmanager
    def holding(self, model: UsbModel, card: CardPort) -> Iterator[Terminal]:
        """Put a card in, and take it out at the end."""
        try:
            self.insert(model, card)
            yield self.terminal
        finally:
            self.terminal.disconnect()
            self.remove(model)

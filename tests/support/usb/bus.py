"""A USB bus that is a folder: readers in this process, for the libusb beside this file."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from jukicard.transport import CardPort
from jukicard.transport.ccid import CcidReader, SecureHandler, time_extension
from jukicard.transport.ccid.messages import Icc, Request
from tests.support.usb.models import VENDOR, UsbModel

_SOURCE: Final = Path(__file__).with_name("libusb.c")
LIBRARY: Final = "libusb-1.0.so.0"
_BUS: Final = 1
_ROOM: Final = 1 << 17
_NO_CARD, _CARD = b"\x50\x02", b"\x50\x03"
"""What the interrupt pipe says of slot 0 (CCID 1.1, 6.3.1)."""


def build_library(folder: Path) -> None:
    """Compile the libusb of the tests into a folder, for LD_LIBRARY_PATH."""
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
    subprocess.run([*command, "-o", folder / LIBRARY, _SOURCE], check=True, timeout=60)


class UsbReader:
    """One reader on the bus, with one slot; `with` plugs it in and pulls it out.

    address: its number on the bus. secure: does PC_to_RDR_Secure, for a model with a PIN pad.
    """

    def __init__(
        self,
        bus: Path,
        address: int,
        model: UsbModel,
        card: CardPort | None = None,
        secure: SecureHandler | None = None,
    ) -> None:
        self.model = model
        self.reader = CcidReader(
            [card],
            address=model.name,
            level=model.level,
            max_message=model.max_message,
            secure=secure,
            moved=self._moved,
        )
        self.slot = self.reader.slots[0]
        self._place = bus / f"{_BUS}-{address}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lines: list[socket.socket] = []
        self._interrupts: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name=f"usb-{model.name}")]

    def entry(self, driver: Path) -> str:
        """The entry of reader.conf by which pcscd finds the reader; `driver` is libccid.so."""
        device = self._place.name.replace("-", ":")
        return (
            f'FRIENDLYNAME "{self.model.name}"\n'
            f"DEVICENAME usb:{VENDOR:04x}/{self.model.product:04x}:libusb-1.0:{device}:0\n"
            f"LIBPATH {driver}\nCHANNELID {self.model.product}\n"
        )

    def __enter__(self) -> Self:
        self._listener.bind(str(self._place))
        self._listener.listen()
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def unplug(self) -> None:
        """Pull the reader out of the bus; again does nothing."""
        self.reader.closing = True
        self._place.unlink(missing_ok=True)
        for one in (self._listener, *self._lines):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), thread.name

    def _moved(self, _: int, present: bool) -> None:
        for line in tuple(self._interrupts):
            with suppress(OSError):
                line.send(_CARD if present else _NO_CARD)

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                line, _ = self._listener.accept()
                self._lines.append(line)
                thread = threading.Thread(target=self._serve, args=(line,), name="usb-line")
                self._threads.append(thread)
                thread.start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            first = line.recv(_ROOM)
            match first[:1]:
                case b"D":
                    line.send(self.model.device + self.model.configuration)
                case b"I":
                    self._interrupts.append(line)
                    line.recv(1)
                    self._interrupts.remove(line)
                case b"B":
                    while message := line.recv(_ROOM):
                        line.send(self.reader.handle(message, lambda: _ask_for_time(line, message)))
                    self.reader.power_off()
                case _:
                    pass  # a control transfer, which this reader has not: a stall


def _ask_for_time(line: socket.socket, message: bytes) -> None:
    line.send(time_extension(Request.parse(message), Icc.ACTIVE))

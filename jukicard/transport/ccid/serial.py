"""A CCID reader on a serial line: frames, echo, and the pseudo-terminal that libccid opens.

A frame is 03 06, a message, and the exclusive-or of all before; 03 15 16 says that one was damaged.
Between frames 50 02 and 50 03 tell that a card was pulled or put in, and a byte from 80 up asks for
time. The driver has no way back once it reads something else, so nothing else is ever sent.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from functools import reduce
from operator import xor
from typing import Final

from jukicard.transport import CardPort, SlotState, StatusCallback, log_status
from jukicard.transport.ccid.messages import HEADER, MAX_MESSAGE, Kind
from jukicard.transport.ccid.models import GEMPC_TWIN, SerialModel
from jukicard.transport.ccid.place import LinkedLine
from jukicard.transport.ccid.reader import CcidReader
from jukicard.transport.ccid.seam import SecureHandler
from jukicard.transport.ccid.slot import CcidSlot
from jukicard.transport.serving import Server, join
from jukicard.transport.tpdu import ContactCard

_BEGIN: Final = b"\x03\x06"
NAK: Final = b"\x03\x15\x16"
"""What either side says of a damaged frame."""
_TIME: Final = b"\x80"
_MOVED: Final = {False: b"\x50\x02", True: b"\x50\x03"}
_ECHOED: Final = 20
"""A driver takes no longer echo of an Escape message than this, in bytes of abData."""
_TICK: Final = 0.25  # seconds between looks at a card that works
_PATIENCE: Final = 0.5  # seconds until the driver is asked for time, and again
_HALF: Final = 1.0  # seconds after which half a frame is dropped
_STUCK: Final = 1.0  # seconds that a driver may leave its answers unread
_OPENING: Final = 2.0  # seconds within which a driver that leaves was not served in time
_PAUSE: Final = 0.02  # seconds between looks at a line that nobody holds open


def framed(message: bytes) -> bytes:
    """Return a message as a frame."""
    whole = _BEGIN + message
    return whole + bytes((reduce(xor, whole),))


class Frames:
    """Finds the frames in what a driver writes, whatever it writes; never holds more than one."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def half(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._buffer)

    def drop(self) -> None:
        """Forget what has come of a frame."""
        self._buffer.clear()

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """Take bytes; give each message, b"" for a NAK, None for what is damaged."""
        buffer = self._buffer
        buffer += data
        while buffer:
            if buffer[0] != 0x03:
                start = buffer.find(3)
                del buffer[: start if start >= 0 else len(buffer)]
                yield None
            elif buffer.startswith(NAK):
                del buffer[: len(NAK)]
                yield b""
            elif not (_BEGIN.startswith(buffer[:2]) or NAK.startswith(buffer[:3])):
                del buffer[0]
                yield None
            elif len(buffer) < 2 + HEADER:
                return
            else:
                size = 2 + HEADER + int.from_bytes(buffer[3:7], "little")
                if size > 2 + MAX_MESSAGE:
                    buffer.clear()  # where the next one begins, nobody knows
                    yield None
                elif len(buffer) <= size:
                    return
                else:
                    frame = bytes(buffer[: size + 1])
                    del buffer[: size + 1]
                    yield None if reduce(xor, frame) else frame[2:-1]


class SerialReader(Server):
    """A reader with one card on a pseudo-terminal, for libccid's driver of serial readers.

        with SerialReader(card, "/run/jukicard-desk") as reader: ...

    `start` makes the line and the link of that name to it and returns; LineRefused says in words
    why it cannot. `close` removes the link, takes the card's power and ends the threads. Where the
    driver closes the line the card loses its power, and the reader waits for the next driver.

    model: what it claims to be. secure: does PC_to_RDR_Secure, for a model with a key pad.
    contact: makes the contacts of a card, as for `CcidReader`.
    """

    def __init__(
        self,
        card: CardPort | None,
        link: str,
        *,
        model: SerialModel = GEMPC_TWIN,
        secure: SecureHandler | None = None,
        contact: Callable[[CardPort], ContactCard] = ContactCard,
        index: int = 0,
        on_status: StatusCallback = log_status,
    ) -> None:
        self.link = link
        self.model = model
        self.reader = CcidReader(
            [card],
            address=link,
            escape=self._escape,
            secure=secure,
            on_status=on_status,
            moved=self._moved,
            contact=contact,
        )
        self.slots[0].index = index
        self._line = LinkedLine(link)
        self._frames = Frames()
        self._lock = threading.Lock()  # of what is written, and of the echo that waits
        self._echo = b""
        self._busy_since = 0.0
        self._came = 0.0
        self._last = NAK
        self._tells_movement = False
        self._ended = threading.Event()
        name = os.path.basename(link)
        self._thread = threading.Thread(target=self._run, name=f"ccid-{name}", daemon=True)
        self._ticker = threading.Thread(target=self._tick, name=f"ccid-time-{name}", daemon=True)

    @property
    def slots(self) -> tuple[CcidSlot, ...]:
        """The reader's slots."""
        return self.reader.slots

    def start(self) -> None:
        """Make the line and serve it. LineRefused."""
        self._line.open()
        self._thread.start()
        self._ticker.start()
        self.slots[0]._tell(SlotState.WAITING)

    def _close(self, seconds: float) -> None:
        self._ended.set()
        self.reader.closing = True
        self._line.unlink()
        slot = self.slots[0]

        def tell_of_work(most: str) -> None:
            slot._tell(SlotState.WORKING, most)

        join([self._thread, self._ticker], seconds, tell_of_work)
        if self._thread.ident is None:
            self._line.close()

    # --- the line's thread ---

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                if self._readable():
                    self._take()
        finally:
            self.reader.power_off()
            self._line.close()

    def _readable(self) -> bool:
        half = self._frames.half
        ready, _, _ = select.select([self._line.master], [], [], _HALF if half else _TICK)
        if not ready and half:
            self._frames.drop()
            self._write(NAK)
        return bool(ready)

    def _take(self) -> None:
        try:
            data = os.read(self._line.master, 4096)
        except OSError:  # EIO: the driver has closed the line
            data = b""
        if not data:
            self._left()
            return
        if not self.slots[0].in_use:
            self._come()
        for message in self._frames.feed(data):
            if message:
                self._answer(message)
            else:
                self._write(NAK if message is None else self._last)

    def _come(self) -> None:
        self._line.let_go()  # from now on it ends when the driver leaves it
        self._came = time.monotonic()
        self.slots[0].in_use = True
        self.slots[0]._tell(SlotState.CONNECTED)

    def _left(self) -> None:
        self._frames.drop()
        self._line.hold()
        if not self.slots[0].in_use:
            self._ended.wait(_PAUSE)
            return
        self.slots[0].in_use = self._tells_movement = False
        self.reader.power_off()
        why = "the driver closed the line"
        if time.monotonic() - self._came < _OPENING:
            why += (
                " right after opening it: it waits no longer than 100 ms for an answer then, and"
                " never comes back; if pcscd has not been stopped, restart it"
            )
        self.slots[0]._tell(SlotState.LOST, why)

    def _answer(self, message: bytes) -> None:
        if self.model.echoes:
            long = message[0] == Kind.ESCAPE and len(message) - HEADER > _ECHOED
            head = message[:1] + bytes(4) + message[5:HEADER]
            self._echo = framed(head if long else message)
        self._busy_since = time.monotonic()
        answer = framed(self.reader.handle(message, self._more_time))
        self._busy_since = 0.0
        self._last = answer
        self._write(answer)

    def _more_time(self) -> None:
        self._write(_TIME)

    def _tick(self) -> None:
        """Ask for time while the card or a person works: the driver waits no longer than that."""
        while not self._ended.wait(_TICK):
            begun = self._busy_since
            if begun and time.monotonic() - begun > _PATIENCE:
                with self._lock:
                    if self._busy_since == begun:
                        self._busy_since = time.monotonic()
                        self._put(_TIME)

    def _escape(self, data: bytes) -> bytes:
        if data[:1] == b"\x01" and len(data) == 3:
            self._tells_movement = True
        return self.model.escape(self.reader, data)

    def _moved(self, _: int, present: bool) -> None:
        """Tell a driver that wants to know, but never within a frame."""
        with self._lock:
            if self._tells_movement and not self._busy_since:
                self._put(_MOVED[present])

    def _write(self, data: bytes) -> None:
        with self._lock:
            self._put(data)

    def _put(self, data: bytes) -> None:
        """Write, after the echo if that still waits; what nobody reads in time is lost."""
        data, self._echo = self._echo + data, b""
        until = time.monotonic() + _STUCK
        while data and not self._ended.is_set():
            try:
                data = data[os.write(self._line.master, data) :]
            except BlockingIOError:
                if time.monotonic() > until:
                    self._line.drop_output()
                    return
                select.select([], [self._line.master], [], _TICK)
            except OSError:
                return

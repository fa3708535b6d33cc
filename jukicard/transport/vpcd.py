"""The card's end of the vpcd protocol: a card in a virtual PC/SC reader that any program can use.

The protocol has no standard; this is what Debian's vsmartcard-vpcd 3.3 does. A message is a length
(2 bytes, big-endian) and as many bytes. From the reader, a message of one byte is control: 00 power
off, 01 power on, 02 reset, 04 give the ATR; only 04 is answered. Anything else is a command APDU,
answered with its response.

The driver listens on port 35963, 35964 for its second slot, and so on, and the card connects; or,
with `DEVICENAME localhost:0x8C7B` in its reader file, the driver connects and the card listens.
Version 3.3 then connects once only, and takes pcscd down with it when the card leaves.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterable
from typing import Final

from jukicard.transport import (
    CardFault,
    CardNotPresent,
    CardPort,
    SlotState,
    StatusCallback,
    log_status,
)
from jukicard.transport.address import listen, port_of_slot
from jukicard.transport.readerlink import MAX_MESSAGE, ReaderLink
from jukicard.transport.serving import ServedSlot, Server, join
from jukicard.transport.slot import CardWorking

DEFAULT_PORT: Final = 35_963
"""The port of the first slot of the virtual reader (0x8C7B)."""
WRONG_LENGTH: Final = bytes.fromhex("6700")

_Selector: Final[type[selectors.BaseSelector]] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)
"""Waits on any number of connections where the system can do that without a list of its own."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between attempts to reach the driver


class VpcdSlot(ServedSlot):
    """One slot of a VpcdServer: its card, its connection and its thread.

    `insert`, `remove` and `reset` may be called from any thread while it runs.
    """

    def __init__(
        self,
        index: int,
        host: str,
        port: int,
        card: CardPort | None,
        *,
        listener: socket.socket | None,
        on_status: StatusCallback,
        watchdog: float | None,
        absence: float,
    ) -> None:
        super().__init__(host, port, on_status, index, card)
        self._listener = listener
        self._watchdog = watchdog
        self._absence = absence
        self._absent_until = 0.0
        self._lock = threading.Lock()  # guards _sock against being closed while it is shut down
        self._sock: socket.socket | None = None
        self._hung_up = False  # this side ended the connection, so the reader did not get lost
        self._waker, self._wake = socket.socketpair()
        self._stopping = False
        self._told_waiting = False
        self._pause = _FIRST_PAUSE
        self._thread = threading.Thread(target=self._run, name=f"vpcd-slot-{index}", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether a reader is there."""
        return self._sock is not None

    def insert(self, card: CardPort) -> None:
        """Put a card in; the reader sees it at its next poll. RuntimeError when one is in."""
        super().insert(card)
        self._interrupt(hang_up=False)

    def remove(self) -> CardPort:
        """Take the card out and return it; CardNotPresent when there is none.

        The connection closes first: the answer of a command that still runs reaches nobody.
        """
        if not self._card.occupied:
            raise CardNotPresent("no card in the slot")
        self._interrupt(hang_up=True)
        card = self._card.remove()
        self._interrupt(hang_up=True)  # the reader may have come back in between
        self._tell(SlotState.REMOVED)
        return card

    def _start(self) -> None:
        self._thread.start()

    def _stop(self) -> threading.Thread:
        """Have the thread end; return it. One that was never started leaves nothing behind."""
        self._stopping = True
        self._interrupt(hang_up=True)
        if self._thread.ident is None:
            self._let_go()
        return self._thread

    def _let_go(self) -> None:
        self._card.leave()
        for sock in (self._listener, self._waker, self._wake):
            if sock is not None:
                sock.close()

    def _tell_of_work(self, most: str) -> None:
        if self._card.powered:
            self._tell(SlotState.WORKING, most)

    # --- the slot's thread ---

    def _run(self) -> None:
        try:
            while not self._stopping:
                sock = self._accept(self._listener) if self._listener else self._dial()
                if sock is not None and not self._serve(sock):
                    self._back_off()  # it left without a word: do not fall into a busy loop
        finally:
            self._let_go()

    def _accept(self, listener: socket.socket) -> socket.socket | None:
        """Wait for the driver; without a card it is let in and sent away.

        Refusing it (no listener at all) would make the driver close a foreign file descriptor.
        """
        if not self._sleep(None, listener):
            return None
        try:
            sock, _ = listener.accept()
        except OSError:
            self._back_off()
            return None
        if self._card.occupied and time.monotonic() >= self._absent_until:
            return sock
        sock.close()
        return None

    def _dial(self) -> socket.socket | None:
        """Try once to reach a driver that listens; wait for a card first when there is none."""
        absent = self._absent_until - time.monotonic()
        if absent > 0 or not self._card.occupied:
            self._sleep(absent if self._card.occupied else None)
            return None
        why = "Connection refused"
        try:
            sock = socket.create_connection((self.host, self.port), timeout=5)
            # The ports are ephemeral ones: where nobody listens, TCP may connect us to ourselves.
            if sock.getsockname() != sock.getpeername():
                return sock
            sock.close()
        except OSError as error:
            why = error.strerror or type(error).__name__
        if not self._told_waiting and not self._stopping:
            self._told_waiting = True
            self._tell(SlotState.WAITING, why)
        self._back_off()
        return None

    def _back_off(self) -> None:
        self._sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _serve(self, sock: socket.socket) -> bool:
        """Answer one reader until it leaves; tell whether it ever sent a message."""
        if not self._adopt(sock):
            return True
        self._told_waiting = False
        self._tell(SlotState.CONNECTED)
        link, why = ReaderLink(sock, self._watchdog), ""
        spoke = left = False
        try:
            while not self._hung_up:
                message = link.receive()
                spoke, self._pause = True, _FIRST_PAUSE
                answer = self._answer(message)
                if answer is not None:
                    link.send(answer)
        except CardFault as fault:
            self._tell(SlotState.FAULT, fault.told)
            spoke = False
        except EOFError as error:
            why, left = str(error), True
        except (TimeoutError, CardNotPresent, CardWorking, OSError) as error:
            why = str(error)
        finally:
            self._drop(stay_away=not left or self._listener is None)
        if not self._hung_up:
            self._tell(SlotState.LOST, why)
        return spoke

    def _answer(self, message: bytes) -> bytes | None:
        """Obey one message; None for a control byte that has no answer."""
        card = self._card
        if len(message) != 1:
            answer = card.transmit(message)
            # The answer does not fit this transport; what was asked for is too long.
            return answer if len(answer) <= MAX_MESSAGE else WRONG_LENGTH
        match message[0]:
            case 0x04:
                return card.atr
            case 0x01:
                card.power_on()
            case 0x02:
                card.reset()
            case 0x00:
                card.power_off()
            case _:
                return WRONG_LENGTH  # a client's APDU of one byte
        return None

    def _adopt(self, sock: socket.socket) -> bool:
        """Make this the slot's connection, unless the card or the slot went away meanwhile."""
        with self._lock:
            if self._card.occupied and not self._stopping:
                self._sock, self._hung_up = sock, False
                return True
        sock.close()
        return False

    def _drop(self, *, stay_away: bool) -> None:
        """Close the connection; the card stays away until a polling reader has noticed.

        If it came back at once, pcscd would go on with a card that lost its power.
        """
        self._card.leave()
        if stay_away:
            self._absent_until = time.monotonic() + self._absence
        with self._lock:
            sock, self._sock = self._sock, None
            if sock is not None:
                sock.close()

    def _interrupt(self, *, hang_up: bool) -> None:
        """Wake the slot's thread, whatever it waits for; with `hang_up` the reader is cut off."""
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")
        if hang_up:
            with self._lock, contextlib.suppress(OSError):
                self._hung_up = True
                if self._sock is not None:
                    self._sock.shutdown(socket.SHUT_RDWR)

    def _sleep(self, seconds: float | None, other: socket.socket | None = None) -> bool:
        """Wait (None: for ever) until woken or until `other` can be read; tell whether it can."""
        with _Selector() as waiting:
            waiting.register(self._wake, selectors.EVENT_READ)
            if other is not None:
                waiting.register(other, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in waiting.select(seconds)]
        if self._wake in ready:
            self._wake.recv(4096)
        return other is not None and other in ready


class VpcdServer(Server):
    """Serves one or more cards to the virtual reader driver, one slot and one port each.

    Slot n uses port + n. `listen=False` connects to a driver that listens (the default of Debian's
    package); `listen=True` waits for a driver that connects. `start` returns at once; `close`
    takes the cards' power and ends the threads. None among the cards is an empty slot.
    """

    def __init__(
        self,
        cards: Iterable[CardPort | None],
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        *,
        listen: bool = False,
        allow_remote: bool = False,
        on_status: StatusCallback = log_status,
        watchdog: float | None = 2.0,
        absence: float = 0.6,
    ) -> None:
        """Both times are in seconds.

        watchdog: silence after which a driver that hangs is cut off; None: never.
        absence: how long a card stays away when it was removed or its connection broke; longer
            than the reader's poll (0.4 s), or programs go on with a card that lost its power.
        """
        self._cards = tuple(cards)
        self._host, self._port = host, port
        self._listen, self._allow_remote = listen, allow_remote
        self._on_status = on_status
        self._watchdog = watchdog
        self._absence = absence
        self.slots: tuple[VpcdSlot, ...] = ()

    def start(self) -> None:
        """Open the ports (if it listens) and serve; OSError when a port is taken.

        ValueError where the last slots would have no port any more.
        AddressRefused when it would listen where other machines reach it. With port 0 each slot
        listens on any free port, to be read from its `address`.
        """
        slots: list[VpcdSlot] = []
        try:
            for index, card in enumerate(self._cards):
                slots.append(self._make_slot(index, card))
        except BaseException:
            for slot in slots:
                slot._stop()
            raise
        self.slots = tuple(slots)
        for slot in slots:
            slot._start()

    def _close(self, seconds: float) -> None:
        join([slot._stop() for slot in self.slots], seconds, self._tell_of_work)

    def _tell_of_work(self, most: str) -> None:
        for slot in self.slots:
            slot._tell_of_work(most)

    def _make_slot(self, index: int, card: CardPort | None) -> VpcdSlot:
        port = port_of_slot(self._port, index)
        listener = None
        if self._listen:
            listener = listen(self._host, port, allow_remote=self._allow_remote)
            port = listener.getsockname()[1]
        return VpcdSlot(
            index,
            self._host,
            port,
            card,
            listener=listener,
            on_status=self._on_status,
            watchdog=self._watchdog,
            absence=self._absence,
        )

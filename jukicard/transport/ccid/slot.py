"""One slot of a CCID reader: its card, what the driver set, and the chains of extended APDUs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

from jukicard.apdu.atr import Atr
from jukicard.transport import CardFault, CardNotPresent, CardPort, SlotState, StatusCallback
from jukicard.transport.ccid.messages import (
    FIRST,
    HEADER,
    ICC_MUTE,
    LENGTH,
    LEVEL,
    CcidError,
    Icc,
    Request,
)
from jukicard.transport.ccid.wire import tpdu
from jukicard.transport.serving import ServedSlot
from jukicard.transport.slot import WORKING_SECONDS, CardWorking
from jukicard.transport.tpdu import CRC, LRC, MAX_COMMAND_BYTES, ContactCard, Edc

_OVERRUN: Final = 0xFC
_CONTINUE: Final = 0x10
_SIZES: Final = {0: 5, 1: 7}
"""Bytes of abProtocolDataStructure for each protocol (CCID 1.1, 6.1.7)."""
_VOLTAGES: Final = 3  # bPowerSelect: automatic, 5 V, 3 V, 1.8 V


class ExchangeLevel(Enum):
    """What PC_to_RDR_XfrBlock carries: dwFeatures of the reader (CCID 1.1, 5.1)."""

    TPDU = "TPDU"
    SHORT = "short APDU"
    EXTENDED = "short and extended APDU"


class CcidSlot(ServedSlot):
    """A slot that a CCID reader serves; `insert`, `remove` and `reset` from any thread.

    A card that was pulled is absent until the driver has been told so once, however soon the next
    one comes: it polls, and would go on with a card that lost its power.
    """

    def __init__(
        self,
        index: int,
        address: str,
        card: CardPort | None,
        on_status: StatusCallback,
        moved: Callable[[int, bool], None],
        contact: Callable[[CardPort], ContactCard] = ContactCard,
    ) -> None:
        super().__init__(address, index, on_status, index, card)
        self._moved = moved
        self._make_contact = contact
        self._contact: ContactCard | None = None
        self._lock = threading.Lock()  # the contacts are one thread's at a time
        self._untold = False  # pulled, and the driver does not know
        self.in_use = False
        """Whether a driver speaks to the reader."""
        self._forget()

    def _forget(self) -> None:
        """Set everything to what it is before the first reset."""
        self.protocol = 0
        self._parameters = b""
        self._command = bytearray()
        self._chaining = False
        self._answer = b""

    @property
    def address(self) -> str:
        """The path of the line."""
        return self.host

    @property
    def connected(self) -> bool:
        """Whether a driver speaks to the reader."""
        return self.in_use

    @property
    def icc(self) -> Icc:
        """What the driver is told of the card."""
        if self._untold or not self._card.occupied:
            return Icc.ABSENT
        return Icc.ACTIVE if self._card.powered else Icc.INACTIVE

    @property
    def edc(self) -> Edc:
        """The checksum of a block of T=1 (bmTCCKST1, bit 0)."""
        return CRC if self.protocol == 1 and self._parameters[1:2] in (b"\x11", b"\x13") else LRC

    @property
    def chaining(self) -> bool:
        """Whether the card has a part of a command: what comes now becomes the rest of it."""
        return self._contact is not None and self._contact.chaining

    # --- by hand ---

    def insert(self, card: CardPort) -> None:
        """Put a card in; RuntimeError when one is in."""
        super().insert(card)
        self._moved(self.index, True)

    def remove(self) -> CardPort:
        """Take the card out and return it; CardNotPresent without one, CardWorking."""
        before, self._untold = self._untold, True
        try:
            card = self._card.remove()
        except BaseException:
            self._untold = before
            raise
        self._tell(SlotState.REMOVED)
        self._moved(self.index, False)
        return card

    def reset(self) -> None:
        """Reset the card behind the reader's back. CardNotPresent, CardFault, CardWorking."""
        if not self._card.occupied:
            raise CardNotPresent("no card in the slot")
        with self._alone():
            if self._card.powered:
                (self._contact or self._card).reset()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=WORKING_SECONDS):
            raise CardWorking(f"the card has been working for {WORKING_SECONDS:g} s: wait for it")
        try:
            yield
        finally:
            self._lock.release()

    # --- by the driver ---

    def told(self) -> Icc:
        """Return what the driver is told; one that hears of no card sees the next one."""
        untold, icc = self._untold, self.icc
        if untold:
            self._untold = False
        return icc

    def power_on(self, voltage: int) -> bytes:
        """Cold reset, or a warm one of a card that has power; return the ATR. CcidError.

        A card whose ATR has neither T=0 nor T=1 is mute after it, but at the level of APDUs.
        """
        if voltage > _VOLTAGES:
            raise CcidError(FIRST)
        self._forget()
        with self._heard():
            warm = self._card.powered
            if not warm:
                try:
                    self._contact = self._make_contact(self._card)
                except ValueError:  # the driver judges the ATR
                    self._contact = None
            card = self._contact or self._card
            atr = card.reset() if warm else card.power_on()
            self.reset_parameters()
        return atr

    def power_off(self) -> None:
        """Take the card's power."""
        self._forget()
        with self._alone():
            self._card.power_off()

    def leave(self) -> None:
        """Take the card's power as `CardSlot.leave`: the driver is gone."""
        self._forget()
        self._card.leave()

    def set_parameters(self, protocol: int, data: bytes) -> bytes:
        """Take what the driver sets for a protocol and return it. CcidError."""
        self._powered()
        if protocol not in _SIZES:
            raise CcidError(FIRST)
        if len(data) != _SIZES[protocol]:
            raise CcidError(LENGTH)
        self.protocol, self._parameters = protocol, data
        return data

    def parameters(self) -> bytes:
        """Return what is set. CcidError without power."""
        self._powered()
        return self._parameters

    def reset_parameters(self) -> bytes:
        """Set what the ATR says, for the protocol that the card speaks; return it. CcidError."""
        self._powered()
        contact = self._contact
        self.protocol = 0 if contact is None else contact.protocol
        told = {} if contact is None else Atr.parse(contact.atr).interface_bytes
        speed, guard = told.get("TA1", 0x11), told.get("TC1", 0)
        if self.protocol == 0:
            self._parameters = bytes((speed, 0, guard, told.get("TC2", 0x0A), 0))
        else:
            waiting, ifsc = told.get("TB3", 0x4D), told.get("TA3", 0x20)
            crc = told.get("TC3", 0) & 1
            self._parameters = bytes((speed, 0x10 | crc, guard, waiting, 0, ifsc, 0))
        return self._parameters

    def transfer(self, request: Request, level: ExchangeLevel, size: int) -> tuple[bytes, int]:
        """Do PC_to_RDR_XfrBlock; return abData, at most `size` bytes, and bChainParameter."""
        self._powered()
        if level is not ExchangeLevel.EXTENDED:
            answer = self.exchange(request.data, level)
            if len(answer) > size:
                raise CcidError(_OVERRUN)
            return answer, 0
        if request.level == _CONTINUE:
            return self._go_on(request.data, size)
        command = self._collect(request.level, request.data)
        if command is None:
            return b"", _CONTINUE
        self._answer = self.exchange(command, level)
        return self._part(size, first=True)

    def exchange(self, data: bytes, level: ExchangeLevel) -> bytes:
        """Give the card what one block carries; return its answer. CcidError."""
        contact = self._contact
        with self._heard():
            if contact is not None and contact.hears_pps(data):
                answer = contact.exchange(data)
            elif level is not ExchangeLevel.TPDU:
                return self._card.transmit(data)
            elif contact is None or contact.protocol != self.protocol:
                raise CcidError(ICC_MUTE)  # the two understand nothing of one another
            elif contact.protocol == 0:
                answer = tpdu(contact.exchange, data)
            else:
                answer = contact.exchange(data)
        if not answer:
            raise CcidError(ICC_MUTE)
        return answer

    def exchange_typed(self, data: bytes, level: ExchangeLevel) -> bytes:
        """Do `exchange` with what a key pad made; the command that it becomes is in no trace."""
        self._card.expect_typed()  # one of the driver's that ends it, or comes in its place, too
        return self.exchange(data, level)

    def abort(self) -> None:
        """Forget the chains that are under way."""
        self._command.clear()
        self._chaining, self._answer = False, b""

    def _powered(self) -> None:
        """Refuse what needs a card with power: without, a reader hears nothing. CcidError."""
        if self.icc is not Icc.ACTIVE:
            raise CcidError(ICC_MUTE)

    @contextlib.contextmanager
    def _heard(self) -> Iterator[None]:
        """A card that fails or goes is one that keeps silent; whoever serves it hears why."""
        if self.icc is Icc.ABSENT:
            raise CcidError(ICC_MUTE)
        try:
            with self._alone():
                yield
        except CardFault as fault:
            self._tell(SlotState.FAULT, fault.told)
            raise CcidError(ICC_MUTE) from None
        except (CardNotPresent, CardWorking):
            raise CcidError(ICC_MUTE) from None

    # --- chains (CCID 1.1, 6.1.4 and 6.2.1) ---

    def _collect(self, level: int, data: bytes) -> bytes | None:
        """Take a part of a command; return the command when it is whole. CcidError."""
        self._answer = b""
        begins, ends = level in (0, 1), level in (0, 2)
        if level > 3 or not (begins or self._chaining):
            self.abort()
            raise CcidError(LEVEL)
        if begins:
            self._command.clear()
        self._command += data
        self._chaining = not ends
        if len(self._command) > MAX_COMMAND_BYTES:
            self.abort()
            raise CcidError(LENGTH)
        return bytes(self._command) if ends else None

    def _go_on(self, data: bytes, size: int) -> tuple[bytes, int]:
        if data or not self._answer:
            self.abort()
            raise CcidError(LENGTH if data else LEVEL)
        return self._part(size, first=False)

    def _part(self, size: int, *, first: bool) -> tuple[bytes, int]:
        part, self._answer = self._answer[:size], self._answer[size:]
        if first:
            return part, 1 if self._answer else 0
        return part, 3 if self._answer else 2


def room(max_message: int) -> int:
    """Return how many bytes of abData a message of this length has."""
    return max_message - HEADER

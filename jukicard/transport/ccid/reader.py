"""A CCID reader without its line: whatever message comes, there is an answer, and no exception."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from jukicard.transport import CardPort, StatusCallback, log_status
from jukicard.transport.ccid.messages import (
    FIRST,
    HW_ERROR,
    ICC_MUTE,
    LENGTH,
    MAX_MESSAGE,
    NOT_SUPPORTED,
    SLOT,
    SLOT_BUSY,
    CcidError,
    Icc,
    Kind,
    Request,
    answer,
    length_fits,
    refusal,
)
from jukicard.transport.ccid.seam import SecureHandler, SecureRequest
from jukicard.transport.ccid.slot import CcidSlot, ExchangeLevel, room
from jukicard.transport.slot import describe
from jukicard.transport.tpdu import ContactCard

_RATES: Final = 8  # bytes of abData: dwClockFrequency, dwDataRate
EscapeHandler = Callable[[bytes], bytes]
"""Answers PC_to_RDR_Escape, which every maker fills in its own way. CcidError."""


def no_escape(data: bytes, /) -> bytes:
    """Refuse: this reader has no commands of its own."""
    raise CcidError(NOT_SUPPORTED)


def nobody(slot: int, present: bool, /) -> None:
    """Hear of a card that moved, and do nothing."""


class CcidReader:
    """The reader's end of CCID 1.1 for any number of slots. `handle` is for one thread.

    cards: one a slot; None is an empty slot.
    address: where the line is, for whoever is told.
    level: what the driver exchanges; it may be changed between messages.
    max_message: dwMaxCCIDMessageLength, header included; longer ones are refused.
    escape, secure: what does PC_to_RDR_Escape and PC_to_RDR_Secure; None is a reader without.
    contact: makes the contacts of a card: `partial(ContactCard, pps=Pps.MUTE)`.
    moved: hears of every card that is put in or pulled, in the thread that does it.

    ValueError without a slot, with more than 256, or where no short APDU fits a message.
    """

    def __init__(
        self,
        cards: Iterable[CardPort | None],
        *,
        address: str = "ccid",
        level: ExchangeLevel = ExchangeLevel.TPDU,
        max_message: int = MAX_MESSAGE,
        escape: EscapeHandler = no_escape,
        secure: SecureHandler | None = None,
        on_status: StatusCallback = log_status,
        moved: Callable[[int, bool], None] = nobody,
        contact: Callable[[CardPort], ContactCard] = ContactCard,
    ) -> None:
        self.slots = tuple(
            CcidSlot(index, address, card, on_status, moved, contact)
            for index, card in enumerate(cards)
        )
        if not 1 <= len(self.slots) <= 256:
            raise ValueError("a reader has 1 to 256 slots: bSlot is one byte")
        if max_message < MAX_MESSAGE:
            raise ValueError(f"a message takes at least {MAX_MESSAGE} bytes")
        self.level = level
        self.max_message = max_message
        self.escape = escape
        self._secure = secure
        self.closing = False
        """True makes a key pad that waits for a person give up."""

    def __repr__(self) -> str:
        return f"<CcidReader {len(self.slots)} slots, {self.level.value}>"

    def handle(self, message: bytes, more_time: Callable[[], None] = lambda: None) -> bytes:
        """Do one message of the driver and return the reader's; never raises, whatever it is.

        `more_time` asks the driver for time, of PC_to_RDR_Secure only, while a person types. While
        a card works, whoever has the line asks, as `SerialReader` does by a thread of its own: here
        everything waits for the card.
        """
        request = Request.parse(message)
        slot = self.slots[request.slot] if request.slot < len(self.slots) else None
        try:
            if not length_fits(message) or len(message) > self.max_message:
                raise CcidError(LENGTH)
            if slot is None:
                raise CcidError(SLOT)
            data, last = self._do(request, slot, more_time)
            icc = slot.told() if request.kind == Kind.SLOT_STATUS else slot.icc
            return answer(request, icc, data, last)
        except CcidError as error:
            code = error.code
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the reader
            logging.getLogger(__name__).error("a message failed: %s", describe(error))
            code = HW_ERROR
        return refusal(request, slot.icc if slot else Icc.ABSENT, code)

    def power_off(self) -> None:
        """Take the power of every card: the driver is gone. Never raises.

        A card that somebody is resetting loses it when that is done.
        """
        for slot in self.slots:
            slot.leave()

    def _do(
        self, request: Request, slot: CcidSlot, more_time: Callable[[], None]
    ) -> tuple[bytes, int]:
        """Do a message; return abData and byte 9 of the answer."""
        match request.kind:
            case Kind.XFR_BLOCK:
                return slot.transfer(request, self.level, room(self.max_message))
            case Kind.SLOT_STATUS:
                return b"", 0
            case Kind.POWER_ON:
                return slot.power_on(request.fields[0]), 0
            case Kind.POWER_OFF:
                slot.power_off()
            case Kind.SET_PARAMETERS | Kind.GET_PARAMETERS | Kind.RESET_PARAMETERS:
                return _parameters(request, slot), slot.protocol
            case Kind.ESCAPE:
                return self.escape(request.data), 0
            case Kind.SECURE if self._secure is not None:
                return self._ask(self._secure, request, slot, more_time), 0
            case Kind.CLOCK | Kind.DATA_RATE:
                return _clock(request)
            case Kind.ABORT:
                slot.abort()
            case _:
                raise CcidError(NOT_SUPPORTED)
        return b"", 0

    def _ask(
        self,
        secure: SecureHandler,
        request: Request,
        slot: CcidSlot,
        more_time: Callable[[], None],
    ) -> bytes:
        if not request.data:
            raise CcidError(LENGTH)
        if slot.icc is not Icc.ACTIVE:
            raise CcidError(ICC_MUTE)
        if slot.chaining:  # the PIN would end in a command of the host's, a file's content perhaps
            raise CcidError(SLOT_BUSY)
        return secure(
            SecureRequest(
                slot.index,
                request.data,
                request.level,
                slot.protocol,
                slot.edc,
                self.level is ExchangeLevel.TPDU,
                lambda data: slot.exchange_typed(data, self.level),
                more_time,
                lambda: self.closing or slot.icc is not Icc.ACTIVE,
            )
        )


def _parameters(request: Request, slot: CcidSlot) -> bytes:
    match request.kind:
        case Kind.SET_PARAMETERS:
            return slot.set_parameters(request.fields[0], request.data)
        case Kind.RESET_PARAMETERS:
            return slot.reset_parameters()
        case _:
            return slot.parameters()


def _clock(request: Request) -> tuple[bytes, int]:
    """Let the clock run or stand, or take its rate: no card here minds."""
    if request.kind == Kind.CLOCK:
        if request.fields[0] > 1:
            raise CcidError(FIRST)
        return b"", request.fields[0]
    if len(request.data) != _RATES:
        raise CcidError(LENGTH)
    return request.data, 0

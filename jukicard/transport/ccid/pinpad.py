"""PC_to_RDR_Secure from first byte to card's answer: asks, waits, and tells the digits nobody."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from jukicard.transport.ccid.keypad import Keypad, PadKey, PinPrompt, message
from jukicard.transport.ccid.messages import (
    CMD_ABORTED,
    HW_ERROR,
    LEVEL,
    PIN_CANCELLED,
    PIN_TIMEOUT,
    CcidError,
)
from jukicard.transport.ccid.pinblock import build, in_block
from jukicard.transport.ccid.pinstructure import Ends, Misfit, SecureStructure, parse
from jukicard.transport.ccid.seam import SecureRequest

DEFAULT_SECONDS: Final = 30
"""How long an entry may take where the host says 0."""
_SLICE: Final = 0.1
"""The longest wait for a key, in seconds, before somebody looks whether the card is still there."""
_MORE_TIME: Final = 0.5
_TYPED: Final = 255
"""More digits than that are not heard."""

DIFFERENT: Final = 0x6402
"""The two entries of a new PIN differ (PC/SC part 10)."""
WRONG_LENGTH: Final = 0x6403
"""A PIN has too few or too many digits (PC/SC part 10)."""
WRONG_STRUCTURE: Final = 0x6B80
"""The structure makes no sense (PC/SC part 10)."""
_OUTCOMES: Final = {
    CMD_ABORTED: "ended",
    PIN_CANCELLED: "cancelled",
    PIN_TIMEOUT: "time is over",
    HW_ERROR: "the key pad failed",
    DIFFERENT: "the new PINs differ",
    WRONG_LENGTH: "too short or too long",
}


class _Told(Exception):
    """The reader answers with this status word instead of the card."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class PinPad:
    """Does PC_to_RDR_Secure with a key pad: the `secure` of a CCID reader.

    pad: where the person types.
    indexes: how many bMsgIndex a modification has, where its driver does not keep to CCID.
    clock: seconds that only grow.

    The digits are kept until the command is made, and then overwritten; they are in no error, log
    or repr.
    """

    def __init__(
        self,
        pad: Keypad,
        *,
        indexes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pad = pad
        self._indexes = indexes
        self._clock = clock

    def __repr__(self) -> str:
        return "<PinPad>"

    def __call__(self, request: SecureRequest) -> bytes:
        """Do it; return what the card answered, or the status word of the reader. CcidError."""
        try:
            return self._do(request)
        except Misfit:
            return WRONG_STRUCTURE.to_bytes(2)
        except _Told as told:
            return told.status.to_bytes(2)

    def _do(self, request: SecureRequest) -> bytes:
        if request.level:
            raise CcidError(LEVEL)
        structure = parse(request.body, self._indexes)
        least = bytes(max(structure.minimum, 1))
        _sent(request, structure, [least] * _count(structure))  # before anybody is asked in vain
        entries = [bytearray() for _ in structure.messages]
        try:
            self._ask(request, structure, entries)
            command = _sent(request, structure, entries[: _count(structure)])
        finally:
            for digits in entries:
                digits[:] = bytes(len(digits))
        return request.transmit(command)

    def _ask(
        self, request: SecureRequest, structure: SecureStructure, entries: list[bytearray]
    ) -> None:
        outcome = _OUTCOMES[HW_ERROR]
        try:
            for index, digits in zip(structure.messages, entries, strict=True):
                self._enter(request, structure, index, digits)
            if structure.confirm and entries[-1] != entries[-2]:
                raise _Told(DIFFERENT)
            outcome = "done"
        except CcidError as error:
            outcome = _OUTCOMES[error.code]
            raise
        except _Told as told:
            outcome = _OUTCOMES[told.status]
            raise
        except OSError:
            raise CcidError(HW_ERROR) from None
        finally:
            with contextlib.suppress(OSError):
                self._pad.end(outcome)

    def _enter(
        self,
        request: SecureRequest,
        structure: SecureStructure,
        index: int | None,
        digits: bytearray,
    ) -> None:
        """Let one PIN be typed. CcidError when nobody does, _Told for a wrong length."""
        seconds = structure.seconds or DEFAULT_SECONDS
        least, most = max(structure.minimum, 1), structure.maximum
        text = message(index, structure.language)
        self._pad.begin(PinPrompt(text, least, most, seconds))
        over = self._clock() + seconds
        asked = -_MORE_TIME
        while (now := self._clock()) < over:
            if request.ended():
                raise CcidError(CMD_ABORTED)
            if now - asked >= _MORE_TIME:
                asked = now
                request.more_time()
            key = self._pad.key(min(_SLICE, over - now))
            if key is PadKey.CANCEL:
                raise CcidError(PIN_CANCELLED)
            if key is PadKey.OK and Ends.KEY in structure.ends:
                if not least <= len(digits) <= most:
                    raise _Told(WRONG_LENGTH)
                return
            self._edit(key, digits)
            if Ends.FULL in structure.ends and len(digits) == most:
                return
        if Ends.TIME not in structure.ends or not least <= len(digits) <= most:
            raise CcidError(PIN_TIMEOUT)

    def _edit(self, key: PadKey | None, digits: bytearray) -> None:
        """Do what a key does to the digits; those above the maximum are kept, to be told of."""
        match key:
            case None | PadKey.OK | PadKey.CANCEL:
                return
            case PadKey.CLEAR:
                digits[:] = bytes(len(digits))
                digits.clear()
            case PadKey.BACK:
                digits[-1:] = b""
            case _ if len(digits) < _TYPED:
                digits.append(key.value)
        self._pad.typed(len(digits))


def _count(structure: SecureStructure) -> int:
    """Return how many PINs go into the command: the confirmation does not."""
    return (structure.old is not None) + (structure.new is not None)


def _sent(
    request: SecureRequest, structure: SecureStructure, pins: list[bytes] | list[bytearray]
) -> bytes:
    """Return what goes to the card. Misfit."""
    old = pins[0] if structure.old is not None else None
    new = pins[-1] if structure.new is not None else None
    command = build(structure, old, new)
    if not request.tpdu:
        return command
    if request.protocol == 0:
        return command[: 5 + command[4]]  # no Le behind data (ISO/IEC 7816-3:2006, 12.2.5)
    return in_block(structure.prologue, command, request.edc)

"""The receipt: what the card itself remembers of the last administrative change, and proves.

It is written in the transaction of the change, so that a power cut leaves both or neither. A card
has it where its profile says so, one for all its applications; each that tells it has a key of its
own for that. docs/card.md, "The receipt".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.apdu.status import StatusWord
from jukicard.crypto.symmetric import AesKey
from jukicard.errors import IsoError
from jukicard.filesystem.access import AccessCondition
from jukicard.kit.fileapplet import FileState
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.cardstate import RECEIPT_TAG, RECEIPTS, CardControl

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

PURPOSE: Final = "RECEIPT"
"""The system whose K.MAC of this application on this card makes the receipt's MAC: no terminal
has its master, the issuer does."""
INTENT_LENGTH: Final = 16
NO_INTENT: Final = bytes(INTENT_LENGTH)
_NUMBER: Final = 4
_SEEN: Final = b"\x01"
_NOT_SEEN: Final = b"\x00"
_KEY: Final = "receipt/key"


class ReceiptState(FileState):
    """Adds the intent with which the session makes its changes."""

    intent: bytes = NO_INTENT


class Receipts:
    """The card's receipt, as an application with `Privilege.CARD` changes and tells it."""

    __slots__ = ("_context", "_memory")

    def __init__(self, context: AppletContext) -> None:
        self._context = context
        self._memory = context.memory

    @property
    def kept(self) -> bool:
        """Whether this application keeps receipts."""
        return self._memory.get(_KEY) is not None

    def personalise(self, order: Order) -> None:
        """Begin with number 0 where the profile says so. ValueError without a key for it."""
        if RECEIPTS not in self._context.parameters:
            return
        keys = order.keys_for(PURPOSE)
        if keys is None:
            raise ValueError(f"a card that keeps receipts needs a master key for {PURPOSE}")
        self._memory.put(_KEY, bytes((keys.version,)) + keys.mac)
        self._card().keep_receipt(bytes(_NUMBER) + _SEEN + NO_INTENT)

    def changed(self, intent: bytes) -> None:
        """Count an administrative change, in its transaction. IsoError 6985 at the last number."""
        if not self.kept:
            return
        number = int.from_bytes(self._last()[:_NUMBER]) + 1
        if number >> 8 * _NUMBER:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "the receipt's number is at its end"
            )
        self._card().keep_receipt(number.to_bytes(_NUMBER) + _NOT_SEEN + intent)

    def take(self, value: bytes, state: ReceiptState) -> None:
        """Take the intent of the changes to come, or that the answer of the last was seen.

        IsoError 6A80 for what is neither, 6985 for another number than the last one.
        """
        last = self._last()
        if len(value) == INTENT_LENGTH and any(value):
            state.intent = value
        elif len(value) != _NUMBER:
            raise IsoError(
                StatusWord.INCORRECT_DATA,
                f"an intent has {INTENT_LENGTH} bytes, not all 00, the number of a receipt four",
            )
        elif value != last[:_NUMBER]:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "this is not the number of the last receipt"
            )
        else:
            self._card().keep_receipt(value + _SEEN + last[_NUMBER + 1 :])

    def told(self) -> bytes:
        """Return the value of the object: number, seen, version of the key, intent, MAC."""
        last, key = self._last(), self._memory.get(_KEY) or b""
        body = last[: _NUMBER + 1] + key[:1] + last[_NUMBER + 1 :]
        return body + AesKey(key[1:]).cmac(body)[:8]

    def description(self) -> list[tuple[str, str]]:
        """Say which change was the last, and whether its answer was seen; nothing without one."""
        if not self.kept:
            return []
        last = self._last()
        number = int.from_bytes(last[:_NUMBER])
        seen = "seen" if last[_NUMBER : _NUMBER + 1] == _SEEN else "not seen"
        said = f"change {number}, its answer was {seen}" if number else "no change yet"
        return [("receipt", said)]

    def _last(self) -> bytes:
        return self._card().receipt or b""

    def _card(self) -> CardControl:
        card = self._context.card
        if card is None:
            raise ValueError("who keeps receipts has Privilege.CARD")
        return card


def enter(receipts: Receipts, condition: AccessCondition, state: FileState) -> None:
    """Refuse the object where there is none (6A88), or without what it needs (6982)."""
    if not receipts.kept:
        raise IsoError(
            StatusWord.REFERENCED_DATA_NOT_FOUND, f"{RECEIPT_TAG:X}: this card keeps no receipts"
        )
    if not condition.holds(state.security):
        raise IsoError(
            StatusWord.SECURITY_STATUS_NOT_SATISFIED,
            f"the receipt needs {condition.missing(state.security)}",
        )


def check_kept(memory: ApplicationMemory) -> None:
    """Refuse a key for receipts that was never written. ValueError, without its value."""
    key = memory.get(_KEY)
    if key is not None and len(key) - 1 not in (16, 24, 32):
        raise ValueError("a receipt's key is of another length than keys have")

"""The receipt that a card keeps of the last administrative change, and what it decides.

A change and its receipt land together or not at all (docs/card.md, "The receipt"): whoever lost the
answer to a change reads the receipt, and need neither guess nor send anything again.
"""

from __future__ import annotations

import hmac
import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from jukicard.apdu import Aid, Ins
from jukihost.conversation.protection import under_purpose
from jukihost.conversation.secured import ProtectedSession
from jukihost.crypto.primitives import AesCmac
from jukihost.errors import (
    CardError,
    ProtocolError,
    ReferenceNotFound,
    SecureMessagingError,
    TransportError,
)
from jukihost.keys.custody import KeyCustody

RECEIPT: Final = 0xC6
SYSTEM: Final = "RECEIPT"
"""In a key store: the system whose K.MAC makes a card's receipts; the issuer's alone."""
INTENT_BYTES: Final = 16
_NUMBER: Final = 4
_MAC: Final = 8
_LENGTH: Final = _NUMBER + 2 + INTENT_BYTES + _MAC


class ReceiptError(CardError):
    """A receipt says what cannot be: look for who has used the card, and with what."""


class ReceiptForged(ReceiptError):
    """The MAC of a receipt is not the card's: it was changed, or the card has another key."""


class ReceiptElsewhere(ReceiptError):
    """This is another card than the one whose change was begun."""


class ReceiptWentBack(ReceiptError):
    """The number of the card's receipt is lower than it was: the card is a copy of an old one."""


class ChangeInterrupted(TransportError):
    """The answer to a change is lost. `change` is what `settle` needs; it holds no secret."""

    change: OpenChange

    @classmethod
    def of(cls, change: OpenChange) -> Self:
        """Return the error for a change."""
        error = cls(
            "the answer to the change was lost; send nothing again: put the same card back, "
            "authenticate as before, and settle the change"
        )
        error.change = change
        return error


class ChangeOutcome(Enum):
    """What has become of a change whose answer was lost."""

    DONE = "the card has made the change"
    PARTLY_DONE = (
        "the card has made the first of several changes: read what it holds, and begin the rest"
    )
    NOT_DONE = "the card is as it was before"
    UNCERTAIN = "the card keeps no receipt that says it: read what the change was to write"
    PIN_UNCERTAIN = (
        "nobody knows which PIN the card has: try none, since a wrong one costs a try; let the "
        "holder choose a new one at the counter, which sets it with `unblock_pin`"
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a card's last administrative change, as one of its applications tells it.

    number: how many changes there have been on the card; one that the ledger does not know is a
    lost entry. seen: the terminal has said that it had the answer. intent: the 16 bytes that the
    terminal gave before the change, empty when it gave none. version: of the key, of this
    application, that made `mac`.
    """

    aid: Aid
    card_number: bytes
    number: int
    seen: bool
    version: int
    intent: bytes
    mac: bytes

    def verify(self, custody: KeyCustody) -> None:
        """Check the MAC with the key that only the issuer's custody and this card have.

        ReceiptForged; UnknownKey where the custody has no master for RECEIPT.
        """
        keys = custody.derive_card_keys(SYSTEM, self.card_number, self.aid, self.version)
        body = self.number.to_bytes(_NUMBER) + bytes((self.seen, self.version))
        body += self.intent or bytes(INTENT_BYTES)
        if not hmac.compare_digest(AesCmac(keys.k_mac)(body)[:_MAC], self.mac):
            raise ReceiptForged(
                "the MAC of the card's receipt is not its own: keep the card, and look for who has "
                "used it"
            )


@dataclass(frozen=True, slots=True)
class OpenChange:
    """A change that was begun: on which card, with what intent, and the number before it.

    `number` is None on a card that keeps no receipts. `of_pin` says that what is changed cannot be
    read. `changes` is how many there are, one after the other. Nothing in it is secret: it may be
    stored before the change is sent.
    """

    card_number: bytes
    intent: bytes
    number: int | None
    of_pin: bool = False
    changes: int = 1

    def outcome(self, receipt: Receipt | None) -> ChangeOutcome:
        """Tell what has become of it, from the receipt that the card has now.

        ReceiptElsewhere, ReceiptWentBack.
        """
        unknown = ChangeOutcome.PIN_UNCERTAIN if self.of_pin else ChangeOutcome.UNCERTAIN
        if receipt is None or self.number is None:
            return unknown
        if receipt.card_number != self.card_number:
            raise ReceiptElsewhere("the change was begun on another card: put that one back")
        if receipt.number < self.number:
            raise ReceiptWentBack(
                "the card has made fewer changes than it had: it is a copy of an older state; "
                "keep it, and look for who has used it"
            )
        made = receipt.number - self.number
        if made and receipt.intent == self.intent:
            if made > self.changes:  # some were somebody else's: nobody knows how many
                return unknown
            return ChangeOutcome.DONE if made == self.changes else ChangeOutcome.PARTLY_DONE
        # one change of somebody else's leaves no room for ours, several do
        return ChangeOutcome.NOT_DONE if made < 2 else unknown


def checked_intent(intent: bytes) -> bytes:
    """Return an intent. ValueError for what is none."""
    if len(intent) != INTENT_BYTES or not any(intent):
        raise ValueError(f"an intent has {INTENT_BYTES} bytes, not all 00")
    return intent


@contextmanager
def answered(change: OpenChange) -> Iterator[None]:
    """Send what makes a change: ChangeInterrupted where its answer is lost, or nobody's."""
    try:
        yield
    except (TransportError, SecureMessagingError, ProtocolError) as lost:
        raise ChangeInterrupted.of(change) from lost


class KeepsReceipts(ProtectedSession):
    """A conversation with an application that may keep receipts of administrative changes::

        change = juki.begin_change()
        with answered(change):
            juki.update_card_data(info)
        juki.confirm(change)

    Where the answer is lost, `settle` tells in a later session whether the change was made.
    """

    @abstractmethod
    def _put_receipt(self, value: bytes) -> None:
        """Write the object: an intent, or the number whose answer was seen."""

    @under_purpose(Ins.GET_DATA)
    def receipt(self, custody: KeyCustody | None = None) -> Receipt | None:
        """Return the card's receipt, None from a card that keeps none.

        With the issuer's `custody` its MAC is checked: ReceiptForged. TerminalNotAuthenticated,
        SecurityStatusNotSatisfied for a purpose that may not read it, ProtocolError.
        """
        try:
            value = self.get_data(RECEIPT)
        except ReferenceNotFound:
            return None
        if len(value) != _LENGTH or value[_NUMBER] > 1:
            raise ProtocolError("the card's receipt is malformed")
        intent = value[_NUMBER + 2 : -_MAC]
        receipt = Receipt(
            self.AID,
            self.card_number(),
            int.from_bytes(value[:_NUMBER]),
            bool(value[_NUMBER]),
            value[_NUMBER + 1],
            intent if any(intent) else b"",
            value[-_MAC:],
        )
        if custody is not None:
            receipt.verify(custody)
        return receipt

    def begin_change(
        self,
        intent: bytes | None = None,
        *,
        of_pin: bool = False,
        changes: int = 1,
        custody: KeyCustody | None = None,
    ) -> OpenChange:
        """Tell the card with what intent this session changes it, and return what settles that.

        intent: 16 bytes, not all 00, that name the matter in the ledger; drawn unless given.
        changes: how many changes follow under it; `settle` then tells whether all were made.
        On a card without receipts nothing is told, and `settle` will be UNCERTAIN. ValueError for
        an intent that is none; else as `receipt`.
        """
        intent = os.urandom(INTENT_BYTES) if intent is None else checked_intent(intent)
        before = self.receipt(custody)
        if before is not None:
            self._put_receipt(intent)
        number = None if before is None else before.number
        return OpenChange(self.card_number(), intent, number, of_pin, changes)

    def announce(self, intent: bytes) -> bool:
        """Tell the card the intent, for a purpose that changes it and may not read the receipt.

        False from a card that keeps none. ValueError for an intent that is none.
        """
        try:
            self._put_receipt(checked_intent(intent))
        except ReferenceNotFound:
            return False
        return True

    @under_purpose(Ins.GET_DATA)
    def settle(self, change: OpenChange, custody: KeyCustody | None = None) -> ChangeOutcome:
        """Tell what has become of a change whose answer was lost; nothing is sent again.

        ReceiptForged, ReceiptElsewhere, ReceiptWentBack; else as `receipt`.
        """
        if self.card_number() != change.card_number:
            raise ReceiptElsewhere("the change was begun on another card: put that one back")
        return change.outcome(self.receipt(custody))

    def confirm(self, change: OpenChange, custody: KeyCustody | None = None) -> Receipt | None:
        """Tell the card that the answer to the change was seen, and return its receipt for good.

        None from a card that keeps none. ReceiptError where the card has no receipt of the change.
        """
        receipt = self.receipt(custody)
        if receipt is None:
            return None
        if change.outcome(receipt) is not ChangeOutcome.DONE:
            raise ReceiptError("the card's last receipt is not that of this change: settle it")
        self._put_receipt(receipt.number.to_bytes(_NUMBER))
        return self.receipt(custody)

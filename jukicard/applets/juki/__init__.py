"""The Juki application: the resident record code (住民票コード) and the PIN that guards it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.applets import receipts
from jukicard.applets.counter import AT_THE_COUNTER
from jukicard.applets.juki.commands import ResidenceState, parse_residence
from jukicard.applets.juki.files import (
    CARD_RULES,
    CARD_STATE,
    CHANGES,
    RESIDENCE,
    RIGHTS_AFTER_MOVING_OUT,
    ROLE_BITS,
    TO_SUSPEND,
    TREE,
)
from jukicard.applets.names import JUKI as AID
from jukicard.errors import IsoError
from jukicard.filesystem.commands import parse_get_data, parse_put_data
from jukicard.filesystem.operations import data
from jukicard.kit.features.certificates import Certificates, CertificateState
from jukicard.kit.features.jicsap import Jicsap
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.privacy import Privacy, PrivacyState
from jukicard.kit.keys import CARD_NUMBER
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.cardstate import RECEIPT_TAG
from jukicard.runtime.events import LifeCycleChanged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jukicard.kit.personalisation import Order

__all__ = ["AID", "JukiApplet"]

_MOVED_OUT: Final = bytes((ResidenceState.MOVED_OUT,))


class JukiState(CertificateState, PrivacyState, receipts.ReceiptState):
    """What is selected, proven and under way in the Juki application on one channel."""


class JukiApplet(
    Jicsap[JukiState], LifeCycle[JukiState], Certificates[JukiState], Privacy[JukiState]
):
    """PIN, resident record code, card data and the keys of the purposes of use.

    docs/card.md says who may read and change what. After moving out only the systems for moving
    in and at the counter get in.
    """

    type_name = "juki"
    tree = TREE
    card_rules = CARD_RULES
    role_bits = ROLE_BITS

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.receipts = receipts.Receipts(context)

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse what cannot be, a receipt too. ValueError."""
        super().check_kept(memory, parameters)
        receipts.check_kept(memory)

    def prepare(self, order: Order) -> None:
        """Write residence and the chip's certificate, and begin the receipts, too."""
        from jukicard.applets.juki.personalisation import prepare

        super().personalise(order)
        prepare(self, order)
        self.receipts.personalise(order)

    def personalise(self, order: Order) -> None:
        """Write PIN, resident record code and card data, too."""
        from jukicard.applets.juki.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

    def process(self, command: CommandApdu, state: JukiState) -> ResponseApdu:
        """Answer a command; an administrative one leaves its receipt in the same transaction."""
        answer = super().process(command, state)
        if command.ins in CHANGES:
            self.receipts.changed(state.intent)
        return answer

    @property
    def description(self) -> list[tuple[str, str]]:
        """Which receipt, too."""
        return [*super().description, *self.receipts.description()]

    def card_identifier(self) -> bytes:
        """Return the card number, which a system reads before it signs."""
        return self.files.data_object(self.tree.root, CARD_NUMBER.tag) or b""

    def check_right(self, right: str) -> None:
        """Refuse all purposes but moving in and the counter after the holder has moved out."""
        super().check_right(right)
        moved_out = self.files.data_object(self.tree.root, RESIDENCE) == _MOVED_OUT
        if moved_out and right not in RIGHTS_AFTER_MOVING_OUT:
            raise IsoError(
                StatusWord.REFERENCE_DATA_NOT_USABLE,
                f"authentication for {right}: the holder has moved out",
            )

    def get_data(self, command: CommandApdu, state: JukiState) -> ResponseApdu:
        """GET DATA: card number, residence, chip's certificate, the card's state, the receipt."""
        parsed = parse_get_data(command)
        if parsed.tags == (RECEIPT_TAG,):
            receipts.enter(self.receipts, AT_THE_COUNTER, state)
            return ResponseApdu(Tlv(RECEIPT_TAG, self.receipts.told()).encode())
        if parsed.tags == (CARD_STATE,) and not parsed.tagged:
            lifecycle = bytes((self.context.card_state.byte,))
            return ResponseApdu(Tlv(CARD_STATE, lifecycle).encode())
        return ResponseApdu(data.get_data(self.files, state, parsed))

    def put_data(self, command: CommandApdu, state: JukiState) -> ResponseApdu:
        """PUT DATA: the counter notes that the holder moves out, or goes on using the card.

        Who changes something says before with what intent, and after that the answer was seen.
        """
        parsed = parse_put_data(command)
        if [tag for tag, _ in parsed.objects] == [RECEIPT_TAG]:
            receipts.enter(self.receipts, TO_SUSPEND, state)
            self.receipts.take(parsed.objects[0][1], state)
            return ResponseApdu()
        residence = parse_residence(parsed)
        data.put_data(self.files, state, parsed)
        self.receipts.changed(state.intent)
        self.context.end_other_sessions()
        self.context.emit(LifeCycleChanged(self.context.aid, "residence", residence.name.lower()))
        return ResponseApdu()

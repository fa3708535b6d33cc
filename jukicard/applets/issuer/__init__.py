"""The issuer domain: what is selected after a reset, and answers for the card as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.applets import receipts
from jukicard.applets.issuer.channel import ISSUER
from jukicard.applets.issuer.files import (
    CARD_KEY,
    CARD_STATE,
    JUKI_TREE,
    KEY_INFORMATION,
    TREE,
)
from jukicard.applets.issuer.management import Management, ManagementState
from jukicard.applets.names import ISSUER as AID
from jukicard.errors import IsoError
from jukicard.filesystem import commands as file_commands
from jukicard.filesystem.access import Authenticated
from jukicard.filesystem.operations import data
from jukicard.kit.features.cardkey import Presence
from jukicard.runtime.cardstate import RECEIPT_TAG
from jukicard.runtime.handlers import command

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

__all__ = ["AID", "IssuerApplet", "JukiIssuerApplet"]

USUAL_NAME: Final = Aid("A000000151000000")
"""GlobalPlatform's own name of an issuer security domain (Card Specification 2.3.1, H.1)."""
_SHORT: Final = 256
"""The longest answer that a short Le can ask for."""


class IssuerApplet(Management):
    """Answers GET DATA at card level, and lets the issuer manage the card.

    Which objects there are: docs/card.md, section 4. Nothing in it is personal.
    """

    type_name = "issuer"
    tree = TREE

    def prepare(self, order: Order) -> None:
        """Write what a blank card says of itself."""
        from jukicard.applets.issuer.personalisation import prepare

        super().prepare(order)
        prepare(self, order)

    def personalise(self, order: Order) -> None:
        """Write what the card says of itself, and who signs what it holds."""
        from jukicard.applets.issuer.personalisation import personalise_successor

        self.prepare(order)
        personalise_successor(self, order)

    @command(Ins.GET_DATA)
    @command(Ins.GET_DATA, proprietary=True)
    def get_card_data(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """GET DATA (ISO/IEC 7816-4:2020, 11.5.2).

        As measured on cards a long object comes whole or not at all: IsoError 6700.
        """
        parsed = file_commands.parse_get_data(command)
        if parsed.tags == (CARD_STATE,):
            return ResponseApdu(Tlv(CARD_STATE, bytes((self.context.card_state.byte,))).encode())
        if parsed.tags == (RECEIPT_TAG,) and self.receipts.kept:
            receipts.enter(self.receipts, Authenticated(ISSUER), state)
            return ResponseApdu(Tlv(RECEIPT_TAG, self.receipts.told()).encode())
        if parsed.tags == (KEY_INFORMATION,) and self.domain.versions():
            return ResponseApdu(self.domain.information())
        answer = data.get_data(self.files, state, parsed)
        if len(answer) > max(parsed.ne, _SHORT):
            raise IsoError(
                StatusWord.WRONG_LENGTH,
                f"GET DATA: {parsed.tags[0]:X} has {len(answer)} bytes and needs an extended Le",
            )
        return ResponseApdu(answer)

    @command(Ins.SELECT)
    def select_file(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """SELECT: there is no MF and no file here; as measured on cards, 6A82 and 6A86."""
        parsed = file_commands.parse_select(command)
        if parsed.reference:
            raise IsoError(StatusWord.FILE_NOT_FOUND, "SELECT: the issuer domain has no files")
        raise IsoError(StatusWord.INCORRECT_P1_P2, "SELECT: there is no MF")

    def select_inside(self, command: CommandApdu, state: ManagementState) -> ResponseApdu | None:
        """Answer to the name by which tools look for an issuer domain, while this one is selected.

        It is one byte longer than the name that cards were seen to have.
        """
        if command.data == USUAL_NAME:
            return self.select(command, state)
        return None


class JukiIssuerApplet(IssuerApplet, Presence[ManagementState]):
    """Answers for a Juki card: it proves besides that the card is there, before any application.

    SELECT, GET DATA and INTERNAL AUTHENTICATE are what every Juki card and reader know.
    """

    type_name = "issuer-juki"
    tree = JUKI_TREE

    def prepare(self, order: Order) -> None:
        """Write the card's own key, as long as the holder's, too."""
        super().prepare(order)
        self.signing.load(JUKI_TREE.ef(CARD_KEY), order.own_key(), check=False)

    def personalise(self, order: Order) -> None:
        """Write what the card says of itself, and its own key."""
        from jukicard.applets.issuer.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

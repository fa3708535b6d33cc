"""The issuer domain: what is selected after a reset, and answers for the card as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.applets.issuer.files import AID, CARD_STATE, TREE
from jukicard.errors import IsoError
from jukicard.filesystem import commands as file_commands
from jukicard.filesystem.operations import data
from jukicard.runtime.fileapplet import FileApplet, FileState, Handler

__all__ = ["AID", "IssuerApplet"]


class IssuerApplet(FileApplet):
    """Answers GET DATA at card level: issuer and card identification, municipality, expiry.

    Which objects there are: docs/card.md. Nothing in it is personal.
    """

    type_name = "issuer"
    tree = TREE

    def get_card_data(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """GET DATA (ISO/IEC 7816-4:2020, 11.5.2); long objects need an extended Le."""
        parsed = file_commands.parse_get_data(command)
        if parsed.tags == (CARD_STATE,):
            return ResponseApdu(Tlv(CARD_STATE, bytes((self.context.card_state.byte,))).encode())
        return ResponseApdu(data.get_data(self.files, state, parsed))

    def select_file(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """SELECT: there is no MF and no file here; as measured on cards, 6A82 and 6A86."""
        parsed = file_commands.parse_select(command)
        if parsed.reference:
            raise IsoError(StatusWord.FILE_NOT_FOUND, "SELECT: the issuer domain has no files")
        raise IsoError(StatusWord.INCORRECT_P1_P2, "SELECT: there is no MF")

    interindustry: ClassVar[Mapping[int, Handler]] = {
        Ins.GET_DATA: get_card_data,
        Ins.SELECT: select_file,
    }

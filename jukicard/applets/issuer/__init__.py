"""The issuer domain: what is selected after a reset, and answers for the card as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.applets.issuer.files import TREE
from jukicard.filesystem import commands as file_commands
from jukicard.filesystem.operations import data
from jukicard.runtime.fileapplet import FileApplet, FileState, Handler

AID: Final = Aid("A0000001510000")
"""The name under which the issuer security domain of a GlobalPlatform card is known."""


class IssuerApplet(FileApplet):
    """Answers GET DATA at card level: issuer and card identification, municipality, expiry.

    Which objects there are: docs/card.md. Nothing in it is personal.
    """

    type_name = "issuer"
    tree = TREE

    def get_card_data(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """GET DATA (ISO/IEC 7816-4:2020, 11.5.2)."""
        return ResponseApdu(data.get_data(self.files, state, file_commands.parse_get_data(command)))

    interindustry: ClassVar[Mapping[int, Handler]] = {Ins.GET_DATA: get_card_data}

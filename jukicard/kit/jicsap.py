"""What the Japanese card applications have in common: how they select files and change PINs.

The card family's own command set (JICSAP) is not public; these are the facts measured on cards,
listed in docs/card.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.commands import SelectBy, parse_select
from jukicard.kit.fileapplet import (
    ISO_FILE_COMMANDS,
    PIN_COMMANDS,
    FileApplet,
    FileState,
    Handler,
)


class JicsapApplet(FileApplet):
    """EFs are selected with P1 02; there is no MF; CHANGE KEY stands beside the ISO commands.

    `session_key_refusal` is how SET SESSION KEY is refused, by which clients tell applications
    apart: 6982 says that what would be needed cannot be proven here.
    """

    select_by: ClassVar[frozenset[SelectBy]] = frozenset({SelectBy.CHILD_EF})
    session_key_refusal: ClassVar[StatusWord] = StatusWord.SECURITY_STATUS_NOT_SATISFIED

    def select_file(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """SELECT; without a file identifier it does nothing, successfully, as on real cards."""
        if command.p1 == SelectBy.IDENTIFIER:
            if parse_select(command).reference:
                raise IsoError(StatusWord.FILE_NOT_FOUND, "SELECT: an EF is selected with P1 02")
            return ResponseApdu()
        return super().select_file(command, state)

    def set_session_key(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """SET SESSION KEY: known to every application of the card family, refused by these."""
        parse_set_session_key(command)
        raise IsoError(
            self.session_key_refusal, f"SET SESSION KEY: {self.context.aid} takes no session key"
        )

    proprietary: ClassVar[Mapping[int, Handler]] = {
        Ins.CHANGE_KEY: FileApplet.change_key,
        Ins.SET_SESSION_KEY: set_session_key,
    }


def parse_set_session_key(command: CommandApdu) -> None:
    """Check SET SESSION KEY (JICSAP): P1-P2 0000; IsoError 6A86."""
    if command.p1 or command.p2:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "SET SESSION KEY has P1-P2 0000")


JICSAP_COMMANDS: Final[Mapping[int, Handler]] = {
    **ISO_FILE_COMMANDS,
    **PIN_COMMANDS,
    Ins.SELECT: JicsapApplet.select_file,
}
"""The interindustry commands of these applications."""
JicsapApplet.interindustry = JICSAP_COMMANDS

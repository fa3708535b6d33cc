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
from jukicard.runtime.fileapplet import (
    ISO_FILE_COMMANDS,
    PIN_COMMANDS,
    FileApplet,
    FileState,
    Handler,
)


class JicsapApplet(FileApplet):
    """EFs are selected with P1 02; there is no MF; CHANGE KEY stands beside the ISO commands."""

    select_by: ClassVar[frozenset[SelectBy]] = frozenset({SelectBy.CHILD_EF})

    def select_file(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """SELECT; without a file identifier it does nothing, successfully, as on real cards."""
        if command.p1 == SelectBy.IDENTIFIER:
            if parse_select(command).reference:
                raise IsoError(StatusWord.FILE_NOT_FOUND, "SELECT: an EF is selected with P1 02")
            return ResponseApdu()
        return super().select_file(command, state)

    proprietary: ClassVar[Mapping[int, Handler]] = {Ins.CHANGE_KEY: FileApplet.change_key}


JICSAP_COMMANDS: Final[Mapping[int, Handler]] = {
    **ISO_FILE_COMMANDS,
    **PIN_COMMANDS,
    Ins.SELECT: JicsapApplet.select_file,
}
"""The interindustry commands of these applications."""
JicsapApplet.interindustry = JICSAP_COMMANDS

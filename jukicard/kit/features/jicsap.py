"""What the Japanese card applications have in common: how they select files and change PINs.

The card family's own command set (JICSAP) is not public; these are the facts measured on cards,
listed in docs/card.md.
"""

from __future__ import annotations

from typing import ClassVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.commands import SelectBy, parse_select
from jukicard.kit import commands
from jukicard.kit.features.files import Files
from jukicard.kit.features.pins import Pins
from jukicard.kit.fileapplet import State
from jukicard.runtime.handlers import command


class ChangeKey(Pins[State]):
    """PINs, and beside the ISO commands the card family's own way to set a new one."""

    @command(Ins.CHANGE_KEY, proprietary=True)
    def change_key(self, command: CommandApdu, state: State) -> ResponseApdu:
        """CHANGE KEY (JICSAP): set a new PIN, after VERIFY."""
        return self.change_pin(commands.parse_change_key(command), state, "CHANGE KEY")


class Jicsap(ChangeKey[State], Files[State]):
    """EFs are selected with P1 02; there is no MF; CHANGE KEY stands beside the ISO commands.

    `session_key_refusal` is how SET SESSION KEY is refused, by which clients tell applications
    apart: 6982 says that what would be needed cannot be proven here.
    """

    select_by: ClassVar[frozenset[SelectBy]] = frozenset({SelectBy.CHILD_EF})
    session_key_refusal: ClassVar[StatusWord] = StatusWord.SECURITY_STATUS_NOT_SATISFIED

    def select_file(self, command: CommandApdu, state: State) -> ResponseApdu:
        """SELECT; without a file identifier it does nothing, successfully, as on real cards."""
        if command.p1 == SelectBy.IDENTIFIER:
            if parse_select(command).reference:
                raise IsoError(StatusWord.FILE_NOT_FOUND, "SELECT: an EF is selected with P1 02")
            return ResponseApdu()
        return super().select_file(command, state)

    @command(Ins.SET_SESSION_KEY, proprietary=True)
    def set_session_key(self, command: CommandApdu, state: State) -> ResponseApdu:
        """SET SESSION KEY: known to every application of the card family, refused by these."""
        parse_set_session_key(command)
        raise IsoError(
            self.session_key_refusal, f"SET SESSION KEY: {self.context.aid} takes no session key"
        )


def parse_set_session_key(command: CommandApdu) -> None:
    """Check SET SESSION KEY (JICSAP): P1-P2 0000; IsoError 6A86."""
    if command.p1 or command.p2:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "SET SESSION KEY has P1-P2 0000")

"""The life cycle of files, PINs, keys, the application and, with the privilege for it, the card.

ISO/IEC 7816-9:2017, 6; what is allowed in which state is a table, docs/lifecycle.md.
"""

from __future__ import annotations

from typing import ClassVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.door import RULES, denied, manage
from jukicard.filesystem.files import MF_IDENTIFIER, AccessRules, EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation
from jukicard.filesystem.store import Decision
from jukicard.kit import commands
from jukicard.kit.fileapplet import FileApplet, State
from jukicard.runtime.cardstate import CardControl
from jukicard.runtime.events import LifeCycleChanged
from jukicard.runtime.handlers import command


class LifeCycle(FileApplet[State]):
    """ACTIVATE, DEACTIVATE and TERMINATE, under the rules that the tree declares.

    `card_rules` says who may suspend, resume and end the card as a whole through this
    application; it needs the privilege for it besides.
    """

    card_rules: ClassVar[AccessRules] = AccessRules()

    def _manage(self, command: CommandApdu, state: State, operation: Operation) -> ResponseApdu:
        parsed = commands.parse_manage_life_cycle(command)
        name = f"{operation.name} FILE"
        if parsed.fid == MF_IDENTIFIER:
            return self._manage_card(state, operation, name)
        if not self.context.card_usable:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, f"{name}: the card is suspended")
        node, target = manage(self.files, state, parsed.fid, operation, name)
        self.files.put_state(node, target)
        if target is not LifeCycleState.ACTIVATED and isinstance(node, EfNode):
            state.security.verified.discard(node.fid)
        self.context.emit(LifeCycleChanged(self.context.aid, node.label, target.name.lower()))
        return ResponseApdu()

    def _manage_card(self, state: State, operation: Operation, name: str) -> ResponseApdu:
        card = self._card_control(name)
        condition = RULES[operation](self.card_rules)
        held = condition.holds(state.security)
        if self.files.on_decision is not None:
            cell = ObjectKind.CARD, self.context.card_state, operation
            self.files.on_decision(Decision("card", cell if held else None, condition, held))
        if not held:
            raise denied(condition, state.security, name, "the card")
        card.change(operation)
        return ResponseApdu()

    def _card_control(self, name: str) -> CardControl:
        card = self.context.card
        if card is None:
            raise IsoError(
                StatusWord.FILE_NOT_FOUND,
                f"{name}: this application may not change the card's state",
            )
        return card

    @command(Ins.ACTIVATE_FILE)
    def activate(self, command: CommandApdu, state: State) -> ResponseApdu:
        """ACTIVATE FILE: a file, PIN or key usable again; with 3F00 the card resumed."""
        return self._manage(command, state, Operation.ACTIVATE)

    @command(Ins.DEACTIVATE_FILE)
    def deactivate(self, command: CommandApdu, state: State) -> ResponseApdu:
        """DEACTIVATE FILE: a file, PIN or key out of use; with 3F00 the card suspended."""
        return self._manage(command, state, Operation.DEACTIVATE)

    @command(Ins.TERMINATE_EF, Ins.INSTALL)
    def terminate(self, command: CommandApdu, state: State) -> ResponseApdu:
        """TERMINATE EF and TERMINATE DF: out of use for good; not with 3F00.

        E6 with an interindustry class is TERMINATE DF.
        """
        if commands.parse_manage_life_cycle(command).fid == MF_IDENTIFIER:
            raise IsoError(StatusWord.FILE_NOT_FOUND, "the card is ended with TERMINATE CARD USAGE")
        return self._manage(command, state, Operation.TERMINATE)

    @command(Ins.TERMINATE_CARD_USAGE)
    def terminate_card_usage(self, command: CommandApdu, state: State) -> ResponseApdu:
        """TERMINATE CARD USAGE: the end of the card.

        It names no file: where the application has no say over the card there is no such command.
        """
        name = "TERMINATE CARD USAGE"
        if self.context.card is None:
            raise IsoError(
                StatusWord.INS_NOT_SUPPORTED,
                f"{name}: this application may not change the card's state",
            )
        commands.parse_terminate_card_usage(command)
        return self._manage_card(state, Operation.TERMINATE, name)

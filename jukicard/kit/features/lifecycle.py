"""The life cycle of files, PINs, keys, the application and, with the privilege for it, the card.

ISO/IEC 7816-9:2017, 6; what is allowed in which state is a table, docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.access import AccessCondition
from jukicard.filesystem.files import (
    MF_IDENTIFIER,
    AccessRules,
    DfNode,
    EfNode,
    InternalFile,
    InternalKind,
)
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, check
from jukicard.filesystem.selection import check_access
from jukicard.kit import commands
from jukicard.kit.fileapplet import FileApplet, State
from jukicard.runtime.cardstate import CardState
from jukicard.runtime.events import LifeCycleChanged
from jukicard.runtime.handlers import command

_RULE: Final[Mapping[Operation, Callable[[AccessRules], AccessCondition]]] = {
    Operation.ACTIVATE: lambda rules: rules.activate,
    Operation.DEACTIVATE: lambda rules: rules.deactivate,
    Operation.TERMINATE: lambda rules: rules.terminate,
}


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
        node = self._target(parsed.fid, state, name)
        check_access(_RULE[operation](node.spec.access), state.security, name, node.label)
        target = check(_kind_of(node), self.files.state(node), operation, node.label)
        self.files.put_state(node, target)
        if target is not LifeCycleState.ACTIVATED:
            self.context.end_other_sessions()
            if isinstance(node, EfNode):
                state.security.verified.discard(node.fid)
        self.context.emit(LifeCycleChanged(self.context.aid, node.label, target.name.lower()))
        return ResponseApdu()

    @staticmethod
    def _target(fid: int | None, state: State, name: str) -> EfNode | DfNode:
        if fid is None:
            return state.df if state.ef is None else state.ef
        ef = state.df.efs.get(fid)
        if ef is None:
            raise IsoError(StatusWord.FILE_NOT_FOUND, f"{name}: no EF {fid:04X}")
        return ef

    def _manage_card(self, state: State, operation: Operation, name: str) -> ResponseApdu:
        card = self._card_control(name)
        check_access(_RULE[operation](self.card_rules), state.security, name, "the card")
        card.change(operation)
        return ResponseApdu()

    def _card_control(self, name: str) -> CardState:
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
        """TERMINATE CARD USAGE: the end of the card."""
        commands.parse_terminate_card_usage(command)
        return self._manage_card(state, Operation.TERMINATE, "TERMINATE CARD USAGE")


def _kind_of(node: EfNode | DfNode) -> ObjectKind:
    if isinstance(node, DfNode):
        return ObjectKind.FILE if node.parent is not None else ObjectKind.APPLICATION
    spec = node.spec
    if isinstance(spec, InternalFile):
        return ObjectKind.PIN if spec.kind is InternalKind.PIN else ObjectKind.KEY
    return ObjectKind.FILE

"""An application that systems authenticate to: keys, MUTUAL AUTHENTICATE, life cycle commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.authentication.mutual import CHALLENGE_LENGTH
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
from jukicard.kit.fileapplet import FileApplet, FileState, Handler
from jukicard.kit.keys import KeyFile, KeyStore
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.cardstate import RIGHTS_WHILE_SUSPENDED, CardState
from jukicard.runtime.events import LifeCycleChanged, SecurityStatusChanged
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import AuthenticationFailed
from jukicard.securemessaging.suites import Suite

_RULE: Final[Mapping[Operation, Callable[[AccessRules], AccessCondition]]] = {
    Operation.ACTIVATE: lambda rules: rules.activate,
    Operation.DEACTIVATE: lambda rules: rules.deactivate,
    Operation.TERMINATE: lambda rules: rules.terminate,
}


class SecuredState(FileState):
    """Adds the key that MANAGE SECURITY ENVIRONMENT has named, 0 for none."""

    __slots__ = ("named_key",)

    def __init__(self, applet: SecuredApplet) -> None:
        super().__init__(applet)
        self.named_key = 0

    def forget(self) -> None:
        """Drop all that was proven, and the key that was named."""
        super().forget()
        self.named_key = 0


class SecuredApplet(FileApplet):
    """Adds to `FileApplet` the keys declared in its tree, and what systems do with them.

    `card_rules` says who may suspend, resume and end the card as a whole through this
    application; it needs the privilege for it besides.
    """

    card_rules: ClassVar[AccessRules] = AccessRules()

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.keys = KeyStore(self.tree, self.files, self._tries_changed)

    def new_state(self) -> SecuredState:
        """Return a state in which nothing is proven and no key is named."""
        return SecuredState(self)

    # -- authentication --------------------------------------------------------------------------

    def mutual_authenticate(self, command: CommandApdu, state: SecuredState) -> ResponseApdu:
        """MUTUAL AUTHENTICATE: both sides prove that they hold the key; a session starts.

        The order of work is fixed (docs/card.md): state checks, the challenge is gone, the
        counter is written, then the work, and one single failure. With it nothing that was
        proven before counts any more; the session the command came in, if any, still protects
        this answer and ends then.
        """
        challenge, state.challenge = state.challenge, b""
        parsed = commands.parse_mutual_authenticate(command)
        if len(challenge) != CHALLENGE_LENGTH:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "MUTUAL AUTHENTICATE: no challenge of 8 bytes was just given",
            )
        ef, spec = self.keys.find(parsed.key or state.named_key)
        self.keys.check_usable(ef)
        self.check_right(spec.right)
        engine = self.keys.engine(ef)
        if engine.suite is Suite.TRIPLE_DES and not self.context.options.triple_des:
            raise IsoError(
                StatusWord.REFERENCE_DATA_NOT_USABLE,
                f"key {ef.label} is for triple DES, which this card has switched off",
            )
        state.forget()
        left = self.keys.count_attempt(ef)
        try:
            answer, session_keys = engine.answer(
                parsed.message, challenge, self.context.random.take
            )
        except AuthenticationFailed:
            raise self.keys.failed(ef, left) from None
        self.keys.succeeded(ef, left)
        state.security.authenticated.add(spec.right)
        state.messaging = Iso7816Session.start(session_keys)
        self.context.emit(SecurityStatusChanged(self.context.aid, spec.right, holds=True))
        return ResponseApdu(answer)

    def check_right(self, right: str) -> None:
        """Refuse a right that is not granted now; IsoError. An application may add to it.

        Only who may resume or end it gets into a suspended card or application.
        """
        root = self.tree.root
        if right in RIGHTS_WHILE_SUSPENDED:
            return
        if not self.files.is_activated(root):
            check(ObjectKind.APPLICATION, self.files.state(root), Operation.USE, root.label)
        if not self.context.card_usable:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"authentication for {right}: the card is suspended",
            )

    def grants_now(self, right: str) -> bool:
        """Tell whether `check_right` lets a right pass."""
        try:
            self.check_right(right)
        except IsoError:
            return False
        return True

    def describe(self, ef: EfNode) -> str:
        """Say what one EF is; of a key its right, version and counter, never its value."""
        spec = ef.spec
        if not isinstance(spec, KeyFile):
            return super().describe(ef)
        version = self.keys.version(ef)
        if version is None:
            return f"key for {spec.right}, not written"
        left = self.keys.tries_left(ef)
        return f"key for {spec.right}, version {version}, {left} of {spec.tries} tries left"

    # -- life cycle ------------------------------------------------------------------------------

    def _manage(self, command: CommandApdu, state: FileState, operation: Operation) -> ResponseApdu:
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
    def _target(fid: int | None, state: FileState, name: str) -> EfNode | DfNode:
        if fid is None:
            return state.df if state.ef is None else state.ef
        ef = state.df.efs.get(fid)
        if ef is None:
            raise IsoError(StatusWord.FILE_NOT_FOUND, f"{name}: no EF {fid:04X}")
        return ef

    def _manage_card(self, state: FileState, operation: Operation, name: str) -> ResponseApdu:
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

    def activate(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """ACTIVATE FILE: a file, PIN or key usable again; with 3F00 the card resumed."""
        return self._manage(command, state, Operation.ACTIVATE)

    def deactivate(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """DEACTIVATE FILE: a file, PIN or key out of use; with 3F00 the card suspended."""
        return self._manage(command, state, Operation.DEACTIVATE)

    def terminate(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """TERMINATE EF and TERMINATE DF: out of use for good; not with 3F00."""
        if commands.parse_manage_life_cycle(command).fid == MF_IDENTIFIER:
            raise IsoError(StatusWord.FILE_NOT_FOUND, "the card is ended with TERMINATE CARD USAGE")
        return self._manage(command, state, Operation.TERMINATE)

    def terminate_card_usage(self, command: CommandApdu, state: FileState) -> ResponseApdu:
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


SECURITY_COMMANDS: Final[Mapping[int, Handler]] = {
    Ins.MUTUAL_AUTHENTICATE: SecuredApplet.mutual_authenticate,
    Ins.ACTIVATE_FILE: SecuredApplet.activate,
    Ins.DEACTIVATE_FILE: SecuredApplet.deactivate,
    Ins.TERMINATE_EF: SecuredApplet.terminate,
    Ins.INSTALL: SecuredApplet.terminate,
    Ins.TERMINATE_CARD_USAGE: SecuredApplet.terminate_card_usage,
}
"""Authentication and life cycle; E6 with an interindustry class is TERMINATE DF."""

"""The one door to a file: found, of the right kind, in use, and open to whoever asks.

Every operation goes through it, and in one order (docs/card.md): 6986 and 6A82, then 6981, then the
life cycle of the EF and of every DF above it, then access, 6982. What a file holds, and whether
it holds anything, an operation tells only to who has come through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, NoReturn, TypeVar

from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.access import ALWAYS, AccessCondition, SecurityStatus
from jukicard.filesystem.commands import CURRENT_EF, FileReference, refuse
from jukicard.filesystem.files import (
    AccessRules,
    DataObject,
    DfNode,
    EfNode,
    ElementaryFile,
)
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import Operation, check, outcome
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import Decision, FileStore, kind_of

S = TypeVar("S", bound=ElementaryFile)

RULES: Final[Mapping[Operation, Callable[[AccessRules], AccessCondition]]] = {
    Operation.ACTIVATE: lambda rules: rules.activate,
    Operation.DEACTIVATE: lambda rules: rules.deactivate,
    Operation.TERMINATE: lambda rules: rules.terminate,
}
"""Which rule says who may change the life cycle of a file, or of the card."""


class Use(Generic[S]):
    """One way to use EFs of one kind.

    command: how a refusal calls it. kind: the class of specification it needs, `otherwise` what an
    EF of another one is told to be. condition: what must have been proven, by the specification;
    it may refuse what an EF does not have at all.
    """

    __slots__ = ("command", "condition", "kind", "otherwise")

    def __init__(
        self,
        command: str,
        kind: type[S],
        otherwise: str,
        condition: Callable[[S], AccessCondition],
    ) -> None:
        self.command = command
        self.kind = kind
        self.otherwise = otherwise
        self.condition = condition

    def called(self, command: str) -> Use[S]:
        """Return the same use under the name of another command."""
        return Use(command, self.kind, self.otherwise, self.condition)

    def __repr__(self) -> str:
        return f"<Use {self.command}>"


def may_read(spec: ElementaryFile) -> AccessCondition:
    """Say who may read and search an EF."""
    return spec.access.read


def may_update(spec: ElementaryFile) -> AccessCondition:
    """Say who may update and erase an EF."""
    return spec.access.update


def may_write(spec: ElementaryFile) -> AccessCondition:
    """Say who may write an EF and append to it."""
    return spec.access.write


def enter(
    store: FileStore, selection: Selection, reference: FileReference, use: Use[S]
) -> tuple[EfNode, S]:
    """Return the EF that a command means, now the current one, and its specification.

    IsoError 6986, 6A82, 6981; 6985 (6984 and 6A88 of PINs and keys) out of use; 6982.
    """
    ef, spec = find(selection, reference, use)
    allow(store, selection, ef, spec, use)
    return ef, spec


def find(selection: Selection, reference: FileReference, use: Use[S]) -> tuple[EfNode, S]:
    """Return the EF and its specification when it is of the right kind; IsoError 6986, 6A82, 6981.

    Half the way in: for what may be asked of a file in any state, and by anybody.
    """
    ef = selection.ef
    if ef is None or reference is not CURRENT_EF:
        ef = resolve(selection, reference, use.command)
    spec = ef.spec
    if not isinstance(spec, use.kind):
        refuse(
            StatusWord.INCOMPATIBLE_FILE_STRUCTURE, f"{use.command} of {ef.label}: {use.otherwise}"
        )
    return ef, spec


def resolve(selection: Selection, reference: FileReference, command: str) -> EfNode:
    """Return the EF a command means and make it current; IsoError 6986, 6A82.

    A short identifier selects the file it names (ISO/IEC 7816-4:2020, 7.3.2).
    """
    sfi, fid = reference
    if not sfi and not fid:
        if selection.ef is None:
            refuse(StatusWord.NO_CURRENT_EF, f"{command}: no EF is selected")
        return selection.ef
    ef = selection.df.short.get(sfi) if sfi else selection.df.efs.get(fid)
    if ef is None:
        name = f"short identifier {sfi}" if sfi else f"{fid:04X}"
        refuse(StatusWord.FILE_NOT_FOUND, f"{command}: no EF {name} in {selection.df.label}")
    if ef is not selection.ef:
        selection.choose_ef(ef)
    return ef


def allow(store: FileStore, selection: Selection, ef: EfNode, spec: S, use: Use[S]) -> None:
    """Refuse an EF that was found unless it is in use and what its use needs was proven."""
    if not store.in_use(ef):
        _refuse_out_of_use(store, ef, use.command, ef.label)
    condition = use.condition(spec)
    held = condition is ALWAYS or condition.holds(selection.security)
    if store.on_decision is not None:
        cell = kind_of(ef), store.state(ef), Operation.USE
        store.on_decision(Decision(ef.label, cell, condition, held))
    if not held:
        raise denied(condition, selection.security, use.command, ef.label)


def denied(
    condition: AccessCondition, security: SecurityStatus, command: str, what: str
) -> IsoError:
    """Return the refusal where a condition does not hold, 6982; it says what was missing."""
    return IsoError(
        StatusWord.SECURITY_STATUS_NOT_SATISFIED,
        f"{command} of {what}: needs {condition.missing(security)}; {security.describe()}",
    )


# -- life cycle ----------------------------------------------------------------------------------


def check_in_use(store: FileStore, node: EfNode | DfNode, command: str, what: str = "") -> None:
    """Refuse when a file, or a DF above it, is out of use: as the table says, the nearest first.

    `what` is what the command is tried on, where that is not the file.
    """
    if not store.in_use(node):
        _refuse_out_of_use(store, node, command, what or node.label)


def check_own_state(store: FileStore, node: EfNode | DfNode, command: str) -> None:
    """Refuse when the file itself is out of use, whatever is above it.

    For the keys of who manages an application, which work in one that is out of use.
    """
    if not store.is_activated(node):
        _refuse_state(store, node, command, node.label)
    if store.on_decision is not None:
        store.on_decision(Decision(node.label, (kind_of(node), store.state(node), Operation.USE)))


def _refuse_out_of_use(
    store: FileStore, node: EfNode | DfNode, command: str, what: str
) -> NoReturn:
    here: EfNode | DfNode = node
    while store.is_activated(here) and here.parent is not None:
        here = here.parent
    _refuse_state(store, here, command, what)


def _refuse_state(store: FileStore, node: EfNode | DfNode, command: str, what: str) -> NoReturn:
    kind, state = kind_of(node), store.state(node)
    if store.on_decision is not None:
        store.on_decision(Decision(node.label, (kind, state, Operation.USE)))
    raise IsoError(
        outcome(kind, state, Operation.USE).status,
        f"{command} of {what}: the {kind.value} {node.label} is {state.name.lower()}",
    )


def manage(
    store: FileStore, selection: Selection, fid: int | None, operation: Operation, command: str
) -> tuple[EfNode | DfNode, LifeCycleState]:
    """Return the file whose life cycle is to change and the state it will have.

    fid: an EF of the current DF; None is the current file. What is above it may be in any state.
    IsoError 6A82, 6982, and what the table says to the change.
    """
    node = _to_manage(selection, fid, command)
    condition = RULES[operation](node.spec.access)
    held = condition.holds(selection.security)
    kind, state = kind_of(node), store.state(node)
    if store.on_decision is not None:
        cell = (kind, state, operation) if held else None
        store.on_decision(Decision(node.label, cell, condition, held))
    if not held:
        raise denied(condition, selection.security, command, node.label)
    return node, check(kind, state, operation, node.label)


def _to_manage(selection: Selection, fid: int | None, command: str) -> EfNode | DfNode:
    if fid is None:
        return selection.df if selection.ef is None else selection.ef
    ef = selection.df.efs.get(fid)
    if ef is None:
        refuse(StatusWord.FILE_NOT_FOUND, f"{command}: no EF {fid:04X}")
    return ef


# -- data objects --------------------------------------------------------------------------------


def enter_object(
    store: FileStore,
    selection: Selection,
    tag: int,
    rule: Callable[[DataObject], AccessCondition],
    command: str,
) -> DataObject:
    """Return the declaration of a data object of the current DF; IsoError 6A88, 6982."""
    spec = selection.df.objects.get(tag)
    if spec is None:
        refuse(
            StatusWord.REFERENCED_DATA_NOT_FOUND,
            f"{command}: no data object {tag:X} in {selection.df.label}",
        )
    condition = rule(spec)
    held = condition.holds(selection.security)
    if store.on_decision is not None:
        store.on_decision(Decision(f"{tag:X}", None, condition, held))
    if not held:
        raise denied(condition, selection.security, command, f"{tag:X}")
    return spec

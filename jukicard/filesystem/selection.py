"""Where a terminal stands in a file tree, and how SELECT moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.access import SecurityStatus
from jukicard.filesystem.commands import Occurrence, Select, SelectBy
from jukicard.filesystem.control import ControlInformation, control_information, is_selectable
from jukicard.filesystem.files import MF_IDENTIFIER, DfNode, EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.filesystem.store import Decision, FileStore, kind_of

_T = TypeVar("_T")


class Selection:
    """The volatile state of one application on one channel; thrown away, never cleared.

    `df` and `ef` are what is current, `record` the current record number (0: none), `security`
    what has been proven.
    """

    __slots__ = ("df", "ef", "record", "security")

    def __init__(self, root: DfNode) -> None:
        self.df = root
        self.ef: EfNode | None = None
        self.record = 0
        self.security = SecurityStatus()

    def choose_df(self, df: DfNode) -> None:
        """Make a DF current; no EF is current after it (ISO/IEC 7816-4:2020, 7.2.3)."""
        self.df = df
        self.ef = None
        self.record = 0

    def choose_ef(self, ef: EfNode) -> None:
        """Make an EF, and the DF it is in, current; no record is current after it."""
        self.df = ef.parent
        self.ef = ef
        self.record = 0


def _not_found(what: str) -> IsoError:
    return IsoError(StatusWord.FILE_NOT_FOUND, f"SELECT: {what} not found")


def _root(selection: Selection) -> DfNode:
    df = selection.df
    while df.parent is not None:
        df = df.parent
    return df


def _by_identifier(selection: Selection, reference: bytes) -> DfNode | EfNode:
    # ISO/IEC 7816-4:2020, 11.2.2: the current DF, what is in it, its parent, what is beside it
    if reference in (b"", b"\x3f\x00"):
        root = _root(selection)
        if root.spec.fid != MF_IDENTIFIER:
            raise _not_found("the MF (this application has none)")
        return root
    fid = int.from_bytes(reference, "big")
    df = selection.df
    parent = df.parent
    for place in (df, parent):
        if place is None:
            continue
        if place.spec.fid == fid:
            return place
        found = place.dfs.get(fid) or (place.efs.get(fid) if place is df else None)
        if found is not None:
            return found
    raise _not_found(f"file {fid:04X}")


def _child_df(selection: Selection, reference: bytes) -> DfNode:
    df = selection.df.dfs.get(int.from_bytes(reference, "big"))
    if df is None:
        raise _not_found(f"DF {reference.hex().upper()} in {selection.df.label}")
    return df


def _child_ef(selection: Selection, reference: bytes) -> EfNode:
    ef = selection.df.efs.get(int.from_bytes(reference, "big"))
    if ef is None:
        raise _not_found(f"EF {reference.hex().upper()} in {selection.df.label}")
    return ef


def _parent(selection: Selection, reference: bytes) -> DfNode:
    if selection.df.parent is None:
        raise _not_found(f"a parent of {selection.df.label}")
    return selection.df.parent


def _along(start: DfNode, path: bytes) -> DfNode | EfNode:
    here: DfNode | EfNode = start
    for position in range(0, len(path), 2):
        fid = int.from_bytes(path[position : position + 2], "big")
        if isinstance(here, EfNode):
            raise _not_found(f"file {fid:04X} below the EF {here.label}")
        step = here.dfs.get(fid) or here.efs.get(fid)
        if step is None:
            raise _not_found(f"file {fid:04X} in {here.label}")
        here = step
    return here


_FINDERS: Final[dict[SelectBy, Callable[[Selection, bytes], DfNode | EfNode]]] = {
    SelectBy.IDENTIFIER: _by_identifier,
    SelectBy.CHILD_DF: _child_df,
    SelectBy.CHILD_EF: _child_ef,
    SelectBy.PARENT_DF: _parent,
    # 11.2.2: without the identifier of the MF, or of the current DF
    SelectBy.PATH_FROM_MF: lambda selection, path: _along(_root(selection), path),
    SelectBy.PATH_FROM_DF: lambda selection, path: _along(selection.df, path),
}


def _by_name(store: FileStore, selection: Selection, command: Select) -> DfNode:
    """Find a named DF of this tree: first, last, or next to the current one."""
    matches = [
        df
        for df in store.tree.named
        if df.spec.name is not None and df.spec.name.matches(command.reference)
    ]
    found = pick_occurrence(matches, selection.df, command.occurrence)
    if found is None:
        raise _not_found(f"{command.occurrence.name.lower()} DF with this name")
    return found


def pick_occurrence(matches: list[_T], current: _T | None, occurrence: Occurrence) -> _T | None:
    """Return the first, last, next or previous of several matches, None when there is none.

    Next and previous count from the current one; when it does not match, next is the first and
    there is no previous (ISO/IEC 7816-4:2020, 11.2.2).
    """
    if not matches:
        return None
    if occurrence is Occurrence.FIRST:
        return matches[0]
    if occurrence is Occurrence.LAST:
        return matches[-1]
    if current is None or current not in matches:
        return matches[0] if occurrence is Occurrence.NEXT else None
    position = matches.index(current) + (1 if occurrence is Occurrence.NEXT else -1)
    return matches[position] if 0 <= position < len(matches) else None


def tell_selected(store: FileStore, node: DfNode | EfNode, command: Select) -> None:
    """Tell who listens that a file is selected, and its state where that is told too."""
    if store.on_decision is None:
        return
    told = command.ne and command.wanted in (ControlInformation.FCI, ControlInformation.FCP)
    for operation in (Operation.SELECT, Operation.READ_STATE)[: 2 if told else 1]:
        store.on_decision(Decision(node.label, (kind_of(node), store.state(node), operation)))


def select(store: FileStore, selection: Selection, command: Select) -> tuple[bytes, StatusWord]:
    """Select a file; return its control information and 9000, or 6283, 6285 as a warning.

    IsoError 6A82 when there is none; what was current stays current then.
    """
    if command.by is SelectBy.DF_NAME:
        found: DfNode | EfNode = _by_name(store, selection, command)
    else:
        found = _FINDERS[command.by](selection, command.reference)
    status = StatusWord.OK
    if not store.is_activated(found):
        state = store.state(found)
        if not is_selectable(state):
            raise _not_found(f"{found.label} (in creation)")
        if state is LifeCycleState.DEACTIVATED:
            status = StatusWord.SELECTED_FILE_DEACTIVATED
        elif state is LifeCycleState.TERMINATED:
            status = StatusWord.SELECTED_FILE_TERMINATED
    tell_selected(store, found, command)
    if type(found) is EfNode:
        selection.choose_ef(found)
    elif isinstance(found, DfNode):
        selection.choose_df(found)
    if not command.ne:
        return b"", status
    return control_information(store, found, command.wanted), status

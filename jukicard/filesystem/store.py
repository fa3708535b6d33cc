"""What a card remembers of a file tree: contents, records, data objects and file states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from jukicard.filesystem.access import AccessCondition, Proof
from jukicard.filesystem.files import (
    DfNode,
    EfNode,
    FileTree,
    InternalFile,
    InternalKind,
    RecordFile,
    TransparentFile,
)
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation
from jukicard.filesystem.records import pack_records, unpack_records
from jukicard.memory import ApplicationMemory


class Endings(Protocol):
    """Who is told what ends, on other channels, with what is written here."""

    def end_proofs(self, of: Proof) -> None:
        """End what other channels have proven with an internal EF, or for a right."""

    def end_proofs_if_blocked(self, of: Proof, counter: str) -> None:
        """End what any channel has proven with it when its counter stays at 0."""

    def end_other_sessions(self) -> None:
        """End all that other channels have proven."""


class _Nobody:
    """Where no card is there are no channels."""

    def end_proofs(self, of: Proof) -> None:
        pass

    def end_proofs_if_blocked(self, of: Proof, counter: str) -> None:
        pass

    def end_other_sessions(self) -> None:
        pass


_NOBODY: Final = _Nobody()

_KINDS: Final = {
    InternalKind.PIN: ObjectKind.PIN,
    InternalKind.KEY: ObjectKind.KEY,
    InternalKind.KEY_PAIR: ObjectKind.KEY_PAIR,
}


def kind_of(node: EfNode | DfNode) -> ObjectKind:
    """Return which section of the life-cycle table a file stands in."""
    if isinstance(node, DfNode):
        return ObjectKind.FILE if node.parent is not None else ObjectKind.APPLICATION
    spec = node.spec
    return _KINDS[spec.kind] if isinstance(spec, InternalFile) else ObjectKind.FILE


class Decision(NamedTuple):
    """What was asked of a file, data object or the card, for who counts what was tried.

    what: its label. cell: the cell of the life-cycle table, None where none was looked at.
    condition: what must have been proven, None where that was not asked; held: whether it was.
    """

    what: str
    cell: tuple[ObjectKind, LifeCycleState, Operation] | None
    condition: AccessCondition | None = None
    held: bool = True


class FileStore:
    """The contents of one application's files, in its partition of persistent memory.

    Internal EFs have a value and tries left instead of content. With whatever is written to them
    ends what was proven with what was there before: `endings` is told, the application's context.
    """

    __slots__ = ("_endings", "_get", "_put", "on_decision", "partition", "tree")

    def __init__(
        self, tree: FileTree, partition: ApplicationMemory, endings: Endings = _NOBODY
    ) -> None:
        self.tree = tree
        self.partition = partition
        self._endings = endings
        self.on_decision: Callable[[Decision], None] | None = None
        """Told of every decision about a file, from outside the card."""
        self._get = partition.get
        self._put = partition.put

    def content(self, ef: EfNode) -> bytes:
        """Return the bytes of a transparent EF, always `size` of them.

        What an earlier release kept of a file that was shorter then is filled up as well.
        """
        content = self._get(ef.content_key)
        if content is None or len(content) < ef.size:
            return _filled(ef, content or b"")
        return content

    def put_content(self, ef: EfNode, content: bytes) -> None:
        """Replace the bytes of a transparent EF; shorter content is filled up.

        ValueError when it is longer than the file.
        """
        filled = _filled(ef, content)
        if len(content) > ef.size:
            raise ValueError(f"{len(content)} bytes do not fit {ef.label} of {ef.size}")
        self._put(ef.content_key, filled)

    def records(self, ef: EfNode) -> list[bytes]:
        """Return the records of a structured EF, number 1 first."""
        packed = self._get(ef.content_key)
        return [] if packed is None else unpack_records(packed)

    def put_records(self, ef: EfNode, records: list[bytes]) -> None:
        """Replace the records; ValueError when they are too many or not of their size."""
        spec = ef.spec
        if not isinstance(spec, RecordFile):
            raise TypeError(f"{ef.label} has no records")
        if len(records) > spec.record_count:
            raise ValueError(f"{ef.label} holds {spec.record_count} records, not {len(records)}")
        if not all(map(spec.takes, records)):
            raise ValueError(f"a record of {ef.label} has {spec.sizes}")
        self._put(ef.content_key, pack_records(records))

    def value(self, ef: EfNode) -> bytes | None:
        """Return what an internal EF holds, None when it was never given a value."""
        return self._get(ef.content_key)

    def put_value(self, ef: EfNode, value: bytes) -> None:
        """Give an internal EF a value; what rests on the one before ends."""
        spec = ef.spec
        if not isinstance(spec, InternalFile):
            raise TypeError(f"{ef.label} holds no PIN and no key")
        for proof in spec.proofs():
            self._endings.end_proofs(proof)
        self._put(ef.content_key, value)

    def tries(self, ef: EfNode) -> int:
        """Return how many wrong values an internal EF still takes; 0 is blocked, or never set."""
        raw = self._get(ef.tries_key)
        return 0 if raw is None else raw[0]

    def put_tries(self, ef: EfNode, left: int) -> None:
        """Write a retry counter in the running transaction."""
        if not left:
            self._endings.end_proofs_if_blocked(ef.fid, ef.tries_key)
        self._put(ef.tries_key, bytes((left,)))

    def put_tries_now(self, ef: EfNode, left: int) -> None:
        """Write a retry counter at once and for good; at 0, what was proven with the EF ends."""
        if not left:  # told before: nobody knows what landed where the power goes meanwhile
            self._endings.end_proofs_if_blocked(ef.fid, ef.tries_key)
        self.partition.put_now(ef.tries_key, bytes((left,)))

    def data_object(self, df: DfNode, tag: int) -> bytes | None:
        """Return the value of a data object, None when it was never put."""
        return self._get(df.object_key(tag))

    def put_data_object(self, df: DfNode, tag: int, value: bytes) -> None:
        """Replace the value of a data object; ValueError when not declared, or too long."""
        spec = df.objects.get(tag)
        if spec is None:
            raise ValueError(f"there is no data object {tag:X} in {df.label}")
        if len(value) > spec.max_size:
            raise ValueError(f"{len(value)} bytes do not fit {tag:X} of {spec.max_size}")
        self._put(df.object_key(tag), value)

    def state(self, node: EfNode | DfNode) -> LifeCycleState:
        """Return the life-cycle state of a file.

        Activated unless something else was written; a PIN or key without a value is still being
        initialised.
        """
        raw = self._get(node.state_key)
        if raw is not None:
            return LifeCycleState(raw[0])
        if isinstance(node.spec, InternalFile) and isinstance(node, EfNode):
            empty = self._get(node.content_key) is None
            return LifeCycleState.INITIALISATION if empty else LifeCycleState.ACTIVATED
        return LifeCycleState.ACTIVATED

    def is_activated(self, node: EfNode | DfNode) -> bool:
        """Tell whether a file itself is activated, whatever is above it and whatever it holds."""
        raw = self._get(node.state_key)
        return raw is None or raw[0] == 0x05

    def check_kept(self) -> None:
        """Refuse states and contents that no command ever wrote. ValueError names the file."""
        for node in self.tree.walk():
            try:
                self.state(node)
                if isinstance(node, EfNode):
                    node.spec.check_kept(self._get(node.content_key), self._get(node.tries_key))
            except (ValueError, IndexError) as problem:
                raise ValueError(f"{node.label}: {problem}") from None

    def lacking(self) -> list[EfNode]:
        """Return the files that are awaited when an application is personalised, and are empty."""
        return [
            node
            for node in self.tree.walk()
            if isinstance(node, EfNode)
            and node.spec.awaited
            and not (self._get(node.content_key) or b"")
        ]

    def in_use(self, node: EfNode | DfNode) -> bool:
        """Tell whether a file and every DF above it are activated."""
        get = self._get
        for key in node.states:
            raw = get(key)
            if raw is not None and raw[0] != 0x05:
                return False
        return True

    def put_state(self, node: EfNode | DfNode, state: LifeCycleState) -> None:
        """Change the life-cycle state of a file; out of use, it takes rights away from others."""
        if state is not LifeCycleState.ACTIVATED:
            self._endings.end_other_sessions()
        self._put(node.state_key, bytes((state.byte,)))


def _filled(ef: EfNode, content: bytes) -> bytes:
    """Return content with what fills the rest of its file; TypeError unless it is transparent."""
    spec = ef.spec
    if not isinstance(spec, TransparentFile):
        raise TypeError(f"{ef.label} is not transparent")
    return content.ljust(spec.size, bytes((spec.fill,)))

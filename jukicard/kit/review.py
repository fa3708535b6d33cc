"""What a reviewer says of an application's declaration, and the declaration line by line.

Judged is what is declared: files with their rules, PINs, keys, data objects. What an application's
own methods ask for counts where it stands as a condition in the class or its module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import Enum
from itertools import chain, islice, product
from types import FunctionType
from typing import Any, Final, NamedTuple

from jukicard.apdu.ins import Ins, ins_label
from jukicard.filesystem.access import (
    NEVER,
    AccessCondition,
    AllOf,
    Always,
    AnyOf,
    Authenticated,
    MessagingLevel,
    Never,
    SecureMessaging,
    Verified,
)
from jukicard.filesystem.files import (
    MAX_OBJECT_SIZE,
    AccessRules,
    DedicatedFile,
    DfNode,
    EfNode,
    FileTree,
    InternalFile,
    RecordFile,
    TransparentFile,
)
from jukicard.filesystem.records import pack_records
from jukicard.kit.fileapplet import FileApplet
from jukicard.kit.keys import CARD_NUMBER, KeyFile
from jukicard.kit.pin import PinFile
from jukicard.runtime.applet import Applet

_MOST_WAYS: Final = 4096
"""How many ways to meet a condition are looked at; of one with more nothing is said."""


class Finding(NamedTuple):
    """What is wrong: where, and what it means."""

    where: str
    says: str


class _Rule(NamedTuple):
    where: str
    name: str
    condition: AccessCondition


def review(kind: type[FileApplet[Any]], tree: FileTree) -> list[Finding]:
    """Return what a reviewer would object to in an application with these files."""
    return list(_Reviewer(kind, tree).findings())


class _Reviewer:
    def __init__(self, kind: type[FileApplet[Any]], tree: FileTree) -> None:
        self.kind = kind
        self.tree = tree
        self.efs = [node for node in tree.walk() if isinstance(node, EfNode)]
        self.pins = {ef.fid: ef.spec for ef in self.efs if isinstance(ef.spec, PinFile)}
        self.keys = [(ef, ef.spec) for ef in self.efs if isinstance(ef.spec, KeyFile)]
        self.certified = frozenset(getattr(kind, "role_bits", {}).values())
        authenticates = Ins.MUTUAL_AUTHENTICATE in kind.interindustry
        self.granted = {  # only keys in the application's own DF are found
            spec.right for ef, spec in self.keys if ef.parent is tree.root and authenticates
        } | self.certified
        self.sessions = bool(self.granted) or Ins.GENERAL_AUTHENTICATE in kind.interindustry

    def findings(self) -> Iterator[Finding]:
        for rule in _rules(self.tree):
            if not isinstance(rule.condition, Never):
                why = self.unmet(rule.condition)
                if why:
                    yield Finding(rule.where, f"'{rule.name}' can never be met: {why}")
        yield from self._unreadable()
        for fid, pin in self.pins.items():
            yield from self._pin(fid, pin)
        yield from self._keys()
        yield from self._waiver()
        yield from self._memory()

    def unmet(self, condition: AccessCondition, without: int | None = None) -> str:
        """Return why nothing ever meets a condition, "" where something may.

        `without` is a PIN that does not count: it is the one that is blocked.
        """
        why = "it names nothing that could be proven"
        ways = list(islice(_ways(condition), _MOST_WAYS))
        for way in ways:
            why = self._obstacle(way, without)
            if not why:
                return ""
        return why if len(ways) < _MOST_WAYS else ""

    def _obstacle(self, way: tuple[AccessCondition, ...], without: int | None) -> str:
        rights = {leaf.right for leaf in way if isinstance(leaf, Authenticated)}
        for right in sorted(rights - self.granted):
            return f"no key of the application's DF grants {right}"
        for leaf in way:
            if isinstance(leaf, Never):
                return "a part of it is Never"
            if isinstance(leaf, Verified):
                if leaf.pin == without:
                    return f"PIN {leaf.pin:04X} is the one that is blocked"
                if leaf.pin not in self.pins:
                    return f"there is no PIN {leaf.pin:04X}"
                if Ins.VERIFY not in self.kind.interindustry:
                    return "there is no VERIFY (feature Pins)"
            needs_session = isinstance(leaf, SecureMessaging) and leaf.level > MessagingLevel.NONE
            if needs_session and not self.sessions:
                return "nothing here opens a secure messaging session"
        if len(rights) > 1 and not rights <= self.certified:
            names = " and ".join(sorted(rights))
            return f"{names} at once: to authenticate for one forgets the other"
        return ""

    def _unreadable(self) -> Iterator[Finding]:
        """A file that nobody may read is of use to commands of the application's own only."""
        if self.kind.proprietary:
            return
        for rule in _rules(self.tree):
            if rule.name == "read" and isinstance(rule.condition, Never):
                yield Finding(rule.where, "nobody may read it, and no command of its own uses it")

    def _pin(self, fid: int, pin: PinFile) -> Iterator[Finding]:
        code = pin.resetting_code
        home = next(ef.parent for ef in self.efs if ef.fid == fid)
        if code is not None:
            found = home.efs.get(code)
            if found is None or not isinstance(found.spec, PinFile):
                yield Finding(f"{fid:04X}", f"its resetting code {code:04X} is no PIN of its DF")
            elif code != fid:
                return
        if self.unmet(pin.unblock, without=fid):
            yield Finding(f"{fid:04X}", f"nothing unblocks this PIN after {pin.tries} wrong values")

    def _keys(self) -> Iterator[Finding]:
        asked = set(self._asked())
        references: dict[int, str] = {}
        for ef, spec in self.keys:
            if spec.right not in asked:
                said = f"no rule asks for its purpose {spec.right!r}: the key opens nothing"
                yield Finding(ef.path, said if spec.right else "the key names no purpose")
            if ef.parent is not self.tree.root:
                yield Finding(ef.path, "a key inside a further DF is never found")
            elif spec.reference in references:
                other = references[spec.reference]
                yield Finding(ef.path, f"its reference {spec.reference} is that of {other} too")
            references.setdefault(spec.reference, ef.path)
        if self.keys and CARD_NUMBER.tag not in self.tree.root.objects:
            yield Finding(
                "object 5A",
                "there are keys and no card number (CARD_NUMBER), so no system can derive them",
            )

    def _asked(self) -> Iterator[object]:
        """Yield every right that some rule names, in the tree, the class or its module."""
        for _, condition in _named(self.kind):
            yield from condition.proofs()
        for rule in _rules(self.tree):
            yield from rule.condition.proofs()

    def _waiver(self) -> Iterator[Finding]:
        if self.pins and self.kind.pin_waiver:
            yield Finding("PIN", "pin_waiver says why there is none, and there is one")
        if not self.pins and not self.kind.pin_waiver:
            yield Finding("PIN", "there is no PIN, and no pin_waiver that says why")

    def _memory(self) -> Iterator[Finding]:
        """What is full before the files are is found out when a card is in somebody's hand."""
        own, least = self.kind.reserved_memory, sum(_least_at_fullest(self.tree))
        if 0 < own < least:
            said = f"its files at their fullest take {least:,} bytes, and it has {own:,} of its own"
            yield Finding("memory", f"{said} when it comes after issue (reserved_memory)")


def _least_at_fullest(tree: FileTree) -> Iterator[int]:
    """Yield what the files and objects take at least when all are full, their names included.

    An object that says no size of its own is not counted, nor what is in PINs and keys.
    """
    for node in tree.walk():
        if isinstance(node, EfNode):
            spec, size = node.spec, 0
            if isinstance(spec, TransparentFile):
                size = spec.size
            elif isinstance(spec, RecordFile):
                size = len(pack_records([bytes(spec.record_size)] * spec.record_count))
            yield len(node.content_key) + size
        else:
            said = (one for one in node.objects.values() if one.max_size < MAX_OBJECT_SIZE)
            yield from (len(node.object_key(one.tag)) + one.max_size for one in said)


def review_version(kind: type[Applet[Any]]) -> Iterator[Finding]:
    """Yield what a reviewer would object to in an application's version."""
    migrates = kind.migrate is not Applet.migrate
    if kind.version > 1 and not migrates:
        said = (
            f"it is {kind.version} and there is no `migrate`: cards of the one before stay behind"
        )
        yield Finding("version", said)
    if kind.version == 1 and migrates:
        yield Finding("version", "it is 1, so nothing ever calls `migrate`")


def _named(kind: type) -> Iterator[tuple[str, AccessCondition]]:
    """Yield the conditions that a class or its module names, for its own methods to ask for."""
    places: list[Mapping[str, object]] = [vars(base) for base in kind.__mro__]
    methods = [one for one in vars(kind).values() if isinstance(one, FunctionType)]
    for place in [*places, *(method.__globals__ for method in methods[:1])]:
        for name, value in list(place.items()):
            inside = value if isinstance(value, Mapping) else {None: value}
            for key, one in inside.items():
                if isinstance(one, AccessCondition):
                    yield (name if key is None else f"{name}[{key}]"), one


def _ways(condition: AccessCondition) -> Iterator[tuple[AccessCondition, ...]]:
    """Yield the groups of parts of which each, proven as a whole, meets a condition."""
    if isinstance(condition, AnyOf):
        for part in condition.conditions:
            yield from _ways(part)
    elif isinstance(condition, AllOf):
        parts = [list(islice(_ways(part), _MOST_WAYS)) for part in condition.conditions]
        for chosen in product(*parts):
            yield tuple(chain.from_iterable(chosen))
    else:
        yield (condition,)


def _rules(tree: FileTree) -> Iterator[_Rule]:
    """Yield every rule of a tree, the closed ones of internal files left out."""
    for node in tree.walk():
        if isinstance(node, EfNode):
            where, spec = node.path, node.spec
            closed = isinstance(spec, InternalFile)
            if isinstance(spec, PinFile):
                yield _Rule(where, "change", spec.change)
                yield _Rule(where, "unblock", spec.unblock)
        else:
            where, closed = _df(node), True
            for tag, found in node.objects.items():
                yield _Rule(f"object {tag:X}", "read", found.read)
                yield _Rule(f"object {tag:X}", "write", found.write)
        for each in fields(AccessRules):
            condition = getattr(node.spec.access, each.name)
            if not closed or condition is not NEVER:
                yield _Rule(where, each.name, condition)


def _df(node: DfNode) -> str:
    return f"DF {node.path}" if node.path else "DF"


def declaration(kind: type[FileApplet[Any]], tree: FileTree) -> dict[str, str]:
    """Return all that an application declares, one line each: what it is of, and how it is."""
    found = {
        "version": str(kind.version),
        "memory of its own": f"{kind.reserved_memory:,} bytes",
        "AID": str(tree.root.spec.name),
        "no PIN, because": kind.pin_waiver or "(it has one)",
    }
    for node in tree.walk():
        if isinstance(node, EfNode):
            found[node.path] = type(node.spec).__name__
        else:
            for tag, each in node.objects.items():
                found.update(_values(f"{_df(node)}, object {tag:X}", each))
        where = node.path if isinstance(node, EfNode) else _df(node)
        found.update(_values(where, node.spec))
    for name, condition in _named(kind):
        if not isinstance(condition, Always | Never):
            found[f"condition {name}"] = str(condition)
    for class_byte, table in (("00", kind.interindustry), ("80", kind.proprietary)):
        proprietary = class_byte == "80"
        for ins, handler in table.items():
            what = (handler.__doc__ or "answered").partition("\n")[0]
            found[f"command {class_byte} {ins_label(ins, proprietary=proprietary)}"] = what
    return found


_ELSEWHERE: Final = {"fid", "files", "objects", "kind", "tag", "name"}
"""What of a specification stands in the name of its lines, or in lines of its own."""


def _values(where: str, spec: Any) -> Iterator[tuple[str, str]]:
    for each in fields(spec):
        value = getattr(spec, each.name)
        if isinstance(value, AccessRules):
            closed = isinstance(spec, InternalFile | DedicatedFile)  # Never, unless it is said
            rules = _values(where, value)
            yield from ((name, rule) for name, rule in rules if not (closed and rule == "Never"))
        elif each.name not in _ELSEWHERE:
            yield f"{where}, {each.name.replace('_', ' ')}", _text(value)


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return value.name.lower().replace("_", " ")
    return "none" if value is None else str(value)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield what is different in a second declaration, a line each, those of the first in order."""
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield f"- {name}: {before[name]}"
        elif name not in before:
            yield f"+ {name}: {after[name]}"
        elif before[name] != after[name]:
            yield f"~ {name}: {before[name]} -> {after[name]}"

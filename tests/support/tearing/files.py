"""Scenarios of the tearing suite for the file commands of ISO/IEC 7816-4, from declared files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from jukicard.apdu import CommandApdu, Ins, Tlv
from jukicard.apdu.ins import ins_label
from jukicard.apdu.tlv import is_constructed
from jukicard.filesystem.access import ALWAYS, AccessCondition
from jukicard.filesystem.files import (
    AccessRules,
    DataObject,
    DedicatedFile,
    EfNode,
    FileTree,
    RecordFile,
    RecordStructure,
    TransparentFile,
    WriteFunction,
)
from jukicard.kit.fileapplet import FileApplet
from tests.support.tearing.access import NOTHING, Plan, Subject
from tests.support.tearing.cuts import Scenario
from tests.support.tearing.rig import Rig, sends

OLD: Final = 0x5A
"""What the files are filled with before a command changes them."""
WORDS: Final = {0xC1: b"\x01", 0xC2: b"20260401"}
"""Values that the objects with these tags may have, where an application takes not any."""


@dataclass(frozen=True)
class FileCommand:
    """A command on a kind of EF: under which condition, made how, changing the EF or not."""

    kind: type[TransparentFile] | type[RecordFile]
    condition: Callable[[AccessRules], AccessCondition]
    make: Callable[[EfNode], CommandApdu]
    beyond: Callable[[EfNode], CommandApdu]
    changes: bool = False
    prepare: Callable[[FileApplet[Any], EfNode], None] | None = None


def _read(rules: AccessRules) -> AccessCondition:
    return rules.read


def _update(rules: AccessRules) -> AccessCondition:
    return rules.update


def _write(rules: AccessRules) -> AccessCondition:
    return rules.write


def _binary(ins: int, data: bytes = b"", ne: int = 0, p1p2: int = 0) -> CommandApdu:
    return CommandApdu(0x00, ins, p1p2 >> 8, p1p2 & 0xFF, data, ne)


def _offset(number: int) -> bytes:
    return Tlv(0x54, number.to_bytes(2, "big")).encode()


def _far(ef: EfNode) -> int:
    assert isinstance(ef.spec, TransparentFile)
    return ef.spec.size


def _fill(value: Callable[[WriteFunction], int]) -> Callable[[FileApplet[Any], EfNode], None]:
    def prepare(applet: FileApplet[Any], ef: EfNode) -> None:
        spec = ef.spec
        if isinstance(spec, TransparentFile):
            applet.files.put_content(ef, bytes((value(spec.write_function),)) * spec.size)
        elif isinstance(spec, RecordFile):
            record = bytes((value(spec.write_function),)) * _record_size(spec)
            applet.files.put_records(ef, [record])

    return prepare


def _record_size(spec: RecordFile) -> int:
    variable = spec.structure is RecordStructure.LINEAR_VARIABLE
    return min(spec.record_size, 8) if variable else spec.record_size


def _record(ef: EfNode, byte: int) -> bytes:
    assert isinstance(ef.spec, RecordFile)
    return bytes((byte,)) * _record_size(ef.spec)


def _writable(function: WriteFunction) -> int:
    """Return a byte that WRITE of A5 still changes."""
    return {WriteFunction.ONCE: 0x00, WriteFunction.OR: OLD, WriteFunction.AND: 0xFF}[function]


_same: Final = _fill(lambda function: OLD)
_open: Final = _fill(_writable)
_BYTE: Final = b"\xa5"
_PIECE: Final = Tlv(0x53, _BYTE).encode()
_RECORD_1: Final = 0x0104
_RECORD_9: Final = 0xFE04


def _on_binary(
    ins: int,
    condition: Callable[[AccessRules], AccessCondition],
    even: bytes,
    odd: bytes | None,
    *,
    ne: int = 0,
    prepare: Callable[[FileApplet[Any], EfNode], None] | None = None,
) -> dict[int, FileCommand]:
    """Return the two forms of a BINARY command; `odd` is what follows the offset object."""
    changes = prepare is not None and not ne
    commands = {
        ins: FileCommand(
            TransparentFile,
            condition,
            lambda ef: _binary(ins, even, ne),
            lambda ef: _binary(ins, even, ne, _far(ef)),
            changes,
            prepare,
        )
    }
    if odd is not None:
        commands[ins | 1] = FileCommand(
            TransparentFile,
            condition,
            lambda ef: _binary(ins | 1, _offset(0) + odd, ne),
            lambda ef: _binary(ins | 1, _offset(_far(ef)) + odd, ne),
            changes,
            prepare,
        )
    return commands


def _on_records(
    ins: int,
    condition: Callable[[AccessRules], AccessCondition],
    data: Callable[[EfNode], bytes],
    *,
    ne: int = 0,
    prepare: Callable[[FileApplet[Any], EfNode], None] = _same,
    changes: bool = False,
) -> dict[int, FileCommand]:
    return {
        ins: FileCommand(
            RecordFile,
            condition,
            lambda ef: _binary(ins, data(ef), ne, _RECORD_1),
            lambda ef: _binary(ins, data(ef), ne, _RECORD_9),
            changes,
            prepare,
        )
    }


FILE_COMMANDS: Final[dict[int, FileCommand]] = {
    **_on_binary(Ins.READ_BINARY, _read, b"", b"", ne=16),
    **_on_binary(Ins.UPDATE_BINARY, _update, _BYTE, _PIECE, prepare=_same),
    **_on_binary(Ins.WRITE_BINARY, _write, _BYTE, _PIECE, prepare=_open),
    **_on_binary(Ins.ERASE_BINARY, _update, b"", b"", prepare=_same),
    **_on_binary(
        Ins.SEARCH_BINARY, _read, bytes((OLD,)), Tlv(0x53, bytes((OLD,))).encode(),
        ne=16, prepare=_same,
    ),
    **_on_records(Ins.READ_RECORD, _read, lambda ef: b"", ne=256),
    **_on_records(Ins.READ_RECORD_ODD, _read, lambda ef: _offset(0), ne=256),
    **_on_records(Ins.SEARCH_RECORD, _read, lambda ef: bytes((OLD,)), ne=256),
    **_on_records(Ins.UPDATE_RECORD, _update, lambda ef: _record(ef, 0xA5), changes=True),
    **_on_records(Ins.UPDATE_RECORD_ODD, _update, lambda ef: _offset(0) + _PIECE, changes=True),
    **_on_records(
        Ins.WRITE_RECORD, _write, lambda ef: _record(ef, 0xA5), prepare=_open, changes=True
    ),
    **_on_records(Ins.ERASE_RECORD, _update, lambda ef: b"", changes=True),
    Ins.APPEND_RECORD: FileCommand(
        RecordFile,
        _write,
        lambda ef: _binary(Ins.APPEND_RECORD, _record(ef, 0xA5)),
        lambda ef: _binary(Ins.APPEND_RECORD, bytes(_too_long(ef))),
        changes=True,
        prepare=_same,
    ),
}  # fmt: skip


def _too_long(ef: EfNode) -> int:
    assert isinstance(ef.spec, RecordFile)
    return ef.spec.record_size + 1


def on_files(subject: Subject, ins: int) -> Iterator[Scenario]:
    """Yield the scenarios of a file command: on one file where it works, and refused ones."""
    command = FILE_COMMANDS[ins]
    files = [ef for ef in subject.tree.root.efs.values() if _fits(command, ef)]
    reachable = [(ef, subject.plan(command.condition(ef.spec.access))) for ef in files]
    for ef, plan in [(ef, plan) for ef, plan in reachable if plan is not None][:2]:
        yield _case(subject, command, ef, plan, "allowed")
        yield _case(subject, command, ef, plan, "beyond the end", beyond=True)
    for ef in [ef for ef, plan in reachable if plan != NOTHING][:2]:
        yield _case(subject, command, ef, NOTHING, "without what it needs", refused=True)
    yield _no_file(subject, command)


def _fits(command: FileCommand, ef: EfNode) -> bool:
    """Tell whether a file is of the kind, has room for two records, and an end that P1-P2 name."""
    spec = ef.spec
    if isinstance(spec, TransparentFile):
        return isinstance(spec, command.kind) and spec.size < 0x8000
    return isinstance(spec, RecordFile) and isinstance(spec, command.kind) and spec.record_count > 1


def _case(
    subject: Subject,
    command: FileCommand,
    ef: EfNode,
    plan: Plan,
    what: str,
    *,
    beyond: bool = False,
    refused: bool = False,
) -> Scenario:
    fails = beyond or refused
    sent = command.beyond(ef) if beyond else command.make(ef)

    def before(rig: Rig) -> None:
        subject.prove(rig, plan)
        rig.must(f"00A4020C02{ef.fid:04X}")

    def edit(rig: Rig) -> None:
        if command.prepare is not None:
            command.prepare(rig.applet(subject.aid), ef)

    return Scenario(
        name=f"{ins_label(sent.ins)} of {ef.label}, {what}",
        before=before,
        act=sends(sent),
        edit=edit,
        succeeds=not fails,
        changes=frozenset()
        if fails or not command.changes
        else frozenset({subject.place(ef.content_key)}),
    )


def _no_file(subject: Subject, command: FileCommand) -> Scenario:
    """The command when no EF is current: 6986."""
    probe = _probe(command)
    return Scenario(
        name=f"{ins_label(probe.ins)} without a file",
        before=subject.select,
        act=sends(probe),
        succeeds=False,
    )


def _probe(command: FileCommand) -> CommandApdu:
    spec = (
        TransparentFile(fid=0x0101, size=1)
        if command.kind is TransparentFile
        else RecordFile(
            fid=0x0101, structure=RecordStructure.LINEAR_FIXED, record_size=1, record_count=2
        )
    )
    return command.make(FileTree(DedicatedFile(files=(spec,))).ef(0x0101))


def select_file(subject: Subject, ins: int) -> Iterator[Scenario]:
    """SELECT of a file: writes nothing, whatever it answers."""
    for fid in (*list(subject.tree.root.efs)[:2], 0x4D4D):
        exists = fid in subject.tree.root.efs

        yield Scenario(
            name=f"SELECT {fid:04X}",
            before=subject.select,
            act=sends(f"00A4020C02{fid:04X}"),
            succeeds=exists,
        )


def get_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GET DATA, either form: of an object that is there, of one that is not."""
    objects = subject.tree.root.objects
    present = [
        spec
        for spec in objects.values()
        if spec.read is ALWAYS and subject.applet.files.data_object(subject.tree.root, spec.tag)
    ]
    for tag in (*[spec.tag for spec in present[:1]], 0x5F7D):
        yield Scenario(
            name=f"GET DATA {tag:X}",
            before=subject.select,
            act=sends(_get(ins, tag)),
            succeeds=tag != 0x5F7D,
        )


def _get(ins: int, tag: int) -> CommandApdu:
    if ins & 1:
        name = Tlv(tag, b"").encode()[:-1]
        return CommandApdu(0x00, ins, 0x3F, 0xFF, Tlv(0x5C, name).encode(), 256)
    return CommandApdu(0x00, ins, tag >> 8, tag & 0xFF, ne=256)


def put_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """PUT DATA, either form: with what it needs, without, and of an object that is not there."""
    root = subject.tree.root
    for spec in root.objects.values():
        if ins & 1 and 0x0100 <= spec.tag <= 0x01FF:
            continue  # no BER-TLV tag: only the even instruction can name it
        plan = subject.plan(spec.write)
        command = _put(ins, spec.tag, _new_value(spec))
        if plan is not None:
            yield Scenario(
                name=f"PUT DATA {spec.tag:X}",
                before=subject.proving(plan),
                act=sends(command),
                changes=frozenset({subject.place(root.object_key(spec.tag))}),
            )
        if plan is not None and ins & 1:
            more = command.replace(data=command.data + Tlv(0x5F7D, b"\x01").encode())
            yield Scenario(
                name=f"PUT DATA {spec.tag:X} and an object that is not there",
                before=subject.proving(plan),
                act=sends(more),
                succeeds=False,
            )
        if plan != NOTHING:
            yield Scenario(
                name=f"PUT DATA {spec.tag:X}, without what it needs",
                before=subject.select,
                act=sends(command),
                succeeds=False,
            )
    yield Scenario(
        name="PUT DATA of no object",
        before=subject.select,
        act=sends(_put(ins, 0x5F7D, b"\x01")),
        succeeds=False,
    )


def _new_value(spec: DataObject) -> bytes:
    if spec.tag in WORDS:
        return WORDS[spec.tag]
    template = not 0x0100 <= spec.tag <= 0x01FF and is_constructed(spec.tag)
    return b"\x81\x01\xa5" if template else b"\xa5"


def _put(ins: int, tag: int, value: bytes) -> CommandApdu:
    if ins & 1:
        return CommandApdu(0x00, ins, 0x3F, 0xFF, Tlv(tag, value).encode())
    return CommandApdu(0x00, ins, tag >> 8, tag & 0xFF, value)

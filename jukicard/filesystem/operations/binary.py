"""Commands on transparent EFs (ISO/IEC 7816-4:2020, 11.3)."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, encode_length
from jukicard.filesystem.access import ALWAYS, AccessCondition
from jukicard.filesystem.commands import (
    ChangeBinary,
    EraseBinary,
    FileReference,
    ReadBinary,
    SearchBinary,
    WriteKind,
    refuse,
)
from jukicard.filesystem.files import EfNode, TransparentFile, WriteFunction
from jukicard.filesystem.selection import Selection, check_access, check_activated, resolve_ef
from jukicard.filesystem.store import FileStore

_OFFSET: Final = 0x54
_DISCRETIONARY: Final = 0x53


def erased_byte(function: WriteFunction) -> int:
    """Return what an erased byte is: the value that every WRITE can still change (table 11)."""
    return 0xFF if function is WriteFunction.AND else 0x00


def written(old: bytes, new: bytes, function: WriteFunction, label: str) -> bytes:
    """Return what WRITE leaves: old OR new, old AND new, or new where nothing was yet."""
    # ISO/IEC 7816-4:2020, 11.3.3
    if function is WriteFunction.OR:
        return bytes(a | b for a, b in zip(old, new, strict=True))
    if function is WriteFunction.AND:
        return bytes(a & b for a, b in zip(old, new, strict=True))
    if any(old):
        refuse(StatusWord.CONDITIONS_NOT_SATISFIED, f"WRITE of {label}: already written once")
    return new


def _open(
    store: FileStore, selection: Selection, reference: FileReference, name: str
) -> tuple[EfNode, TransparentFile]:
    """Return the EF a command means when it is transparent; 6981 when it is not."""
    ef = resolve_ef(selection, reference, name)
    spec = ef.spec
    if not isinstance(spec, TransparentFile):
        refuse(StatusWord.INCOMPATIBLE_FILE_STRUCTURE, f"{name} of {ef.label}: not transparent")
    return ef, spec


def _allow(
    store: FileStore, selection: Selection, ef: EfNode, condition: AccessCondition, name: str
) -> None:
    check_activated(store, ef, name)
    if condition is not ALWAYS:
        check_access(condition, selection.security, name, ef.label)


def _check_offset(offset: int, size: int, name: str, ef: EfNode) -> None:
    if offset >= size:
        refuse(
            StatusWord.WRONG_P1_P2,
            f"{name} of {ef.label}: offset {offset} is outside its {size} bytes",
        )


def read_binary(store: FileStore, selection: Selection, command: ReadBinary) -> bytes:
    """READ BINARY: bytes from the offset on, fewer at the end of the file (9000, not 6282)."""
    reference, offset, ne, tagged = command
    ef, spec = _open(store, selection, reference, "READ BINARY")
    _allow(store, selection, ef, spec.access.read, "READ BINARY")
    if offset >= spec.size:
        _check_offset(offset, spec.size, "READ BINARY", ef)
    content = store.content(ef)
    if tagged:
        return _as_object(content[offset:], ne)
    return content[offset : offset + ne]


def _as_object(content: bytes, ne: int) -> bytes:
    """Return data object 53 with as much of the content as Ne leaves room for."""
    # ISO/IEC 7816-4:2020, 11.3.2: Ne counts the data object
    size = min(len(content), ne)
    while size > 0 and 1 + len(encode_length(size)) + size > ne:
        size -= 1
    if not size:
        refuse(StatusWord.WRONG_LENGTH, "READ BINARY: Le leaves no room for data object 53")
    return Tlv(_DISCRETIONARY, content[:size]).encode()


def change_binary(store: FileStore, selection: Selection, command: ChangeBinary) -> bytes:
    """UPDATE BINARY and WRITE BINARY; 6A84 when the data does not fit behind the offset."""
    name = f"{command.kind.value} BINARY"
    ef, spec = _open(store, selection, command.ef, name)
    access = spec.access
    _allow(
        store,
        selection,
        ef,
        access.update if command.kind is WriteKind.UPDATE else access.write,
        name,
    )
    _check_offset(command.offset, spec.size, name, ef)
    end = command.offset + len(command.data)
    if end > spec.size:
        refuse(
            StatusWord.NOT_ENOUGH_MEMORY,
            f"{name} of {ef.label}: {end} bytes do not fit its {spec.size}",
        )
    content = store.content(ef)
    data = command.data
    if command.kind is WriteKind.WRITE:
        data = written(content[command.offset : end], data, spec.write_function, ef.label)
    store.put_content(ef, content[: command.offset] + data + content[end:])
    return b""


def erase_binary(store: FileStore, selection: Selection, command: EraseBinary) -> bytes:
    """ERASE BINARY: the erased value from the offset to the end offset, or to the file's end."""
    name = "ERASE BINARY"
    ef, spec = _open(store, selection, command.ef, name)
    _allow(store, selection, ef, spec.access.update, name)
    _check_offset(command.offset, spec.size, name, ef)
    end = spec.size if command.end is None else command.end
    if not command.offset < end <= spec.size:
        refuse(
            StatusWord.WRONG_P1_P2,
            f"{name} of {ef.label}: end {end} is not behind the "
            f"offset {command.offset} inside {spec.size} bytes",
        )
    content = store.content(ef)
    blank = bytes((erased_byte(spec.write_function),)) * (end - command.offset)
    store.put_content(ef, content[: command.offset] + blank + content[end:])
    return b""


def search_binary(store: FileStore, selection: Selection, command: SearchBinary) -> bytes:
    """SEARCH BINARY: the offset of the first match from the offset on; 6282 when there is none."""
    name = "SEARCH BINARY"
    ef, spec = _open(store, selection, command.ef, name)
    _allow(store, selection, ef, spec.access.read, name)
    _check_offset(command.offset, spec.size, name, ef)
    found = store.content(ef).find(command.pattern, command.offset)
    if found < 0:
        refuse(StatusWord.END_OF_FILE, f"{name} of {ef.label}: no match")
    offset = found.to_bytes(2, "big")
    return Tlv(_OFFSET, offset).encode() if command.tagged else offset

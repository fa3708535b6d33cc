"""Commands on transparent EFs (ISO/IEC 7816-4:2020, 11.3)."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, encode_length
from jukicard.filesystem.commands import (
    ChangeBinary,
    EraseBinary,
    ReadBinary,
    SearchBinary,
    WriteKind,
    refuse,
)
from jukicard.filesystem.door import Use, enter, may_read, may_update, may_write
from jukicard.filesystem.files import EfNode, TransparentFile, WriteFunction
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import FileStore

_OFFSET: Final = 0x54
_DISCRETIONARY: Final = 0x53

_KIND: Final = (TransparentFile, "not transparent")
_READ: Final = Use("READ BINARY", *_KIND, may_read)
_SEARCH: Final = Use("SEARCH BINARY", *_KIND, may_read)
_ERASE: Final = Use("ERASE BINARY", *_KIND, may_update)
_CHANGE: Final = {
    WriteKind.UPDATE: Use("UPDATE BINARY", *_KIND, may_update),
    WriteKind.WRITE: Use("WRITE BINARY", *_KIND, may_write),
}


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


def _check_offset(offset: int, size: int, name: str, ef: EfNode) -> None:
    if offset >= size:
        refuse(
            StatusWord.WRONG_P1_P2,
            f"{name} of {ef.label}: offset {offset} is outside its {size} bytes",
        )


def read_binary(store: FileStore, selection: Selection, command: ReadBinary) -> bytes:
    """READ BINARY: bytes from the offset on, fewer at the end of the file (9000, not 6282)."""
    reference, offset, ne, tagged = command
    ef, spec = enter(store, selection, reference, _READ)
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
    use = _CHANGE[command.kind]
    ef, spec = enter(store, selection, command.ef, use)
    _check_offset(command.offset, spec.size, use.command, ef)
    end = command.offset + len(command.data)
    if end > spec.size:
        refuse(
            StatusWord.NOT_ENOUGH_MEMORY,
            f"{use.command} of {ef.label}: {end} bytes do not fit its {spec.size}",
        )
    content = store.content(ef)
    data = command.data
    if command.kind is WriteKind.WRITE:
        data = written(content[command.offset : end], data, spec.write_function, ef.label)
    store.put_content(ef, content[: command.offset] + data + content[end:])
    return b""


def erase_binary(store: FileStore, selection: Selection, command: EraseBinary) -> bytes:
    """ERASE BINARY: the erased value from the offset to the end offset, or to the file's end."""
    name = _ERASE.command
    ef, spec = enter(store, selection, command.ef, _ERASE)
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
    name = _SEARCH.command
    ef, spec = enter(store, selection, command.ef, _SEARCH)
    _check_offset(command.offset, spec.size, name, ef)
    found = store.content(ef).find(command.pattern, command.offset)
    if found < 0:
        refuse(StatusWord.END_OF_FILE, f"{name} of {ef.label}: no match")
    offset = found.to_bytes(2, "big")
    return Tlv(_OFFSET, offset).encode() if command.tagged else offset

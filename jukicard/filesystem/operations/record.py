"""Commands on EFs of records (ISO/IEC 7816-4:2020, 11.4)."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.filesystem.commands import (
    AppendRecord,
    ChangeRecord,
    EraseRecord,
    ReadRecord,
    RecordMode,
    SearchRecord,
    WriteKind,
    refuse,
)
from jukicard.filesystem.door import Use, enter, may_read, may_update, may_write
from jukicard.filesystem.files import EfNode, RecordFile, RecordStructure
from jukicard.filesystem.operations.binary import erased_byte, written
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import FileStore

_DISCRETIONARY: Final = 0x53

_KIND: Final = (RecordFile, "has no records")
_READ: Final = Use("READ RECORD", *_KIND, may_read)
_SEARCH: Final = Use("SEARCH RECORD", *_KIND, may_read)
_APPEND: Final = Use("APPEND RECORD", *_KIND, may_write)
_ERASE: Final = Use("ERASE RECORD", *_KIND, may_update)
_CHANGE: Final = {
    WriteKind.UPDATE: Use("UPDATE RECORD", *_KIND, may_update),
    WriteKind.WRITE: Use("WRITE RECORD", *_KIND, may_write),
}


def _number_of(
    records: list[bytes], selection: Selection, p1: int, mode: RecordMode, name: str, label: str
) -> int:
    """Return the record number a command means and make it current; 6A83 when there is none."""
    if mode >= RecordMode.NUMBER:
        number = p1 or selection.record  # 11.4.1: P1 00 is the current record
    else:
        number = _with_identifier(records, selection.record, p1, mode)
    if not 1 <= number <= len(records):
        refuse(StatusWord.RECORD_NOT_FOUND, f"{name} of {label}: no such record")
    selection.record = number
    return number


def _with_identifier(records: list[bytes], current: int, identifier: int, mode: RecordMode) -> int:
    """Return the number of the first, last, next or previous record, 0 when there is none.

    With identifier 00 every record counts (ISO/IEC 7816-4:2020, 11.4.1).
    """
    numbers = [
        number
        for number, record in enumerate(records, 1)
        if identifier == 0 or record[:1] == bytes((identifier,))
    ]
    if mode is RecordMode.PREVIOUS_WITH_IDENTIFIER:
        # without a current record the previous one is the last (11.4.1)
        numbers = [number for number in numbers if not current or number < current]
    elif mode is RecordMode.NEXT_WITH_IDENTIFIER:
        numbers = [number for number in numbers if number > current]
    if not numbers:
        return 0
    last = mode in (RecordMode.LAST_WITH_IDENTIFIER, RecordMode.PREVIOUS_WITH_IDENTIFIER)
    return numbers[-1] if last else numbers[0]


def read_record(store: FileStore, selection: Selection, command: ReadRecord) -> bytes:
    """READ RECORD: one record, several, or with odd INS a part of one."""
    name = _READ.command
    ef, _ = enter(store, selection, command.ef, _READ)
    records = store.records(ef)
    number = _number_of(records, selection, command.p1, command.mode, name, ef.label)
    if command.offset is not None:
        return _part_of(records[number - 1], command.offset, command, ef)
    if command.mode is RecordMode.NUMBER_TO_LAST:
        return b"".join(records[number - 1 :])
    if command.mode is RecordMode.LAST_TO_NUMBER:
        return b"".join(reversed(records[number - 1 :]))
    return records[number - 1]


def _part_of(record: bytes, offset: int, command: ReadRecord, ef: EfNode) -> bytes:
    if command.mode > RecordMode.NUMBER:
        refuse(StatusWord.INCORRECT_P1_P2, "READ RECORD: a part of several records")
    if offset >= len(record):
        refuse(StatusWord.WRONG_P1_P2, f"READ RECORD of {ef.label}: offset outside the record")
    return Tlv(_DISCRETIONARY, record[command.offset :]).encode()


def change_record(store: FileStore, selection: Selection, command: ChangeRecord) -> bytes:
    """UPDATE RECORD and WRITE RECORD: replace a record, or with odd INS a part of it."""
    use = _CHANGE[command.kind]
    name = use.command
    ef, spec = enter(store, selection, command.ef, use)
    records = store.records(ef)
    if (
        spec.structure is RecordStructure.CYCLIC
        and command.mode is RecordMode.PREVIOUS_WITH_IDENTIFIER
    ):
        # ISO/IEC 7816-4:2020, 11.4.4: "previous" in a cyclic EF writes a new record 1, whole
        if command.offset:
            refuse(StatusWord.WRONG_P1_P2, f"{name} of {ef.label}: outside a new record")
        return _append(store, selection, ef, spec, records, command.data, name)
    number = _number_of(records, selection, command.p1, command.mode, name, ef.label)
    old = records[number - 1]
    new = command.data
    if command.offset is not None:
        if command.offset + len(new) > len(old):
            refuse(StatusWord.WRONG_P1_P2, f"{name} of {ef.label}: outside the record")
        new = old[: command.offset] + new + old[command.offset + len(new) :]
    _check_size(spec, new, name, ef)
    if command.kind is WriteKind.WRITE:
        if len(new) != len(old):
            refuse(StatusWord.WRONG_LENGTH, f"{name} of {ef.label}: another length")
        new = written(old, new, spec.write_function, ef.label)
    records[number - 1] = new
    store.put_records(ef, records)
    return b""


def _check_size(spec: RecordFile, record: bytes, name: str, ef: EfNode) -> None:
    if not spec.takes(record):
        refuse(StatusWord.WRONG_LENGTH, f"{name} of {ef.label}: records have {spec.sizes}")


def _append(
    store: FileStore,
    selection: Selection,
    ef: EfNode,
    spec: RecordFile,
    records: list[bytes],
    record: bytes,
    name: str,
) -> bytes:
    _check_size(spec, record, name, ef)
    if spec.structure is RecordStructure.CYCLIC:
        # 7.3.3.2: the newest is number 1; a full file loses its oldest
        records = [record, *records][: spec.record_count]
        selection.record = 1
    elif len(records) == spec.record_count:
        refuse(StatusWord.NOT_ENOUGH_MEMORY, f"{name} of {ef.label}: all records are in use")
    else:
        records.append(record)
        selection.record = len(records)
    store.put_records(ef, records)
    return b""


def append_record(store: FileStore, selection: Selection, command: AppendRecord) -> bytes:
    """APPEND RECORD: a new last record, in a cyclic EF a new first; 6A84 when full."""
    name = _APPEND.command
    ef, spec = enter(store, selection, command.ef, _APPEND)
    return _append(store, selection, ef, spec, store.records(ef), command.data, name)


def erase_record(store: FileStore, selection: Selection, command: EraseRecord) -> bytes:
    """ERASE RECORD: set one record, or it and all behind it, to the erased value."""
    name = _ERASE.command
    ef, spec = enter(store, selection, command.ef, _ERASE)
    records = store.records(ef)
    number = _number_of(records, selection, command.number, RecordMode.NUMBER, name, ef.label)
    last = len(records) if command.to_last else number
    blank = erased_byte(spec.write_function)
    for position in range(number - 1, last):
        records[position] = bytes((blank,)) * len(records[position])
    store.put_records(ef, records)
    return b""


def search_record(store: FileStore, selection: Selection, command: SearchRecord) -> bytes:
    """SEARCH RECORD: the numbers of the records that match; 6282 when there is none."""
    name = _SEARCH.command
    ef, _ = enter(store, selection, command.ef, _SEARCH)
    records = store.records(ef)
    known = command.start or selection.record
    start = known or (len(records) if command.backward else 1)
    if not 1 <= start <= len(records):
        refuse(StatusWord.RECORD_NOT_FOUND, f"{name} of {ef.label}: no record to start from")
    numbers = range(start, 0, -1) if command.backward else range(start, len(records) + 1)
    if command.skip_start and known:  # 11.4.1: next to no current record is the first, or last
        numbers = numbers[1:]
    found = bytes(number for number in numbers if _matches(records[number - 1], command))
    if not found:
        refuse(StatusWord.END_OF_FILE, f"{name} of {ef.label}: no match")
    selection.record = found[0]  # 11.4.7: the first match becomes the current record
    return found


def _matches(record: bytes, command: SearchRecord) -> bool:
    offset = command.offset
    if command.after is not None:
        offset = record.find(bytes((command.after,))) + 1
        if not offset:
            return False
    return record.find(command.pattern, offset) >= 0

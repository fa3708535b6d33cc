"""File commands, parsed once: after this module no INS, P1, P2 or tag is looked at again."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final, NamedTuple, NoReturn

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError
from jukicard.errors import IsoError
from jukicard.filesystem.control import ControlInformation


class SelectBy(IntEnum):
    """How SELECT names a file (P1, ISO/IEC 7816-4:2020, table 62)."""

    IDENTIFIER = 0x00
    CHILD_DF = 0x01
    CHILD_EF = 0x02
    PARENT_DF = 0x03
    DF_NAME = 0x04
    PATH_FROM_MF = 0x08
    PATH_FROM_DF = 0x09


class Occurrence(IntEnum):
    """Which of several matches is meant (P2 bits 2 and 1, table 63)."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3


class Select(NamedTuple):
    """SELECT, ISO/IEC 7816-4:2020, 11.2.2."""

    by: SelectBy
    reference: bytes
    occurrence: Occurrence
    wanted: ControlInformation
    ne: int


class FileReference(NamedTuple):
    """Which EF a command means: the current one, one by short or one by file identifier."""

    sfi: int = 0
    fid: int = 0


CURRENT_EF: Final = FileReference()
SHORT: Final = (CURRENT_EF, *(FileReference(sfi) for sfi in range(1, 31)))
"""What the short identifiers 0 (the current EF) to 30 mean, by their number."""
made: Final = tuple.__new__
"""Makes the typed form of a command that comes often: what its class does, without a call of it."""


class ReadBinary(NamedTuple):
    """READ BINARY, 11.3.2; `tagged` is the odd form with data objects 54 and 53."""

    ef: FileReference
    offset: int
    ne: int
    tagged: bool = False


class WriteKind(Enum):
    """What happens to the bytes that are there."""

    UPDATE = "UPDATE"
    WRITE = "WRITE"


class ChangeBinary(NamedTuple):
    """UPDATE BINARY and WRITE BINARY, 11.3.3 and 11.3.4."""

    kind: WriteKind
    ef: FileReference
    offset: int
    data: bytes

    def __repr__(self) -> str:
        return f"ChangeBinary(offset {self.offset}, {len(self.data)} bytes)"


class EraseBinary(NamedTuple):
    """ERASE BINARY, 11.3.6: from `offset` to `end`, None: to the end of the file."""

    ef: FileReference
    offset: int
    end: int | None


class SearchBinary(NamedTuple):
    """SEARCH BINARY, 11.3.5."""

    ef: FileReference
    offset: int
    pattern: bytes
    ne: int
    tagged: bool = False

    def __repr__(self) -> str:
        return f"SearchBinary(offset {self.offset}, {len(self.pattern)} bytes)"


class RecordMode(IntEnum):
    """How P1 names records (P2 bits 3 to 1, ISO/IEC 7816-4:2020, tables 79 and 82)."""

    FIRST_WITH_IDENTIFIER = 0
    LAST_WITH_IDENTIFIER = 1
    NEXT_WITH_IDENTIFIER = 2
    PREVIOUS_WITH_IDENTIFIER = 3
    NUMBER = 4
    NUMBER_TO_LAST = 5
    LAST_TO_NUMBER = 6


class ReadRecord(NamedTuple):
    """READ RECORD, 11.4.3; `offset` is not None in the odd form."""

    ef: FileReference
    p1: int
    mode: RecordMode
    ne: int
    offset: int | None = None


class ChangeRecord(NamedTuple):
    """UPDATE RECORD and WRITE RECORD, 11.4.5 and 11.4.4; `offset` None replaces the record."""

    kind: WriteKind
    ef: FileReference
    p1: int
    mode: RecordMode
    data: bytes
    offset: int | None = None

    def __repr__(self) -> str:
        return f"ChangeRecord({self.p1}, {self.mode.name}, {len(self.data)} bytes)"


class AppendRecord(NamedTuple):
    """APPEND RECORD, 11.4.6."""

    ef: FileReference
    data: bytes

    def __repr__(self) -> str:
        return f"AppendRecord({len(self.data)} bytes)"


class EraseRecord(NamedTuple):
    """ERASE RECORD, 11.4.8: one record, or (`to_last`) it and all behind it."""

    ef: FileReference
    number: int
    to_last: bool


class SearchRecord(NamedTuple):
    """SEARCH RECORD, 11.4.7, simple and enhanced.

    `backward` walks to lower numbers; `start` 0 is the current record. The pattern is looked for
    from `offset` of each record on, or, with `after`, behind the first byte of that value.
    """

    ef: FileReference
    start: int
    backward: bool
    pattern: bytes
    ne: int
    offset: int = 0
    after: int | None = None
    skip_start: bool = False

    def __repr__(self) -> str:
        return f"SearchRecord({len(self.pattern)} bytes)"


class GetData(NamedTuple):
    """GET DATA, 11.5.2 and 11.5.3; `tagged` is the odd form with a tag list."""

    tags: tuple[int, ...]
    ne: int
    tagged: bool = False


class PutData(NamedTuple):
    """PUT DATA, 11.5.4: values by tag."""

    objects: tuple[tuple[int, bytes], ...]

    def __repr__(self) -> str:
        return f"PutData({len(self.objects)} objects)"


def refuse(status: StatusWord, reason: str) -> NoReturn:
    """Raise the refusal; one line where it is needed."""
    raise IsoError(status, reason)


def _need_data(command: CommandApdu, name: str) -> bytes:
    if not command.data:
        refuse(StatusWord.WRONG_LENGTH, f"{name} needs a data field")
    return command.data


def _no_data(command: CommandApdu, name: str) -> None:
    if command.data:
        refuse(StatusWord.WRONG_LENGTH, f"{name} has no data field")


def _need_ne(command: CommandApdu, name: str) -> int:
    if not command.ne:
        refuse(StatusWord.WRONG_LENGTH, f"{name} needs an Le field")
    return command.ne


def _wrong_p1_p2(name: str) -> NoReturn:
    refuse(StatusWord.INCORRECT_P1_P2, f"{name}: no meaning for this P1 or P2")


_WRITES: Final = frozenset({Ins.WRITE_BINARY, Ins.WRITE_BINARY_ODD, Ins.WRITE_RECORD})
_WANTED: Final = tuple(ControlInformation(value) for value in (0x00, 0x04, 0x08, 0x0C))
_SELECT_BY: Final = {int(by): by for by in SelectBy}
_OCCURRENCES: Final = tuple(Occurrence)
_CHILDREN: Final = frozenset({SelectBy.CHILD_DF, SelectBy.CHILD_EF})


def parse_select(command: CommandApdu) -> Select:
    """Read SELECT (ISO/IEC 7816-4:2020, 11.2.2)."""
    by = _SELECT_BY.get(command.p1)
    if by is None or command.p2 & 0xF0:
        _wrong_p1_p2("SELECT")
    data = command.data
    if by in _CHILDREN:
        fits = len(data) == 2
    elif by is SelectBy.DF_NAME:
        fits = len(data) <= 16
    elif by is SelectBy.IDENTIFIER:
        fits = len(data) in (0, 2)
    elif by is SelectBy.PARENT_DF:
        fits = not data
    else:  # a path
        fits = len(data) >= 2 and len(data) % 2 == 0
    if not fits:
        refuse(StatusWord.WRONG_LENGTH, f"SELECT {by.name}: no reference of {len(data)} bytes")
    occurrence = _OCCURRENCES[command.p2 & 0x03]
    if occurrence is not Occurrence.FIRST and by is not SelectBy.DF_NAME:
        _wrong_p1_p2("SELECT")
    return made(Select, (by, data, occurrence, _WANTED[command.p2 >> 2], command.ne))


def _binary_reference(command: CommandApdu, name: str) -> tuple[FileReference, int]:
    """P1-P2 of even BINARY commands: short identifier and 8 bits, or 15 bits of offset."""
    # ISO/IEC 7816-4:2020, 11.3.1, table 70
    p1 = command.p1
    if p1 < 0x80:
        return CURRENT_EF, p1 << 8 | command.p2
    sfi = p1 & 0x1F
    if p1 & 0x60 or sfi == 31:
        _wrong_p1_p2(name)
    return SHORT[sfi], command.p2


def _odd_reference(command: CommandApdu, name: str) -> FileReference:
    """P1-P2 of odd commands: 0000 the current EF, 0001 to 001E a short, else a file identifier."""
    # ISO/IEC 7816-4:2020, 11.3.1, table 70
    number = command.p1 << 8 | command.p2
    if number == 0:
        return CURRENT_EF
    if number < 0x1F:
        return FileReference(sfi=number)
    if number in (0x001F, 0x3FFF, 0xFFFF):
        _wrong_p1_p2(name)
    return FileReference(fid=number)


def _objects(data: bytes, name: str) -> list[Tlv]:
    try:
        return Tlv.parse_all(data)
    except TlvError:  # its text names tags, and what is malformed may be anything: a PIN too
        raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: malformed data objects") from None


def _offset_of(tlv: Tlv, name: str) -> int:
    if tlv.tag != 0x54 or not 1 <= len(tlv.value) <= 4:
        refuse(StatusWord.INCORRECT_DATA, f"{name}: an offset data object 54 of 1 to 4 bytes")
    return int.from_bytes(tlv.value, "big")


def _only_object(command: CommandApdu, name: str) -> Tlv:
    """The data field of odd reading commands: one data object, 54 with the offset."""
    objects = _objects(_need_data(command, name), name)
    if len(objects) != 1:
        refuse(StatusWord.INCORRECT_DATA, f"{name}: one offset data object 54")
    return objects[0]


def _offset_and_data(command: CommandApdu, name: str) -> tuple[int, bytes]:
    """The data field of odd updating commands: 54 offset, then 53 or 73 data."""
    objects = _objects(_need_data(command, name), name)
    if len(objects) != 2 or objects[1].tag not in (0x53, 0x73):
        refuse(StatusWord.INCORRECT_DATA, f"{name}: data objects 54 and 53 or 73")
    return _offset_of(objects[0], name), objects[1].value


def parse_read_binary(command: CommandApdu) -> ReadBinary:
    """Read READ BINARY; with odd INS the offset is in data object 54 (11.3.2)."""
    if command.ins & 1:
        return _read_binary_tagged(command, "READ BINARY")
    if command.data:
        refuse(StatusWord.WRONG_LENGTH, "READ BINARY has no data field")
    if not command.ne:
        refuse(StatusWord.WRONG_LENGTH, "READ BINARY needs an Le field")
    if command.p1 < 0x80:
        return made(ReadBinary, (CURRENT_EF, command.p1 << 8 | command.p2, command.ne, False))
    ef, offset = _binary_reference(command, "READ BINARY")
    return made(ReadBinary, (ef, offset, command.ne, False))


def _read_binary_tagged(command: CommandApdu, name: str) -> ReadBinary:
    offset = _only_object(command, name)
    return ReadBinary(
        _odd_reference(command, name),
        _offset_of(offset, name),
        _need_ne(command, name),
        tagged=True,
    )


def parse_change_binary(command: CommandApdu) -> ChangeBinary:
    """Read UPDATE BINARY and WRITE BINARY, either INS (11.3.4, 11.3.3)."""
    kind = WriteKind.WRITE if command.ins in _WRITES else WriteKind.UPDATE
    name = f"{kind.value} BINARY"
    if command.ins & 1:
        offset, data = _offset_and_data(command, name)
        return ChangeBinary(kind, _odd_reference(command, name), offset, data)
    ef, offset = _binary_reference(command, name)
    return ChangeBinary(kind, ef, offset, _need_data(command, name))


def parse_erase_binary(command: CommandApdu) -> EraseBinary:
    """Read ERASE BINARY: an end offset of two bytes, or none (11.3.6).

    With odd INS none, one or two offset data objects.
    """
    name = "ERASE BINARY"
    if not command.ins & 1:
        ef, offset = _binary_reference(command, name)
        if len(command.data) not in (0, 2):
            refuse(StatusWord.WRONG_LENGTH, f"{name}: an end offset of two bytes, or none")
        return EraseBinary(
            ef, offset, int.from_bytes(command.data, "big") if command.data else None
        )
    offsets = [_offset_of(tlv, name) for tlv in _objects(command.data, name)]
    if len(offsets) > 2:
        refuse(StatusWord.INCORRECT_DATA, f"{name}: at most two offset data objects")
    start, end = [*offsets, None, None][:2]
    return EraseBinary(_odd_reference(command, name), start or 0, end)


def parse_search_binary(command: CommandApdu) -> SearchBinary:
    """Read SEARCH BINARY; with odd INS data objects 54 and 53 (11.3.5)."""
    name = "SEARCH BINARY"
    if not command.ins & 1:
        ef, offset = _binary_reference(command, name)
        return SearchBinary(ef, offset, _need_data(command, name), _need_ne(command, name))
    offset, pattern = _offset_and_data(command, name)
    return SearchBinary(
        _odd_reference(command, name), offset, pattern, _need_ne(command, name), tagged=True
    )


def _record_reference(command: CommandApdu, name: str) -> FileReference:
    """P2 bits 8 to 4: a short identifier, 0 the current EF (11.4.1, table 78)."""
    sfi = command.p2 >> 3
    if sfi == 31:
        _wrong_p1_p2(name)
    return FileReference(sfi) if sfi else CURRENT_EF


def _record_mode(command: CommandApdu, name: str) -> RecordMode:
    mode = command.p2 & 0x07
    if mode == 7 or command.p1 == 0xFF:
        _wrong_p1_p2(name)
    return RecordMode(mode)


def parse_read_record(command: CommandApdu) -> ReadRecord:
    """Read READ RECORD, either INS (11.4.3)."""
    name = "READ RECORD"
    offset = None
    if command.ins & 1:
        offset = _offset_of(_only_object(command, name), name)
    else:
        _no_data(command, name)
    return ReadRecord(
        _record_reference(command, name),
        command.p1,
        _record_mode(command, name),
        _need_ne(command, name),
        offset,
    )


def parse_change_record(command: CommandApdu) -> ChangeRecord:
    """Read UPDATE RECORD, either INS, and WRITE RECORD (11.4.5, 11.4.4)."""
    kind = WriteKind.WRITE if command.ins in _WRITES else WriteKind.UPDATE
    name = f"{kind.value} RECORD"
    ef, mode = _record_reference(command, name), _record_mode(command, name)
    if mode > RecordMode.NUMBER:
        _wrong_p1_p2(name)
    if mode < RecordMode.NUMBER and command.p1:
        _wrong_p1_p2(name)  # 11.4.4: first, last, next and previous come with P1 00
    if command.ins & 1:
        offset, data = _offset_and_data(command, name)
        return ChangeRecord(kind, ef, command.p1, mode, data, offset)
    return ChangeRecord(kind, ef, command.p1, mode, _need_data(command, name))


def parse_append_record(command: CommandApdu) -> AppendRecord:
    """Read APPEND RECORD (11.4.6)."""
    if command.p1 or command.p2 & 0x07:
        _wrong_p1_p2("APPEND RECORD")
    return AppendRecord(
        _record_reference(command, "APPEND RECORD"), _need_data(command, "APPEND RECORD")
    )


def parse_erase_record(command: CommandApdu) -> EraseRecord:
    """Read ERASE RECORD (11.4.8)."""
    name = "ERASE RECORD"
    _no_data(command, name)
    mode = _record_mode(command, name)
    if mode not in (RecordMode.NUMBER, RecordMode.NUMBER_TO_LAST):
        _wrong_p1_p2(name)
    return EraseRecord(
        _record_reference(command, name), command.p1, mode is RecordMode.NUMBER_TO_LAST
    )


def parse_search_record(command: CommandApdu) -> SearchRecord:
    """Read SEARCH RECORD, simple and enhanced (11.4.7, tables 87 and 88)."""
    name = "SEARCH RECORD"
    ef, mode, data = _record_reference(command, name), command.p2 & 0x07, command.data
    if command.p1 == 0xFF or mode not in (4, 5, 6):
        _wrong_p1_p2(name)
    _need_data(command, name)
    ne = _need_ne(command, name)
    if mode != 6:
        return SearchRecord(ef, command.p1, mode == 5, data, ne)
    if len(data) < 3:
        refuse(StatusWord.WRONG_LENGTH, f"{name}: a search indication of two bytes and a pattern")
    # table 88: bit 4 of the indication tells offset from value, bits 3 to 1 the direction
    direction = data[0] & 0x07
    if data[0] & 0xF0 or direction not in (4, 5, 6, 7):
        refuse(StatusWord.INCORRECT_DATA, f"{name}: no such search indication")
    by_value = bool(data[0] & 0x08)
    return SearchRecord(
        ef,
        command.p1,
        bool(direction & 1),
        data[2:],
        ne,
        offset=0 if by_value else data[1],
        after=data[1] if by_value else None,
        skip_start=direction >= 6,
    )


def _data_tag(command: CommandApdu, name: str) -> int:
    """P1-P2 of even GET DATA and PUT DATA: a tag of one or two bytes (11.5.1, table 90)."""
    tag = command.p1 << 8 | command.p2
    one_byte = 0x40 <= tag <= 0xFE
    two_bytes = tag >= 0x4000 and tag & 0x1F00 == 0x1F00 and not tag & 0x80
    proprietary = 0x0100 <= tag <= 0x01FF
    if not (one_byte or two_bytes or proprietary):
        _wrong_p1_p2(name)
    return tag


def _check_current_df(command: CommandApdu, name: str) -> None:
    """P1-P2 of odd GET DATA and PUT DATA: 0000 or 3FFF, the current DF."""
    if (command.p1, command.p2) not in ((0x00, 0x00), (0x3F, 0xFF)):
        _wrong_p1_p2(name)


def parse_get_data(command: CommandApdu) -> GetData:
    """Read GET DATA (11.5.2); with odd INS a tag list 5C, in the current DF (11.5.3)."""
    name = "GET DATA"
    if not command.ins & 1:
        _no_data(command, name)
        return GetData((_data_tag(command, name),), _need_ne(command, name))
    _check_current_df(command, name)
    objects = _objects(_need_data(command, name), name)
    if len(objects) != 1 or objects[0].tag != 0x5C or not objects[0].value:
        refuse(StatusWord.INCORRECT_DATA, f"{name}: one tag list data object 5C")
    return GetData(_tag_list(objects[0].value, name), _need_ne(command, name), tagged=True)


def _tag_list(raw: bytes, name: str) -> tuple[int, ...]:
    """Read tags without lengths (ISO/IEC 7816-4:2020, 8.4.2)."""
    tags = []
    offset = 0
    while offset < len(raw):
        for size in (1, 2, 3):
            try:  # a tag followed by a length of 0 is a data object exactly when it is one tag
                tags.append(Tlv.parse(raw[offset : offset + size] + b"\0").tag)
            except TlvError:
                continue
            offset += size
            break
        else:
            refuse(StatusWord.INCORRECT_DATA, f"{name}: the tag list is malformed")
    return tuple(tags)


def parse_put_data(command: CommandApdu) -> PutData:
    """Read PUT DATA: the value of one data object; with odd INS data objects, in the current DF.

    # ISO/IEC 7816-4:2020, 11.5.4
    """
    name = "PUT DATA"
    if not command.ins & 1:
        return PutData(((_data_tag(command, name), _need_data(command, name)),))
    _check_current_df(command, name)
    objects = _objects(_need_data(command, name), name)
    return PutData(tuple((tlv.tag, tlv.value) for tlv in objects))

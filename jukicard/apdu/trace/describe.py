"""A command in words: what CLA, INS, P1 and P2 say, for whoever reads a trace; never its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jukicard.apdu.cla import ClassByte, ClassKind, SecureMessagingIndication
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label, is_valid_ins

_Describe = Callable[[CommandApdu], str]


def describe(command: CommandApdu) -> str:
    """Say in one line what a command asks for, out of its header, Nc and Ne alone.

    >>> describe(CommandApdu(0x0C, 0xB0, 0x8A, 0x00, ne=16))
    'READ BINARY of SFI 0A at offset 0 [secure messaging]'
    """
    # What is inside a protected command is not known here: its P1-P2 still are.
    notes = _class_notes(command.cla)
    words = _words(command)
    return f"{words} [{', '.join(notes)}]" if notes else words


def _words(command: CommandApdu) -> str:
    if not is_valid_ins(command.ins):
        return f"INS {command.ins:02X}, which is no instruction"
    if command.cla.interindustry:
        known = _INTERINDUSTRY.get(command.ins)
        return known(command) if known else _plain(ins_label(command.ins), command)
    return _plain(ins_label(command.ins, proprietary=True), command)


def _plain(name: str, command: CommandApdu) -> str:
    return f"{name} {command.p1:02X} {command.p2:02X}"


def _class_notes(cla: ClassByte) -> list[str]:
    """Return what the class byte adds: channel, chaining, secure messaging, an unusual class."""
    notes = []
    if cla.kind in (ClassKind.RESERVED, ClassKind.INVALID):
        notes.append(f"{cla.kind.value} class {cla.value:02X}")
    elif cla.kind is ClassKind.PROPRIETARY:
        notes.append("proprietary class")
    if cla.channel:
        notes.append(f"channel {cla.channel}")
    if cla.secure:
        notes.append(_MESSAGING[cla.secure_messaging])
    if cla.chained:
        notes.append("chained, more follow")
    return notes


_MESSAGING: Final = {
    SecureMessagingIndication.PROPRIETARY: "proprietary secure messaging",
    SecureMessagingIndication.HEADER_NOT_AUTHENTICATED: "secure messaging, header unprotected",
    SecureMessagingIndication.HEADER_AUTHENTICATED: "secure messaging",
}

# -- selection: ISO/IEC 7816-4:2020, 11.2 ---------------------------------------------------------

_SELECT_BY: Final = {
    0x00: "MF, DF or EF by identifier",
    0x01: "child DF",
    0x02: "EF under the current DF",
    0x03: "parent DF",
    0x04: "by DF name",
    0x08: "by path from the MF",
    0x09: "by path from the current DF",
}
_OCCURRENCE: Final = ("first", "last", "next", "previous")
_CONTROL_INFORMATION: Final = ("FCI", "FCP", "FMD", "no answer data")


def _select(command: CommandApdu) -> str:
    by = _SELECT_BY.get(command.p1)
    if by is None or command.p2 > 0x0F:
        return _plain("SELECT", command)
    if command.p1 == 0x00 and not command.data:
        by = "MF"
    wanted = _CONTROL_INFORMATION[command.p2 >> 2 & 0x03]
    occurrence = _OCCURRENCE[command.p2 & 0x03]
    return f"SELECT {by}, {wanted}" + (f", {occurrence} occurrence" if command.p2 & 0x03 else "")


def _manage_channel(command: CommandApdu) -> str:
    if command.p1 == 0x00:
        return f"MANAGE CHANNEL open {command.p2 or '(the card chooses)'}"
    if command.p1 == 0x80:
        return f"MANAGE CHANNEL close {command.p2 or 'this one'}"
    return _plain("MANAGE CHANNEL", command)


# -- data units and records: ISO/IEC 7816-4:2020, 11.3 and 11.4 -----------------------------------


def _binary(command: CommandApdu) -> str:
    name = ins_label(command.ins)
    if command.p1 & 0x80 == 0:
        return f"{name} at offset {command.p1 << 8 | command.p2}"
    sfi = command.p1 & 0x1F
    if command.p1 & 0x60 or sfi == 31:
        return _plain(name, command)
    return f"{name} of {f'SFI {sfi:02X}' if sfi else 'the current EF'} at offset {command.p2}"


def _binary_odd(command: CommandApdu) -> str:
    name = ins_label(command.ins)
    file = command.p1 << 8 | command.p2
    if file == 0:
        return f"{name} of the current EF"
    return f"{name} of SFI {file:02X}" if 1 <= file <= 30 else f"{name} of EF {file:04X}"


_RECORD: Final = (
    "first occurrence of identifier {0}",
    "last occurrence of identifier {0}",
    "next occurrence of identifier {0}",
    "previous occurrence of identifier {0}",
    "record {0}",
    "records {0} to last",
    "records last to {0}",
    "",
)


def _record(command: CommandApdu) -> str:
    name = ins_label(command.ins)
    sfi = command.p2 >> 3
    which = _RECORD[command.p2 & 0x07].format(command.p1)
    if not which or sfi == 31:
        return _plain(name, command)
    if command.p2 & 0x07 == 4 and command.p1 == 0:
        which = "current record"
    return f"{name}: {which}" + (f" of SFI {sfi:02X}" if sfi else "")


def _append_record(command: CommandApdu) -> str:
    if command.p1 or command.p2 & 0x07 or command.p2 >> 3 == 31:
        return _plain("APPEND RECORD", command)
    sfi = command.p2 >> 3
    return "APPEND RECORD" + (f" to SFI {sfi:02X}" if sfi else "")


# -- data objects: ISO/IEC 7816-4:2020, 11.5 ------------------------------------------------------


def _data_object(command: CommandApdu) -> str:
    name = ins_label(command.ins)
    number = command.p1 << 8 | command.p2
    if 0x0200 <= number <= 0x02FE and command.p2:
        return f"{name} of SIMPLE-TLV tag {command.p2:02X}"
    if 0x0040 <= number <= 0x00FE or number >= 0x4000:
        return f"{name} of tag {number:0{4 if number > 0xFF else 2}X}"
    return _plain(name, command)


def _data_object_odd(command: CommandApdu) -> str:
    file = command.p1 << 8 | command.p2
    name = ins_label(command.ins)
    return {0x0000: f"{name} of the current EF", 0x3FFF: f"{name} of the current DF"}.get(
        file, f"{name} of file {file:04X}"
    )


# -- basic security: ISO/IEC 7816-4:2020, 11.6 ----------------------------------------------------


def _reference(p2: int) -> str:
    """Say which reference data or key P2 means; the whole byte, because profiles differ."""
    if p2 == 0:
        return "no reference given"
    return f"reference {p2 & 0x7F:02X} of the {'application' if p2 & 0x80 else 'card'}"


def _verify(command: CommandApdu) -> str:
    name = ins_label(command.ins)
    if command.p1 == 0xFF and not command.data:
        return f"{name}: drop what was verified, {_reference(command.p2)}"
    if command.p1:
        return _plain(name, command)
    asked = ": how many tries are left" if not command.data else ""
    return f"{name}{asked}, {_reference(command.p2)}"


def _with_reference(command: CommandApdu, meanings: Mapping[int, str]) -> str:
    name = ins_label(command.ins)
    meaning = meanings.get(command.p1)
    if meaning is None:
        return _plain(name, command)
    return f"{name}{meaning}, {_reference(command.p2)}"


def _change_reference_data(command: CommandApdu) -> str:
    return _with_reference(command, {0: " (old and new)", 1: " (new only)"})


def _reset_retry_counter(command: CommandApdu) -> str:
    return _with_reference(
        command, {0: " (resetting code and new)", 1: " (resetting code)", 2: " (new only)", 3: ""}
    )


_SET_FOR: Final = {
    0x80: "verification, encipherment, external authentication and key agreement",
    0x40: "computation, decipherment, internal authentication and key agreement",
    0x20: "secure messaging in response",
    0x10: "secure messaging in command",
}
_TEMPLATE: Final = {
    0xA4: "authentication",
    0xA6: "key agreement",
    0xAA: "hash",
    0xAC: "control reference",
    0xB4: "checksum",
    0xB6: "digital signature",
    0xB8: "confidentiality",
}


def _manage_security_environment(command: CommandApdu) -> str:
    low, high = command.p1 & 0x0F, command.p1 & 0xF0
    if low == 1 and command.p2 in _TEMPLATE:
        uses = "; ".join(text for bit, text in _SET_FOR.items() if high & bit)
        return (
            f"MANAGE SECURITY ENVIRONMENT: set {_TEMPLATE[command.p2]} template"
            f"{f' for {uses}' if uses else ''}"
        )
    what = {0xF2: "store", 0xF3: "restore", 0xF4: "erase"}.get(command.p1)
    if what:
        return f"MANAGE SECURITY ENVIRONMENT: {what} environment {command.p2}"
    return _plain("MANAGE SECURITY ENVIRONMENT", command)


# ISO/IEC 7816-8:2021, 5: P1 is the tag of what comes out, P2 of what goes in
_SECURITY_OPERATIONS: Final = {
    (0x9E, 0x9A): "compute digital signature",
    (0x9E, 0xAC): "compute digital signature",
    (0x00, 0xA8): "verify digital signature",
    (0x00, 0xA2): "verify cryptographic checksum",
    (0x8E, 0x80): "compute cryptographic checksum",
    (0x00, 0xAE): "verify certificate",
    (0x00, 0xBE): "verify certificate",
    (0x90, 0x80): "hash",
    (0x90, 0xA0): "hash",
    (0x86, 0x80): "encipher",
    (0x82, 0x80): "encipher",
    (0x84, 0x80): "encipher",
    (0x80, 0x82): "decipher",
    (0x80, 0x84): "decipher",
    (0x80, 0x86): "decipher",
}


def _security_operation(command: CommandApdu) -> str:
    operation = _SECURITY_OPERATIONS.get((command.p1, command.p2))
    if operation is None:
        return _plain("PERFORM SECURITY OPERATION", command)
    return f"PERFORM SECURITY OPERATION: {operation}"


def _authenticate(command: CommandApdu) -> str:
    # An Le field is what tells the two commands of INS 82 apart before the data is read.
    name = ins_label(command.ins)
    if command.ins == Ins.MUTUAL_AUTHENTICATE and not command.ne:
        name = "EXTERNAL AUTHENTICATE"
    algorithm = f", algorithm {command.p1:02X}" if command.p1 else ""
    return f"{name}{algorithm}, {_reference(command.p2)}"


def _no_parameters(command: CommandApdu) -> str:
    if command.p1 or command.p2:
        return _plain(ins_label(command.ins), command)
    return ins_label(command.ins)


def _with_ne(command: CommandApdu) -> str:
    asked = f" of {command.ne} bytes" if command.ne else ""
    return f"{_no_parameters(command)}{asked}"


_INTERINDUSTRY: Final[Mapping[int, _Describe]] = {
    Ins.SELECT: _select,
    Ins.MANAGE_CHANNEL: _manage_channel,
    **dict.fromkeys(
        (Ins.READ_BINARY, Ins.WRITE_BINARY, Ins.UPDATE_BINARY, Ins.ERASE_BINARY, Ins.SEARCH_BINARY),
        _binary,
    ),
    **dict.fromkeys(
        (
            Ins.READ_BINARY_ODD,
            Ins.WRITE_BINARY_ODD,
            Ins.UPDATE_BINARY_ODD,
            Ins.ERASE_BINARY_ODD,
            Ins.SEARCH_BINARY_ODD,
        ),
        _binary_odd,
    ),
    **dict.fromkeys(
        (
            Ins.READ_RECORD,
            Ins.READ_RECORD_ODD,
            Ins.WRITE_RECORD,
            Ins.UPDATE_RECORD,
            Ins.UPDATE_RECORD_ODD,
            Ins.ERASE_RECORD,
            Ins.SEARCH_RECORD,
        ),
        _record,
    ),
    Ins.APPEND_RECORD: _append_record,
    **dict.fromkeys((Ins.GET_DATA, Ins.PUT_DATA), _data_object),
    **dict.fromkeys((Ins.GET_DATA_ODD, Ins.PUT_DATA_ODD), _data_object_odd),
    **dict.fromkeys((Ins.VERIFY, Ins.VERIFY_ODD), _verify),
    Ins.CHANGE_REFERENCE_DATA: _change_reference_data,
    Ins.RESET_RETRY_COUNTER: _reset_retry_counter,
    Ins.MANAGE_SECURITY_ENVIRONMENT: _manage_security_environment,
    Ins.PERFORM_SECURITY_OPERATION: _security_operation,
    **dict.fromkeys(
        (
            Ins.MUTUAL_AUTHENTICATE,
            Ins.INTERNAL_AUTHENTICATE,
            Ins.GENERAL_AUTHENTICATE,
            Ins.GENERAL_AUTHENTICATE_ODD,
        ),
        _authenticate,
    ),
    **dict.fromkeys((Ins.GET_RESPONSE, Ins.GET_CHALLENGE), _with_ne),
    **dict.fromkeys(
        (
            Ins.ACTIVATE_FILE,
            Ins.DEACTIVATE_FILE,
            Ins.DELETE_FILE,
            Ins.TERMINATE_EF,
            Ins.TERMINATE_CARD_USAGE,
        ),
        _no_parameters,
    ),
    # ISO/IEC 7816-9:2017, 9: TERMINATE DF, the same byte as GlobalPlatform's INSTALL
    Ins.INSTALL: lambda command: (
        "TERMINATE DF" if not command.p1 | command.p2 else _plain("TERMINATE DF", command)
    ),
}

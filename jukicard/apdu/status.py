"""Status words: the 16-bit value on the wire, lossless, with names for the fixed ones."""

from __future__ import annotations

from typing import ClassVar, Final


class StatusWord(int):
    """SW1-SW2 as a number, 0 to 65535 (ISO/IEC 7816-4:2020, 5.6).

    Every value survives a round trip; the named ones are class attributes (`StatusWord.OK`).
    ValueError outside 16 bits.
    """

    __slots__ = ()  # the named ones are everybody's: nothing can be put on them

    OK: ClassVar[StatusWord]
    NO_INFORMATION_CHANGED: ClassVar[StatusWord]
    CORRUPTED_DATA: ClassVar[StatusWord]
    END_OF_FILE: ClassVar[StatusWord]
    SELECTED_FILE_DEACTIVATED: ClassVar[StatusWord]
    FCI_NOT_FORMATTED: ClassVar[StatusWord]
    SELECTED_FILE_TERMINATED: ClassVar[StatusWord]
    AUTHENTICATION_FAILED: ClassVar[StatusWord]
    FILE_FILLED_UP: ClassVar[StatusWord]
    EXECUTION_ERROR: ClassVar[StatusWord]
    MEMORY_FAILURE: ClassVar[StatusWord]
    WRONG_LENGTH: ClassVar[StatusWord]
    CHANNEL_NOT_SUPPORTED: ClassVar[StatusWord]
    SECURE_MESSAGING_NOT_SUPPORTED: ClassVar[StatusWord]
    LAST_COMMAND_EXPECTED: ClassVar[StatusWord]
    CHAINING_NOT_SUPPORTED: ClassVar[StatusWord]
    COMMAND_NOT_ALLOWED: ClassVar[StatusWord]
    INCOMPATIBLE_FILE_STRUCTURE: ClassVar[StatusWord]
    SECURITY_STATUS_NOT_SATISFIED: ClassVar[StatusWord]
    AUTHENTICATION_METHOD_BLOCKED: ClassVar[StatusWord]
    REFERENCE_DATA_NOT_USABLE: ClassVar[StatusWord]
    CONDITIONS_NOT_SATISFIED: ClassVar[StatusWord]
    NO_CURRENT_EF: ClassVar[StatusWord]
    SECURE_MESSAGING_OBJECTS_MISSING: ClassVar[StatusWord]
    SECURE_MESSAGING_OBJECTS_INCORRECT: ClassVar[StatusWord]
    INCORRECT_DATA: ClassVar[StatusWord]
    FUNCTION_NOT_SUPPORTED: ClassVar[StatusWord]
    FILE_NOT_FOUND: ClassVar[StatusWord]
    RECORD_NOT_FOUND: ClassVar[StatusWord]
    NOT_ENOUGH_MEMORY: ClassVar[StatusWord]
    NC_INCONSISTENT_WITH_TLV: ClassVar[StatusWord]
    INCORRECT_P1_P2: ClassVar[StatusWord]
    NC_INCONSISTENT_WITH_P1_P2: ClassVar[StatusWord]
    REFERENCED_DATA_NOT_FOUND: ClassVar[StatusWord]
    FILE_ALREADY_EXISTS: ClassVar[StatusWord]
    DF_NAME_ALREADY_EXISTS: ClassVar[StatusWord]
    WRONG_P1_P2: ClassVar[StatusWord]
    INS_NOT_SUPPORTED: ClassVar[StatusWord]
    CLA_NOT_SUPPORTED: ClassVar[StatusWord]
    NO_PRECISE_DIAGNOSIS: ClassVar[StatusWord]

    def __new__(cls, value: int) -> StatusWord:
        """Return the named instance where there is one."""
        known = _NAMED.get(value)
        if known is not None:
            return known
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"a status word is 0 to 65535, not {value}")
        return int.__new__(cls, value)

    @classmethod
    def retries(cls, left: int) -> StatusWord:
        """63CX: the comparison failed, `left` further tries allowed (15 at most are shown)."""
        return cls(0x63C0 | max(0, min(left, 15)))

    @classmethod
    def more_data(cls, remaining: int) -> StatusWord:
        """61XX: `remaining` bytes wait for GET RESPONSE; 00 stands for 256 and more.

        ValueError below 1: 6100 would promise bytes that are not there.
        """
        if remaining < 1:
            raise ValueError(f"61XX says at least 1 byte, not {remaining}")
        return cls(0x6100 | (remaining if remaining < 256 else 0))

    @classmethod
    def right_length(cls, length: int) -> StatusWord:
        """6CXX: repeat the command with this Le; 00 stands for 256.

        ValueError unless 1 to 256: another number has no place in one byte.
        """
        if not 1 <= length <= 256:
            raise ValueError(f"6CXX says 1 to 256, not {length}")
        return cls(0x6C00 | length & 0xFF)

    @property
    def sw1(self) -> int:
        """The first byte."""
        return self >> 8

    @property
    def sw2(self) -> int:
        """The second byte."""
        return self & 0xFF

    @property
    def retries_left(self) -> int | None:
        """X of 63CX, None for any other status."""
        return self & 0x0F if self & 0xFFF0 == 0x63C0 else None

    @property
    def is_ok(self) -> bool:
        """True for 9000 and 61XX (ISO/IEC 7816-4:2020, table 5: normal processing)."""
        return self == 0x9000 or self >> 8 == 0x61

    @property
    def is_warning(self) -> bool:
        """True for 62XX and 63XX."""
        return self >> 8 in (0x62, 0x63)

    @property
    def is_error(self) -> bool:
        """True for 64XX to 6FXX: execution or checking error (ISO/IEC 7816-4:2020, table 5)."""
        return 0x64 <= self >> 8 <= 0x6F

    @property
    def meaning(self) -> str:
        """What the standard says in a few words, for a reader of a trace."""
        text = _MEANINGS.get(int(self))
        if text is not None:
            return text
        if self & 0xFFF0 == 0x63C0:
            return f"failed, {tries(self & 0x0F)} left"
        return _SW1_MEANINGS.get(self >> 8, "not a status of ISO/IEC 7816-4")

    @property
    def hex(self) -> str:
        """Four upper-case hexadecimal digits."""
        return f"{int(self):04X}"

    def __repr__(self) -> str:
        return f"<StatusWord {int(self):04X} {self.meaning}>"

    def __str__(self) -> str:
        return f"{int(self):04X}"

    def __reduce__(self) -> tuple[type[StatusWord], tuple[int]]:
        return StatusWord, (int(self),)


def tries(count: int) -> str:
    """Return so many tries in words: 1 try, 2 tries."""
    return "1 try" if count == 1 else f"{count} tries"


# ISO/IEC 7816-4:2020, tables 6 and 7
_FIXED: Final = (
    ("OK", 0x9000, "done"),
    ("NO_INFORMATION_CHANGED", 0x6200, "warning, memory unchanged"),
    ("CORRUPTED_DATA", 0x6281, "part of the data may be corrupted"),
    ("END_OF_FILE", 0x6282, "end of file or record before Ne bytes"),
    ("SELECTED_FILE_DEACTIVATED", 0x6283, "the selected file is deactivated"),
    ("FCI_NOT_FORMATTED", 0x6284, "control information not formatted"),
    ("SELECTED_FILE_TERMINATED", 0x6285, "the selected file is terminated"),
    ("AUTHENTICATION_FAILED", 0x6300, "authentication failed"),
    ("FILE_FILLED_UP", 0x6381, "file filled up by the last write"),
    ("EXECUTION_ERROR", 0x6400, "execution error, memory unchanged"),
    ("MEMORY_FAILURE", 0x6581, "memory failure"),
    ("WRONG_LENGTH", 0x6700, "wrong length"),
    ("CHANNEL_NOT_SUPPORTED", 0x6881, "logical channel not supported"),
    ("SECURE_MESSAGING_NOT_SUPPORTED", 0x6882, "secure messaging not supported"),
    ("LAST_COMMAND_EXPECTED", 0x6883, "last command of the chain expected"),
    ("CHAINING_NOT_SUPPORTED", 0x6884, "command chaining not supported"),
    ("COMMAND_NOT_ALLOWED", 0x6900, "command not allowed"),
    ("INCOMPATIBLE_FILE_STRUCTURE", 0x6981, "command does not fit the file structure"),
    ("SECURITY_STATUS_NOT_SATISFIED", 0x6982, "security status not satisfied"),
    ("AUTHENTICATION_METHOD_BLOCKED", 0x6983, "authentication method blocked"),
    ("REFERENCE_DATA_NOT_USABLE", 0x6984, "reference data not usable"),
    ("CONDITIONS_NOT_SATISFIED", 0x6985, "conditions of use not satisfied"),
    ("NO_CURRENT_EF", 0x6986, "no current EF"),
    ("SECURE_MESSAGING_OBJECTS_MISSING", 0x6987, "secure messaging objects missing"),
    ("SECURE_MESSAGING_OBJECTS_INCORRECT", 0x6988, "secure messaging objects incorrect"),
    ("INCORRECT_DATA", 0x6A80, "incorrect data field"),
    ("FUNCTION_NOT_SUPPORTED", 0x6A81, "function not supported"),
    ("FILE_NOT_FOUND", 0x6A82, "file or application not found"),
    ("RECORD_NOT_FOUND", 0x6A83, "record not found"),
    ("NOT_ENOUGH_MEMORY", 0x6A84, "not enough memory in the file"),
    ("NC_INCONSISTENT_WITH_TLV", 0x6A85, "Nc does not fit the TLV structure"),
    ("INCORRECT_P1_P2", 0x6A86, "incorrect P1 or P2"),
    ("NC_INCONSISTENT_WITH_P1_P2", 0x6A87, "Nc does not fit P1-P2"),
    ("REFERENCED_DATA_NOT_FOUND", 0x6A88, "referenced data not found"),
    ("FILE_ALREADY_EXISTS", 0x6A89, "file already exists"),
    ("DF_NAME_ALREADY_EXISTS", 0x6A8A, "DF name already exists"),
    ("WRONG_P1_P2", 0x6B00, "wrong P1-P2, offset outside the file"),
    ("INS_NOT_SUPPORTED", 0x6D00, "instruction not supported"),
    ("CLA_NOT_SUPPORTED", 0x6E00, "class not supported"),
    ("NO_PRECISE_DIAGNOSIS", 0x6F00, "no precise diagnosis"),
)
_SW1_MEANINGS: Final = {
    0x61: "done, more bytes wait for GET RESPONSE",
    0x62: "warning, memory unchanged",
    0x63: "warning, memory changed",
    0x64: "execution error, memory unchanged",
    0x65: "execution error, memory changed",
    0x66: "security-related error",
    0x67: "wrong length",
    0x68: "function of the class byte not supported",
    0x69: "command not allowed",
    0x6A: "wrong parameters",
    0x6B: "wrong parameters",
    0x6C: "wrong Le, the second byte is the right one",
    0x6D: "instruction not supported",
    0x6E: "class not supported",
    0x6F: "no precise diagnosis",
}
_NAMED: Final[dict[int, StatusWord]] = {}
_MEANINGS: Final = {value: text for _, value, text in _FIXED}
for _name, _value, _ in _FIXED:
    _NAMED[_value] = int.__new__(StatusWord, _value)
    setattr(StatusWord, _name, _NAMED[_value])

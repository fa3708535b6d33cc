"""What a host asks of a PIN pad: the structures of PC_to_RDR_Secure, every byte looked at here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from jukicard.transport.ccid.messages import HEADER, CcidError

LONGEST: Final = 64
"""The most digits of a PIN that a host may ask for and this reader keeps."""
_CHANGE_KEY: Final = 0x8032  # JICSAP's CHANGE KEY, class and instruction
_PIN_COMMANDS: Final = frozenset((*range(0x20, 0x22), *range(0x24, 0x26), *range(0x2C, 0x2E)))
"""VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER, even and odd (ISO/IEC 7816-4:2020)."""


class Misfit(ValueError):
    """The bytes of a structure are allowed one by one, and do not fit together: status 6B80."""


class Coding(Enum):
    """How a digit is written (bmFormatString, bits 1 and 0): its size and its fixed bits."""

    BINARY = (8, 0x00)
    BCD = (4, 0x00)
    ASCII = (8, 0x30)

    def __init__(self, bits: int, base: int) -> None:
        self.bits = bits
        self.base = base


class Ends(Enum):
    """What ends the entry of a PIN (bEntryValidationCondition): these may be combined."""

    FULL = 0x01
    KEY = 0x02
    TIME = 0x04


@dataclass(frozen=True, slots=True)
class PinFormat:
    """How a PIN stands in the command.

    at: where it begins after Lc, in bits; a modification adds its insertion offsets.
    right: whether it stands at the end of its block.
    block: bytes of the block, 0 where it is as long as the PIN.
    length_bits, length_at: size and place of the number of digits, in bits; size 0 is none.
    """

    coding: Coding
    at: int
    right: bool
    block: int
    length_bits: int
    length_at: int


@dataclass(frozen=True, slots=True)
class SecureStructure:
    """A PIN verification or modification structure (CCID 1.1, 6.1.11).

    seconds: how long each entry may take; 0 is the reader's own time.
    minimum, maximum: digits of a PIN.
    ends: what ends an entry.
    old, new: insertion offsets in bytes of the PIN in force and of the new one; None where none
        is asked for.
    confirm: whether the new PIN is entered a second time.
    messages: the index of the message for each entry, in order; None shows nothing.
    language: wLangId.
    prologue: NAD, PCB and LEN of the block of T=1.
    template: the command, without its PIN.
    """

    seconds: int
    format: PinFormat
    minimum: int
    maximum: int
    ends: frozenset[Ends]
    old: int | None
    new: int | None
    confirm: bool
    messages: tuple[int | None, ...]
    language: int
    prologue: bytes
    template: bytes


class _Fields:
    """Reads bytes from the front; a wrong one is told by its place in the message."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, size: int = 1) -> int:
        """Return the next field, the low byte first. CcidError where there is none."""
        part = self._body[self._at : self._at + size]
        self._at += size
        if len(part) < size:
            raise CcidError(1)  # dwLength
        return int.from_bytes(part, "little")

    def refuse(self, wrong: bool, size: int = 1) -> None:
        """Refuse the field of that size that was taken last. CcidError."""
        if wrong:
            raise CcidError(HEADER + self._at - size)

    def rest(self, size: int | None = None) -> bytes:
        """Return the next `size` bytes, or all that are left. CcidError where they are fewer."""
        part = self._body[self._at :][:size]
        self._at += len(part)
        if size is not None and len(part) < size:
            raise CcidError(1)
        return part


def parse(body: bytes, indexes: int | None = None) -> SecureStructure:
    """Read abPINDataStructure with bPINOperation before it.

    indexes: how many bMsgIndex a modification has, for a reader to which its driver sends another
        number than CCID says (GemPCPinPad: 3).

    CcidError is the place of the first wrong byte in the message, Misfit says that they do not fit
    together.
    """
    fields = _Fields(body)
    operation = fields.take()
    fields.refuse(operation > 1)
    modify = operation == 1
    seconds = fields.take()
    form = _format(fields)
    offsets = (fields.take(), fields.take()) if modify else (0, 0)
    most, least = fields.take(), fields.take()
    asked = fields.take() if modify else 0
    fields.refuse(asked > 3)
    ends = fields.take()
    fields.refuse(not 1 <= ends <= 7)
    old = offsets[0] if asked & 2 or not modify else None
    new = offsets[1] if modify else None
    entries = 1 + (asked & 1) + (asked >> 1)
    number = fields.take()
    fields.refuse(number != 0xFF and number > (3 if modify else 1))
    language = fields.take(2)
    count = (indexes or {0: 1, 3: 3}.get(number, 2)) if modify else 1
    told = [fields.take() for _ in range(count)]
    prologue = fields.rest(3)
    template = fields.rest()
    structure = SecureStructure(
        seconds,
        form,
        least,
        _most(form, most),
        frozenset(each for each in Ends if ends & each.value),
        old,
        new,
        bool(asked & 1),
        _messages(number, told, entries, 1 if modify and not asked & 2 else 0),
        language,
        prologue,
        template,
    )
    _agree(structure)
    return structure


def _format(fields: _Fields) -> PinFormat:
    """Read bmFormatString, bmPINBlockString and bmPINLengthFormat."""
    form = fields.take()
    fields.refuse(form & 3 == 3)
    block = fields.take()
    place = fields.take()
    fields.refuse(bool(place & 0xE0))
    return PinFormat(
        (Coding.BINARY, Coding.BCD, Coding.ASCII)[form & 3],
        (form >> 3 & 15) * (8 if form & 0x80 else 1),
        bool(form & 4),
        block & 15,
        block >> 4,
        (place & 15) * (8 if place & 0x10 else 1),
    )


def _most(form: PinFormat, most: int) -> int:
    """Return how many digits can be taken: what the host says, block and length field allow."""
    fits = [most, LONGEST]
    if form.block:
        fits.append(form.block * 8 // form.coding.bits)
    if form.length_bits:
        fits.append((1 << form.length_bits) - 1)
    return min(fits)


def _messages(number: int, told: list[int], entries: int, first: int) -> tuple[int | None, ...]:
    """Return the message of each entry; FF asks for the reader's own (0 PIN, 1 new, 2 again)."""
    if number == 0xFF:
        return tuple(range(first, first + entries))
    shown = told[:number]
    return tuple(shown[each] if each < len(shown) else None for each in range(entries))


def _agree(structure: SecureStructure) -> None:
    """Refuse what cannot be done, whatever is typed. Misfit."""
    template = structure.template
    if len(template) < 4:
        raise Misfit("the command has no header")
    if template[1] not in _PIN_COMMANDS and int.from_bytes(template[:2]) != _CHANGE_KEY:
        raise Misfit(f"no PIN goes into the command {template[1]:02X}")
    if not structure.maximum or structure.minimum > structure.maximum:
        raise Misfit("no number of digits is allowed")

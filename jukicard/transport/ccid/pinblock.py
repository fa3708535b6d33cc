"""Puts a PIN into a command as a reader does: block, justification, length, Lc, T=1 block."""

from __future__ import annotations

from collections.abc import Sequence

from jukicard.transport.ccid.pinstructure import Misfit, PinFormat, SecureStructure
from jukicard.transport.tpdu import Edc

MAX_DATA = 255
"""The most data that a command of a PIN pad takes: Lc is one byte."""
_MAX_BLOCK = 254
Digits = Sequence[int]
"""The digits of a PIN, each 0 to 9. Never text, so that no message can hold them."""


def build(structure: SecureStructure, old: Digits | None, new: Digits | None) -> bytes:
    """Return the command with its PIN: `old` of a verification or a modification, then `new`.

    None is a PIN that was not asked for. Misfit where the command has no room for them.
    """
    header, data, le = _parts(structure.template)
    form = structure.format
    appended = not form.block and not data
    taken: set[int] = set()
    for digits, offset in ((old, structure.old or 0), (new, structure.new or 0)):
        if digits is not None:
            behind = appended and bool(taken)  # the first one made the data as long as it is
            base = 8 * (len(data) if behind else offset)
            _put(data, digits, form, base if behind else base + form.at, base, taken)
    if len(data) > MAX_DATA:
        raise Misfit("the data is longer than Lc can say")
    return header + bytes((len(data),)) + bytes(data) + le


def _parts(template: bytes) -> tuple[bytes, bytearray, bytes]:
    """Return header, data and Le of a command; its Lc is corrected later. Misfit."""
    header, said, rest = template[:4], template[4:5], template[5:]
    if rest and said == b"\0":
        raise Misfit("a PIN goes into a short command only")
    size = said[0] if said else 0
    if len(rest) > size + 1:
        raise Misfit("the command is longer than its Lc says")
    return header, bytearray(rest[:size]), rest[size:]


def _put(
    data: bytearray, digits: Digits, form: PinFormat, at: int, base: int, taken: set[int]
) -> None:
    """Write one PIN at bit `at`, and its length counted from bit `base`. Misfit."""
    width = form.coding.bits
    size = len(digits) * width
    if form.block:
        # a block may reach over the end of the data where nothing of the PIN stands there
        room = form.block * 8 if form.right else min(form.block * 8, len(data) * 8 - at)
        if size > room:
            raise Misfit("the PIN reaches over the end of its block")
        begin = at + (room - size if form.right else 0)
    else:
        begin = at
        if begin > len(data) * 8:
            raise Misfit("the PIN begins behind the end of the data")
        data.extend(bytes(max(0, -(-(begin + size) // 8) - len(data))))
    writes = [(begin + width * n, width, form.coding.base | d) for n, d in enumerate(digits)]
    if form.length_bits:
        writes.append((base + form.length_at, form.length_bits, len(digits)))
    for place, bits, value in writes:
        _write(data, place, bits, value, taken)


def _write(data: bytearray, at: int, bits: int, value: int, taken: set[int]) -> None:
    """Write a number into bits that nothing else was written to. Misfit."""
    places = range(at, at + bits)
    if at < 0 or places.stop > len(data) * 8 or value >> bits:
        raise Misfit("the PIN or its length is larger than its place")
    if not taken.isdisjoint(places):
        raise Misfit("PINs, or a PIN and its length, stand over one another")
    taken.update(places)
    for place, shift in zip(places, range(bits - 1, -1, -1), strict=True):
        mask = 0x80 >> place % 8
        data[place // 8] = data[place // 8] & ~mask | (mask if value >> shift & 1 else 0)


def in_block(prologue: bytes, command: bytes, edc: Edc) -> bytes:
    """Return the block of T=1 that a TPDU reader makes of it: LEN corrected, checksum. Misfit.

    prologue: bTeoPrologue; only a whole I-block can carry a PIN.
    """
    if prologue[1] & 0xBF or len(command) > _MAX_BLOCK:
        raise Misfit("a PIN goes in one I-block")
    return edc.seal(prologue[:2] + bytes((len(command),)) + command)

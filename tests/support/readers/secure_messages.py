"""PC_to_RDR_Secure as a host makes it (CCID 1.1, 6.1.11), from bPINOperation on."""

from __future__ import annotations

VERIFY = bytes.fromhex("00200080")
CHANGE = bytes.fromhex("00240180")


def verification(
    template: bytes = VERIFY,
    *,
    seconds: int = 0,
    form: int = 0x82,
    block: int = 0,
    length: int = 0,
    most: int = 4,
    least: int = 4,
    ends: int = 2,
    number: int = 1,
    language: int = 0x0409,
    index: int = 0,
    prologue: bytes = bytes(3),
) -> bytes:
    """Return a verification structure, bPINOperation 0 first."""
    head = (0, seconds, form, block, length, most, least, ends, number)
    return bytes(head) + language.to_bytes(2, "little") + bytes((index,)) + prologue + template


def modification(
    template: bytes = CHANGE,
    *,
    seconds: int = 0,
    form: int = 0x82,
    block: int = 0,
    length: int = 0,
    old: int = 0,
    new: int = 0,
    most: int = 4,
    least: int = 4,
    confirm: int = 3,
    ends: int = 2,
    number: int = 3,
    language: int = 0x0409,
    indexes: tuple[int, ...] = (0, 1, 2),
    prologue: bytes = bytes(3),
) -> bytes:
    """Return a modification structure, bPINOperation 1 first."""
    head = (1, seconds, form, block, length, old, new, most, least, confirm, ends, number)
    return bytes(head) + language.to_bytes(2, "little") + bytes(indexes) + prologue + template

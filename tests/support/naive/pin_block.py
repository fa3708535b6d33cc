"""PIN blocks a second time, from CCID 1.1, 6.1.11, as strings of binary digits."""

from __future__ import annotations


def coded(digits: list[int], kind: int) -> str:
    """Return the bits of a PIN: kind 0 binary, 1 BCD, 2 ASCII."""
    size, base = {0: (8, 0), 1: (4, 0), 2: (8, 48)}[kind]
    return "".join(format(base + digit, "b").zfill(size) for digit in digits)


def verified(fields: dict[str, int], template: bytes, digits: list[int]) -> bytes | None:
    """Return the command of a verification, or None where it does not fit.

    fields: bmFormatString, bmPINBlockString, bmPINLengthFormat as `form`, `block`, `length`.
    """
    return _command(fields, template, [(digits, 0)])


def modified(
    fields: dict[str, int], template: bytes, pins: list[tuple[list[int], int]]
) -> bytes | None:
    """Return the command of a modification; `pins` are digits and insertion offsets in order."""
    return _command(fields, template, pins)


def _command(
    fields: dict[str, int], template: bytes, pins: list[tuple[list[int], int]]
) -> bytes | None:
    lc = template[4] if len(template) > 4 else 0
    text = "".join(format(byte, "08b") for byte in template[5 : 5 + lc])
    rest = template[5 + lc :]
    if (lc == 0 and len(template) > 5) or len(rest) > 1:
        return None
    form = fields["form"]
    start = int(format(form, "08b")[1:5], 2) * (8 if form >= 128 else 1)
    right = format(form, "08b")[5] == "1"
    size = int(format(fields["block"], "08b")[4:], 2)
    width = int(format(fields["block"], "08b")[:4], 2)
    place = int(format(fields["length"], "08b")[4:], 2)
    if format(fields["length"], "08b")[3] == "1":
        place *= 8
    empty = not text and not size
    used = "." * len(text)
    for number, (digits, offset) in enumerate(pins):
        pin = coded(digits, form % 4)
        base = len(text) if empty and number else 8 * offset
        first = base if empty and number else base + start
        if size:
            end = min(first + 8 * size, len(text)) if not right else first + 8 * size
            if end > len(text) or len(pin) > end - first or first > len(text):
                return None
            first = end - len(pin) if right else first
        else:
            if first > len(text):
                return None
            while len(text) < first + len(pin):
                text, used = text + "0" * 8, used + "." * 8
        marks = [(first, pin)]
        if width:
            count = format(len(digits), "b").zfill(width)
            if len(count) > width:
                return None
            marks.append((base + place, count))
        for at, bits in marks:
            if at + len(bits) > len(text) or "x" in used[at : at + len(bits)]:
                return None
            text = text[:at] + bits + text[at + len(bits) :]
            used = used[:at] + "x" * len(bits) + used[at + len(bits) :]
    data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    return None if len(data) > 255 else template[:4] + bytes([len(data)]) + data + rest

"""The data objects in an answer, drawn as a tree for people."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.tlv import MAX_DEPTH, Tlv, TlvError
from jukicard.apdu.trace.readable import count

MAX_LINES: Final = 200


def object_lines(data: bytes) -> list[str]:
    """Return a line for each data object, indented; none where `data` begins with no template.

    Bytes that are no data objects look like some often enough: only templates are looked into.
    """
    lines: list[str] = []
    try:
        found = Tlv.parse_all(data)
        if found and found[0].constructed:
            _draw(found, "", lines)
    except TlvError:
        return []
    if len(lines) > MAX_LINES:
        lines[MAX_LINES:] = [f"... {len(lines) - MAX_LINES} more"]
    return lines


def _draw(objects: list[Tlv], indent: str, lines: list[str]) -> None:
    for one in objects:
        if one.constructed and len(indent) < 2 * MAX_DEPTH:
            lines.append(f"{indent}{one.tag:02X} {count(len(one.value))}")
            _draw(one.children, indent + "  ", lines)
        else:
            lines.append(f"{indent}{one.tag:02X} {one.value.hex().upper()}".rstrip())

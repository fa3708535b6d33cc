"""The PINs of a card that is issued, read from a file: an argument would show in a process list.

No message shows a value, nor a word that may be one.
"""

from __future__ import annotations

import codecs
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from jukicard.cli.problems import UserError
from jukicard.cli.readfile import read_file

if TYPE_CHECKING:
    from jukicard.profiles import Pins

_MAX_BYTES: Final = 64 << 10
"""The largest PIN file."""


def read_pins(path: str) -> Pins:
    """Return the PINs in a file; those that it does not name keep their default.

    Either the first line is the Juki application's PIN, and lines of text may follow, or each line
    is a name of `Pins` and a PIN, as in `signature ABC123`; then empty lines, and those that begin
    with #, say nothing. UserError when the file cannot be read or is neither.
    """
    from jukicard.profiles import Pins

    return Pins(**_read(path, any_name=False))


def read_further_pins(path: str) -> dict[str, str]:
    """Return the PINs in a file by their names, of which further applications have their own.

    The file is as for `read_pins`. UserError.
    """
    return _read(path, any_name=True)


def _read(path: str, *, any_name: bool) -> dict[str, str]:
    from jukicard.profiles import Pins

    names = [field.name for field in fields(Pins)]
    lines = _lines(path)
    if len(lines[0].split()) == 1 and not lines[0].startswith("#"):
        if any(_is_pin(line.split(), names) for line in lines[1:]):
            raise UserError(f"the PIN file {path} has a PIN without a name: name each of them")
        return {"juki": lines[0]}
    found = _named(path, lines, names, any_name=any_name)
    if not found:
        raise UserError(f"the PIN file {path} holds no PIN")
    return found


def _is_pin(words: list[str], names: list[str]) -> bool:
    """Tell whether a line behind a PIN without a name is another PIN, with a name or without."""
    return words[:1] in [[name] for name in names] or (len(words) == 1 and words[0][0] != "#")


def _named(path: str, lines: list[str], names: list[str], *, any_name: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split(maxsplit=1 if line.startswith("operator ") else -1)
        if not words or line.startswith("#"):
            continue
        where = f"line {number} of the PIN file {path}"
        if len(words) != 2 or not (any_name or words[0] in names):
            raise UserError(f"{where} is no name and a PIN; the names are {', '.join(names)}")
        if words[0] in found:
            whose = words[0] if words[0] in names else "an application"  # it may be a PIN itself
            raise UserError(f"{where} names the PIN of {whose} a second time")
        found[words[0]] = words[1]
    return found


def _lines(path: str) -> list[str]:
    """Return the lines, at least one, without their ends."""
    raw = read_file(path, "the PIN file", _MAX_BYTES).removeprefix(codecs.BOM_UTF8)
    try:
        return raw.decode("ascii").splitlines() or [""]
    except UnicodeDecodeError:
        raise UserError(f"the PIN file {path} holds more than ASCII characters") from None

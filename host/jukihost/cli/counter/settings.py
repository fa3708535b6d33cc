"""The file that says what an office's terminals stand on, read once; its paths are beside it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jukihost.cli import output
from jukihost.cli.output import UsageError

VARIABLE: Final = "JUKIHOST_OFFICE"
_MAX_FILE: Final = 64 << 10
_NEEDED: Final = {"municipality": str, "database": str, "keys": str, "pseudonyms": str}
_FURTHER: Final = {"terminal": str, "anchors": list, "key_floor": int, "rehearsal": int}
EXAMPLE: Final = """\
[office]
municipality = "13101"            # five digits, JIS X 0401 and 0402
database = "terminal.db"          # or postgresql://USER@HOST/NAME
keys = "town.keys"                # a key store, or pkcs11:...
pseudonyms = "town.pseudonyms"    # the key of the log's pseudonyms
anchors = ["operators.pem"]       # who certifies operators
terminal = "counter-1"            # this machine's name unless given
# rehearsal = 4000                # test cards only: the clock is so many days behind
"""
"""What such a file looks like."""


@dataclass(frozen=True)
class Settings:
    """What the file says; places that are files are absolute.

    anchors: files with the certificates of who certifies operators. rehearsal: by how many days
    the clock is behind, so that old cards are valid; 0 where it counts.
    """

    municipality: str
    database: str
    keys: str
    pseudonyms: str
    terminal: str | None
    anchors: tuple[str, ...]
    key_floor: int | None
    rehearsal: int


def read_settings(path: str) -> Settings:
    """Read an office's file. UsageError, which says what is wrong with it and how one looks."""
    raw = output.read_file(path, "the office's file", _MAX_FILE)
    try:
        parsed = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("the office's file is no text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the office's file is no TOML: {error}") from None
    found = parsed.get("office")
    if not isinstance(found, dict) or set(parsed) != {"office"}:
        raise UsageError(f"the office's file has one table, [office]; for example\n\n{EXAMPLE}")
    _check(found)
    folder = Path(path).resolve().parent if path != "-" else Path.cwd()

    def place(text: str) -> str:
        return text if ":" in text.partition("/")[0] else str(folder / text)

    return Settings(
        found["municipality"],
        place(found["database"]),
        place(found["keys"]),
        place(found["pseudonyms"]),
        found.get("terminal"),
        tuple(place(one) for one in found.get("anchors", [])),
        found.get("key_floor"),
        found.get("rehearsal", 0),
    )


def _check(found: dict[str, Any]) -> None:
    known = _NEEDED | _FURTHER
    if missing := sorted(_NEEDED.keys() - found.keys()):
        raise UsageError(f"the office's file does not say: {', '.join(missing)}")
    if unknown := sorted(found.keys() - known.keys()):
        raise UsageError(
            f"the office's file says what nobody asks: {', '.join(map(repr, unknown))}; there is "
            f"{', '.join(known)}"
        )
    for name, value in found.items():
        if not isinstance(value, known[name]) or isinstance(value, bool):
            raise UsageError(f"{name} in the office's file is a {known[name].__name__}")
    town = found["municipality"]
    if not (len(town) == 5 and town.isascii() and town.isdigit()):
        raise UsageError("municipality in the office's file has five digits")
    if not all(isinstance(one, str) for one in found.get("anchors", [])):
        raise UsageError("anchors in the office's file is a list of files")

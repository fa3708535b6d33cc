"""The file that says what an office's terminals stand on, read once; its paths are beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jukihost.cli import output
from jukihost.cli.counter.townrules import Rules, read_rules
from jukihost.cli.output import UsageError

VARIABLE: Final = "JUKIHOST_OFFICE"
_MAX_FILE: Final = 64 << 10
_LONGEST_REHEARSAL: Final = 36_525
_NEEDED: Final = {"municipality": str, "database": str, "keys": str, "pseudonyms": str}
_FURTHER: Final = {
    "terminal": str,
    "anchors": list,
    "key_floor": int,
    "rehearsal": int,
    "issuer": str,
    "authority": str,
    "authority_register": str,
    "records": str,
    "font": str,
    "printer": list,
}
_OF_A_TOWN: Final = ("database", "pseudonyms")
PREFECTURE: Final = "prefecture"
"""What the prefecture is called among the other bodies."""
TEST: Final = "test"
"""In the place of an issuer's key store: the published keys of synthetic cards."""
EXAMPLE: Final = """\
[office]
municipality = "13101"            # five digits, JIS X 0401 and 0402
database = "terminal.db"          # or postgresql://USER@HOST/NAME
keys = "town.keys"                # a key store, or pkcs11:...
pseudonyms = "town.pseudonyms"    # the key of the log's pseudonyms
anchors = ["operators.pem"]       # who certifies operators
terminal = "counter-1"            # this machine's name unless given
# key_floor = 2                   # no card with older keys is let in

# of an office that issues cards:
# issuer = "issuer.keys"          # the issuer's keys, a key store; "test" for synthetic cards
# authority = "test"              # who certifies: a name of the group jukihost.authorities
# authority_register = "ca.db"    # the file that an authority on this machine keeps
# records = "test"                # who signs what cards show: of the group jukihost.recordsigners

# of what is handed out on paper:
# font = "ipamjm.ttf"
# printer = ["lp", "-d", "counter"]    # a command that takes a PDF file

# for rehearsals:
# rehearsal = 4000                # test cards only: the clock is so many days behind
# [towns.27230]                   # another town, and the prefecture, on this machine
# database = "katano.db"
# pseudonyms = "katano.pseudonyms"
# [towns.prefecture]
# database = "osaka.db"
# pseudonyms = "osaka.pseudonyms"

# where an ordinance of the town differs from the rules that `jukihost counter rules` prints:
# [rules.unblock_pin]
# proxy = {verdict = "impossible", source = "ordinance 12, 3: the holder only"}
"""
"""What such a file looks like."""


@dataclass(frozen=True)
class OtherTown:
    """Another body of a rehearsal: its database, and the file of its log's pseudonyms."""

    database: str
    pseudonyms: str


@dataclass(frozen=True)
class Settings:
    """What the file says; places that are files are absolute.

    anchors: files with the certificates of who certifies operators. rehearsal: by how many days
    the clock is behind, so that old cards are valid; 0 where it counts. issuer: a key store, or
    `TEST`. authority, records: names of entry points. printer: a command and its arguments.
    towns: of a rehearsal, by five digits, and `PREFECTURE`. rules: the town's own.
    """

    municipality: str
    database: str
    keys: str
    pseudonyms: str
    terminal: str | None
    anchors: tuple[str, ...]
    key_floor: int | None
    rehearsal: int
    issuer: str | None = None
    authority: str | None = None
    authority_register: str | None = None
    records: str | None = None
    font: str | None = None
    printer: tuple[str, ...] = ()
    towns: Mapping[str, OtherTown] = field(default_factory=dict)
    rules: Rules = field(default_factory=dict)

    def need(self, *names: str) -> None:
        """Check that the file says what a procedure needs. UsageError, which names what it lacks.

        names: of fields.
        """
        if missing := [name for name in names if not getattr(self, name)]:
            raise UsageError(
                f"the office's file does not say what this procedure needs: {', '.join(missing)}; "
                "`jukihost counter office` prints a file with all there is"
            )


def read_settings(path: str) -> Settings:
    """Read an office's file. UsageError, which says what is wrong with it and how one looks."""
    raw = output.read_file(path, "the office's file", _MAX_FILE)
    try:
        parsed = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("the office's file is no text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the office's file is no TOML: {error}") from None
    found, towns = parsed.get("office"), parsed.get("towns", {})
    if not isinstance(found, dict) or not parsed.keys() <= {"office", "towns", "rules"}:
        raise UsageError(
            "the office's file has one table, [office], and [towns.NAME] and [rules.PROCEDURE]; "
            f"for example\n\n{EXAMPLE}"
        )
    _check(found)
    _check_towns(towns, found["municipality"])
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
        issuer=_key_store(found.get("issuer"), place),
        authority=found.get("authority"),
        authority_register=_maybe(found.get("authority_register"), place),
        records=found.get("records"),
        font=_maybe(found.get("font"), place),
        printer=tuple(found.get("printer", ())),
        towns={
            name: OtherTown(*(place(town[one]) for one in _OF_A_TOWN))
            for name, town in towns.items()
        },
        rules=read_rules(parsed.get("rules", {})),
    )


def _maybe(text: str | None, place: Callable[[str], str]) -> str | None:
    return None if text is None else place(text)


def _key_store(text: str | None, place: Callable[[str], str]) -> str | None:
    return text if text == TEST else _maybe(text, place)


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
    if not _is_town(found["municipality"]):
        raise UsageError("municipality in the office's file has five digits")
    if not 0 <= found.get("rehearsal", 0) <= _LONGEST_REHEARSAL:
        raise UsageError(f"rehearsal in the office's file is 0 to {_LONGEST_REHEARSAL} days")
    for name, what in (("anchors", "files"), ("printer", "words")):
        if not all(isinstance(one, str) for one in found.get(name, [])):
            raise UsageError(f"{name} in the office's file is a list of {what}")


def _check_towns(towns: object, here: str) -> None:
    """Check what the file says of other bodies. UsageError."""
    if not isinstance(towns, dict):
        raise UsageError("towns in the office's file are tables: [towns.27230]")
    for name, town in towns.items():
        if not (name == PREFECTURE or _is_town(name)) or name == here:
            raise UsageError(
                f"the office's file has a table of each other town, by its five digits, and of the "
                f"{PREFECTURE}; this one is neither: {name!r}"
            )
        if not isinstance(town, dict) or town.keys() != set(_OF_A_TOWN):
            raise UsageError(f"[towns.{name}] of the office's file has {' and '.join(_OF_A_TOWN)}")
        if not all(isinstance(one, str) for one in town.values()):
            raise UsageError(f"[towns.{name}] of the office's file has text only")
    if towns and PREFECTURE not in towns:
        raise UsageError(f"the office's file names other towns, but not [towns.{PREFECTURE}]")


def _is_town(text: str) -> bool:
    return len(text) == 5 and text.isascii() and text.isdigit()

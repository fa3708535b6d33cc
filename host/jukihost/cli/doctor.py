"""`jukihost doctor`: what is missing on this machine for what a terminal does, and what to do."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_json
from jukihost.errors import CardError

EPILOG: Final = """\
examples:
  jukihost doctor
  jukihost doctor --database terminal.db --keys town.keys
  jukihost doctor --json

exit codes:
  0  nothing that was looked at is broken; what is not installed is said
  1  something does not work; the text says what to do
"""
LITTLE_ROOM: Final = 1 << 30
"""Bytes of free disk below which a database is soon in trouble."""


class State(StrEnum):
    """What was found."""

    GOOD = "good"
    ABSENT = "absent"
    """Not there, and needed only by who wants to do this."""
    BROKEN = "broken"


class Finding(NamedTuple):
    """One thing that was looked at: what it is for, how it is, and what to do."""

    what: str
    state: State
    found: str
    remedy: str = ""


_EXTRAS: Final = {
    "terminal": (("sqlalchemy", "alembic"), "register, ledger, log and procedures"),
    "ledger-postgresql": (("psycopg", "sqlalchemy", "alembic"), "several terminals on one server"),
    "pcsc": (("smartcard",), "cards in a reader"),
    "hsm": (("pkcs11",), "master keys in a token"),
    "sign": (("pyhanko", "pyhanko_certvalidator", "signxml"), "signatures in PDF and XML"),
    "paper": (("pyhanko", "uharfbuzz", "fontTools"), "copies and disclosures on paper"),
    "fleet": (("distributed",), "cards made on several machines"),
    "completion": (("argcomplete",), "the tab key in a shell"),
}
"""Of each extra the modules, and what it is for."""


def add(commands: Commands) -> None:
    """Add the command of this module."""
    parser = add_command(
        commands, "doctor", "say what is missing on this machine, and what to do", _doctor
    )
    parser.epilog = EPILOG
    parser.add_argument(
        "--database", metavar="ADDRESS", help="look at a terminal's database and its log too"
    )
    parser.add_argument("--keys", metavar="FILE", help="look at a key store's file too")
    add_json(parser)


def _doctor(arguments: argparse.Namespace) -> int:
    findings = list(examined(arguments.database, arguments.keys))
    if arguments.json:
        output.print_json([finding._asdict() for finding in findings])
    else:
        table = output.table("", "", "", "what to do")
        for finding in findings:
            output.add_row(table, *finding)
        output.print_table(table)
    broken = any(finding.state is State.BROKEN for finding in findings)
    return output.REFUSED if broken else output.OK


def examined(database: str | None = None, keys: str | None = None) -> Iterator[Finding]:
    """Look at everything, one thing after the other; what fails is a finding too."""
    yield _python()
    yield from (_extra(name, *about) for name, about in _EXTRAS.items())
    yield from (_tried(what, look) for what, look in _LOOKS.items())
    if database is not None:
        yield from _database(database)
    if keys is not None:
        yield _tried("key store", lambda: _keys(keys))


def _python() -> Finding:
    said = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", State.GOOD, said)


def _extra(name: str, modules: tuple[str, ...], purpose: str) -> Finding:
    missing = [one for one in modules if importlib.util.find_spec(one) is None]
    if not missing:
        return Finding(f"extra {name}", State.GOOD, purpose)
    remedy = f"pip install 'jukicard[{name}]' (in a clone '.[{name}]')"
    if name == "pcsc":
        remedy += "; first apt-get install gcc swig libpcsclite-dev pcscd"
    return Finding(f"extra {name}", State.ABSENT, purpose, remedy)


def _tried(what: str, look: Callable[[], Finding]) -> Finding:
    """Look; whatever goes wrong is what was found."""
    try:
        return look()
    except (CardError, output.UsageError) as error:
        return Finding(what, State.BROKEN, "does not work", str(error))
    except OSError as error:
        return Finding(what, State.BROKEN, "does not work", error.strerror or "")


def _readers() -> Finding:
    from jukihost.errors import PcscUnavailable
    from jukihost.transport.pcsc.connection import list_readers

    try:
        readers = list_readers()
    except PcscUnavailable as error:
        return Finding("readers", State.ABSENT, "cards in a reader", str(error))
    if not readers:
        return Finding("readers", State.ABSENT, "none is attached", "plug one in")
    return Finding("readers", State.GOOD, ", ".join(reader.name for reader in readers))


def _font() -> Finding:
    from jukihost.paper.glyphs import find_font

    try:
        return Finding("font for paper", State.GOOD, find_font().name)
    except CardError as error:
        return Finding("font for paper", State.ABSENT, "copies on paper", str(error))


def _locale() -> Finding:
    encoding = sys.stdout.encoding or "ascii"
    try:
        "髙﨑".encode(encoding)
    except UnicodeEncodeError:
        return Finding(
            "characters", State.BROKEN, f"{encoding} has not every character of names",
            "set LANG to one with UTF-8, or PYTHONIOENCODING=utf-8",
        )  # fmt: skip
    return Finding("characters", State.GOOD, encoding)


def _clock() -> Finding:
    from jukihost.clock import Clock, readable

    now = Clock().now()
    built = _newest_source()
    if now.timestamp() < built:
        return Finding(
            "clock", State.BROKEN, readable(now), "it is older than this program: set it right"
        )
    return Finding("clock", State.GOOD, readable(now))


def _newest_source() -> float:
    """Return when this program was installed: no true clock says an earlier time."""
    return Path(__file__).stat().st_mtime - 60


_LOOKS: Final[dict[str, Callable[[], Finding]]] = {
    "clock": _clock,
    "characters": _locale,
    "readers": _readers,
    "font for paper": _font,
}


def _database(address: str) -> Iterator[Finding]:
    if ":" not in address and not Path(address).exists():
        remedy = "make it with `jukihost database create`, or name another"
        yield Finding("database", State.BROKEN, "the file is not there", remedy)
        return
    yield _tried("database", lambda: _schema(address))
    if ":" not in address:
        yield _tried("disk", lambda: _disk(address))
    yield _tried("log of uses", lambda: _log(address))


def _schema(address: str) -> Finding:
    from jukihost.database import Clock, open_database

    with open_database(address, clock=Clock(), terminal="doctor") as database:
        with database.read():
            pass
        return Finding("database", State.GOOD, database.dialect)


def _disk(address: str) -> Finding:
    free = shutil.disk_usage(Path(address).resolve().parent).free
    said = f"{free >> 20} MiB free"
    if free < LITTLE_ROOM:
        return Finding("disk", State.BROKEN, said, "make room beside the database")
    return Finding("disk", State.GOOD, said)


def _log(address: str) -> Finding:
    from jukihost.database import Clock, open_database
    from jukihost.log import log_alarms

    with open_database(address, clock=Clock(), terminal="doctor") as database:
        alarms = log_alarms(database)
    if alarms:
        return Finding("log of uses", State.BROKEN, f"{len(alarms)} late", "; ".join(alarms))
    return Finding("log of uses", State.GOOD, "nothing is late")


def _keys(place: str) -> Finding:
    from jukihost.keys.pkcs11 import SCHEME

    if place.startswith(SCHEME):
        return Finding("key store", State.GOOD, "in a token; it is opened with its PIN")
    found = os.stat(place)
    if found.st_mode & 0o077:
        return Finding(
            "key store", State.BROKEN, "others may read it", "chmod 600 the key store's file"
        )
    return Finding("key store", State.GOOD, "its owner's alone")

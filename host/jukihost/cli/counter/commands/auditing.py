"""Commands for what an office owes others: disclosures, retention, backups, news for elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.counter.commands.arguments import (
    Action,
    add_holder,
    add_presented,
    nothing,
    presented,
)
from jukihost.cli.output import UsageError

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.log import Policy


def _add_disclose(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    add_presented(parser)
    parser.add_argument(
        "--out", metavar="FILE", required=True, help="where the disclosure goes (JSON), for them"
    )
    parser.add_argument(
        "--pdf", metavar="FILE",
        help="print it into a PDF file too, which carries the same (extra paper)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace the files")
    parser.add_argument(
        "--log-key", metavar="KEY", required=True, help="the log's public key, as it was published"
    )
    parser.add_argument(
        "--witness-key", metavar="KEY", action="append", default=[],
        help="the public key of a witness, who is named with the time of its cosignature",
    )  # fmt: skip


def _check_disclose(arguments: argparse.Namespace) -> None:
    """Read the keys, and check that the files can be made. UsageError."""
    arguments.policy = _policy(arguments)
    for place in _places(arguments):
        output.check_free(place, force=arguments.force)


def _places(arguments: argparse.Namespace) -> list[str]:
    return [one for one in (arguments.out, arguments.pdf) if one is not None]


def _disclose(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.cli.counter.told import Text
    from jukihost.clock import JAPAN
    from jukihost.log import described, print_disclosure
    from jukihost.workflows import disclose_uses

    made = disclose_uses(at.desk, arguments.holder, presented(arguments))
    found = made.check(arguments.policy)
    output.write_file(arguments.out, bytes(made.disclosure), force=arguments.force)
    if arguments.pdf:
        office = at.desk.office
        printed = print_disclosure(
            made.disclosure, found, JAPAN, at=office.database.clock.now(), font=office.font
        )
        output.write_file(arguments.pdf, printed, force=arguments.force)
    told = {
        "holder": made.resident,
        "uses": len(found.uses),
        "erased": found.erased,
        "complete_until": found.complete_until,
        "files": _places(arguments),
    }
    return Text(described(found, JAPAN), told)


_NEW_FILE: Final = "a backup goes to a new file, and this one is there already"


def _policy(arguments: argparse.Namespace) -> Policy:
    """Return who must have signed. UsageError for what is no key."""
    from jukihost.log import NoteError, NoteKey, Policy

    try:
        key, *witnesses = map(NoteKey.parse, (arguments.log_key, *arguments.witness_key))
    except NoteError as error:
        raise UsageError(str(error)) from None
    return Policy(key, tuple(witnesses))


def _years(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise argparse.ArgumentTypeError("years are a number, up to 999")
    return int(text)


def _add_retention(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--years", metavar="N", type=_years, default=7, help="how long uses are kept (default: 7)"
    )
    parser.add_argument(
        "--in-place", action="store_true", help="do not write the file anew: it stays as large"
    )


def _end_old_uses(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import end_old_uses

    made = end_old_uses(at.desk, years=arguments.years, compact=not arguments.in_place)
    if made is None:
        return {"removed": 0}
    return {"removed": made.count, "until": made.until}


def _add_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the backup, a new file; its owner's alone")


def _check_backup(arguments: argparse.Namespace) -> None:
    output.check_free(arguments.file, force=False, there=_NEW_FILE)


def _backup(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import make_backup

    return make_backup(at.desk, Path(arguments.file))


def _tell_authority(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import tell_of_certificates

    return {"left": tell_of_certificates(at.desk)}


def _tell_old_towns(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import tell_old_towns

    return {"left": [one.origin for one in tell_old_towns(at.desk)]}


ACTIONS: Final = (
    Action(
        "disclose", "tell a resident every use of their data, with what proves it",
        _add_disclose, _disclose,
        ("disclose --holder 17 --paper photo --log-key town.example/uses+d53bd2ea+... "
         "--out disclosure.json --pdf disclosure.pdf",),
        prepare=_check_disclose,
    ),
    Action(
        "end-old-uses", "remove the uses from the log whose term is over, for good",
        _add_retention, _end_old_uses, ("end-old-uses --operator-reader 1",),
    ),
    Action(
        "backup", "copy the whole database into a new file, for who has the right to",
        _add_backup, _backup, ("backup 2015-04-01.backup --operator-reader 1",),
        prepare=_check_backup,
    ),
    Action(
        "tell-authority", "tell the certificate authority what it does not know yet", nothing,
        _tell_authority, ("tell-authority --operator-reader 1",),
    ),
    Action(
        "tell-old-towns", "tell the towns that residents left who do not know yet", nothing,
        _tell_old_towns, ("tell-old-towns --operator-reader 1",),
    ),
)  # fmt: skip
"""The commands of this module."""

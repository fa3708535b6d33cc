"""The host's command line, `jukihost`: what there is, and what an exit code means.

One module a group of commands; each is loaded when its command runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from jukihost.cli import (
    apdu,
    backup,
    card,
    code,
    counter,
    database,
    doctor,
    issuer,
    jpki,
    keys,
    operator,
    output,
    pin,
    status,
    uselog,
    vectors,
)
from jukihost.cli.arguments import EPILOG, Parser, ShowVersion, make_parser
from jukihost.cli.output import NO_CARD, REFUSED, USAGE, UsageError
from jukihost.errors import CardError, ProtocolError, TransportError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the command line and return its exit code, see the help text."""
    try:
        _forbid_core_dumps()
        output.prepare()
        return output.finish(_run(argv))
    except UsageError as error:
        return output.fail(error, USAGE)
    except OSError as error:
        return output.unwritten(error)
    except KeyboardInterrupt:
        return output.interrupted()
    except RuntimeError as error:  # Python 3.11 wraps a Ctrl-C that comes while a class is made
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return output.interrupted()


def _forbid_core_dumps() -> None:
    """Keep keys, PINs and passphrases out of files that a crash would leave behind."""
    with suppress(ImportError):  # a system without such files
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what was wrong, or printed the help
        return stop.code if isinstance(stop.code, int) else USAGE
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except UsageError as error:
        return output.fail(error, USAGE)
    except CardError as error:
        return output.fail(error, _code_of(error))


_CANNOT_BEGIN: Final = frozenset(
    {
        "jukihost.crypto.foreign.ForeignDataError",
        "jukihost.errors.PinFormatError",
        "jukihost.errors.TerminalError",
        "jukihost.keys.custody.KeyCustodyError",
        "jukihost.signing.report.ExtraMissing",
    }
)
"""Errors, by name, that come before anything is sent: their modules may not be loaded."""


def _code_of(error: CardError) -> int:
    """Return the exit code of an error."""
    if not _CANNOT_BEGIN.isdisjoint(
        f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__
    ):
        return USAGE
    if isinstance(error, (TransportError, ProtocolError)) or type(error) is CardError:
        return NO_CARD
    return REFUSED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; loads nothing that only a command needs."""
    parser = make_parser(
        Parser,
        prog="jukihost",
        epilog=EPILOG,
        description="Drive a Juki card in a reader, or a virtual one.",
    )
    parser.add_argument(
        "--version", action=ShowVersion, help="print the version of the project and end"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (
        status,
        pin,
        code,
        card,
        jpki,
        keys,
        issuer,
        operator,
        database,
        uselog,
        backup,
        counter,
        doctor,
        apdu,
        vectors,
    ):
        group.add(commands)
    return parser

"""The host's command line, `jukihost`: what there is, and what an exit code means.

One module a group of commands; each is loaded when its command runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from jukihost.cli import (
    apdu,
    backup,
    card,
    code,
    completion,
    counter,
    database,
    doctor,
    issue,
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
from jukihost.cli.arguments import EPILOG, make_parser
from jukihost.cli.output import NO_CARD, REFUSED, USAGE, UsageError
from jukihost.cli.parser import Parser, ShowVersion, WrongUsage
from jukihost.errors import CardError, ProtocolError, TransportError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the command line and return its exit code, see the help text."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        _forbid_core_dumps()
        output.prepare()
        return output.finish(_run(words))
    except UsageError as error:
        return output.fail(error, USAGE)
    except OSError as error:
        return output.unwritten(error)
    except KeyboardInterrupt as stop:
        return _interrupted(words, stop)
    except RuntimeError as error:  # Python 3.11 wraps a Ctrl-C that comes while a class is made
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _interrupted(words, error.__cause__)


def _interrupted(words: Sequence[str], stop: KeyboardInterrupt) -> int:
    """Tell who waits for it, a person or a program, that it was interrupted; the exit code."""
    with suppress(KeyboardInterrupt):  # once is enough
        counter.tell_interrupted(words, stop)
    return output.interrupted()


def _forbid_core_dumps() -> None:
    """Keep keys, PINs and passphrases out of files that a crash would leave behind."""
    with suppress(ImportError):  # a system without such files
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(words: list[str]) -> int:
    try:
        parser = build_parser(*words[:1])
        completion.complete(parser)
        arguments = parser.parse_args(words)
    except WrongUsage as wrong:
        counter.tell_wrong_usage(words, wrong)
        return USAGE
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


def build_parser(word: str = "counter") -> argparse.ArgumentParser:
    """Return the parser of the whole command line; loads nothing that only a command needs.

    word: the command that was asked for; only then the many of the counter are among them.
    """
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
        issue,
        doctor,
        completion,
        apdu,
        vectors,
    ):
        group.add(commands)
    counter.add(commands, filled=word == "counter")
    return parser

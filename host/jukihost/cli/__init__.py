"""The host's command line, `jukihost`: what there is, and what an exit code means.

One module a group of commands; each is loaded when its command runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from jukihost.cli import card, code, jpki, keys, output, pin, status
from jukihost.cli.arguments import EPILOG, Parser, ShowVersion, make_parser
from jukihost.cli.output import INTERRUPTED, NO_CARD, REFUSED, USAGE, UsageError
from jukihost.errors import (
    CardError,
    CardNotAuthentic,
    PinFormatError,
    SecureMessagingError,
    StatusError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the command line and return its exit code, see the help text."""
    try:
        output.prepare()
        return output.finish(_run(argv))
    except UsageError as error:
        return output.fail(error, USAGE)
    except OSError as error:
        return output.unwritten(error)


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what was wrong, or printed the help
        return stop.code if isinstance(stop.code, int) else USAGE
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except (UsageError, PinFormatError) as error:
        return output.fail(error, USAGE)
    except (StatusError, CardNotAuthentic, SecureMessagingError) as error:
        return output.fail(error, REFUSED)
    except CardError as error:
        return output.fail(error, _code_of(error))
    except KeyboardInterrupt:
        return output.fail("interrupted", INTERRUPTED)


def _code_of(error: CardError) -> int:
    """Return the exit code of an error whose module may not be loaded otherwise."""
    if any(kind.__module__.startswith("jukihost.keys.") for kind in type(error).__mro__):
        return USAGE
    if any(
        kind.__module__.startswith(("jukihost.signing.", "jukihost.sessions."))
        for kind in type(error).__mro__
    ):
        return REFUSED
    return NO_CARD


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
    for group in (status, pin, code, card, jpki, keys):
        group.add(commands)
    return parser

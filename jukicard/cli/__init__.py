"""The command line: put a card into a reader (`serve`), make a card file (`new`), look (`inspect`).

One module per group of subcommands; the table below is all that knows them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from jukicard.cli import demo, image, serve
from jukicard.cli.problems import UserError, explained

FAILED: Final = 1
"""Exit code: it could not be done, and one sentence on standard error says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 1 (failed) or 2 (not understood)."""
    _forbid_core_dumps()
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as answered:  # help was shown, or a mistake was told
        return int(answered.code or 0)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        with explained():
            code = run(arguments)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"jukicard: {error}", file=sys.stderr)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("jukicard: interrupted", file=sys.stderr)
    return FAILED


def _forbid_core_dumps() -> None:
    """Keep the card's keys out of files that a crash would leave behind."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Command(NamedTuple):
    """One subcommand: what `--help` says, its arguments, and what runs it."""

    summary: str
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS: Final = {
    "demo": Command(
        "tell the story of a card, with its APDUs",
        demo.EXAMPLES,
        demo.add_demo_arguments,
        demo.demo,
    ),
    "serve": Command(
        "put cards into a reader", serve.EXAMPLES, serve.add_serve_arguments, serve.serve
    ),
    "new": Command("make a card file", image.NEW_EXAMPLES, image.add_new_arguments, image.new),
    "inspect": Command(
        "show what is on a card, without its secrets",
        image.INSPECT_EXAMPLES,
        image.add_inspect_arguments,
        image.inspect,
    ),
}
"""Every subcommand; adding one is one entry here."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jukicard",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A software ISO 7816 card that behaves like the Japanese Juki card.",
        epilog="exit codes: 0 done, 1 failed (standard error says why), 2 command not understood",
    )
    from jukicard import __version__

    parser.add_argument("--version", action="version", version=f"jukicard {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, examples, add_arguments, run) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"examples:\n{examples}",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_arguments(command)
        command.set_defaults(run=run)
    return parser

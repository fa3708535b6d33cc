"""The command line: put a card into a reader (`serve`), feed blank ones to a terminal (`feed`),
make a card file (`new`), look (`inspect`), watch both (`bench`), work with recorded sessions
(`trace`), check applications of one's own (`kit`), or have the tab key do it (`completion`).

One module per group of subcommands; the table below is all that knows them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from jukicard.cli import bench, completion, demo, feed, image, kit, serve, trace
from jukicard.cli.output import Output, OutputLost, complain, standard_output
from jukicard.cli.parser import Parser
from jukicard.cli.problems import FAILED, INTERRUPTED, UserError, explained, was_interrupted
from jukicard.cli.subcommands import add_subcommand


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0, 1 failed, 2 not understood, 130 interrupted."""
    _forbid_core_dumps()
    with standard_output() as output:
        try:
            return _finished(_run(argv, output), output)
        except (KeyboardInterrupt, RuntimeError) as error:
            if not was_interrupted(error):
                raise
            if sys.__stdout__ is not None and output.is_for(sys.__stdout__):
                output.abandon()  # Python would wait for its reader once more, at its end
            complain("interrupted")
            return INTERRUPTED


def _finished(code: int, output: Output) -> int:
    try:
        output.flush()
    except OutputLost as loss:
        output.tell_loss(loss)
    if output.lost:
        output.abandon()
        return code or FAILED
    return code


def _run(argv: Sequence[str] | None, output: Output) -> int:
    try:
        parser = _parser()
        completion.complete(parser)
        arguments = parser.parse_args(argv)
        run: Callable[[argparse.Namespace], int] = arguments.run
        with explained():
            return run(arguments)
    except SystemExit as answered:  # help was shown, or a mistake was told
        return int(answered.code or 0)
    except OutputLost as loss:
        output.tell_loss(loss)
        return loss.code
    except UserError as error:
        complain(error)
        return error.code


def _forbid_core_dumps() -> None:
    """Keep the card's keys out of files that a crash would leave behind."""
    with suppress(ImportError):  # a system without such files
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
    "bench": Command(
        "put cards into a reader and show them, and what is said to them, on a local page",
        bench.EXAMPLES,
        bench.add_bench_arguments,
        bench.bench,
    ),
    "feed": Command(
        "feed a terminal that issues cards with blank ones, one after another",
        feed.EXAMPLES,
        feed.add_feed_arguments,
        feed.feed,
    ),
    "new": Command("make a card file", image.NEW_EXAMPLES, image.add_new_arguments, image.new),
    "inspect": Command(
        "show what is on a card, without its secrets",
        image.INSPECT_EXAMPLES,
        image.add_inspect_arguments,
        image.inspect,
    ),
    "trace": Command(
        "look at sessions that were recorded, compare them, and repeat them",
        trace.EXAMPLES,
        trace.add_trace_arguments,
        trace.run,
    ),
    "kit": Command(
        "check the declaration of an application of one's own, or compare two versions",
        kit.EXAMPLES,
        kit.add_kit_arguments,
        kit.run,
    ),
    "completion": Command(
        "print what a shell needs for its tab key",
        completion.EXAMPLES,
        completion.add_completion_arguments,
        completion.completion,
    ),
}
"""Every subcommand; adding one is one entry here."""

_EXIT_CODES: Final = """\
exit codes:
  0    done, and all that was to be said was written
  1    failed; standard error says why
  2    the command line cannot be obeyed as it is, nothing was done
  130  interrupted"""


class _Parser(Parser):
    """Ends every help with what can be issued."""

    def format_help(self) -> str:
        """Return the help; the catalogue is loaded for those who ask only."""
        from jukicard.profiles import PROFILES

        profiles = "".join(f"  {name:<9} {one.title}\n" for name, one in PROFILES.items())
        return f"{super().format_help()}\nprofiles:\n{profiles}"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jukicard",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A software ISO 7816 card that behaves like the Japanese Juki card.",
        epilog=_EXIT_CODES,
    )
    from jukicard import __version__

    parser.add_argument("--version", action="version", version=f"jukicard {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, examples, add_arguments, run) in COMMANDS.items():
        command = add_subcommand(commands, name, summary, examples)
        add_arguments(command)
        command.set_defaults(run=run)
    return parser

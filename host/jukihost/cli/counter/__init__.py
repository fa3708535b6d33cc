"""`jukihost counter`: the procedures of a municipal counter, one command each."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.arguments import (
    Commands,
    Parser,
    add_command,
    add_json,
    add_passphrase,
    add_place,
    named_address,
)
from jukihost.cli.output import NO_CARD, OK, REFUSED, UsageError

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.errors import CardError

EPILOG: Final = """\
The office's file (--office, or the environment variable JUKIHOST_OFFICE) says what the terminals of
an office stand on; `jukihost counter office` prints one to begin with.

examples:
  jukihost counter office > office.toml
  jukihost counter suspend --holder 17 --by household --office office.toml
  jukihost counter resume --paper photo --office office.toml --operator-reader 1 --reader 0
  jukihost counter recover --office office.toml --tcp 127.0.0.1:35999 --json
  jukihost counter shell --office office.toml          log in once, then one command a line
  jukihost counter resume --paper photo --script said.jsonl --json

With --json every line is one JSON object: lines of the type `progress`, then exactly one of the
type `result`, errors too; `retry` says what may help: same_card, other_card, counter, never.

exit codes:
  0  done
  1  refused, and in the log; the text says what to do
  2  wrong usage, or a file, key store or library that cannot be used; nothing was done
  3  no reader, no card, the connection failed, or the card was gone in the middle
  4  the output could not be written; what was asked for may have been done
"""


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    from jukihost.cli.counter.actions import ACTIONS

    group = add_command(commands, "counter", "do the procedures of a counter")
    group.epilog = EPILOG
    actions = group.add_subparsers(required=True, metavar="PROCEDURE")
    office = add_command(actions, "office", "print an office's file to begin with", _office)
    office.epilog = EPILOG
    shell = add_command(
        actions, "shell", "log in once, and do what each line of standard input says", _shell
    )
    _add_common(shell)
    for action in ACTIONS:
        parser = add_command(actions, action.name, action.text, _run)
        action.add(parser)
        _add_common(parser)
        parser.set_defaults(action=action)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--office", metavar="FILE", help="the office's file, see above")
    parser.add_argument(
        "--operator-reader", metavar="R", help="the PC/SC reader with the operator card"
    )
    parser.add_argument(
        "--operator-tcp",
        metavar="HOST:PORT[#CARD]",
        type=named_address,
        help="an operator card that listens on TCP",
    )
    parser.add_argument(
        "--script", metavar="FILE",
        help="answer what is asked from a file of JSON lines, in the place of a person",
    )  # fmt: skip
    add_passphrase(parser)
    add_place(parser)
    parser.set_defaults(trace=False, record=None, record_all=False)
    add_json(parser)


def _office(arguments: argparse.Namespace) -> int:
    from jukihost.cli.counter.settings import EXAMPLE

    print(EXAMPLE, end="")
    return OK


def _run(arguments: argparse.Namespace) -> int:
    with _telling(arguments, arguments.action.name) as ended, _at_counter(arguments) as at:
        arguments.teller.done(arguments.action.run(at, arguments))
    return ended[-1]


@contextmanager
def _telling(arguments: argparse.Namespace, procedure: str) -> Iterator[list[int]]:
    """Tell what goes wrong, in the form that was asked for, and keep the exit code."""
    from jukihost.cli.counter.told import ForPeople, ForPrograms
    from jukihost.errors import CardError
    from jukihost.workflows import Explained, Retry, explain

    teller = ForPrograms(procedure) if arguments.json else ForPeople()
    arguments.teller = teller
    codes = [OK]
    try:
        yield codes
    except CardError as error:
        codes.append(_code_of(error))
        teller.failed(explain(error))
    except UsageError as error:
        if not arguments.json:
            raise
        codes.append(output.USAGE)
        teller.failed(Explained("usage", str(error), Retry.NEVER))
    except KeyboardInterrupt:
        if arguments.json:
            teller.failed(Explained("interrupted", "interrupted", Retry.SAME_CARD))
        raise


def _code_of(error: CardError) -> int:
    from jukihost.database import DatabaseError
    from jukihost.errors import PinFormatError, ProtocolError, TransportError
    from jukihost.keys import KeyCustodyError
    from jukihost.workflows import CutOff

    if isinstance(error, TransportError | ProtocolError | CutOff):
        return NO_CARD
    if isinstance(error, DatabaseError | KeyCustodyError | PinFormatError):
        return output.USAGE
    return REFUSED


@contextmanager
def _at_counter(arguments: argparse.Namespace) -> Iterator[AtCounter]:
    from jukihost.cli.counter.at import at_counter

    with at_counter(arguments) as at:
        yield at


def _shell(arguments: argparse.Namespace) -> int:
    """Log in once; each line is a command, with its options that are not about the office."""
    from jukihost.cli.counter.actions import ACTIONS

    parser = Parser(prog="", add_help=False)
    actions = parser.add_subparsers(required=True, metavar="PROCEDURE")
    for action in ACTIONS:
        one = actions.add_parser(action.name, add_help=False)
        action.add(one)
        one.set_defaults(action=action)
    worst = OK
    with ExitStack() as stack:
        ended = stack.enter_context(_telling(arguments, "log_in"))
        at = stack.enter_context(_at_counter(arguments))
        for line in sys.stdin:
            if words := shlex.split(line, comments=True):
                worst = max(worst, _one(arguments, parser, at, words))
    return max(worst, *ended)


def _one(arguments: argparse.Namespace, parser: Parser, at: AtCounter, words: list[str]) -> int:
    try:
        said = parser.parse_args(words, argparse.Namespace(**vars(arguments)))
    except SystemExit:
        return output.USAGE
    with _telling(said, said.action.name) as ended:
        at.teller = said.teller
        at.teller.done(said.action.run(at, said))
    return ended[-1]


__all__ = ["UsageError", "add"]

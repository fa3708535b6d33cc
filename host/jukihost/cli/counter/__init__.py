"""`jukihost counter`: the procedures of a municipal counter, one command each."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from jukihost.cli import output
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_json,
    add_passphrase,
    add_place,
    named_address,
)
from jukihost.cli.output import NO_CARD, OK, REFUSED, ToldInterrupt, UsageError
from jukihost.cli.parser import WrongUsage

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.cli.counter.commands import Action
    from jukihost.errors import CardError
    from jukihost.workflows import Explained


def add(commands: Commands, *, filled: bool) -> None:
    """Add the commands of this module; the group alone where another one was asked for."""
    from jukihost.texts import said

    group = add_command(commands, "counter", said("do the procedures of a counter"))
    if filled:
        _fill(group)


def _fill(group: argparse.ArgumentParser) -> None:
    from jukihost.cli.counter.commands import ACTIONS
    from jukihost.cli.counter.commands.arguments import add_second
    from jukihost.cli.counter.helping import epilog, epilog_of, epilog_of_shell, in_language
    from jukihost.texts import said

    group.epilog = epilog()
    actions = group.add_subparsers(required=True, metavar="PROCEDURE")
    office = add_command(actions, "office", said("print an office's file to begin with"), _office)
    shell = add_command(
        actions, "shell", said("log in once, and do what each line of standard input says"), _shell
    )
    _add_common(shell)
    rules = add_command(actions, "rules", said("print who may come here for what"), _rules)
    _add_rules(rules)
    office.epilog, shell.epilog, rules.epilog = epilog(), epilog_of_shell(), epilog()
    for parser in (office, shell, rules):
        in_language(parser)
    for action in ACTIONS:
        parser = add_command(actions, action.name, said(action.text), _run)
        action.add(parser)
        add_second(parser)
        _add_common(parser)
        parser.epilog = epilog_of(action)
        parser.set_defaults(action=action)
        in_language(parser)


def tell_wrong_usage(argv: Sequence[str], wrong: WrongUsage) -> None:
    """Tell a program that the arguments are wrong; people have been told. See `tell_program`."""
    from jukihost.texts import said_of_usage
    from jukihost.workflows import Explained, Retry

    words = said_of_usage(wrong.message)
    tell_program(argv, Explained("usage", wrong.message, Retry.NEVER, said=words))


def tell_interrupted(argv: Sequence[str], stop: KeyboardInterrupt) -> None:
    """Tell a program that it was interrupted, unless it was told so. See `tell_program`."""
    if not isinstance(stop, ToldInterrupt):
        from jukihost.workflows import Explained, Retry

        tell_program(argv, Explained("interrupted", "interrupted", Retry.SAME_CARD))


def tell_program(argv: Sequence[str], error: Explained) -> None:
    """Tell a program its one line where a command ended before it could: of a procedure, or issue.

    Nothing is told where the arguments are of another command, or ask for no lines.
    """
    if "--json" in argv and argv[0] in _TELLS:
        from jukihost.cli.bulktold import TASK
        from jukihost.cli.counter.commands import ACTIONS
        from jukihost.cli.counter.told import ForPrograms

        named = argv[1] if argv[1] in {"rules", *(one.name for one in ACTIONS)} else "counter"
        ForPrograms(TASK if argv[0] == "issue" else named).failed(error)


_TELLS = ("counter", "issue")
"""The commands that tell a program lines."""


def _add_rules(parser: argparse.ArgumentParser) -> None:
    from jukihost.cli.counter.commands.arguments import PROCEDURES

    parser.add_argument(
        "--for", dest="task", choices=PROCEDURES, metavar="PROCEDURE",
        help="of one procedure, by its name in the rules",
    )  # fmt: skip
    _add_office(parser)
    add_json(parser)


def _add_office(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--office", metavar="FILE", help="the office's file, see above")


def _add_common(parser: argparse.ArgumentParser) -> None:
    from jukihost.cli.counter.conversing import ENTRIES

    _add_office(parser)
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
    parser.add_argument(
        "--pin-entry", choices=ENTRIES, default="auto",
        help="where the holder types: on the reader's keys where it has some and they serve "
        "(default: auto), here, or there and nowhere else",
    )  # fmt: skip
    add_passphrase(parser)
    add_place(parser)
    parser.set_defaults(trace=False, record=None, record_all=False)
    add_json(parser)


def _office(arguments: argparse.Namespace) -> int:
    from jukihost.cli.counter.settings import EXAMPLE

    print(EXAMPLE, end="")
    return OK


def _rules(arguments: argparse.Namespace) -> int:
    """Print the rules in force: of the office's file alone, nothing is opened."""
    with _telling(arguments, "rules") as ended:
        from jukihost.cli.counter.at import settings_of  # or it is told which extra is missing
        from jukihost.cli.counter.townrules import in_force

        settings = settings_of(arguments)
        arguments.teller.done(in_force(settings.municipality, settings.rules, arguments.task))
    return ended[-1]


def _run(arguments: argparse.Namespace) -> int:
    action: Action = arguments.action
    with _telling(arguments, action.name) as ended:
        action.prepare(arguments)
        with _at_counter(arguments, at_the_door=action.at_the_door) as at:
            _do(arguments, at)
    return ended[-1]


def _do(arguments: argparse.Namespace, at: AtCounter) -> None:
    """Do a command, with a second operator beside where one is named, and tell what came of it."""
    action: Action = arguments.action
    with nullcontext() if action.at_the_door else at.second(arguments):
        result = action.run(at, arguments)
    arguments.teller.done(result)


@contextmanager
def _telling(arguments: argparse.Namespace, procedure: str) -> Iterator[list[int]]:
    """Tell what goes wrong, in the form that was asked for, and keep the exit code."""
    from jukihost.cli.counter.told import ForPeople, ForPrograms
    from jukihost.errors import CardError
    from jukihost.texts import said_of_usage
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
        codes.append(output.USAGE)
        if arguments.json:
            words = said_of_usage(str(error))
            teller.failed(Explained("usage", str(error), Retry.NEVER, said=words))
        else:
            output.fail(error, output.USAGE)
    except ToldInterrupt:
        raise
    except KeyboardInterrupt as stop:
        if arguments.json:
            teller.failed(Explained("interrupted", "interrupted", Retry.SAME_CARD))
        raise ToldInterrupt from stop


def _code_of(error: CardError) -> int:
    from jukihost.database import DatabaseError
    from jukihost.errors import PinFormatError, ProtocolError, TransportError
    from jukihost.issuing import AuthorityBroken, AuthorityMissing
    from jukihost.keys import KeyCustodyError
    from jukihost.log import LogKeyError
    from jukihost.workflows import CutOff

    unusable = DatabaseError | KeyCustodyError | PinFormatError | LogKeyError

    if isinstance(error, TransportError | ProtocolError | CutOff):
        return NO_CARD
    if isinstance(error, unusable | AuthorityMissing | AuthorityBroken):
        return output.USAGE
    return REFUSED


@contextmanager
def _at_counter(arguments: argparse.Namespace, *, at_the_door: bool = False) -> Iterator[AtCounter]:
    from jukihost.cli.counter.at import at_counter

    with at_counter(arguments, at_the_door=at_the_door) as at:
        yield at


def _raise(error: UsageError) -> None:
    raise error


def _shell(arguments: argparse.Namespace) -> int:
    """Log in once; each line is a command, with its options that are not about the office."""
    from jukihost.cli.counter.shell import run_lines

    worst = OK
    with ExitStack() as stack:
        ended = stack.enter_context(_telling(arguments, "log_in"))
        if arguments.script == "-":
            raise UsageError("the shell reads its lines from there: give the script as a file")
        at = stack.enter_context(_at_counter(arguments))

        def do(said: argparse.Namespace) -> int:
            with _telling(said, said.action.name) as code:
                said.action.prepare(said)
                at.teller = said.teller
                _do(said, at)
            return code[-1]

        def refuse(why: UsageError) -> int:
            with _telling(arguments, "shell") as code:
                _raise(why)
            return code[-1]

        worst = run_lines(arguments, do, refuse)
    return max(worst, *ended)


__all__ = ["UsageError", "add"]

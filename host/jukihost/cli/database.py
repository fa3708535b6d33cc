"""`jukihost database`: make a terminal's database, bring it to this version, or look at it."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from jukihost.cli import output, prompts
from jukihost.cli.arguments import Commands, add_command, add_group, add_json
from jukihost.cli.output import UsageError


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(commands, "database", "make a terminal's database, or look after it")
    _action(actions, "create", "make the tables in a new file, or in a server's database", _create)
    _action(actions, "upgrade", "bring the tables to this version; make a backup before", _upgrade)
    _action(actions, "check", "see whether the tables are of this version", _check)
    accept = _action(
        actions,
        "accept-clock",
        "forget what a terminal's clock said before, once one that was ahead is right again",
        _accept_clock,
    )
    accept.add_argument(
        "--terminal", metavar="NAME", help="whose clock; this machine's name unless given"
    )
    accept.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _action(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, text, run)
    parser.add_argument(
        "address",
        metavar="ADDRESS",
        help="a file, or postgresql://USER@HOST/NAME; passwords stand better in libpq's password "
        "file than here",
    )
    add_json(parser)
    return parser


def _create(arguments: argparse.Namespace) -> int:
    from jukihost.database import AddressError, DatabaseAway, NoSchema, upgrade_database

    try:
        _look(arguments)
    except (DatabaseAway, NoSchema):
        upgrade_database(arguments.address)
        return output.done(arguments, "the database is made")
    raise AddressError("there is a terminal's database already; it is left as it is")


def _upgrade(arguments: argparse.Namespace) -> int:
    from jukihost.database import SchemaOlder, upgrade_database

    try:
        _look(arguments)
    except SchemaOlder:
        upgrade_database(arguments.address)
        return output.done(arguments, "the tables are of this version now")
    return output.done(arguments, "the tables are of this version already")


def _check(arguments: argparse.Namespace) -> int:
    _look(arguments)
    return output.done(arguments, "the tables are of this version")


def _accept_clock(arguments: argparse.Namespace) -> int:
    from socket import gethostname

    from jukihost.clock import readable
    from jukihost.database import Clock, open_database

    clock, name = Clock(), arguments.terminal or gethostname()
    with open_database(arguments.address, clock=clock, terminal=name) as database:
        question = f"It is {readable(clock.now())} now; what the clock of {name} said is forgotten."
        prompts.confirmed(arguments, question, "accept")
        if not database.accept_clock():
            raise UsageError(f"no clock of {name!r} is known; name its terminal with --terminal")
    return output.done(arguments, f"the clock of {name} is accepted as it is")


def _look(arguments: argparse.Namespace) -> None:
    """Open the database and close it. DatabaseError says what is wrong with it."""
    from jukihost.database import Clock, open_database

    open_database(arguments.address, clock=Clock(), terminal="jukihost database").close()

"""Commands at the door: an office begins, passwords change, a shell's terminal is locked."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import Action, identifier, nothing

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.workflows import Founder


def _add_found(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log", metavar="NAME", required=True, help="the log's name, for example town.example/uses"
    )
    for which, where in (("first", "operator"), ("second", "second")):
        parser.add_argument(
            f"--{which}", metavar="OPERATOR", type=identifier, required=True,
            help=f"the {which} administrator, as the card at --{where}-reader names them",
        )  # fmt: skip
        parser.add_argument(f"--{which}-name", metavar="NAME", required=True, help="and their name")


def _found(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import found_office

    with ExitStack() as stack:
        founders = [
            _founder(at, stack, arguments, which, where)
            for which, where in (("first", "operator"), ("second", "second"))
        ]
        return found_office(at.desk, arguments.log, *founders)


def _founder(
    at: AtCounter, stack: ExitStack, arguments: argparse.Namespace, which: str, where: str
) -> Founder:
    from jukihost.ledger import Operator, Role
    from jukihost.workflows import CardAndPassword, Founder

    said = vars(arguments)
    operator = Operator(said[which], said[f"{which}_name"], Role.ADMINISTRATOR)
    connection = stack.enter_context(at.operators_card(arguments, where))
    return Founder(operator, CardAndPassword(connection, at.trust))


def _change_password(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import change_password

    with at.operators_card(at.arguments) as connection:
        return {"until": change_password(at.desk, connection)}


def _log_in(at: AtCounter, arguments: argparse.Namespace) -> object:
    duty = at.log_in()
    return {"operator": duty.operator, "since": duty.since}


def _lock(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import lock

    lock(at.desk)
    return None


ACTIONS: Final = (
    Action(
        "found", "begin an office in an empty database: its log, and two administrators",
        _add_found, _found,
        ("found --log town.example/uses --first OP021414 --first-name 管理一郎 "
         "--second OP277810 --second-name 管理二郎 --operator-reader 0 --second-reader 1",),
        at_the_door=True,
    ),
    Action(
        "change-password", "change the password of an operator card, one that is over too",
        nothing, _change_password, ("change-password --operator-reader 1",),
        at_the_door=True,
    ),
)  # fmt: skip
"""The commands of this module."""
SHELL_ACTIONS: Final = (
    Action("lock", "lock the terminal, until somebody logs in", nothing, _lock),
    Action("log-in", "log in, in place of whoever is on duty", nothing, _log_in),
)
"""What a line of the shell may say, and no command does: it would have ended with the command."""

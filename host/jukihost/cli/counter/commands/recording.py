"""Commands for a holder's record: a new code, name or address, and restrictions of addresses."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import (
    Action,
    add_holder,
    add_presented,
    add_text,
    day,
    number,
    presented,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter

CHANGES: Final = ("name_changed", "moved_within")
"""What changes in a record so; values of `jukihost.register.ChangeReason`."""
KINDS: Final = ("violence", "stalking", "child_abuse", "other")
"""What somebody is protected from; values of `jukihost.register.RestrictionKind`."""


def _add_of_holder(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    add_presented(parser)


def _change_code(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import change_code

    return change_code(at.desk, arguments.holder, presented(arguments))


def _add_change_record(parser: argparse.ArgumentParser) -> None:
    _add_of_holder(parser)
    parser.add_argument(
        "--reason", choices=CHANGES, required=True,
        help="a new name, or a new address in this town",
    )  # fmt: skip
    parser.add_argument(
        "--day", metavar="DAY", type=day, required=True, help="on which it became so"
    )
    add_text(parser, "--new", "what it is now")


def _change_record(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.register import ChangeReason
    from jukihost.workflows import change_record

    return change_record(
        at.desk,
        arguments.holder,
        ChangeReason(arguments.reason),
        at.received("new", arguments.new, arguments.origin),
        arguments.day,
        presented(arguments),
    )


def _add_restrict(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    parser.add_argument("--kind", choices=KINDS, required=True, help="what they are protected from")
    parser.add_argument(
        "--until", metavar="DAY", type=day, required=True, help="the last day, a year at most"
    )


def _restrict(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.register import RestrictionKind
    from jukihost.workflows import restrict_address

    kind = RestrictionKind(arguments.kind)
    return restrict_address(at.desk, arguments.holder, kind, arguments.until)


def _add_lift(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    parser.add_argument(
        "--number", metavar="NUMBER", type=number, required=True, help="of the restriction"
    )
    parser.add_argument("--why", metavar="TEXT", required=True, help="the reason, which is kept")


def _lift(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import lift_restriction

    return lift_restriction(at.desk, arguments.holder, arguments.number, arguments.why)


ACTIONS: Final = (
    Action(
        "change-code", "give a resident another code, drawn at random",
        _add_of_holder, _change_code,
        ("change-code --holder 17 --paper photo",),
    ),
    Action(
        "change-record", "enter a new name, or a new address in this town",
        _add_change_record, _change_record,
        ("change-record --holder 17 --reason name_changed --day 2014-04-01 --paper photo",),
    ),
    Action(
        "restrict", "put a resident's address under restriction", _add_restrict, _restrict,
        ("restrict --holder 17 --kind violence --until 2015-03-31",),
    ),
    Action(
        "lift-restriction", "end a restriction of an address early", _add_lift, _lift,
        ("lift-restriction --holder 17 --number 2 --why 'asked by the resident'",),
    ),
)  # fmt: skip
"""The commands of this module."""

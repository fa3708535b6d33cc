"""Commands for who moves on a card: announced by post, moved in, gone on, or stayed."""

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


def _add_announce(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    parser.add_argument(
        "--with", dest="others", metavar="NUMBER", type=number, action="append", default=[],
        help="the record of who moves along, of the same household; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--day", metavar="DAY", type=day, required=True, help="on which they move out"
    )
    add_presented(parser)


def _announce(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import announce_by_post

    members = [arguments.holder, *arguments.others]
    return announce_by_post(at.desk, members, arguments.day, presented(arguments))


def _add_move_in(parser: argparse.ArgumentParser) -> None:
    add_presented(parser)
    parser.add_argument(
        "--moved", metavar="DAY", type=day, required=True, help="on which they moved in"
    )
    add_text(parser, "--address", "the new address")
    parser.add_argument(
        "--household", metavar="NUMBER", type=number,
        help="the household that they join (default: one of their own)",
    )  # fmt: skip
    parser.add_argument(
        "--relation", help="of whose card it is to the head of the household, where it has changed"
    )


def _move_in(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import NewHome, move_in

    at.settings.need("towns")
    home = NewHome(
        at.received("address", arguments.address, arguments.origin),
        arguments.moved,
        arguments.household,
        arguments.relation,
    )
    with at.card() as hand:
        return move_in(at.desk, hand, home, presented(arguments, "card"))


def _continue_use(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import continue_use

    with at.card() as hand:
        return continue_use(at.desk, hand, presented(arguments, "card"))


def _stay(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import stay

    with at.card() as hand:
        return stay(at.desk, hand, presented(arguments, "card"))


ACTIONS: Final = (
    Action(
        "announce-by-post", "note a move out that a letter tells, so that the card moves along",
        _add_announce, _announce,
        ("announce-by-post --holder 17 --with 18 --day 2014-04-01 --paper photo",),
    ),
    Action(
        "move-in", "enter who moves in on one member's card and PIN", _add_move_in, _move_in,
        ("move-in --moved 2014-04-01 --address 大阪府交野市私部一丁目1番1号 --reader 0",),
    ),
    Action(
        "continue-use", "let a card go on in this town, to which its holder moved",
        add_presented, _continue_use,
        ("continue-use --reader 0",),
    ),
    Action(
        "stay", "take back a move that did not take place", add_presented, _stay,
        ("stay --reader 0",),
    ),
)  # fmt: skip
"""The commands of this module."""

"""Commands that tell who somebody is, and copy their record in another town than their own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import (
    Action,
    add_presented,
    add_text,
    day,
    presented,
    town,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.workflows import RecordCopy


def _identify(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import identify

    with at.card() as hand:
        return identify(at.desk, hand, presented(arguments, "card"))


def _add_copy(parser: argparse.ArgumentParser) -> None:
    add_presented(parser)
    parser.add_argument(
        "--household", action="store_true", help="of everybody in the same household"
    )


def _copy(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import copy_by_card

    at.settings.need("towns", "printer")
    with at.card() as hand:
        made = copy_by_card(
            at.desk, hand, presented(arguments, "card"), household=arguments.household
        )
    return _printed(at, made)


def _add_copy_by_document(parser: argparse.ArgumentParser) -> None:
    _add_copy(parser)
    parser.add_argument(
        "--town", metavar="CODE", type=town, required=True, help="whose resident they are"
    )
    add_text(parser, "--name", "the name on the document")
    parser.add_argument(
        "--born", metavar="DAY", type=day, required=True, help="the day of birth on the document"
    )


def _copy_by_document(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import Shown, copy_by_document

    at.settings.need("towns", "printer")
    shown = Shown(at.received("name", arguments.name, arguments.origin), arguments.born)
    made = copy_by_document(
        at.desk,
        arguments.town,
        at.code(),
        shown,
        presented(arguments, "photo"),
        household=arguments.household,
    )
    return _printed(at, made)


def _printed(at: AtCounter, made: RecordCopy) -> object:
    """Print a copy, and tell no more than whose town it is of, and of how many: it is paper."""
    at.print_out(made.pdf)
    return {"town": made.town, "members": len(made.members), "printed": True}


ACTIONS: Final = (
    Action(
        "identify", "tell who the holder of a card is, by its PIN", add_presented, _identify,
        ("identify --reader 0",),
    ),
    Action(
        "copy", "print a copy of the record of a holder from another town, by card and PIN",
        _add_copy, _copy,
        ("copy --household --reader 0",),
    ),
    Action(
        "copy-by-document", "print such a copy for who shows a document with a photo",
        _add_copy_by_document, _copy_by_document,
        ("copy-by-document --town 27230 --name 住基花子 --born 1980-05-01 --paper photo",),
    ),
)  # fmt: skip
"""The commands of this module."""

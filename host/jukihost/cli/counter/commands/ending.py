"""Commands for the end of a card: abolished, lost, damaged, taken back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import (
    Action,
    add_card_number,
    add_holder,
    add_presented,
    presented,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter

REASONS: Final = ("surrendered", "died", "expired", "residence_ended", "not_collected")
"""For what a card is abolished; all but the first a town does of itself."""


def _add_abolish(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    parser.add_argument(
        "--reason", choices=REASONS, default=REASONS[0],
        help="the holder gives it up (default), or for what the town does it of itself",
    )  # fmt: skip
    add_presented(parser)


def _abolish(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.ledger import Reason
    from jukihost.workflows import EX_OFFICIO, abolish_card

    reason = Reason(arguments.reason)
    alone = reason in EX_OFFICIO and arguments.by == "holder" and not arguments.paper
    came = None if alone else presented(arguments)
    return abolish_card(at.desk, arguments.holder, reason, came)


def _add_of_holder(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    add_presented(parser)


def _report_lost(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import report_lost

    return report_lost(at.desk, arguments.holder, presented(arguments))


def _report_damaged(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import report_damaged

    return report_damaged(at.desk, arguments.holder, presented(arguments))


def _return(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import return_card

    with at.card() as hand:
        return return_card(at.desk, hand, presented(arguments))


def _add_unreadable(parser: argparse.ArgumentParser) -> None:
    add_card_number(parser)
    add_presented(parser)


def _return_unreadable(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import return_unreadable

    return return_unreadable(at.desk, arguments.card, presented(arguments))


ACTIONS: Final = (
    Action(
        "abolish", "abolish a holder's card in the ledger", _add_abolish, _abolish,
        ("abolish --holder 17 --paper photo", "abolish --holder 17 --reason died"),
    ),
    Action(
        "report-lost", "note that a card was not found again", _add_of_holder, _report_lost,
        ("report-lost --holder 17 --paper photo",),
    ),
    Action(
        "report-damaged", "note that a card does not work any more",
        _add_of_holder, _report_damaged,
        ("report-damaged --holder 17 --paper photo",),
    ),
    Action(
        "return", "take a card back, and end it for good", add_presented, _return,
        ("return --paper photo --reader 0",),
    ),
    Action(
        "return-unreadable", "take a card back that no reader reads",
        _add_unreadable, _return_unreadable,
        ("return-unreadable --card 8139200000000001 --paper photo",),
    ),
)  # fmt: skip
"""The commands of this module."""

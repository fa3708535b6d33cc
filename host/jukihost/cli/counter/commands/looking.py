"""Commands that look up: whom the register has, and which cards the ledger has."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import Action, add_holder, day

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter


def _add_find(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="TEXT", help="how name or alias begin; it is asked for otherwise"
    )
    parser.add_argument(
        "--born", metavar="DAY", type=day, help="the day of birth, which leaves fewer"
    )


def _find(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import find_residents

    return {"found": find_residents(at.desk, at.text("name", arguments.name), arguments.born)}


def _cards(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import show_cards

    return {"cards": show_cards(at.desk, arguments.holder)}


ACTIONS: Final = (
    Action(
        "find", "find a resident by name, however it is written", _add_find, _find,
        ("find --name 渡辺 --born 1970-02-28",),
    ),
    Action("cards", "show a resident's cards", add_holder, _cards, ("cards --holder 17",)),
)  # fmt: skip
"""The commands of this module."""

"""Commands for a card whatever is done with it: what was cut off on it is finished or undone."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import Action, nothing

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter


def _recover(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import recover_card

    with at.card() as hand:
        state = recover_card(at.desk, hand)
    return "nothing was cut off" if state is None else state


ACTIONS: Final = (
    Action(
        "recover", "finish or undo what was cut off on a card", nothing, _recover,
        ("recover --reader 0",),
    ),
)  # fmt: skip
"""The commands of this module."""

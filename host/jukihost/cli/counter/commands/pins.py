"""Commands for a secret of the card, which its holder changes, or chooses anew."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import Action, add_presented, presented

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter

USES: Final = ("juki", "signature", "authentication", "text", "common")
"""The secrets that are set so; values of `jukihost.workflows.PinUse`."""


def _add(parser: argparse.ArgumentParser) -> None:
    add_presented(parser)
    parser.add_argument(
        "--use", choices=USES, default=USES[0],
        help="which secret: of the Juki application (default), of a key, or for reading the text",
    )  # fmt: skip


def _change(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import PinUse, change_pin

    with at.card() as hand:
        return change_pin(at.desk, hand, presented(arguments), PinUse(arguments.use))


def _unblock(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import PinUse, unblock_pin

    with at.card() as hand:
        return unblock_pin(at.desk, hand, presented(arguments), PinUse(arguments.use))


ACTIONS: Final = (
    Action(
        "change-pin", "let the holder prove a secret, and choose another", _add, _change,
        ("change-pin --reader 0", "change-pin --use signature"),
    ),
    Action(
        "unblock-pin", "let the holder choose a secret anew that is blocked or forgotten",
        _add, _unblock,
        ("unblock-pin --paper photo --reader 0",
         "unblock-pin --paper other --paper answer --inquiry 5"),
    ),
)  # fmt: skip
"""The commands of this module."""

"""Commands of two operators: the emergency stop of every terminal, and its lifting."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import Action

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter


def _add_why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--why", metavar="TEXT", required=True, help="the reason, which is kept")


def _stop(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import stop_everything

    return stop_everything(at.desk, arguments.why)


def _lift(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import lift_everything

    return lift_everything(at.desk, arguments.why)


ACTIONS: Final = (
    Action(
        "emergency-stop", "stop every procedure at every terminal; two operators do it",
        _add_why, _stop,
        ("emergency-stop --why 漏えいの疑い --operator-reader 1 --second-reader 2",),
    ),
    Action(
        "lift-emergency-stop", "let procedures go on; two operators do it", _add_why, _lift,
        ("lift-emergency-stop --why 疑いが晴れた --operator-reader 1 --second-reader 2",),
    ),
)  # fmt: skip
"""The commands of this module."""

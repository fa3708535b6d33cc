"""Commands for a card that is lost for a while: told by telephone, and found again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import (
    Action,
    add_card_number,
    add_holder,
    add_presented,
    add_text,
    number,
    presented,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter

_ASKED: Final = ("born", "address", "household", "former_address", "card")


def _add_suspend(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    add_presented(parser)
    add_text(parser, "--caller", "who calls, as they say it")
    for option, text in (
        ("--relation", "to the holder, in their words (本人, 妻); it is asked for otherwise"),
        ("--reached", "where they can be called back; it is asked for otherwise"),
    ):
        parser.add_argument(option, metavar="TEXT", help=text)
    parser.add_argument(
        "--asked", choices=_ASKED, action="append", required=True,
        help="what they were asked and answered right; may be repeated",
    )  # fmt: skip


def _suspend(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.register import Asked, TelephoneNotice
    from jukihost.workflows import suspend_by_telephone

    notice = TelephoneNotice(
        at.received("caller", arguments.caller, arguments.origin),
        at.received("relation", arguments.relation, "").text,
        at.received("reached", arguments.reached, ""),
        frozenset(Asked(one) for one in arguments.asked),
    )
    return suspend_by_telephone(at.desk, arguments.holder, presented(arguments), notice)


def _resume(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import resume_card

    with at.card() as hand:
        return resume_card(at.desk, hand, presented(arguments))


def _add_call_back(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--notice", metavar="NUMBER", type=number, required=True,
        help="the number of the call, which suspend tells",
    )  # fmt: skip
    answered = parser.add_mutually_exclusive_group(required=True)
    answered.add_argument("--answered", action="store_true", help="who had called answered")
    answered.add_argument(
        "--not-answered", dest="answered", action="store_false", help="nobody answered, or another"
    )


def _call_back(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import call_back

    return call_back(at.desk, arguments.notice, answered=arguments.answered)


def _show_notices(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import show_notices

    return {"notices": show_notices(at.desk, arguments.card)}


ACTIONS: Final = (
    Action(
        "suspend", "suspend a card whose loss was told by telephone", _add_suspend, _suspend,
        ("suspend --holder 17 --by household --caller 住基花子 --relation 妻 "
         "--reached 03-0000-0001 --asked born",),
    ),
    Action(
        "call-back", "keep that who told of a loss was called back", _add_call_back, _call_back,
        ("call-back --notice 3 --answered",),
    ),
    Action(
        "show-notices", "show who called about a card, and who called back",
        add_card_number, _show_notices,
        ("show-notices --card 8139200000000001",),
    ),
    Action(
        "resume", "resume a card that was found", add_presented, _resume,
        ("resume --paper photo --reader 0",),
    ),
)  # fmt: skip
"""The commands of this module."""

"""The commands of the counter as data: what each takes, and which procedure it calls."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.workflows import Presented

_BY: Final = ("holder", "household", "legal_representative", "proxy")
_PAPERS: Final = (
    "photo", "other", "answer", "letter_of_attorney", "proof_of_office", "card",
)  # fmt: skip


class Action(NamedTuple):
    """A command: its name, one line about it, its arguments, and what it does."""

    name: str
    text: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[AtCounter, argparse.Namespace], object]


def _presented(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=_BY, default="holder", help="who has come (default: holder)"
    )
    parser.add_argument(
        "--paper", choices=_PAPERS, action="append", default=[],
        help="what they show; may be repeated",
    )  # fmt: skip


def presented(arguments: argparse.Namespace) -> Presented:
    """Return who has come with what, as the arguments say."""
    from jukihost.workflows import Paper, Presented, PresentedBy

    papers = frozenset(Paper(one) for one in arguments.paper)
    return Presented(PresentedBy(arguments.by), papers)


def _of_holder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--holder", metavar="NUMBER", type=int, required=True, help="the number of the record"
    )


def _nothing(parser: argparse.ArgumentParser) -> None:
    """Take nothing of its own."""


_ASKED: Final = ("born", "address", "household", "former_address", "card")


def _add_suspend(parser: argparse.ArgumentParser) -> None:
    _of_holder(parser)
    _presented(parser)
    parser.add_argument("--caller", required=True, metavar="NAME", help="who calls, as they say it")
    parser.add_argument("--relation", required=True, help="to the holder, in their words: 本人, 妻")
    parser.add_argument("--reached", required=True, help="where they can be called back")
    parser.add_argument(
        "--asked", choices=_ASKED, action="append", required=True,
        help="what they were asked and answered right; may be repeated",
    )  # fmt: skip


def _suspend(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.register import Asked, AsReceived, TelephoneNotice
    from jukihost.workflows import suspend_by_telephone

    notice = TelephoneNotice(
        AsReceived(arguments.caller),
        arguments.relation,
        AsReceived(arguments.reached),
        frozenset(Asked(one) for one in arguments.asked),
    )
    return suspend_by_telephone(at.desk, arguments.holder, presented(arguments), notice)


def _resume(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import resume_card

    with at.card() as hand:
        return resume_card(at.desk, hand, presented(arguments))


def _recover(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import recover_card

    with at.card() as hand:
        state = recover_card(at.desk, hand)
    return "nothing was cut off" if state is None else state


ACTIONS: Final = (
    Action("suspend", "suspend a card whose loss was told by telephone", _add_suspend, _suspend),
    Action("resume", "resume a card that was found", _presented, _resume),
    Action("recover", "finish or undo what was cut off on a card", _nothing, _recover),
)
"""Every command that is a procedure."""

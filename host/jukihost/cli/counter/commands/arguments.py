"""What the counter's commands have in common: how one is described, and arguments of several."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from jukihost.cli.arguments import named_address

if TYPE_CHECKING:
    from jukicard.apdu import Aid
    from jukihost.cli.counter.at import AtCounter
    from jukihost.workflows import Presented

BY: Final = ("holder", "household", "legal_representative", "proxy")
"""Who may come; the values of `jukihost.workflows.PresentedBy`."""
PAPERS: Final = (
    "photo", "other", "answer", "letter_of_attorney", "proof_of_office", "card",
)  # fmt: skip
"""What they may show; the values of `jukihost.workflows.Paper`."""


PROCEDURES: Final = (
    "issue", "hand_over", "identify", "wide_area_issuance", "move_out", "move_in",
    "continued_use", "change_pin", "unblock_pin", "suspend", "resume", "abolish", "report_lost",
    "report_damaged", "return", "exchange", "change_code", "change_record", "reissue_certificate",
    "install_application", "remove_application", "sign", "authenticate", "disclose",
)  # fmt: skip
"""What somebody comes for; the values of `jukihost.workflows.Task` that have rules."""


class Action(NamedTuple):
    """A command: its name, one line about it, its arguments, what it does, and how it is used.

    examples: command lines after `jukihost counter`, at the end of its help. at_the_door: nobody
    has to be logged in for it. prepare: what is done before anybody logs in, for what can be wrong
    with the files that the arguments name; what it has read it adds to them.
    """

    name: str
    text: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[AtCounter, argparse.Namespace], object]
    examples: tuple[str, ...] = ()
    at_the_door: bool = False
    prepare: Callable[[argparse.Namespace], None] = lambda arguments: None


def add_presented(parser: argparse.ArgumentParser) -> None:
    """Add who has come, with what."""
    parser.add_argument("--by", choices=BY, default="holder", help="who has come (default: holder)")
    parser.add_argument(
        "--paper", choices=PAPERS, action="append", default=[],
        help="what they show; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--inquiry", metavar="NUMBER", type=number,
        help="the number of the inquiry letter whose answer they brought, with --paper answer",
    )  # fmt: skip


def presented(arguments: argparse.Namespace, *otherwise: str) -> Presented:
    """Return who has come with what, as the arguments say; `otherwise`: papers if none is named."""
    from jukihost.workflows import Paper, Presented, PresentedBy

    papers = frozenset(Paper(one) for one in arguments.paper or otherwise)
    return Presented(PresentedBy(arguments.by), papers, arguments.inquiry)


def add_second(parser: argparse.ArgumentParser) -> None:
    """Add where the card of a second operator is, who decides, or turns the switch, beside."""
    parser.add_argument(
        "--second-reader",
        metavar="R",
        help="the PC/SC reader with the card of a second operator, who decides beside",
    )
    parser.add_argument(
        "--second-tcp",
        metavar="HOST:PORT[#CARD]",
        type=named_address,
        help="such a card that listens on TCP",
    )


def add_holder(parser: argparse.ArgumentParser) -> None:
    """Add whose record it is about."""
    parser.add_argument(
        "--holder", metavar="NUMBER", type=number, required=True, help="the number of the record"
    )


def add_card_number(parser: argparse.ArgumentParser) -> None:
    """Add which card it is about, where none is in a reader."""
    parser.add_argument(
        "--card", metavar="HEX", type=card_number, required=True,
        help="the card's number, 16 digits in hexadecimal",
    )  # fmt: skip


def add_text(parser: argparse.ArgumentParser, option: str, help_text: str) -> None:
    """Add a name or an address, which is asked for where it is not given, and its characters."""
    parser.add_argument(option, metavar="TEXT", help=f"{help_text}; it is asked for otherwise")
    parser.add_argument(
        "--origin", metavar="SET", default="",
        help="where private-use characters in it are from; needed where there are any",
    )  # fmt: skip


def nothing(parser: argparse.ArgumentParser) -> None:
    """Take nothing of its own."""


# --- what a text on the command line means; none of them repeats it ---


def number(text: str) -> int:
    """Return the number of a record, a notice or a letter."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= _MOST):
        raise argparse.ArgumentTypeError("a number is written in digits, from 1")
    return int(text)


def day(text: str) -> date:
    """Return a day."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written YYYY-MM-DD: 2014-04-01") from None


def card_number(text: str) -> bytes:
    """Return a card's number, 8 bytes."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != _CARD_NUMBER:
        raise argparse.ArgumentTypeError("a card's number has 16 digits in hexadecimal")
    return found


def application(text: str) -> Aid:
    """Return the name of an application on a card."""
    from jukicard.apdu import Aid

    try:
        return Aid(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "an application's name has 5 to 16 bytes, in hexadecimal"
        ) from None


def identifier(text: str) -> str:
    """Return an operator's identifier."""
    if not (0 < len(text) <= _LONGEST and text.isprintable()):
        raise argparse.ArgumentTypeError("an operator's identifier is what their card says of them")
    return text


def town(text: str) -> str:
    """Return a municipality's code."""
    if not (len(text) == 5 and text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("a municipality has five digits (JIS X 0401 and 0402)")
    return text


_MOST: Final = 2**63 - 1
"""The largest number that a database has room for."""
_LONGEST: Final = 64
_CARD_NUMBER: Final = 8

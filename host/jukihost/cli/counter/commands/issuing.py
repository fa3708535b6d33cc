"""Commands for a new card: a letter to its holder, the blank card made theirs, handed over."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.arguments import named_address
from jukihost.cli.counter.commands.arguments import (
    PROCEDURES,
    Action,
    add_holder,
    add_presented,
    presented,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.workflows import CardWish

FORMS: Final = {"name_only": "NAME_ONLY", "with_photo": "WITH_PHOTO"}
"""The forms of a card, by what they are called here."""
PAIRS: Final = ("signature", "authentication")
"""The certificates of a card; values of `jukihost.issuing.CertificateUse`."""
_LARGEST_PHOTO: Final = 1 << 20
_ISSUES: Final = ("issuer", "authority")


def _add_inquire(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    parser.add_argument(
        "--for", dest="task", choices=PROCEDURES, metavar="PROCEDURE", default="hand_over",
        help="what the answer is for (default: hand_over); the rules take one for it",
    )  # fmt: skip


def _inquire(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import Task, inquire

    sent = inquire(at.desk, arguments.holder, Task(arguments.task))
    return {
        "inquiry": sent.number, "holder": sent.resident, "purpose": Task(sent.purpose),
        "sent": sent.sent, "until": sent.until,
    }  # fmt: skip


def _add_issue(parser: argparse.ArgumentParser) -> None:
    add_holder(parser)
    add_wish(parser)
    add_presented(parser)


def add_wish(parser: argparse.ArgumentParser) -> None:
    """Add what is made of a blank card."""
    parser.add_argument(
        "--form", choices=FORMS, default="with_photo",
        help="what stands on the card (default: with_photo)",
    )  # fmt: skip
    parser.add_argument(
        "--photo", metavar="FILE", help="the holder's photo, JPEG 2000; not for name_only"
    )
    parser.add_argument(
        "--without-certificates", action="store_true", help="for who wants none on the card"
    )


def read_photo(arguments: argparse.Namespace) -> None:
    """Read the photo that the arguments name. UsageError."""
    place = arguments.photo
    read = None if place is None else output.read_file(place, "the photo", _LARGEST_PHOTO)
    arguments.portrait = read


def wish(at: AtCounter, arguments: argparse.Namespace) -> CardWish:
    """Return what is made of a blank card; the numbers on a My Number card are asked for, hidden.

    UsageError.
    """
    from jukihost.models import CardForm
    from jukihost.workflows import CardWish

    successor = _my_number_now(at)
    return CardWish(
        form=CardForm[FORMS[arguments.form]],
        photo=arguments.portrait,
        my_number=at.private("my_number") if successor else None,
        security_code=at.private("security_code") if successor else None,
        with_certificates=not arguments.without_certificates,
    )


def _my_number_now(at: AtCounter) -> bool:
    """Tell whether My Number cards are issued today, and Juki cards not any more."""
    from jukihost.clock import day_in_japan
    from jukihost.issuing import CardKind, IssueEnded, check_card_issue

    try:
        check_card_issue(CardKind.JUKI, day_in_japan(at.desk.database.clock.now()))
    except IssueEnded:
        return True
    return False


def _issue(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import issue_card

    at.settings.need(*_ISSUES)
    made = wish(at, arguments)
    with at.card() as hand:
        return issue_card(at.desk, hand, arguments.holder, made, presented(arguments))


def _hand_over(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import hand_over

    at.settings.need(*_ISSUES)
    with at.card() as hand:
        return hand_over(at.desk, hand, presented(arguments))


def _add_reissue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--use", dest="uses", choices=PAIRS, action="append", default=[],
        help="which of the certificates that the card has (default: all); may be repeated",
    )  # fmt: skip
    add_presented(parser)


def _reissue(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.issuing import CertificateUse
    from jukihost.workflows import reissue_certificate

    at.settings.need("authority")
    uses = [CertificateUse(one) for one in arguments.uses or PAIRS]
    with at.card() as hand:
        return reissue_certificate(at.desk, hand, presented(arguments), uses)


def _add_exchange(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--old-reader", metavar="R",
        help="the PC/SC reader with the Juki card (default: it is asked for in the same reader)",
    )  # fmt: skip
    parser.add_argument(
        "--old-tcp", metavar="HOST:PORT[#CARD]", type=named_address,
        help="such a card that listens on TCP",
    )  # fmt: skip
    add_presented(parser)


def _exchange(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import exchange_card

    at.settings.need(*_ISSUES)
    with at.card() as hand, at.old_card(arguments) as old:
        return exchange_card(at.desk, hand, presented(arguments), old=old)


ACTIONS: Final = (
    Action(
        "inquire", "send an inquiry letter to a holder's address", _add_inquire, _inquire,
        ("inquire --holder 17", "inquire --holder 17 --for unblock_pin"),
    ),
    Action(
        "issue", "make a blank card a holder's", _add_issue, _issue,
        ("issue --holder 17 --photo taro.jp2 --paper photo --reader 0",
         "issue --holder 17 --form name_only --paper other"),
        prepare=read_photo,
    ),
    Action(
        "hand-over", "hand a card over that was made: the holder types the PINs",
        add_presented, _hand_over,
        ("hand-over --paper photo --reader 0",
         "hand-over --paper other --paper answer --inquiry 5"),
    ),
    Action(
        "reissue", "have a card make new keys, and give them certificates", _add_reissue, _reissue,
        ("reissue --paper photo --reader 0", "reissue --use signature --paper photo"),
    ),
    Action(
        "exchange", "take a Juki card back for the My Number card that was made for its holder",
        _add_exchange, _exchange,
        ("exchange --paper photo --reader 0 --old-reader 2",),
    ),
)  # fmt: skip
"""The commands of this module."""

"""Commands for operators and their cards: entered, lent, inspected, returned, revoked, unlocked."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from jukihost.cli.counter.commands.arguments import (
    Action,
    card_number,
    identifier,
    nothing,
)
from jukihost.cli.output import UsageError

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter
    from jukihost.ledger import Hours

_ROLES: Final = ("clerk", "supervisor", "administrator", "auditor")
"""What operators work as; the values of `jukihost.ledger.Role`."""
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise argparse.ArgumentTypeError("a time of the day is written HH:MM: 08:30") from None


def _hours_of_grant(text: str) -> timedelta:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= 168):
        raise argparse.ArgumentTypeError("a grant lasts from 1 to 168 hours")
    return timedelta(hours=int(text))


def _add_operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "operator", metavar="OPERATOR", type=identifier, help="as the card names them"
    )


def _add_what_they_are(parser: argparse.ArgumentParser, *, new: bool) -> None:
    _add_operator(parser)
    parser.add_argument("--name", required=new, help="their name")
    parser.add_argument("--role", choices=_ROLES, required=new, help="what they work as")
    parser.add_argument(
        "--day", dest="days", choices=_DAYS, action="append",
        help="a day on which they work; may be repeated (default: mon to fri)",
    )  # fmt: skip
    for name, text in (
        ("since", "from when, 08:00"),
        ("until", "to when, 18:00; 00:00 is the end"),
    ):
        parser.add_argument(f"--{name}", metavar="HH:MM", type=_time, help=text)
    may = parser.add_mutually_exclusive_group()
    may.add_argument(
        "--may-export", dest="may_export", action="store_true", default=None,
        help="give them the right to make backups; nobody has it otherwise",
    )  # fmt: skip
    if not new:
        may.add_argument(
            "--may-not-export", dest="may_export", action="store_false", help="take it away again"
        )


def _add_new(parser: argparse.ArgumentParser) -> None:
    _add_what_they_are(parser, new=True)


def _add_change(parser: argparse.ArgumentParser) -> None:
    _add_what_they_are(parser, new=False)


def _hours(arguments: argparse.Namespace, before: Hours) -> Hours:
    """Return the hours that the arguments say, those before where they say nothing. UsageError."""
    from jukihost.ledger import Hours

    days = frozenset(map(_DAYS.index, arguments.days)) if arguments.days else before.weekdays
    since = before.since if arguments.since is None else arguments.since
    until = before.until if arguments.until is None else arguments.until
    try:
        return Hours(days, since, until)
    except ValueError as error:
        raise UsageError(str(error)) from None


def _enter(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.ledger import Hours, Operator, Role
    from jukihost.workflows import enter_staff

    hours = _hours(arguments, Hours())
    role, may = Role(arguments.role), bool(arguments.may_export)
    return enter_staff(at.desk, Operator(arguments.operator, arguments.name, role, hours, may))


def _change(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.ledger import Role
    from jukihost.workflows import change_staff, find_staff

    old = find_staff(at.desk, arguments.operator)
    new = replace(
        old,
        name=arguments.name or old.name,
        role=Role(arguments.role) if arguments.role else old.role,
        hours=_hours(arguments, old.hours),
        may_export=old.may_export if arguments.may_export is None else arguments.may_export,
    )
    return change_staff(at.desk, old, new)


def _dismiss(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import dismiss_staff

    dismiss_staff(at.desk, arguments.operator)
    return None


def _lend(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import lend_operator_card

    with at.card() as hand:
        return lend_operator_card(at.desk, hand.connection, arguments.operator)


def _inspect(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import inspect_operator_card

    with at.card() as hand:
        return inspect_operator_card(at.desk, hand.connection)


def _return(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import return_operator_card

    with at.card() as hand:
        return return_operator_card(at.desk, hand.connection)


def _revoke(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import revoke_operator_card

    return revoke_operator_card(at.desk, arguments.operator)


def _replace(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import CardAndPassword, replace_administrators_card

    with at.card() as hand:
        method = CardAndPassword(hand.connection, at.trust)
        return replace_administrators_card(at.desk, method, arguments.operator)


def _add_grant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--card", metavar="NUMBER", type=card_number, required=True,
        help="the locked card's number, 16 hexadecimal digits",
    )  # fmt: skip
    parser.add_argument(
        "--hours", metavar="N", type=_hours_of_grant, default="24",
        help="how long the grant is good, a week (168) at most (default: %(default)s)",
    )  # fmt: skip


def _grant(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import grant_unlocking

    return grant_unlocking(at.desk, arguments.card, arguments.hours)


def _add_unlock(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--new-password", action="store_true", help="its operator types a new password"
    )


def _unlock(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import unlock_operator

    with at.card() as hand:
        return unlock_operator(at.desk, hand.connection, new_password=arguments.new_password)


ACTIONS: Final = (
    Action(
        "enter-operator", "enter an operator, to whom a card is lent next", _add_new, _enter,
        ("enter-operator OP108627 --name 窓口花子 --role clerk --operator-reader 1",
         "enter-operator OP108627 --name 窓口花子 --role clerk --day sat --until 12:30"),
    ),
    Action(
        "change-operator", "change an operator's name, role, hours, or right to make backups",
        _add_change, _change,
        ("change-operator OP108627 --role supervisor", "change-operator OP108627 --may-export"),
    ),
    Action(
        "dismiss-operator", "let an operator work no longer, and revoke their card",
        _add_operator, _dismiss, ("dismiss-operator OP108627",),
    ),
    Action(
        "lend-operator-card", "lend the operator card in the reader to whom it names",
        _add_operator, _lend, ("lend-operator-card OP108627 --operator-reader 1 --reader 0",),
    ),
    Action(
        "inspect-operator-card", "note that a lent operator card was there at the inspection",
        nothing, _inspect, ("inspect-operator-card --operator-reader 1 --reader 0",),
    ),
    Action(
        "return-operator-card", "take back the operator card in the reader", nothing, _return,
        ("return-operator-card --operator-reader 1 --reader 0",),
    ),
    Action(
        "revoke-operator-card", "let the card of an operator be good for nothing: it was lost",
        _add_operator, _revoke, ("revoke-operator-card OP108627",),
    ),
    Action(
        "replace-operator-card",
        "lend an administrator another card in place of a lost one; two operators do it",
        _add_operator, _replace,
        ("replace-operator-card OP277810 --operator-reader 1 --second-reader 2 --reader 0",),
    ),
    Action(
        "grant-unlock", "grant that a locked operator card is unlocked, once", _add_grant, _grant,
        ("grant-unlock --card 813920F9B0EB7087 --hours 4",),
    ),
    Action(
        "unlock-operator-card", "unlock the operator card in the reader, and use the grant up",
        _add_unlock, _unlock, ("unlock-operator-card --new-password --reader 0",),
    ),
)  # fmt: skip
"""The commands of this module."""

"""`jukihost readers` and `jukihost status`: what there is, without proving anything."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from jukicard.apdu.status import tries
from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_connection, add_json
from jukihost.cli.reach import connected
from jukihost.errors import StatusError

if TYPE_CHECKING:
    from jukihost.channel import ApduChannel
    from jukihost.models import Application, CardInfo

_T = TypeVar("_T")


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    add_json(
        add_command(commands, "readers", "list the PC/SC readers and what is in them", _readers)
    )
    add_connection(
        add_command(
            commands,
            "status",
            "show the card, its applications and the tries its PIN has left",
            _status,
        )
    )


def _readers(arguments: argparse.Namespace) -> int:
    from jukihost.transport.pcsc.connection import list_readers

    readers = list_readers()
    if arguments.json:
        output.print_json(
            [
                {
                    "index": reader.index,
                    "name": reader.name,
                    "card": reader.card_present,
                    "atr": reader.atr.hex().upper() if reader.atr else None,
                }
                for reader in readers
            ]
        )
    elif readers:
        table = output.table("", "reader", "card")
        for reader in readers:
            card = (
                "-"
                if not reader.card_present
                else (reader.atr.hex().upper() if reader.atr else "mute")
            )
            output.add_row(table, str(reader.index), reader.name, card)
        output.print_table(table)
    return (
        output.OK if readers else output.fail("no reader is attached; plug one in", output.NO_CARD)
    )


def _status(arguments: argparse.Namespace) -> int:
    from jukihost.conversation.probe import card_probe

    with connected(arguments, verifies=False) as (connection, channel):
        applications = card_probe(channel)
        retries = _juki_retries(channel, applications)
        where, atr = connection.description, connection.atr.hex().upper()
    if arguments.json:
        output.print_json(
            {
                "connection": where,
                "atr": atr,
                "pin_retries": retries,
                "applications": [
                    {"name": found.name, "aid": str(found.aid), "state": found.state.value}
                    for found in applications
                ],
            }
        )
        return output.OK
    table = output.table("", where)
    output.add_row(table, "ATR", atr)
    for found in applications:
        output.add_row(table, found.title, found.state.value)
    if retries is not None:
        output.add_row(table, "Juki PIN", tries_left(retries))
    output.print_table(table)
    return output.OK


def _juki_retries(channel: ApduChannel, applications: Sequence[Application]) -> int | None:
    """Return the tries that the PIN of the Juki application has left, None where it is silent."""
    from jukihost.models import ApplicationState
    from jukihost.sessions.juki import JukiSession

    state = next(found.state for found in applications if found.aid == JukiSession.AID)
    if state not in (ApplicationState.PRESENT, ApplicationState.SUSPENDED):
        return None
    with JukiSession(channel, allow_suspended=True) as juki:
        return or_none(juki.pin_retries)


def or_none(ask: Callable[[], _T]) -> _T | None:
    """Return what the card tells, None where it refuses."""
    try:
        return ask()
    except StatusError:
        return None


def tries_left(left: int) -> str:
    """Return how many tries are left, in words."""
    return "blocked" if left == 0 else f"{tries(left)} left"


def info_fields(info: CardInfo) -> dict[str, str]:
    """Return the card's own data by the names under which it is printed."""
    return {
        "municipality": info.municipality,
        "form": info.form.name.lower().replace("_", " "),
        "issued": info.issued.isoformat(),
        "expires": info.expires.isoformat(),
    }

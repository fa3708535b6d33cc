"""`jukihost card`: the card's state, and what the counter does to it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from jukihost.cli import output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_connection,
    add_group,
    add_keys,
)
from jukihost.cli.pin import authenticated
from jukihost.cli.reach import connected
from jukihost.cli.status import info_fields, or_none, tries_left
from jukihost.errors import CardTerminated, StatusError
from jukihost.models import CardState, Purpose

if TYPE_CHECKING:
    from jukihost.channel import ApduChannel


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(commands, "card", "show, suspend, resume or end the card")
    add_connection(
        add_command(actions, "state", "show whether the card is active, suspended or ended", _state)
    )
    info = add_command(
        actions, "info", "show what the card says of itself; with --keys its dates too", _info
    )
    add_connection(info)
    add_keys(info, Purpose.RESIDENT_IDENTIFICATION, required=False, private=False)
    suspend = add_command(actions, "suspend", "suspend the card", _suspend)
    add_connection(suspend)
    add_keys(suspend, Purpose.SUSPEND)
    resume = add_command(actions, "resume", "end a suspension", _resume)
    end = add_command(actions, "end", "end the card for good; nothing brings it back", _end)
    for action in (resume, end):
        add_connection(action)
        add_keys(action, Purpose.COUNTER, private=False)  # a suspended card offers no PACE
    end.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _state(arguments: argparse.Namespace) -> int:
    with connected(arguments, verifies=False) as (_, channel):
        fields = _state_fields(channel)
    return _show(arguments, fields)


def _state_fields(channel: ApduChannel) -> dict[str, object]:
    from jukihost.sessions.juki import JukiSession

    try:
        with JukiSession(channel, allow_suspended=True) as juki:
            state = juki.card_state()
            residence = or_none(juki.residence)
    except CardTerminated:
        state, residence = CardState.TERMINATED, None
    return {
        "state": state.name.lower(),
        "residence": None if residence is None else residence.name.lower().replace("_", " "),
    }


def _info(arguments: argparse.Namespace) -> int:
    from jukihost.sessions.juki import JukiSession

    with connected(arguments, verifies=False) as (_, channel):
        fields = _state_fields(channel)
        if fields["state"] != "terminated":
            with JukiSession(channel, allow_suspended=True) as juki:
                retries = or_none(juki.pin_retries)
                fields = {
                    "card number": juki.card_number().hex().upper(),
                    **fields,
                    "Juki PIN": None if retries is None else tries_left(retries),
                }
        fields |= _jpki_fields(channel)
    if arguments.keys is not None:
        with authenticated(arguments) as juki:
            fields |= info_fields(juki.card_info())
    return _show(arguments, fields)


def _jpki_fields(channel: ApduChannel) -> dict[str, object]:
    from jukihost.sessions.jpki import JpkiSession

    try:
        with JpkiSession(channel) as jpki:
            return {"JPKI": jpki.token().name}
    except StatusError:  # not there, suspended or ended with the card
        return {"JPKI": None}


def _show(arguments: argparse.Namespace, fields: dict[str, object]) -> int:
    if arguments.json:
        output.print_json({name.lower().replace(" ", "_"): value for name, value in fields.items()})
        return output.OK
    table = output.table("", "")
    for name, value in fields.items():
        output.add_row(table, name, "-" if value is None else str(value))
    output.print_table(table)
    return output.OK


def _suspend(arguments: argparse.Namespace) -> int:
    with authenticated(arguments) as juki:
        juki.suspend()
        return output.done(arguments, "the card is suspended")


def _resume(arguments: argparse.Namespace) -> int:
    with authenticated(arguments, allow_suspended=True) as juki:
        juki.resume()
        return output.done(arguments, "the card is in use again")


def _end(arguments: argparse.Namespace) -> int:
    prompts.confirmed(arguments, "The card ends for good, nothing brings it back.", "end")
    with authenticated(arguments, allow_suspended=True) as juki:
        juki.terminate()
    return output.done(arguments, "the card has ended")

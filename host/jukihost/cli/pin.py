"""`jukihost pin`: verify, change and unblock the PIN of the Juki application."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from jukihost.cli import output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_connection,
    add_group,
    add_keys,
    add_pad,
    add_pin_file,
)
from jukihost.cli.reach import connected
from jukihost.models import Purpose
from jukihost.texts import said

if TYPE_CHECKING:
    from jukihost.sessions.juki import JukiSession


_NOT_ON_A_PAD: Final = (
    "what is typed on a reader's pad goes to the card in plain, and would end a secure session; "
    "nothing was sent to the card"
)


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(
        commands, "pin", "verify, change or unblock the PIN of the Juki application"
    )
    verify = add_command(actions, "verify", "verify the PIN", _verify)
    change = add_command(actions, "change", "change the PIN, under secure messaging", _change)
    unblock = add_command(
        actions, "unblock", "give the PIN its tries back, and a new value", _unblock
    )
    for action, lines in ((verify, "the PIN"), (change, "the present PIN, then the new one")):
        add_connection(action)
        add_pin_file(action, lines)
        add_pad(action)
        add_keys(action, Purpose.RESIDENT_IDENTIFICATION, required=action is change)
    add_connection(unblock)
    add_pin_file(unblock, "the new PIN")
    add_keys(unblock, Purpose.COUNTER)
    unblock.add_argument(
        "--keep", action="store_true", help="let the PIN have its old value; asks for none"
    )


def _verify(arguments: argparse.Namespace) -> int:
    from jukihost.conversation.secrets import Pin

    if arguments.pad and (arguments.keys is not None or arguments.access_number is not None):
        raise output.UsageError(f"{_NOT_ON_A_PAD}: leave --keys and --access-number out")
    pin = prompts.entry(arguments, Pin, said("holder: PIN: "))
    with _session(arguments) as juki:
        juki.verify_pin(pin)
        return output.done(arguments, "the PIN is right")


def _change(arguments: argparse.Namespace) -> int:
    if arguments.pad:
        raise output.UsageError(f"{_NOT_ON_A_PAD}: the new PIN is typed here, leave --pad out")
    present, new = prompts.new_pin(arguments, said("holder: present PIN: "))
    with authenticated(arguments) as juki:
        juki.verify_pin(present)
        juki.change_pin(new)
        return output.done(arguments, "the PIN is changed")


def _unblock(arguments: argparse.Namespace) -> int:
    new = None if arguments.keep else prompts.new_pin(arguments)[0]
    with authenticated(arguments) as juki:
        juki.unblock_pin(new)
        return output.done(
            arguments,
            "the PIN has its tries back"
            if new is None
            else "the PIN has its tries back and a new value",
        )


@contextmanager
def _session(arguments: argparse.Namespace) -> Iterator[JukiSession]:
    """Open the Juki application, authenticated when a key store was named."""
    from jukihost.sessions.juki import JukiSession

    if arguments.keys is None:
        with connected(arguments) as (_, channel), JukiSession(channel) as juki:
            _begin_private(arguments, juki)
            yield juki
        return
    with authenticated(arguments) as juki:
        yield juki


@contextmanager
def authenticated(
    arguments: argparse.Namespace, *, allow_suspended: bool = False
) -> Iterator[JukiSession]:
    """Open the Juki application and authenticate with the key store that was named."""
    from jukihost.sessions.juki import JukiSession

    with prompts.opened(arguments) as authenticate:
        authenticating: Callable[[JukiSession], object] = authenticate
        with (
            connected(arguments) as (_, channel),
            JukiSession(channel, allow_suspended=allow_suspended) as juki,
        ):
            _begin_private(arguments, juki)
            authenticating(juki)
            yield juki


def _begin_private(arguments: argparse.Namespace, juki: JukiSession) -> None:
    if arguments.access_number is not None:
        juki.begin_private(arguments.access_number)

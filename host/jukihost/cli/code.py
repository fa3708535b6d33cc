"""`jukihost code`: the resident record code, for systems that may have it."""

from __future__ import annotations

import argparse

from jukihost.cli import output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_connection,
    add_group,
    add_keys,
    add_pin_file,
)
from jukihost.cli.pin import authenticated
from jukihost.texts import said


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(commands, "code", "read the resident record code")
    read = add_command(
        actions,
        "read",
        "print the resident record code: the system authenticates, the holder types the PIN",
        _read,
    )
    add_connection(read)
    add_pin_file(read, "the PIN")
    add_keys(read, None)


def _read(arguments: argparse.Namespace) -> int:
    [pin] = prompts.pins(arguments, said("holder: PIN: "))
    with authenticated(arguments) as juki:
        juki.verify_pin(pin)
        code = juki.read_code()
    # The code is what was asked for; no trace and no error ever has it.
    if arguments.json:
        output.print_json({"code": code.reveal()})
    else:
        print(code.reveal())
    return output.OK

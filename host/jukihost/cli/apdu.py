"""`jukihost apdu` and `jukihost replay`: commands sent as they are, from the shell or a trace."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_connection
from jukihost.cli.reach import watched
from jukihost.connection import Capabilities
from jukihost.errors import ProtocolError, TransportError

if TYPE_CHECKING:
    from jukicard.apdu.command import CommandApdu
    from jukicard.apdu.trace import TraceObserver
    from jukihost.transport.base import BaseConnection

_SECRET: Final = frozenset({0x20, 0x21, 0x24, 0x2C})
"""Instructions whose data are PINs (ISO/IEC 7816-4:2020, 11.6)."""
_CHANGE_KEY: Final = 0x32
"""The card family's own, of a proprietary class."""
_MAX_LINES: Final = 1 << 20


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    raw = add_command(
        commands, "apdu", "send commands as they are, and say what the card answers", _apdu
    )
    raw.add_argument(
        "commands", nargs="*", metavar="APDU", type=_command, help="in hexadecimal digits"
    )
    raw.add_argument(
        "--file",
        metavar="FILE",
        help="read the commands from a file, one a line, - for standard input; those with a PIN "
        "come from here only",
    )
    add_connection(raw)
    again = add_command(
        commands, "replay", "send a recorded session to a card and compare the answers", _replay
    )
    again.add_argument(
        "session", metavar="FILE", help="a trace with its PINs, which are tried as they are in it"
    )
    add_connection(again)


def _command(text: str) -> bytes:
    """Return the command that an argument writes; a refusal never repeats it."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a command is written in hexadecimal digits") from None
    if len(raw) < 4:
        raise argparse.ArgumentTypeError("a command has four bytes or more: CLA INS P1 P2")
    return raw


def _apdu(arguments: argparse.Namespace) -> int:
    commands = [*arguments.commands]
    for number, command in enumerate(commands, start=1):
        if _carries_a_pin(command):
            raise output.UsageError(
                f"command {number} has a PIN in it, which would show in the list of processes: "
                "read it from a file with --file"
            )
    if arguments.file is not None:
        commands += _lines(arguments.file)
    if not commands:
        raise output.UsageError("there is nothing to send: name a command, or a file with --file")
    told, code = [], output.OK
    with (
        watched(arguments) as (connection, observer),
        Capabilities.of(connection).transaction(),
    ):
        for command in commands:
            answer = _exchange(connection, observer, command)
            told.append(_told(command, answer))
            if not arguments.json:
                _print(told[-1])
            code = output.OK if answer[-2:-1] in (b"\x90", b"\x61") else output.REFUSED
    if arguments.json:
        output.print_json(told)
    return code


def _carries_a_pin(raw: bytes) -> bool:
    from jukicard.apdu.trace.redaction import parse_or_none

    command = parse_or_none(raw)
    if command is None:
        return raw[1] in _SECRET
    known = command.ins in _SECRET or (command.ins == _CHANGE_KEY and _is_proprietary(command))
    return bool(command.data) and known and not command.cla.secure


def _is_proprietary(command: CommandApdu) -> bool:
    return not command.cla.interindustry


def _lines(path: str) -> list[bytes]:
    found = []
    text = output.read_file(path, "the commands", _MAX_LINES).decode("ascii", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip().removeprefix(">")
        if not content:
            continue
        try:
            found.append(_command(content))
        except argparse.ArgumentTypeError as error:
            raise output.UsageError(f"line {number} of the commands: {error}") from None
    return found


def _exchange(connection: BaseConnection, observer: TraceObserver | None, command: bytes) -> bytes:
    if observer is not None:
        observer.command(command)
    answer = connection.transmit(command)
    if observer is not None:
        observer.response(answer)
    if len(answer) < 2:
        raise ProtocolError(f"the card answered {len(answer)} bytes, which is no status")
    return answer


def _told(raw: bytes, answer: bytes) -> dict[str, object]:
    """Return an exchange for people: of the command no secret, of the answer everything."""
    from jukicard.apdu import StatusWord
    from jukicard.apdu.trace import TraceLevel
    from jukicard.apdu.trace.objects import object_lines
    from jukicard.apdu.trace.readable import command_bytes, meaning_of
    from jukicard.apdu.trace.redaction import parse_or_none, redact_command

    shown, command = redact_command(raw, TraceLevel.REDACTED), parse_or_none(raw)
    status = StatusWord(int.from_bytes(answer[-2:], "big"))
    return {
        "command": command_bytes(shown, command),
        "says": meaning_of(shown, command),
        "answer": answer[:-2].hex().upper(),
        "status": status.hex,
        "meaning": status.meaning,
        "objects": object_lines(answer[:-2]),
    }


def _print(told: dict[str, object]) -> None:
    print(f"> {told['says']}\n    {told['command']}")
    if told["answer"]:
        print(f"    {told['answer']}")
    objects = told["objects"]
    if isinstance(objects, list):
        for line in objects:
            print(f"      {line}")
    print(f"< {told['status']} {told['meaning']}")


def _replay(arguments: argparse.Namespace) -> int:
    from jukicard.apdu.trace.formats import MAX_BYTES, read_trace
    from jukicard.apdu.trace.record import TraceError
    from jukicard.apdu.trace.replay import repeat

    try:
        trace = read_trace(output.read_file(arguments.session, "the trace", MAX_BYTES))
        with watched(arguments) as (connection, observer):
            done = repeat(
                trace,
                lambda raw: _exchange(connection, observer, raw),
                connection.reset,
                broken=TransportError,
            )
    except TraceError as error:
        raise output.UsageError(f"the trace cannot be replayed: {error}") from None
    if arguments.json:
        output.print_json({"sent": done.sent, "difference": done.problem})
    elif done.problem:
        print("\n".join(done.problem[1:]))
    else:
        print(f"{done.sent} commands were answered as then")
    return output.fail(done.problem[0], output.REFUSED) if done.problem else output.OK

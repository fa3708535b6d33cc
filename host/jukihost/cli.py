"""The host's command line: `jukihost readers`, `status`, `pin verify`, `pin change`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jukihost.errors import CardError, PinFormatError, StatusError

if TYPE_CHECKING:
    from rich.table import Table

    from jukihost.channel import ApduChannel
    from jukihost.models import Application, CardInfo
    from jukihost.sessions.pin import Pin
    from jukihost.transport.base import BaseConnection

_T = TypeVar("_T")

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NO_CARD: Final = 3
INTERRUPTED: Final = 130

_EPILOG: Final = """\
examples:
  jukihost readers
  jukihost status --reader 0
  jukihost status --tcp 127.0.0.1:35999 --json
  jukihost status --vpcd 127.0.0.1:35963        wait there for a virtual card to call
  jukihost pin verify                           asks for the PIN, without showing it
  printf '1234\\n5678\\n' | jukihost pin change --pin-file -

exit codes:
  0  done
  1  the card refused (wrong or blocked PIN, suspended card, ...)
  2  wrong usage, or a PIN that is not four digits; nothing was sent
  3  no reader, no card, or the connection failed
"""


class UsageError(Exception):
    """The user asked for something that cannot be meant; the text says what to do."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the command line and return its exit code, see the help text."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said what was wrong, or printed the help
        return stop.code if isinstance(stop.code, int) else USAGE
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except (UsageError, PinFormatError) as error:
        return _fail(error, USAGE)
    except StatusError as error:
        return _fail(error, REFUSED)
    except CardError as error:
        return _fail(error, NO_CARD)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; loads nothing that only a command needs."""
    parser = _parser(argparse.ArgumentParser, prog="jukihost", epilog=_EPILOG,
                     description="Drive a Juki card in a reader, or a virtual one.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    readers = commands.add_parser("readers", help="list the PC/SC readers and what is in them")
    readers.add_argument("--json", action="store_true", help="print JSON")
    readers.set_defaults(run=_readers)
    status = _parser(commands.add_parser, "status", epilog=_EPILOG,
                     help="show the card, its applications and the tries its PIN has left")
    _add_connection(status)
    status.set_defaults(run=_status)
    pin = commands.add_parser("pin", help="verify or change the PIN of the Juki application")
    actions = pin.add_subparsers(required=True, metavar="ACTION")
    verify = _parser(actions.add_parser, "verify", epilog=_EPILOG, help="verify the PIN")
    change = _parser(actions.add_parser, "change", epilog=_EPILOG, help="change the PIN")
    for action, run, lines in ((verify, _pin_verify, "the PIN"),
                               (change, _pin_change, "the present PIN, then the new one")):
        _add_connection(action)
        action.add_argument("--pin-file", metavar="FILE", help=f"read {lines} from the lines of a "
                            "file, - for standard input, instead of asking")
        action.set_defaults(run=run)
    return parser


def _parser(make: Callable[..., argparse.ArgumentParser], *names: str,
            **options: Any) -> argparse.ArgumentParser:
    return make(*names, formatter_class=argparse.RawDescriptionHelpFormatter, **options)


def _add_connection(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--reader", metavar="R", help="PC/SC reader: its number, name, or a part "
                       "of the name (default: the one with a card in it)")
    for option, meaning in (("--tcp", "a card that listens on TCP"),
                            ("--vpcd", "be the vpcd reader at this address; a virtual card calls"),
                            ("--vpcd-dial", "a virtual vpcd card that listens")):
        where.add_argument(option, metavar="HOST:PORT", type=_address, help=meaning)
    parser.add_argument("--wait", metavar="SECONDS", type=_seconds, default=30.0,
                        help="how long to wait for a card (default: %(default)g)")
    parser.add_argument("--trace", action="store_true",
                        help="show the exchange on standard error; PINs are left out")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host.strip("[]") and port.isascii() and port.isdigit()
            and int(port) <= 0xFFFF):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:35963")
    return host.strip("[]"), int(port)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 to 86400")
    return seconds


def _readers(arguments: argparse.Namespace) -> int:
    from jukihost.transport.pcsc import list_readers

    readers = list_readers()
    if arguments.json:
        _print_json([{"index": reader.index, "name": reader.name, "card": reader.card_present,
                      "atr": reader.atr.hex().upper() if reader.atr else None}
                     for reader in readers])
    elif readers:
        table = _table("", "reader", "card")
        for reader in readers:
            card = "-" if not reader.card_present else (
                reader.atr.hex().upper() if reader.atr else "mute")
            _add_row(table, str(reader.index), reader.name, card)
        _print_table(table)
    return OK if readers else _fail("no reader is attached; plug one in", NO_CARD)


def _status(arguments: argparse.Namespace) -> int:
    from jukihost.sessions.probe import card_probe

    with _connected(arguments, verifies=False) as (connection, channel):
        applications = card_probe(channel)
        retries, info = _juki_details(channel, applications)
        where, atr = connection.description, connection.atr.hex().upper()
    if arguments.json:
        _print_json({
            "connection": where, "atr": atr, "pin_retries": retries,
            "card": None if info is None else _info_fields(info),
            "applications": [
                {"name": found.name, "aid": str(found.aid), "state": found.state.value}
                for found in applications],
        })
        return OK
    table = _table("", where)
    _add_row(table, "ATR", atr)
    for found in applications:
        _add_row(table, found.title, found.state.value)
    if retries is not None:
        _add_row(table, "Juki PIN", "blocked" if retries == 0 else f"{retries} tries left")
    for name, value in _info_fields(info).items() if info is not None else ():
        _add_row(table, name, value)
    _print_table(table)
    return OK


def _juki_details(channel: ApduChannel, applications: Sequence[Application],
                  ) -> tuple[int | None, CardInfo | None]:
    """What the Juki application tells without authentication: PIN tries, perhaps its dates."""
    from jukihost.models import ApplicationState
    from jukihost.sessions.juki import JukiSession

    state = next(found.state for found in applications if found.aid == JukiSession.AID)
    if state not in (ApplicationState.PRESENT, ApplicationState.SUSPENDED):
        return None, None
    with JukiSession(channel, allow_suspended=True) as juki:
        return _or_none(juki.pin_retries), _or_none(juki.card_info)


def _or_none(ask: Callable[[], _T]) -> _T | None:
    try:
        return ask()
    except StatusError:
        return None


def _info_fields(info: CardInfo) -> dict[str, str]:
    return {"municipality": info.municipality, "form": info.form.name.lower().replace("_", " "),
            "issued": info.issued.isoformat(), "expires": info.expires.isoformat()}


def _pin_verify(arguments: argparse.Namespace) -> int:
    from jukihost.sessions.juki import JukiSession

    [pin] = _pins(arguments, "PIN: ")
    with _connected(arguments) as (_, channel), JukiSession(channel) as juki:
        juki.verify_pin(pin)
        return _done(arguments, "the PIN is right")


def _pin_change(arguments: argparse.Namespace) -> int:
    from jukihost.sessions.juki import JukiSession

    present, new = _pins(arguments, "present PIN: ", "new PIN: ")
    if arguments.pin_file is None and _ask_pin("new PIN again: ") != new:
        raise UsageError("the two new PINs are not the same; nothing was sent to the card")
    with _connected(arguments) as (_, channel), JukiSession(channel) as juki:
        juki.verify_pin(present)
        juki.change_pin(new)
        return _done(arguments, "the PIN is changed")


def _pins(arguments: argparse.Namespace, *prompts: str) -> list[Pin]:
    """Read as many PINs as there are prompts, from the file that was named or by asking."""
    from jukihost.sessions.pin import Pin

    if arguments.pin_file is None:
        return [_ask_pin(prompt) for prompt in prompts]
    try:
        text = (sys.stdin.read() if arguments.pin_file == "-"
                else Path(arguments.pin_file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the PIN file: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError("the PIN file is no text") from None
    lines = text.splitlines()
    if len(lines) != len(prompts):
        raise UsageError(f"the PIN file must have {len(prompts)} line(s), it has {len(lines)}")
    return [Pin(line) for line in lines]


def _ask_pin(prompt: str) -> Pin:
    from getpass import getpass

    from jukihost.sessions.pin import Pin

    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to type the PIN on; use --pin-file")
    try:
        return Pin(getpass(prompt))
    except EOFError:
        raise UsageError("no PIN was typed; nothing was sent to the card") from None


@contextmanager
def _connected(arguments: argparse.Namespace, *, verifies: bool = True,
               ) -> Iterator[tuple[BaseConnection, ApduChannel]]:
    """Open the connection that was asked for and the channel on it."""
    from jukihost.channel import build_channel

    trace = None
    if arguments.trace:
        from jukicard.apdu.trace import Trace

        trace = Trace(write=lambda line: print(line, file=sys.stderr))
    with _connection(arguments, verifies=verifies) as connection:
        if trace is not None:
            trace.reset(connection.atr)
        yield connection, build_channel(connection, observer=trace)


def _connection(arguments: argparse.Namespace, *, verifies: bool) -> BaseConnection:
    """Make the connection that was asked for; who verified nothing leaves the card powered."""
    if arguments.tcp:
        from jukihost.transport.tcp import TcpConnection

        return TcpConnection(*arguments.tcp)
    if arguments.vpcd or arguments.vpcd_dial:
        from jukihost.transport.vpcd import VpcdConnection

        if arguments.vpcd_dial:
            return VpcdConnection(*arguments.vpcd_dial, listening=False)
        virtual = VpcdConnection(*arguments.vpcd, wait=arguments.wait)
        host, port = virtual.listen()
        _say(f"waiting {arguments.wait:g} s for a card to call {host}:{port} ...")
        return virtual
    from jukihost.transport.pcsc import AtClose, PcscConnection

    wanted = arguments.reader
    return PcscConnection(
        int(wanted) if wanted and wanted.isascii() and wanted.isdigit() else wanted,
        wait=arguments.wait, at_close=AtClose.POWER_OFF if verifies else AtClose.LEAVE,
        on_wait=lambda what: _say(f"waiting {arguments.wait:g} s for {what} ..."))


def _table(*columns: str) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    from rich.text import Text

    table.add_row(*(Text(cell) for cell in cells))


def _print_table(table: Table) -> None:
    from rich.console import Console

    Console().print(table)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _done(arguments: argparse.Namespace, text: str) -> int:
    if arguments.json:
        _print_json({"done": True})
    else:
        print(text)
    return OK


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(why: object, code: int) -> int:
    _say(f"jukihost: {why}")
    return code

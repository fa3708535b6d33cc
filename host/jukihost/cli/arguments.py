"""The arguments that several commands take, and the text at the end of every help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from jukihost.models import OperatorPurpose, Purpose

if TYPE_CHECKING:
    from jukihost.conversation.secrets import AccessNumber

EPILOG: Final = """\
examples:
  jukihost readers
  jukihost status --reader 0
  jukihost status --tcp 127.0.0.1:35999 --json
  jukihost status --vpcd 127.0.0.1:35963        wait there for a virtual card to call
  jukihost pin verify                           asks for the PIN, without showing it
  jukihost pin verify --pad                     has the PIN typed on the reader
  printf '1234\\n5678\\n' | jukihost pin change --keys test.keys --pin-file -
  jukihost keys new --test test.keys            the public keys of synthetic cards
  jukihost code read --keys test.keys --purpose RESIDENT_IDENTIFICATION
  jukihost pin verify --access-number 123456    in a private session, for a contactless reader
  jukihost card suspend --keys test.keys
  jukihost issuer list --test-keys              a synthetic card, with the keys everybody has
  jukihost issuer lock D3921000310001010402 --keys issuer.keys
  jukihost issuer put-key --test-keys --new-keys issuer.keys --new-version 1 --replace 1
  jukihost issuer install F05345414C --reserve 4096 --keys issuer.keys
  jukihost issuer personalise F05345414C --card-number --pin-of 0002 --keys issuer.keys
  jukihost issuer put-key --aid F05345414C --purpose SEAL_DESK=1 --new-keys town.keys \\
      --new-version 1 --keys issuer.keys
  jukihost operator login --keys ward.keys --anchor operators.pem
  jukihost operator change-password --keys ward.keys
  jukihost operator unlock --keys admin.keys    with the key of ADMIN, which no ward holds
  jukihost jpki sign letter.pdf --out signed.pdf
  jukihost jpki verify signed.pdf --anchor ca.pem
  jukihost database create terminal.db          the tables of register, ledger and log
  jukihost database upgrade postgresql://terminal@db.example/town
  jukihost apdu 00A4040C0AD3921000310001010401 00CA00C000
  jukihost replay session.json --tcp 127.0.0.1:35999
  jukihost vectors run vectors --reader 0

exit codes:
  0  done
  1  the card refused (wrong or blocked PIN, suspended card, ...), a file cannot be signed, or
     something is not authentic
  2  wrong usage, a PIN of the wrong form, a file or key store that cannot be used, or a library
     that is not installed (an extra); nothing was sent
  3  no reader, no card, or the connection failed
  4  the output could not be written; what was asked for may have been done
"""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def make_parser(
    make: Callable[..., argparse.ArgumentParser], *names: str, **options: Any
) -> argparse.ArgumentParser:
    """Return a parser that keeps the lines of its texts as they are."""
    return make(*names, formatter_class=argparse.RawDescriptionHelpFormatter, **options)


def add_command(
    commands: Commands,
    name: str,
    help_text: str,
    run: Callable[[argparse.Namespace], int] | None = None,
) -> argparse.ArgumentParser:
    """Add a command; without `run` it is a group of further ones."""
    parser = make_parser(
        commands.add_parser, name, help=help_text, description=help_text, epilog=EPILOG
    )
    if run is not None:
        parser.set_defaults(run=run)
    return parser


def add_group(commands: Commands, name: str, help_text: str) -> Commands:
    """Add a group of commands and return it."""
    return add_command(commands, name, help_text).add_subparsers(required=True, metavar="ACTION")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add where the card is."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--reader",
        metavar="R",
        help="PC/SC reader: its number, name, or a part "
        "of the name (default: the one with a card in it)",
    )
    where.add_argument(
        "--tcp",
        metavar="HOST:PORT[#CARD]",
        type=named_address,
        help="a card that listens on TCP, of many there the one named",
    )
    for option, meaning in (
        ("--vpcd", "be the vpcd reader at this address; a virtual card calls"),
        ("--vpcd-dial", "a virtual vpcd card that listens"),
    ):
        where.add_argument(option, metavar="HOST:PORT", type=_address, help=meaning)
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let --vpcd listen where other machines reach it: anybody there can play the card",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=30.0,
        help="how long to wait for a card in a reader, or for a call to --vpcd "
        "(default: %(default)g)",
    )


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add where the card is, and how to show it."""
    add_place(parser)
    parser.add_argument(
        "--trace",
        action="store_true",
        help="show the exchange on standard error; PINs are left out",
    )
    parser.add_argument(
        "--record",
        metavar="FILE",
        help="write the exchange to a new file, for jukicard trace; PINs are left out",
    )
    parser.add_argument(
        "--record-all",
        action="store_true",
        help="record PINs, keys and contents too, so that it can be replayed: test cards only",
    )
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the other form of the result."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_pin_file(parser: argparse.ArgumentParser, lines: str) -> None:
    """Add where PINs come from when nobody types them."""
    parser.add_argument(
        "--pin-file",
        metavar="FILE",
        help=f"read {lines} from the lines of a file, - for standard input, instead of asking",
    )


def add_pad(parser: argparse.ArgumentParser) -> None:
    """Add that the holder types on the reader."""
    parser.add_argument(
        "--pad",
        action="store_true",
        help="have it typed on the reader's own pad (digits only, not in a secure session)",
    )


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """Add where the passphrase of a key store comes from."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help="read the key store's passphrase "
        "from a file that is its owner's alone (default: the environment variable "
        "JUKIHOST_PASSPHRASE, else asking)",
    )


def add_key_version(parser: argparse.ArgumentParser) -> None:
    """Add the version of the key that the card was made with."""
    parser.add_argument(
        "--key-version",
        metavar="N",
        type=key_version,
        help="the version of the key the card was made with (default: the newest is tried, "
        "then the one before)",
    )


def add_keys(
    parser: argparse.ArgumentParser,
    purpose: Purpose | None,
    *,
    required: bool = True,
    private: bool = True,
) -> None:
    """Add the key store and the purpose to authenticate for; None: the purpose must be given.

    private: add the number on the card too, for a command that says nothing without it.
    """
    parser.add_argument(
        "--keys", metavar="FILE", required=required, help="the key store to authenticate with"
    )
    add_passphrase(parser)
    parser.add_argument(
        "--purpose",
        metavar="PURPOSE",
        type=purpose_of,
        default=purpose,
        required=purpose is None,
        help="what the card is used for: "
        f"{', '.join(Purpose.__members__)}"
        + ("" if purpose is None else f" (default: {purpose.name})"),
    )
    add_key_version(parser)
    if not private:
        parser.set_defaults(access_number=None)
        return
    parser.add_argument(
        "--access-number",
        metavar="DIGITS",
        type=_access_number,
        help="the six digits on the card: open a private session with them first (PACE)",
    )


def _access_number(text: str) -> AccessNumber:
    from jukihost.conversation.secrets import AccessNumber
    from jukihost.errors import PinFormatError

    try:
        return AccessNumber(text)
    except PinFormatError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (
        colon and host.strip("[]") and port.isascii() and port.isdigit() and int(port) <= 0xFFFF
    ):
        raise argparse.ArgumentTypeError("this is not HOST:PORT, for example 127.0.0.1:35963")
    return host.strip("[]"), int(port)


def named_address(text: str) -> tuple[str, int, str | None]:
    """Return host, port and the card's name, of which there may be none, that an argument says."""
    where, _, card = text.partition("#")
    return (*_address(where), card or None)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("this is no number of seconds, 0 to 86400")
    return seconds


def purpose_of(text: str) -> Purpose:
    """Return the purpose that an argument names."""
    try:
        return Purpose[text.upper().replace("-", "_")]
    except KeyError:
        raise argparse.ArgumentTypeError(
            f"this is no purpose; there is {', '.join(Purpose.__members__)}"
        ) from None


class PurposeKey(NamedTuple):
    """A system's keys in an application: its name in key stores, their reference in the card.

    known: whether the name is a member of `Purpose` or `OperatorPurpose`, and the reference its.
    """

    name: str
    reference: int
    known: Purpose | OperatorPurpose | None


def purpose_key(text: str) -> PurposeKey:
    """Return whose keys an argument names: a known purpose, or NAME=REFERENCE.

    Nothing of it is repeated: what stands behind the sign may be a key.
    """
    from jukihost.errors import CardError
    from jukihost.keys.custody import check_system

    name, equals, reference = text.partition("=")
    name = name.upper().replace("-", "_")
    members: dict[str, Purpose | OperatorPurpose] = {
        **Purpose.__members__,
        **OperatorPurpose.__members__,
    }
    if not equals and name in members:
        return PurposeKey(name, members[name], members[name])
    if not equals:
        raise argparse.ArgumentTypeError(
            f"there is no such purpose; there is {', '.join(members)}, and of a municipal "
            "application, which --aid names, NAME=REFERENCE, for example SEAL_DESK=1"
        )
    try:
        check_system(name)
    except CardError as error:
        raise argparse.ArgumentTypeError(f"before the = is a system: {error}") from None
    if not (reference.isascii() and reference.isdigit() and 1 <= int(reference[:3]) <= 31):
        raise argparse.ArgumentTypeError(
            "behind the = is the number of the key in the application, 1 to 31"
        )
    return PurposeKey(name, int(reference), None)


def key_version(text: str) -> int:
    """Return the version of a key that an argument says, 1 to 255."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 255):
        raise argparse.ArgumentTypeError("this is no key version, 1 to 255")
    return int(text)


def whole_number(text: str) -> int:
    """Return a number that counts something and that a database can hold, from 0."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 1 << 63):
        raise argparse.ArgumentTypeError("this is no whole number in digits")
    return int(text)

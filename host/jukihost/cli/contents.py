"""What `jukihost issuer personalise` hands to an application: number, objects, files and PINs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from jukihost.cli import output, prompts
from jukihost.cli.arguments import add_pin_file
from jukihost.cli.output import UsageError
from jukihost.texts import said

if TYPE_CHECKING:
    from jukicard.apdu import Aid
    from jukihost.conversation.secrets import Pin
    from jukihost.sessions.issuer import IssuerSession

_MOST: Final = 32 << 10
"""How much one call hands over, in bytes: blocks of STORE DATA are numbered with one byte."""
_NUMBER: Final = 0x5A
Named: TypeAlias = tuple[int, str]
"""A tag or file identifier, and the file on this machine with its content."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add what may be handed over; contents come from files, never from an argument itself."""
    parser.add_argument(
        "--card-number",
        action="store_true",
        help="the card's own number, from which a system derives the application's keys",
    )
    for option, of, kind, meaning in (
        ("--object", "TAG", _tag, "a data object, its tag in hexadecimal"),
        ("--ef", "EF", _ef, "a file, its identifier of four hexadecimal digits; of records, one"),
    ):
        parser.add_argument(
            option,
            metavar=f"{of}=FILE",
            type=kind,
            action="append",
            default=[],
            help=f"{meaning}: what a file here has, - for standard input; may be repeated",
        )
    parser.add_argument(
        "--pin-of",
        metavar="EF",
        type=_identifier,
        action="append",
        default=[],
        help="the PIN in the EF of four hexadecimal digits, which is asked for; may be repeated",
    )
    add_pin_file(parser, "the PINs, in the order of --pin-of,")


def _identifier(text: str) -> int:
    """Return the identifier of a file."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 2:
        raise argparse.ArgumentTypeError(
            "no identifier of a file; it has four hexadecimal digits (a PIN is never an argument: "
            "it is asked for, or see --pin-file)"
        )
    return int.from_bytes(raw, "big")


def _ef(text: str) -> Named:
    name, path = _named(text)
    return _identifier(name), path


def _tag(text: str) -> Named:
    from jukicard.apdu import Tlv

    name, path = _named(text)
    try:
        tag = int.from_bytes(bytes.fromhex(name), "big")
        Tlv(tag, b"").encode()
    except ValueError:
        raise argparse.ArgumentTypeError(
            "no tag of a data object; it is in hexadecimal, for example C1"
        ) from None
    return tag, path


def _named(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (equals and path):
        raise argparse.ArgumentTypeError("behind a = is the file here with the content, or -")
    return name, path


def read(arguments: argparse.Namespace) -> Callable[[IssuerSession, Aid], None]:
    """Read and ask for everything; return what hands it over. UsageError, PinFormatError."""
    from jukihost.sessions.issuer import StoreForm

    _check(arguments)
    objects = [(tag, _content(path)) for tag, path in arguments.object]
    groups = [(ef, _content(path)) for ef, path in arguments.ef]
    groups += zip(arguments.pin_of, (pin.encode() for pin in _pins(arguments)), strict=True)
    if sum(len(value) for _, value in objects + groups) > _MOST:
        raise UsageError(f"that is more than {_MOST >> 10} KiB at once; hand it over in parts")

    def hand(issuer: IssuerSession, aid: Aid) -> None:
        number = [(_NUMBER, issuer.card_number())] if arguments.card_number else []
        for form, values in (
            (StoreForm.PLAIN, number + objects),
            (StoreForm.GROUPS, groups),
        ):
            if values:
                data = b"".join(form.encode(name, value) for name, value in values)
                issuer.personalise(aid, data, form)

    return hand


def _check(arguments: argparse.Namespace) -> None:
    if not (arguments.card_number or arguments.object or arguments.ef or arguments.pin_of):
        raise UsageError(
            "say what the application is to hold: --card-number, --object, --ef or --pin-of"
        )
    if arguments.pin_file is not None and not arguments.pin_of:
        raise UsageError("--pin-file is for PINs: say with --pin-of which EF each is of")
    named = [path for _, path in arguments.object + arguments.ef]
    if [*named, arguments.pin_file, arguments.key_file].count("-") > 1:
        raise UsageError("standard input can be only one of the files; name the others")


def _content(path: str) -> bytes:
    return output.read_file(path, "the content", _MOST)


def _pins(arguments: argparse.Namespace) -> Sequence[Pin]:
    """Read the PINs; those that are typed are asked for twice."""
    asked = [f"{said('holder: PIN of EF')} {ef:04X}: " for ef in arguments.pin_of]
    if not asked:
        return ()
    found = prompts.pins(arguments, *asked)
    again = (f"{prompt[:-2]} ({said('again')}): " for prompt in asked)
    if arguments.pin_file is None and prompts.pins(arguments, *again) != found:
        raise UsageError("a PIN was not typed the same again; nothing was sent to the card")
    return found

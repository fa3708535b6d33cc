"""Commands for a town's own application on a card (条例利用), and the file that says what it is."""

from __future__ import annotations

import argparse
import tomllib
from typing import TYPE_CHECKING, Any, Final

from jukihost.cli import output
from jukihost.cli.counter.commands.arguments import Action, add_presented, application, presented
from jukihost.cli.output import UsageError

if TYPE_CHECKING:
    from jukicard.apdu import Aid
    from jukihost.cli.counter.at import AtCounter
    from jukihost.workflows import TownApplication

_MAX_FILE: Final = 256 << 10
_KNOWN: Final[dict[str, type]] = {
    "aid": str,
    "module": str,
    "parameters": str,
    "reserve": int,
    "numbered": bool,
    "objects": dict,
    "files": dict,
    "pin": int,
    "systems": dict,
    "key_version": int,
}
_LARGEST: Final = 0xFFFF
_EXAMPLE: Final = """\
[application]
aid = "F04255532D31"                 # its name, in hexadecimal
# module = "F04255532D"              # what of the card's packages it is made of
files = { "0001" = "3230313530333331" }    # contents by EF, in hexadecimal
# objects = { "C1" = "746F776E" }    # contents by tag
pin = 2                              # the EF of its PIN, which the holder types
systems = { BUS_DESK = 1 }           # the number of each system's key in it
# parameters = "", reserve = 4096, numbered = true, key_version = 1
"""


def read_application(arguments: argparse.Namespace) -> None:
    """Read what a town says of its application. UsageError."""
    raw = output.read_file(arguments.application, "the application's file", _MAX_FILE)
    arguments.town_application = _parsed(raw)


def _parsed(raw: bytes) -> TownApplication:
    from jukihost.workflows import TownApplication

    try:
        found = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("the application's file is no text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the application's file is no TOML: {error}") from None
    said = found.get("application")
    if not isinstance(said, dict) or found.keys() != {"application"}:
        raise UsageError(f"the application's file has one table; for example\n\n{_EXAMPLE}")
    _check(said)
    how = {
        "aid": _named(said["aid"]),
        **{name: _named(said[name]) for name in ("module",) if name in said},
        **{name: _bytes(said[name], name) for name in ("parameters",) if name in said},
        **{name: _contents(said[name], name) for name in ("objects", "files") if name in said},
        **{
            name: said[name]
            for name in ("reserve", "numbered", "pin", "systems", "key_version")
            if name in said
        },
    }
    try:
        return TownApplication(**how)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"the application's file: {error}") from None


def _check(said: dict[str, Any]) -> None:
    if "aid" not in said:
        raise UsageError("the application's file does not say: aid")
    if unknown := sorted(said.keys() - _KNOWN.keys()):
        raise UsageError(
            f"the application's file says what nobody asks: {', '.join(map(repr, unknown))}; there "
            f"is {', '.join(_KNOWN)}"
        )
    for name, value in said.items():
        kind = _KNOWN[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UsageError(f"{name} in the application's file is a {kind.__name__}")
    if not all(type(one) is int for one in said.get("systems", {}).values()):
        raise UsageError("systems in the application's file has a number for each")
    if not 0 <= said.get("pin", 0) <= _LARGEST:
        raise UsageError("pin in the application's file is the identifier of an EF")


def _contents(said: dict[str, Any], name: str) -> tuple[tuple[int, bytes], ...]:
    return tuple((_number(place), _bytes(value, name)) for place, value in said.items())


def _number(text: str) -> int:
    number = int.from_bytes(_bytes(text, "a place"))
    if not 0 < number <= _LARGEST:
        raise UsageError("a place in the application's file is a tag or an EF, in hexadecimal")
    return number


def _bytes(text: object, what: str) -> bytes:
    try:
        return bytes.fromhex(str(text) if isinstance(text, str) else "?")
    except ValueError:
        raise UsageError(f"{what} in the application's file is no hexadecimal") from None


def _named(text: str) -> Aid:
    try:
        return application(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(str(error)) from None


def _add_install(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--application", metavar="FILE", required=True,
        help="what the town says of its application, TOML",
    )  # fmt: skip
    add_presented(parser)


def _install(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import install_application

    at.settings.need("issuer")
    wished = arguments.town_application
    with at.card() as hand:
        return install_application(at.desk, hand, wished, presented(arguments))


def _add_remove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--aid", metavar="HEX", type=application, required=True,
        help="the application's name, in hexadecimal",
    )  # fmt: skip
    add_presented(parser)


def _remove(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import remove_application

    at.settings.need("issuer")
    with at.card() as hand:
        return remove_application(at.desk, hand, arguments.aid, presented(arguments))


ACTIONS: Final = (
    Action(
        "install-application", "put a town's own application on a holder's card",
        _add_install, _install,
        ("install-application --application bus.toml --paper photo --reader 0",),
        prepare=read_application,
    ),
    Action(
        "remove-application", "take a town's own application off a holder's card",
        _add_remove, _remove,
        ("remove-application --aid F04255532D31 --paper photo --reader 0",),
    ),
)  # fmt: skip
"""The commands of this module."""

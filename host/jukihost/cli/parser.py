"""What reads the arguments: it never repeats a word of them, which may be a PIN or a code."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_NAMED: Final = {
    "COMMAND": "there is no such command; --help lists them",
    "ACTION": "there is no such action; --help lists them",
    "PROCEDURE": "there is no such procedure; --help lists them",
}
"""What is said where a group has no such member, by what the group calls them."""
_NOT_REPEATED: Final = {
    "ambiguous option": "there is no such option; --help lists them",
    "ignored explicit argument": "an option that stands alone was given a value",
}
_OPTION: Final = re.compile(r"--[a-z]+(-[a-z]+)*")
"""What an option looks like: a mistyped one is named; a word with a digit in it may be a secret."""


class WrongUsage(SystemExit):
    """The arguments are wrong, which was said; `message` says in what way."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message


class Parser(argparse.ArgumentParser):
    """Never repeats what was typed, asked for or not: it may be a PIN in the wrong place.

    Options are written out: a part of `--pin-file` would take a PIN for the name of a file.
    """

    def __init__(self, *rest: Any, **options: Any) -> None:
        super().__init__(*rest, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, in the language of who reads it. WrongUsage."""
        from jukihost.texts import said_of_usage

        message = self.worded(message)
        try:
            super().error(said_of_usage(message) or message)
        except SystemExit:
            raise WrongUsage(message) from None

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """Read a value; what is wrong with it is said by who reads it, and it is not repeated."""
        read = self._registry_get("type", action.type, action.type)
        try:
            return read(arg_string)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(action, str(error)) from None
        except (TypeError, ValueError):
            raise argparse.ArgumentError(action, "this is not written as it has to be") from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Check that a value is one of those that there are."""
        if action.choices is None or value in action.choices:
            return
        there = ", ".join(map(str, action.choices))
        named = _NAMED.get(str(action.metavar)) if action.nargs == argparse.PARSER else None
        raise argparse.ArgumentError(
            None if named else action, named or f"there is no such value; there is {there}"
        )

    @staticmethod
    def worded(message: str) -> str:
        """Return what is wrong with the arguments without what may be a secret."""
        for start, words in _NOT_REPEATED.items():
            if start in message:
                message = words
        if message.startswith("unrecognized arguments"):
            typed = (word.partition("=")[0] for word in message.split())
            unknown = [word for word in typed if _OPTION.fullmatch(word)]
            message = (
                f"there is no option {', '.join(unknown)}"
                if unknown
                else "there is an argument too many (not shown here: PINs and passphrases are "
                "never arguments, see --pin-file and --passphrase-file)"
            )
        return message

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Write a text; argparse would keep it to itself that it could not."""
        if message and file is not None:
            file.write(message)


class ShowVersion(argparse.Action):
    """Prints the version; it is looked up only then."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        """Print it and end."""
        from importlib.metadata import version

        print(f"jukihost {version('jukicard')}")
        parser.exit()

"""What reads the arguments: it never repeats a word of them, which may be a PIN."""

from __future__ import annotations

import argparse
import re
from typing import Any, Final, NoReturn

_OPTION: Final = re.compile(r"--[a-z]+(-[a-z]+)*")
"""What an option looks like: a mistyped one is named; a word with a digit in it may be a secret."""
_NOT_REPEATED: Final = {
    "ambiguous option": "there is no such option; --help lists them",
    "ignored explicit argument": "an option that stands alone was given a value",
}


class Parser(argparse.ArgumentParser):
    """Repeats nothing that was typed, asked for or not: it may be a PIN in the wrong place."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line and end."""
        for start, words in _NOT_REPEATED.items():
            if start in message:
                message = words
        if message.startswith("unrecognized arguments"):
            typed = (word.partition("=")[0] for word in message.split())
            unknown = [word for word in typed if _OPTION.fullmatch(word)]
            message = (
                f"there is no option {', '.join(unknown)}"
                if unknown
                else "there is an argument too many (not shown here: PINs come from --pin-file)"
            )
        super().error(message)

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
        if action.choices is not None and value not in action.choices:
            there = ", ".join(map(str, action.choices))
            raise argparse.ArgumentError(action, f"there is no such value; there is {there}")

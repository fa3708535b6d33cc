"""Secrets from a person or a file, never from an argument: PINs, passwords, passphrases."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from jukihost.cli.bounded import NothingCame, bounded
from jukihost.cli.output import UsageError, read_file, say, shown
from jukihost.texts import said

if TYPE_CHECKING:
    from jukihost.conversation.secrets import Pin
    from jukihost.keys.management import KeyStore
    from jukihost.keys.passphrase import Passphrase
    from jukihost.pinpad import PinPad
    from jukihost.sessions.juki import JukiSession

MAX_SECRETS: Final = 64 << 10
"""The largest PIN file, in bytes."""
VARIABLE: Final = "JUKIHOST_PASSPHRASE"
_T = TypeVar("_T")


def pins(arguments: argparse.Namespace, *prompts: str) -> list[Pin]:
    """Read as many PINs as there are prompts, from the file that was named or by asking.

    PinFormatError, UsageError; the last of several typed ones, a new PIN, is asked for twice.
    """
    from jukihost.conversation.secrets import Pin

    return secrets(arguments, Pin, *prompts)


def secrets(arguments: argparse.Namespace, make: Callable[[str], _T], *prompts: str) -> list[_T]:
    """Read secrets of another kind, like `pins`."""
    if arguments.pin_file is None:
        return [make(_ask(prompt)) for prompt in prompts]
    lines = _lines(arguments.pin_file)
    if len(lines) != len(prompts):
        wanted = "1 line" if len(prompts) == 1 else f"{len(prompts)} lines"
        raise UsageError(f"the PIN file must have {wanted}, it has {len(lines)}")
    return [make(line) for line in lines]


def entry(arguments: argparse.Namespace, make: Callable[[str], _T], prompt: str) -> _T | PinPad:
    """Read one secret like `secrets`; with `--pad` return what stands for it. UsageError."""
    if not arguments.pad:
        [value] = secrets(arguments, make, prompt)
        return value
    from jukihost.pinpad import PinPad

    if arguments.pin_file is not None:
        raise UsageError("--pad has it typed on the reader: leave --pin-file out")
    return PinPad()


def new_pin(arguments: argparse.Namespace, *before: str) -> list[Pin]:
    """Read PINs of which the last is a new one: typed, it is asked for twice. UsageError."""
    found = pins(arguments, *before, said("holder: new PIN: "))
    if (
        arguments.pin_file is None
        and pins(arguments, said("holder: new PIN again: ")) != found[-1:]
    ):
        raise UsageError("the two new PINs are not the same; nothing was sent to the card")
    return found


def hidden(prompt: str, otherwise: str) -> str:
    """Ask for something without showing it; `otherwise` says what to do without a terminal."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to type on; {otherwise}")
    try:
        with bounded():
            return getpass(shown(prompt))
    except EOFError:
        raise UsageError("nothing was typed") from None
    except NothingCame as bound:
        say("")  # the cursor is behind the prompt
        raise UsageError(f"nothing was typed for {bound}; {otherwise}") from None
    except UnicodeDecodeError:
        raise UsageError("what was typed is no text in this terminal's encoding") from None


def confirmed(arguments: argparse.Namespace, question: str, word: str) -> None:
    """Have the user type `word` before what cannot be undone, unless `--yes`. UsageError."""
    if arguments.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to confirm on; use --yes")
    try:
        with bounded():
            typed = input(f"{question} Type {word!r} to go on: ")
    except NothingCame:
        say("")
        typed = ""
    except (EOFError, UnicodeDecodeError):
        typed = ""
    if typed.strip() != word:
        raise UsageError("not confirmed; nothing was done")


def passphrase(
    arguments: argparse.Namespace, place: str | None = None, *, new: bool = False
) -> Passphrase:
    """Return where the passphrase comes from: the file, the environment, or a person.

    place: of the key store, `--keys` unless given; what opens a token is its PIN. Where the
    arguments keep them (`kept`, a dict), each is asked for once.
    """
    name = place or arguments.keys
    kept: dict[str, str] | None = getattr(arguments, "kept", None)
    asked = _passphrase(arguments, place, new=new)
    if kept is None:
        return asked

    def once() -> str:
        if name not in kept:
            kept[name] = asked()
        return kept[name]

    return once


def _passphrase(arguments: argparse.Namespace, place: str | None, *, new: bool) -> Passphrase:
    from jukihost.keys.passphrase import passphrase_from_environment, passphrase_from_file
    from jukihost.keys.pkcs11 import SCHEME

    if arguments.passphrase_file is not None:
        return _bounded(passphrase_from_file(arguments.passphrase_file))
    if VARIABLE in os.environ:
        return passphrase_from_environment(VARIABLE)
    if (place or arguments.keys).startswith(SCHEME):
        return _typed_pin
    if place is not None and not new:
        asked = f"{said('passphrase of the key store')} {Path(place).name}: "
        return lambda: hidden(asked, "use --passphrase-file")
    return _typed_twice if new else _typed


def custody(arguments: argparse.Namespace, place: str | None = None) -> KeyStore:
    """Return the key store that was named, `--keys` unless `place` is given, not yet open."""
    from jukihost.keys import key_store

    return key_store(place or arguments.keys, passphrase(arguments, place))


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Callable[[JukiSession], object]]:
    """Open the key store and return what authenticates a session as the arguments say.

    The store is opened before the card is reached: a wrong passphrase costs no command.
    """
    with custody(arguments) as keys:
        yield lambda juki: juki.authenticate(arguments.purpose, keys, version=arguments.key_version)


def _bounded(read: Passphrase) -> Passphrase:
    """Read a file that may be a pipe of the shell's, and do not wait for it without end."""

    def read_in_time() -> str:
        try:
            with bounded():
                return read()
        except NothingCame as bound:
            raise UsageError(
                f"cannot read the passphrase file: its pipe has not ended within {bound}"
            ) from None

    return read_in_time


def _typed() -> str:
    return hidden(f"{said('passphrase of the key store')}: ", "use --passphrase-file")


def _typed_pin() -> str:
    return hidden(f"{said('PIN of the token with the keys')}: ", "use --passphrase-file")


def _typed_twice() -> str:
    first = hidden(f"{said('passphrase of the new key store')}: ", "use --passphrase-file")
    if (
        hidden(f"{said('passphrase of the new key store, again')}: ", "use --passphrase-file")
        != first
    ):
        raise UsageError("the two passphrases are not the same; nothing was written")
    return first


def _ask(prompt: str) -> str:
    try:
        return hidden(prompt, "use --pin-file")
    except UsageError as error:
        raise UsageError(f"{error} (nothing was sent to the card)") from None


def _lines(path: str) -> list[str]:
    raw = read_file(path, "the PIN file", MAX_SECRETS)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("the PIN file is no text") from None
    return text.splitlines()

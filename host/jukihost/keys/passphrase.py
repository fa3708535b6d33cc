"""Where the passphrase of a key store comes from: a person, a file, or the environment."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Final

from jukihost.inputs import read_input
from jukihost.keys.custody import KeyCustodyError
from jukihost.keys.files import owner_only

Passphrase = Callable[[], str]
"""Asked once when a store is opened or made; `getpass.getpass` is one."""
MIN_CHARACTERS: Final = 8
"""The shortest passphrase a new store takes (NIST SP 800-63B, 5.1.1.1)."""

MAX_FILE: Final = 64 << 10
"""The largest passphrase file, in bytes."""


class PassphraseMissing(KeyCustodyError):
    """There is no passphrase where it was said to be."""


class PassphraseTooShort(KeyCustodyError):
    """The passphrase of a new store is too short."""


def passphrase_from_file(path: str | Path) -> Passphrase:
    """Return a passphrase that is the content of a file, without one line end at its end.

    The file must be its owner's alone (mode 0600 or less). PassphraseMissing when asked.
    """

    def read() -> str:
        try:
            raw = read_input(path, MAX_FILE, owner_only(PassphraseMissing, "passphrase file"))
            # as text: a line ends alike on every system
            return TextIOWrapper(BytesIO(raw), "utf-8").read().removesuffix("\n")
        except OSError as error:
            raise PassphraseMissing(
                f"the passphrase file cannot be read: {error.strerror}"
            ) from None
        except UnicodeDecodeError:
            raise PassphraseMissing("the passphrase file is no text in UTF-8") from None

    return read


def passphrase_from_environment(variable: str) -> Passphrase:
    """Return a passphrase that an environment variable holds. PassphraseMissing when asked."""

    def read() -> str:
        try:
            return os.environ[variable]
        except KeyError:
            raise PassphraseMissing(f"the environment variable {variable} is not set") from None

    return read


def encode(passphrase: Passphrase, *, new: bool = False) -> bytes:
    """Ask for the passphrase and return its bytes, the same however it was typed (NFKC).

    PassphraseMissing when it is empty, PassphraseTooShort for a new store.
    """
    text = unicodedata.normalize("NFKC", passphrase())
    if not text:
        raise PassphraseMissing("the passphrase is empty")
    if new and len(text) < MIN_CHARACTERS:
        raise PassphraseTooShort(f"a passphrase has at least {MIN_CHARACTERS} characters")
    return text.encode()

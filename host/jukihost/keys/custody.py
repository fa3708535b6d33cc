"""Key custody: whoever holds the master keys hands out the keys of one card, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

from jukihost.errors import CardError
from jukihost.models import Purpose

CARD_NUMBER_BYTES: Final = 8
"""Bytes of a card's number (CSN), which makes its keys its own."""
MAX_VERSION: Final = 255
"""Key versions are 1 to this."""

KEY_REFERENCES: Final[Mapping[str, int]] = MappingProxyType(
    {purpose.name: purpose.value for purpose in Purpose}
)
"""The systems of the Juki application and their key references there; 6 to 31 are free."""

MOST_BRINGERS: Final = 9
"""How many persons bring components of one key at most."""

_SYSTEM_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_OPERATOR: Final = re.compile(r"(?!\d{11})[A-Za-z0-9._-]{1,32}")


class KeyCustodyError(CardError):
    """A key was not given out, made or stored; the text never holds a key."""


class UnknownKey(KeyCustodyError):
    """The custody has no such key."""


class KeyExists(KeyCustodyError):
    """The custody has a key of this name and version already."""


class WeakKey(KeyCustodyError):
    """The key is one that anybody could guess, or it was used for something else."""


class KeyUnfit(KeyCustodyError):
    """The name, version, suite or length is not one a key can have."""


@dataclass(frozen=True)
class CardKeys:
    """The two keys of one card for one system, derived for it alone.

    `suite` is what they may be used for (the name of a `jukihost.securemessaging.Suite`), `version`
    the version of their master. WeakKey when both keys are the same.
    """

    suite: str
    version: int
    k_enc: bytes = field(repr=False)
    k_mac: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.k_enc == self.k_mac:
            raise WeakKey("the encryption key and the MAC key are the same")


@dataclass(frozen=True, order=True)
class KeyInfo:
    """What may be told about a master key; `check_value` are 3 bytes that it encrypts to.

    brought_by: the operators who brought it from elsewhere, a component each; nobody for a key that
    was drawn here, or that one person brought whole.
    """

    system: str
    version: int
    suite: str
    check_value: bytes
    brought_by: tuple[str, ...] = ()


class KeyCustody(Protocol):
    """Holds the master keys of systems. They never leave it; keys of single cards do."""

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        """Return a card's keys for `system` in the application `aid` (5 to 16 bytes).

        `card_number` has 8 bytes; `version` is the key version the card names. UnknownKey,
        KeyUnfit.
        """

    def newest_version(self, system: str) -> int:
        """Return the version that new cards get. UnknownKey."""

    def inventory(self) -> tuple[KeyInfo, ...]:
        """Return what may be told about every master key, by system and version."""


def check_system(system: str) -> str:
    """Return the name of a system; KeyUnfit unless it is upper-case letters, digits, `_`."""
    if not _SYSTEM_NAME.fullmatch(system):
        raise KeyUnfit("a system's name is up to 64 upper-case letters, digits and underscores")
    return system


def check_bringers(operators: Sequence[str]) -> tuple[str, ...]:
    """Return who brought a key: nobody, or two operators or more, each once. KeyUnfit."""
    if len(operators) == 1 or len({one.casefold() for one in operators}) != len(operators):
        raise KeyUnfit("a key is brought by two operators or more, each of them another one")
    if len(operators) > MOST_BRINGERS or not all(map(_OPERATOR.fullmatch, operators)):
        raise KeyUnfit(
            f"up to {MOST_BRINGERS} operators bring a key, each by an identifier of up to 32 "
            "letters, digits, dots, hyphens and underscores"
        )
    return tuple(operators)


def check_version(version: int) -> int:
    """Return a key version; KeyUnfit unless it is 1 to 255."""
    if not 1 <= version <= MAX_VERSION:
        raise KeyUnfit(f"a key version is 1 to {MAX_VERSION}, not {version}")
    return version

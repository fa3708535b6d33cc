"""For people who test with this library: connections to the card of a test, and pytest's fixtures.

    >>> from jukicard import issue_card, LocalReader
    >>> from jukihost.testing import InProcess
    >>> with InProcess(LocalReader(issue_card(seed=1))) as connection:
    ...     print(connection.atr.hex().upper())
    3BE000FF8131FE4514

The pytest plugin has the fixtures `juki_reader`, `juki_channel`, `juki_session` and `jpki_session`,
which reach the card that the fixture `juki_card` offers. This is the face; what is imported from
here stays where it is when modules move. The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.testing.pcscd import (
        Pcscd as Pcscd,
        PcscdInUse as PcscdInUse,
        PcscdUnavailable as PcscdUnavailable,
        missing_for_pcscd as missing_for_pcscd,
    )
    from jukihost.testing.readers import (
        WAYS as WAYS,
        InProcess as InProcess,
        OfferedCard as OfferedCard,
        reach as reach,
    )
    from jukihost.testing.vectorrun import (
        CardCase as CardCase,
        VectorError as VectorError,
        Verdict as Verdict,
        card_cases as card_cases,
        run_vectors as run_vectors,
    )

_HOMES: Final = {
    "pcscd": "Pcscd PcscdInUse PcscdUnavailable missing_for_pcscd",
    "readers": "InProcess OfferedCard WAYS reach",
    "vectorrun": "CardCase VectorError Verdict card_cases run_vectors",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.testing' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"jukihost.testing.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

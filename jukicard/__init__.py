"""A software ISO 7816 card that behaves like the Japanese Juki card and its successor.

    >>> from jukicard import issue_card
    >>> card = issue_card("juki-v1", seed=1)
    >>> card.power_on().hex().upper()
    '3BE000FF8131FE4514'

The names are loaded when they are first used, so that `import jukicard.apdu` stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukicard.memory import ImageError, MemorySnapshot
    from jukicard.profiles import PROFILES, Pins, ProfileError, issue_card
    from jukicard.runtime.card import Card, CardUnpoweredError
    from jukicard.runtime.options import CardOptions

__version__: Final = "0.2.0.dev0"

__all__ = [
    "PROFILES",
    "Card",
    "CardOptions",
    "CardUnpoweredError",
    "ImageError",
    "MemorySnapshot",
    "Pins",
    "ProfileError",
    "__version__",
    "issue_card",
]

_HOMES: Final = {
    "PROFILES": "jukicard.profiles",
    "Pins": "jukicard.profiles",
    "ProfileError": "jukicard.profiles",
    "issue_card": "jukicard.profiles",
    "Card": "jukicard.runtime.card",
    "CardUnpoweredError": "jukicard.runtime.card",
    "CardOptions": "jukicard.runtime.options",
    "ImageError": "jukicard.memory",
    "MemorySnapshot": "jukicard.memory",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'jukicard' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

"""What readers do themselves: PINs typed on their pads, their features, what is in their field.

    >>> from jukihost.readers import PinPad
    >>> PinPad(timeout=20).timeout
    20

This is the face; what is imported from here stays where it is when modules move. The names are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.pinpad import (
        PadCancelled as PadCancelled,
        PadEntriesDiffer as PadEntriesDiffer,
        PadEntry as PadEntry,
        PadError as PadError,
        PadNotUsable as PadNotUsable,
        PadOutcomeUnknown as PadOutcomeUnknown,
        PadRefused as PadRefused,
        PadTimedOut as PadTimedOut,
        PadWrongLength as PadWrongLength,
        PinPad as PinPad,
    )
    from jukihost.transport.contactless import read_uid as read_uid
    from jukihost.transport.pcsc.features import (
        Feature as Feature,
        PinProperties as PinProperties,
        ReaderFeatures as ReaderFeatures,
        TlvProperties as TlvProperties,
    )

_HOMES: Final = {
    "pinpad": "PadCancelled PadEntriesDiffer PadEntry PadError PadNotUsable PadOutcomeUnknown "
    "PadRefused PadTimedOut PadWrongLength PinPad",
    "transport.contactless": "read_uid",
    "transport.pcsc.features": "Feature PinProperties ReaderFeatures TlvProperties",
}
"""Where the names are at home, below `jukihost`."""
_HOME: Final = {
    name: f"jukihost.{home}" for home, names in _HOMES.items() for name in names.split()
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.readers' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

"""What a card remembers of its last administrative change, and what that decides.

    >>> from jukihost.receipts import ChangeOutcome
    >>> ChangeOutcome.DONE.value
    'the card has made the change'

This is the face; what is imported from here stays where it is when modules move. The names are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.conversation.receipts import (
        ChangeInterrupted as ChangeInterrupted,
        ChangeOutcome as ChangeOutcome,
        OpenChange as OpenChange,
        Receipt as Receipt,
        ReceiptElsewhere as ReceiptElsewhere,
        ReceiptError as ReceiptError,
        ReceiptForged as ReceiptForged,
        ReceiptWentBack as ReceiptWentBack,
        answered as answered,
    )

_HOME: Final = dict.fromkeys(
    (
        "ChangeInterrupted",
        "ChangeOutcome",
        "OpenChange",
        "Receipt",
        "ReceiptElsewhere",
        "ReceiptError",
        "ReceiptForged",
        "ReceiptWentBack",
        "answered",
    ),
    "jukihost.conversation.receipts",
)
"""Where the names are at home."""

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.receipts' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

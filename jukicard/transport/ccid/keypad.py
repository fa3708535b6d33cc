"""What a key pad is to the reader: keys as they come, and a display that never has a digit."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple, Protocol

_JAPANESE: Final = 0x11
"""The primary language of wLangId (low ten bits) for which messages are in Japanese."""
_MESSAGES: Final = (
    ("Enter PIN", "Enter new PIN", "Confirm new PIN"),
    ("暗証番号を入力", "新しい暗証番号を入力", "もう一度入力"),
)
"""The reader's messages by bMsgIndex: English for every other language."""


class PadKey(Enum):
    """A key: ten digits, OK, CLEAR (all digits of this entry), BACK (the last) and CANCEL.

    Its repr tells no digit.
    """

    D0, D1, D2, D3, D4, D5, D6, D7, D8, D9 = range(10)
    OK = 10
    CLEAR = 11
    BACK = 12
    CANCEL = 13

    def __repr__(self) -> str:
        return "<PadKey digit>" if self.value < 10 else f"<PadKey {self._name_}>"

    __str__ = __repr__


class PinPrompt(NamedTuple):
    """What a person is asked for.

    message: the text to show; empty where the host wants none.
    minimum, maximum: how many digits are taken.
    seconds: how long the entry may take.
    """

    message: str
    minimum: int
    maximum: int
    seconds: int


class Keypad(Protocol):
    """Where a person types. All calls come from the reader's thread; OSError ends the entry."""

    def begin(self, prompt: PinPrompt) -> None:
        """Show what is asked for: an entry begins. A modification has up to three in a row."""
        ...

    def key(self, seconds: float) -> PadKey | None:
        """Return the next key, or None when none came in that time."""
        ...

    def typed(self, count: int) -> None:
        """Show that so many digits are there; never which."""
        ...

    def end(self, outcome: str) -> None:
        """Show how all of it ended, in words, and forget it."""
        ...


def message(index: int | None, language: int) -> str:
    """Return the text of a message; empty for None."""
    if index is None:
        return ""
    texts = _MESSAGES[language & 0x3FF == _JAPANESE]
    return texts[index] if index < len(texts) else f"{index:02X}?"

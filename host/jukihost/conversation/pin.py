"""The PIN a holder types: checked before it is sent, and never shown again."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

from jukihost.errors import PinFormatError

PIN_DIGITS: Final = 4
"""How many digits the PIN of the Juki application has."""


class Pin:
    """Four digits (暗証番号), kept out of repr, str, errors and pickles."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """Check and keep the digits. PinFormatError unless they are four of 0 to 9 in ASCII.

        TypeError for what is no text: a number would have lost its zeros.
        """
        if not isinstance(digits, str):
            raise TypeError("give a PIN as text, for example '1234'")
        if not (len(digits) == PIN_DIGITS and digits.isascii() and digits.isdigit()):
            raise PinFormatError(
                f"the PIN is {PIN_DIGITS} digits, 0 to 9; nothing was sent to "
                "the card, no try was used"
            )
        self._digits = digits

    @classmethod
    def of(cls, pin: Pin | str) -> Pin:
        """Return a Pin for what a caller may pass. PinFormatError."""
        return pin if isinstance(pin, Pin) else cls(pin)

    def encode(self) -> bytes:
        """Return what goes to the card: four ASCII digits."""
        return self._digits.encode("ascii")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pin):
            return NotImplemented
        return hmac.compare_digest(self._digits, other._digits)

    def __hash__(self) -> int:
        return hash(self._digits)

    def __repr__(self) -> str:
        return "<Pin ****>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Pin is not stored or sent anywhere but to a card")

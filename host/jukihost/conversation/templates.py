"""Reading the data objects of the successor card's files: one strict way for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final, TypeVar

from jukicard.apdu import Tlv, TlvError
from jukihost.conversation.jukifiles import day
from jukihost.errors import ProtocolError
from jukihost.models import Sex

_T = TypeVar("_T")
_UNKNOWN_PART: Final = "00"


def template(content: bytes, tag: int, name: str) -> dict[int, bytes]:
    """Return the data objects of the template `tag` that `content` is, by their tags.

    ProtocolError, without the content, when it is another one, or has one object twice.
    """
    try:
        outer = Tlv.parse(content)
        children = Tlv.parse_all(outer.value)
    except TlvError:
        raise ProtocolError(f"{name} in the card is malformed") from None
    values = {child.tag: child.value for child in children}
    if outer.tag != tag or len(values) != len(children):
        raise ProtocolError(f"{name} in the card is not what it should be")
    return values


def interpret(name: str, read: Callable[[], _T]) -> _T:
    """Return what `read` makes of data objects; ProtocolError for whatever it cannot."""
    try:
        return read()
    except (KeyError, ValueError):
        raise ProtocolError(f"{name} in the card is malformed") from None


def day_of(value: bytes) -> date:
    """Return the day that eight ASCII digits say, YYYYMMDD. ValueError."""
    return day(value.decode("ascii"))


def birth_date(value: bytes) -> date | None:
    """Return a birth date; None where month or day is not known (00). ValueError otherwise."""
    text = value.decode("ascii")
    if text.isdigit() and len(text) == 8 and _UNKNOWN_PART in (text[4:6], text[6:]):
        return None
    return day(text)


def sex_of(value: bytes) -> Sex:
    """Return the sex that one ASCII digit says (JIS X 0303). ValueError."""
    return Sex(int(value.decode("ascii")))

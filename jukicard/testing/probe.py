"""In what state a card is, in words: asked of a copy of it, so that the card notices nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.response import ResponseApdu
from jukicard.applets import names
from jukicard.applets.juki.files import PURPOSES
from jukicard.applets.operator.files import PURPOSES as OPERATORS
from jukicard.memory import MemorySnapshot
from jukicard.runtime.card import Card

_PINS: Final[tuple[tuple[str, Aid, int], ...]] = (
    ("PIN", names.JUKI, 0x9C),
    ("signature password", names.JPKI, 0x9B),
    ("authentication PIN", names.JPKI, 0x98),
    ("text PIN", names.TEXT, 0x91),
    ("common PIN", names.COMMON, 0x9C),
    ("operator password", names.OPERATOR, 0x9B),
)
"""What is counted, in which application, and P2 of the VERIFY that asks for its tries."""
_RESIDENCE: Final = {0: "resident", 1: "moved out"}


def state_of(snapshot: MemorySnapshot) -> dict[str, str]:
    """Return what a card of this snapshot says of itself: its state, tries left, blocked keys.

    All of it is known to anybody who has the card: no PIN, no key and nothing of its holder.
    """
    card = Card.restore(snapshot)
    card.power_on()
    found = {"card": card.state.description}
    if not card.state.usable:
        return found
    for label, aid, p2 in _PINS:
        if card.applications.get(aid) is None or _ask(card, f"00A4040C{len(aid):02X}{aid}") is None:
            continue
        answer = card.transmit(bytes((0x00, 0x20, 0x00, p2)))
        if answer[0] == 0x63:
            left = answer[1] & 0x0F
            found[label] = f"tries left {left}" if left else "blocked"
    if card.applications.get(names.JUKI) is not None:
        found |= _residence(card) | _blocked_keys(card, names.JUKI, PURPOSES)
    if card.applications.get(names.OPERATOR) is not None:
        found |= _blocked_keys(card, names.OPERATOR, OPERATORS)
    return found


def _residence(card: Card) -> dict[str, str]:
    _ask(card, f"00A4040C0A{names.JUKI}")
    residence = _ask(card, "00CA00C100")
    return {"holder": _RESIDENCE.get(residence[-1], "unknown")} if residence else {}


def _blocked_keys(card: Card, aid: Aid, purposes: Mapping[int, str]) -> dict[str, str]:
    found = {}
    _ask(card, f"00A4040C{len(aid):02X}{aid}")
    for reference, purpose in purposes.items():
        _ask(card, "0084000008")
        status = card.transmit(
            bytes((0x00, 0x82, 0x00, 0x80 | reference, 40)) + bytes(40) + b"\x00"
        )
        if status == b"\x69\x83":
            found[f"key {purpose}"] = "blocked"
    return found


def _ask(card: Card, command: str) -> bytes | None:
    answer = ResponseApdu.parse(card.transmit(bytes.fromhex(command)))
    return answer.data if answer.status == 0x9000 else None

"""Cards with only the applications under test, personalised with the published specimen.

Every card is a fork of one that was made once.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jukicard import Card, CardOptions
from jukicard.apdu import CommandApdu
from jukicard.applets.common import AID as COMMON
from jukicard.applets.surface import AID as SURFACE
from jukicard.applets.text import AID as TEXT
from jukicard.environment import CardEnvironment, SeededRandom
from jukicard.memory import MemorySnapshot
from jukicard.runtime.applet import Applet
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.card import CARD_PARTITION, OPTIONS_KEY, PROFILE_KEY
from jukicard.runtime.placement import Placement
from jukicard.testing.applets import FORBIDDEN_AID, ForbiddenApplet
from tests.support.cards.face_order import (
    CARD_NUMBER,
    FaceOrder,
    common_contents,
    juki_contents,
    surface_contents,
    text_contents,
)
from tests.support.naive.terminal import NaiveTerminal, keys_of

AIDS: Final = {"common": COMMON, "surface": SURFACE, "text": TEXT}


def blank_card(
    *applications: Placement,
    options: CardOptions | None = None,
    atr: str = "3BDA13FF8131FB468012392F31C173C601C03B",
) -> Card:
    """A card with these applications and nothing in them."""
    environment = CardEnvironment(random=SeededRandom("face card"))
    chosen = options or CardOptions(atr=bytes.fromhex(atr))
    memory = environment.memory
    with memory.transaction():
        own = memory.partition(CARD_PARTITION)
        own.put(OPTIONS_KEY, chosen.to_bytes())
        own.put(PROFILE_KEY, b"test")
        card = Card(environment, on_bug=raise_bug)
        for placement in applications:
            card.applications.install(placement)
    return card


def applet_on(card: Card, aid: bytes) -> Applet[Any]:
    """The application of a card."""
    found = card.applications.get(aid)
    assert found is not None
    return found.applet


def personalise(card: Card, order: FaceOrder) -> None:
    """Let the application that an order is for write its contents, in one transaction."""
    applet: Any = applet_on(card, order.aid)
    with card.environment.memory.transaction():
        applet.personalise(order)


_SUCCESSOR: Final = {"layout": "mynumber"}
FORBIDDEN: Final = Placement(FORBIDDEN_AID, ForbiddenApplet.type_name)


@cache
def _snapshot(kind: str, *, forbidden: bool) -> MemorySnapshot:
    last = (FORBIDDEN,) if forbidden else ()
    if kind.startswith("juki"):
        card = blank_card(
            Placement(SURFACE, "surface", {"layout": "juki"}),
            Placement(COMMON, "common"),
            *last,
            atr="3BE000FF8131FE4514",
        )
        personalise(card, juki_contents(kind))
        return card.snapshot()
    card = blank_card(
        Placement(COMMON, "common"),
        Placement(SURFACE, "surface", _SUCCESSOR),
        Placement(TEXT, "text"),
        *last,
    )
    personalise(card, text_contents())
    personalise(card, surface_contents())
    personalise(card, common_contents())
    return card.snapshot()


def face_card(kind: str = "successor", *, forbidden: bool = True) -> Card:
    """A powered card: `successor`, or a Juki card `juki-a` or `juki-b`; nothing is selected yet.

    The successor has the common, surface and text applications, a Juki card surface and, to have
    another one to select, an empty common. `forbidden`: it has a `ForbiddenApplet` too.
    """
    card = Card.restore(_snapshot(kind, forbidden=forbidden), on_bug=raise_bug)
    card.power_on()
    return card


def selected(application: str, kind: str = "successor", *, forbidden: bool = True) -> Card:
    """A powered card with `common`, `surface` or `text` selected."""
    card = face_card(kind, forbidden=forbidden)
    answer = card.transmit(CommandApdu(0, 0xA4, 0x04, 0x0C, AIDS[application]).encode())
    assert answer == b"\x90\x00"
    return card


def at_the_counter(application: str, kind: str = "successor") -> tuple[Card, NaiveTerminal]:
    """A card and a terminal of the counter that has authenticated to an application of it."""
    card = selected(application, kind)
    terminal = NaiveTerminal(card.transmit, CARD_NUMBER)
    assert terminal.get_challenge().status == 0x9000
    keys = keys_of(CARD_NUMBER, "COUNTER", AIDS[application])
    assert terminal.mutual_authenticate(keys, 0x84).status == 0x9000
    return card, terminal


def verify(fid: int, value: str) -> str:
    """SELECT of a credential and VERIFY, as a script of `tests.support.published.transcript`."""
    return f"00A4020C02{fid:04X} -> 9000\n00200080{len(value):02X}{value.encode().hex()} -> 9000\n"


def read_file(card: Card, fid: int) -> tuple[bytes, int]:
    """Read an EF as the naive clients do: blocks of 256 until a short one; bytes and status."""
    card.transmit(bytes.fromhex(f"00A4020C02{fid:04X}"))
    content = b""
    while True:
        answer = card.transmit(CommandApdu(0, 0xB0, *divmod(len(content), 256), ne=256).encode())
        content += answer[:-2]
        status = int.from_bytes(answer[-2:], "big")
        if status != 0x9000 or len(answer) < 258:
            return content, status

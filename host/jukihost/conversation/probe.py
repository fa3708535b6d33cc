"""Which applications does this card have? Asked by selecting each one that is known."""

from __future__ import annotations

from typing import Final

from jukicard.apdu import Aid, StatusWord
from jukihost.channel import ApduChannel
from jukihost.conversation.selection import select_application
from jukihost.models import Application, ApplicationState

KNOWN_APPLICATIONS: Final = (
    ("juki", "Juki (住民基本台帳)", Aid("D3921000310001010401")),
    ("jpki", "JPKI (公的個人認証)", Aid("D392F000260100000001")),
    ("surface", "card surface (券面事項確認)", Aid("D3921000310001010402")),
    ("text", "surface text (券面事項入力補助)", Aid("D3921000310001010408")),
    ("common", "common card (共通カード)", Aid("D3921000310001010100")),
    ("operator", "operator (操作者)", Aid("F04F50455241544F5201")),
    ("issuer", "issuer domain (GlobalPlatform)", Aid("A0000001510000")),
)
"""Short name, title and AID of each application that `card_probe` asks for."""

_ANSWERS: Final = {
    StatusWord.OK: ApplicationState.PRESENT,
    StatusWord.SELECTED_FILE_DEACTIVATED: ApplicationState.SUSPENDED,
    StatusWord.FUNCTION_NOT_SUPPORTED: ApplicationState.SUSPENDED,
    StatusWord.SELECTED_FILE_TERMINATED: ApplicationState.TERMINATED,
    StatusWord.FILE_NOT_FOUND: ApplicationState.ABSENT,
}
_NOTHING_TO_SELECT: Final = frozenset({0x6D, 0x6E})
"""SW1 of a card that does not know SELECT, or its class: it has no applications with names."""


def card_probe(channel: ApduChannel) -> tuple[Application, ...]:
    """Select every known application and return what each answered.

    A selection takes away what was verified in another application: probe before, not between.
    An answer that says neither that the application is there nor that it is not is FAILING: of a
    card that is defect, say, or locked in a way of its own. TransportError.
    """
    return tuple(
        Application(name, title, aid, _state(select_application(channel, aid)))
        for name, title, aid in KNOWN_APPLICATIONS
    )


def _state(status: StatusWord) -> ApplicationState:
    if status.sw1 in _NOTHING_TO_SELECT:
        return ApplicationState.ABSENT
    return _ANSWERS.get(status, ApplicationState.FAILING)

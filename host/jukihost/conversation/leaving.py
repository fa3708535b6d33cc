"""Leaving a session: whoever uses the card next must not go on with a PIN that was typed in it.

Two means, because neither works on every card: a contactless card keeps verified PINs over a reset
without power loss, and a card with one application has no other one to select.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from jukicard.apdu import Aid
from jukihost.channel import ApduChannel, LogicalChannelChannel
from jukihost.conversation.probe import KNOWN_APPLICATIONS
from jukihost.conversation.selection import select_application
from jukihost.errors import CardError

_SELECTED: Final = frozenset({0x90, 0x62})
"""SW1 of an application that is selected now, suspended ones too (6283)."""


def leave(channel: ApduChannel, aid: Aid) -> None:
    """Make the card forget what was proven in the application `aid` on this channel.

    Selects another application and resets the card; on a further logical channel, which a reset
    would take from its owner, the second means is to close it, and only when the first failed. A
    card that is gone has forgotten everything: that is no error here.
    """
    elsewhere = False
    with suppress(CardError):
        elsewhere = _select_another(channel, aid)
    if not (elsewhere and isinstance(channel, LogicalChannelChannel)):
        with suppress(CardError):
            channel.forget()


def _select_another(channel: ApduChannel, aid: Aid) -> bool:
    """Select the first application that is not `aid` and tell whether there is one."""
    # ISO/IEC 7816-4:2020, 11.2.2: the security status of an application ends with its selection
    return any(
        select_application(channel, other).sw1 in _SELECTED
        for _, _, other in KNOWN_APPLICATIONS
        if other != aid
    )

"""The common application (共通カードAP): the card's own number, and a key that authenticates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.apdu.status import StatusWord
from jukicard.applets.common.files import TREE
from jukicard.applets.names import COMMON as AID
from jukicard.kit.features.cardkey import Presence
from jukicard.kit.features.jicsap import Jicsap
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

__all__ = ["AID", "CommonApplet"]


class CommonApplet(Jicsap[KeyState], Keys[KeyState], LifeCycle[KeyState], Presence[KeyState]):
    """Records that say which card this is; docs/card.md, section 6, lists its files."""

    type_name = "common"
    tree = TREE
    session_key_refusal = StatusWord(0x66F1)

    def personalise(self, order: Order) -> None:
        """Write the records, the PIN and the card's own key, too."""
        from jukicard.applets.common.personalisation import personalise

        super().personalise(order)
        personalise(self, order)

"""The common application (共通カードAP): the card's own number, and a key that authenticates it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.apdu.status import StatusWord
from jukicard.applets.common.files import CARD_KEY, TREE
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

    def prepare(self, order: Order) -> None:
        """Write the key that answers INTERNAL AUTHENTICATE; its public half is not on the card."""
        super().personalise(order)
        self.signing.load(TREE.ef(CARD_KEY), order.own_key(0), check=False)

    def personalise(self, order: Order) -> None:
        """Write the records and the PIN, too."""
        from jukicard.applets.common.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

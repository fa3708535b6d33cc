"""The text application (券面事項入力補助AP): what nobody then has to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.applets.names import TEXT as AID
from jukicard.applets.text.files import CARD_KEY, TREE
from jukicard.kit.features.cardkey import CardKey
from jukicard.kit.features.jicsap import Jicsap
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

__all__ = ["AID", "TextApplet"]


class TextApplet(
    Jicsap[KeyState],
    Keys[KeyState],
    LifeCycle[KeyState],
    CardKey[KeyState],
    without=(Jicsap.set_session_key,),
):
    """Gives out the individual number and the four items, each to who proves enough for it.

    docs/card.md, section 6, lists its files. SET SESSION KEY, with which the real card starts an
    encrypted session, is not known here: 6D00.
    """

    type_name = "text"
    tree = TREE
    card_key = CARD_KEY

    def prepare(self, order: Order) -> None:
        """Write the card's own key, too."""
        super().personalise(order)
        self.signing.load(TREE.ef(CARD_KEY), order.own_key(1), check=False)

    def personalise(self, order: Order) -> None:
        """Write the signed files, the PIN and the numbers, too."""
        from jukicard.applets.text.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

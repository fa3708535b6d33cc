"""The surface application (券面事項確認AP): what is printed on the card, signed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from jukicard.apdu.status import StatusWord
from jukicard.applets.names import SURFACE as AID
from jukicard.applets.surface.files import BIRTH, BIRTH_CODE, CARD_KEY, TREES
from jukicard.filesystem.files import FileTree
from jukicard.kit.features.cardkey import CardKey
from jukicard.kit.features.jicsap import Jicsap
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.runtime.applet import AppletContext

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

__all__ = ["AID", "SurfaceApplet"]


class SurfaceApplet(Jicsap[KeyState], Keys[KeyState], LifeCycle[KeyState], CardKey[KeyState]):
    """Shows the card's face to whoever knows what is on it, so that a forged face is seen.

    The parameter `layout` says which card it is on: `mynumber` or `juki`, see `files.TREES`.
    docs/card.md, section 6, lists the files of both.
    """

    type_name = "surface"
    tree = TREES["mynumber"]
    card_key = CARD_KEY
    session_key_refusal = StatusWord(0x66F1)

    @classmethod
    def tree_for(cls, parameters: Mapping[str, str]) -> FileTree:
        """Return the files of the layout that the parameters name."""
        return TREES[parameters["layout"]]

    def __init__(self, context: AppletContext) -> None:
        self.tree = self.tree_for(context.parameters)
        super().__init__(context)

    def prepare(self, order: Order) -> None:
        """Write the card's own key, where there is one, too."""
        super().personalise(order)
        if CARD_KEY in self.tree.root.efs:
            self.signing.load(self.tree.ef(CARD_KEY), order.own_key(3), check=False)

    def personalise(self, order: Order) -> None:
        """Write the card's face, and the numbers that show it, too."""
        from jukicard.applets.surface.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

    def dispensable(self) -> Collection[int]:
        """Return what a Juki card without photo does not have: birth record and its number.

        Of the two a card has both or none.
        """
        if CARD_KEY in self.tree.root.efs:
            return ()
        empty = {BIRTH, BIRTH_CODE}.issubset(ef.fid for ef in self.files.lacking())
        return (BIRTH, BIRTH_CODE) if empty else ()

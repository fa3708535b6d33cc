"""The surface application (券面事項確認AP): what is printed on the card, signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jukicard.apdu.status import StatusWord
from jukicard.applets.names import SURFACE as AID
from jukicard.applets.surface.files import CARD_KEY, TREES
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

    def personalise(self, order: Order) -> None:
        """Write the card's face, and the numbers that show it, too."""
        from jukicard.applets.surface.personalisation import personalise

        super().personalise(order)
        personalise(self, order)

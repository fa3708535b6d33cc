"""The JPKI application: certificates, the PINs that guard them, and signatures made in the card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jukicard.applets.jpki.files import TREES
from jukicard.applets.names import JPKI as AID
from jukicard.filesystem.files import FileTree
from jukicard.kit.features.jicsap import Jicsap
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.signing import Signing
from jukicard.runtime.applet import AppletContext

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

__all__ = ["AID", "JpkiApplet"]


class JpkiApplet(Jicsap[KeyState], Keys[KeyState], LifeCycle[KeyState], Signing[KeyState]):
    """Signs with keys that never leave it; docs/card.md lists its files and commands.

    The parameter `layout` says which card it is on, see `files.TREES`.
    """

    type_name = "jpki"
    tree = TREES["mynumber"]

    @classmethod
    def tree_for(cls, parameters: Mapping[str, str]) -> FileTree:
        """Return the files of the layout that the parameters name."""
        return TREES[parameters["layout"]]

    def __init__(self, context: AppletContext) -> None:
        self.tree = self.tree_for(context.parameters)
        super().__init__(context)

    def prepare(self, order: Order) -> None:
        """Write the token's name, too."""
        from jukicard.applets.jpki.personalisation import prepare

        super().personalise(order)
        prepare(self)

    def personalise(self, order: Order) -> None:
        """Write the holder's key pairs, their certificates and PINs, too."""
        from jukicard.applets.jpki.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

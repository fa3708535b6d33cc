"""The Juki application: the resident record code (住民票コード) and the PIN that guards it."""

from __future__ import annotations

from jukicard.applets.jicsap import JicsapApplet
from jukicard.applets.juki.files import AID, TREE

__all__ = ["AID", "JukiApplet"]


class JukiApplet(JicsapApplet):
    """PIN, resident record code and card data; docs/card.md says who may read and change what."""

    type_name = "juki"
    tree = TREE

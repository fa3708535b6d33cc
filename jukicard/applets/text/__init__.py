"""The text application (券面事項入力補助AP): what nobody then has to type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jukicard.apdu.ins import Ins
from jukicard.applets.text.files import AID, CARD_KEY, TREE
from jukicard.kit.cardkey import CardKeyApplet
from jukicard.kit.fileapplet import FileApplet, Handler
from jukicard.kit.jicsap import JICSAP_COMMANDS
from jukicard.kit.secured import SECURITY_COMMANDS

__all__ = ["AID", "TextApplet"]


class TextApplet(CardKeyApplet):
    """Gives out the individual number and the four items, each to who proves enough for it.

    docs/card.md, section 6, lists its files. SET SESSION KEY, with which the real card starts an
    encrypted session, is not known here: 6D00.
    """

    type_name = "text"
    tree = TREE
    card_key = CARD_KEY

    interindustry: ClassVar[Mapping[int, Handler]] = {**JICSAP_COMMANDS, **SECURITY_COMMANDS}
    proprietary: ClassVar[Mapping[int, Handler]] = {
        Ins.CHANGE_KEY: FileApplet.change_key,
        Ins.PERFORM_SECURITY_OPERATION: CardKeyApplet.compute_signature,
    }

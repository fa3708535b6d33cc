"""The common application (共通カードAP): the card's own number, and a key that authenticates it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.applets.common.files import AID, CARD_KEY, TREE
from jukicard.kit.cardkey import CardKeyApplet
from jukicard.kit.fileapplet import Handler
from jukicard.kit.jicsap import JICSAP_COMMANDS, JicsapApplet
from jukicard.kit.secured import SECURITY_COMMANDS

__all__ = ["AID", "CommonApplet"]


class CommonApplet(CardKeyApplet):
    """Records that say which card this is; docs/card.md, section 6, lists its files."""

    type_name = "common"
    tree = TREE
    card_key = CARD_KEY
    session_key_refusal = StatusWord(0x66F1)

    interindustry: ClassVar[Mapping[int, Handler]] = {
        **JICSAP_COMMANDS,
        **SECURITY_COMMANDS,
        Ins.INTERNAL_AUTHENTICATE: CardKeyApplet.internal_authenticate,
    }
    proprietary: ClassVar[Mapping[int, Handler]] = JicsapApplet.proprietary

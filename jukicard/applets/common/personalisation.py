"""What the common application is personalised with: the card's number, municipality and expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.applets.certificates import KeyIdentifier
from jukicard.applets.common import files as names
from jukicard.applets.common.objects import CardInformation, KeyReference

if TYPE_CHECKING:
    from jukicard.applets.common import CommonApplet
    from jukicard.kit.personalisation import Order

NAMED_KEY = KeyIdentifier("6000030")
"""The key that EF 0002 names, that of a test hierarchy; what it is for is not known."""


def personalise(applet: CommonApplet, order: Order) -> None:
    """Write records and PIN."""
    information = CardInformation(order.serial, order.holder.municipality, order.expires)
    applet.files.put_records(names.TREE.ef(names.CARD_INFORMATION), [information.encode()])
    applet.files.put_records(names.TREE.ef(names.KEY_REFERENCE), [KeyReference(NAMED_KEY).encode()])
    applet.pins.set_value(names.TREE.ef(names.PIN), order.pin("common").encode("ascii"))

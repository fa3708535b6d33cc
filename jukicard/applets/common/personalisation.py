"""How the common application gets its contents before the card is handed out."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from jukicard.applets.certificates import KeyIdentifier
from jukicard.applets.common import CommonApplet, files as names
from jukicard.applets.common.objects import CardInformation, KeyReference
from jukicard.applets.counter import install_counter
from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.kit.keys import KeyPair

NAMED_KEY = KeyIdentifier("6000030")
"""The key that EF 0002 names, that of a test hierarchy; what it is for is not known."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CommonContents:
    """All that the common application is personalised with; the repr shows nothing of it.

    serial: 15 digits. municipality: five. pin: four. card_key: the key that answers INTERNAL
    AUTHENTICATE; its public half is nowhere on the card. counter: the key the counter gets in
    with.
    """

    card_number: bytes
    serial: str
    municipality: str
    expires: datetime.date
    pin: str
    card_key: RsaPrivateKey
    counter: KeyPair | None = None

    def __repr__(self) -> str:
        return "<CommonContents>"


def personalise(applet: CommonApplet, contents: CommonContents) -> None:
    """Write the contents, inside a transaction of the card's memory.

    IsoError for a PIN that is none, ValueError for anything else that does not fit its record.
    """
    information = CardInformation(contents.serial, contents.municipality, contents.expires)
    applet.files.put_records(names.TREE.ef(names.CARD_INFORMATION), [information.encode()])
    applet.files.put_records(names.TREE.ef(names.KEY_REFERENCE), [KeyReference(NAMED_KEY).encode()])
    applet.signing.load(names.TREE.ef(names.CARD_KEY), contents.card_key.der, check=False)
    applet.pins.set_value(names.TREE.ef(names.PIN), contents.pin.encode("ascii"))
    install_counter(applet, contents.card_number, contents.counter)

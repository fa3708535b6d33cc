"""What a municipality's counter may do in the applications of the card's face: one key, one right.

How the counter gets in was never published; docs/card.md, section 6, says that this is a design
of this project, the same in every application.
"""

from __future__ import annotations

from typing import Final

from jukicard.filesystem.access import (
    ALWAYS,
    AccessCondition,
    AllOf,
    Authenticated,
    MessagingLevel,
    SecureMessaging,
)
from jukicard.filesystem.files import AccessRules
from jukicard.kit.keys import KeyFile
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SigningKeyFile

COUNTER: Final = "COUNTER"
"""The right of the counter, as in the Juki application."""
COUNTER_REFERENCE: Final = 4
COUNTER_KEY: Final = KeyFile(
    fid=0x0100 + COUNTER_REFERENCE, reference=COUNTER_REFERENCE, right=COUNTER
)
"""The counter's key: reference and file as in the Juki application, out of the way of what was
measured on cards."""

AT_THE_COUNTER: Final = AllOf(Authenticated(COUNTER), SecureMessaging(MessagingLevel.MAC))
ENCRYPTED_AT_THE_COUNTER: Final = AllOf(
    Authenticated(COUNTER), SecureMessaging(MessagingLevel.ENCRYPTED)
)

PRINTED_TRIES: Final = 10
"""How many wrong values in a row block a credential that is printed on the card. Measured for the
verification numbers; for the birth date no source says it, and it is the same here: a small number
would let anyone with a reader block the card."""


def printed(fid: int, shortest: int, longest: int) -> PinFile:
    """Return a credential that is printed on the card: nobody changes it."""
    return PinFile(
        fid=fid,
        fixed=True,
        min_length=shortest,
        max_length=longest,
        tries=PRINTED_TRIES,
        unblock=ENCRYPTED_AT_THE_COUNTER,
    )


def own_key(fid: int) -> SigningKeyFile:
    """Return the card's own key, whose public half the counter is told, to have it signed."""
    return SigningKeyFile(fid=fid, use=ALWAYS, read_public=Authenticated(COUNTER))


def open_data(read: AccessCondition = ALWAYS) -> AccessRules:
    """Return the rules of a file without personal data: the counter writes it under a MAC."""
    return AccessRules(read=read, update=AT_THE_COUNTER)


def personal_data(read: AccessCondition) -> AccessRules:
    """Return the rules of a file with personal data: the counter writes it encrypted."""
    return AccessRules(read=read, update=ENCRYPTED_AT_THE_COUNTER)

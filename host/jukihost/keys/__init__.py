"""Key custody: the master keys of systems stay where they are, the keys of single cards come out.

A store in an encrypted file is in `software`; the interface that a hardware security module fits
as well is `KeyCustody`.
"""

from jukihost.keys.custody import (
    KEY_REFERENCES,
    CardKeys,
    KeyCustody,
    KeyCustodyError,
    KeyInfo,
    UnknownKey,
    WeakKey,
)
from jukihost.keys.issuer import IssuerKeys
from jukihost.keys.management import list_keys, new_store, rotate_key
from jukihost.keys.published import PublishedKeys
from jukihost.keys.software import SoftwareCustody

__all__ = [
    "KEY_REFERENCES",
    "CardKeys",
    "IssuerKeys",
    "KeyCustody",
    "KeyCustodyError",
    "KeyInfo",
    "PublishedKeys",
    "SoftwareCustody",
    "UnknownKey",
    "WeakKey",
    "list_keys",
    "new_store",
    "rotate_key",
]

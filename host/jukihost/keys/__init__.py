"""Key custody: the master keys of systems stay where they are, the keys of single cards come out.

A store in an encrypted file is in `software`, one in a PKCS#11 token in `token`; what else fits
`KeyCustody` can take their place.
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
from jukihost.keys.management import join_components, key_store, list_keys, new_store, rotate_key
from jukihost.keys.published import PublishedKeys
from jukihost.keys.software import SoftwareCustody
from jukihost.keys.token import TokenCustody

__all__ = [
    "KEY_REFERENCES",
    "CardKeys",
    "IssuerKeys",
    "KeyCustody",
    "KeyCustodyError",
    "KeyInfo",
    "PublishedKeys",
    "SoftwareCustody",
    "TokenCustody",
    "UnknownKey",
    "WeakKey",
    "join_components",
    "key_store",
    "list_keys",
    "new_store",
    "rotate_key",
]

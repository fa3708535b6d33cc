"""What a person does with a key store: make one, look at it, renew a key (`jukihost keys ...`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import TypeAlias

from jukihost.crypto.primitives import xor
from jukihost.keys.custody import KEY_REFERENCES, KeyInfo, KeyUnfit
from jukihost.keys.envelope import ScryptCost
from jukihost.keys.passphrase import Passphrase
from jukihost.keys.pkcs11 import SCHEME
from jukihost.keys.software import DEFAULT_SUITE, SoftwareCustody
from jukihost.keys.token import TokenCustody

KeyStore: TypeAlias = SoftwareCustody | TokenCustody


def key_store(
    place: str | Path, passphrase: Passphrase, *, cost: ScryptCost | None = None
) -> KeyStore:
    """Return the key store at a place, not yet open: an encrypted file, or a PKCS#11 token.

    place: a path, or the address of a token, `pkcs11:token=LABEL?module-path=LIBRARY`, whose PIN is
    the passphrase then. TokenAddressError.
    """
    if str(place).startswith(SCHEME):
        return TokenCustody(str(place), passphrase)
    return SoftwareCustody(place, passphrase, cost=cost)


def new_store(
    path: str | Path,
    passphrase: Passphrase,
    *,
    systems: Iterable[str] = tuple(KEY_REFERENCES),
    suite: str = DEFAULT_SUITE,
    cost: ScryptCost | None = None,
) -> tuple[KeyInfo, ...]:
    """Make a key store with a new master key for each system; return what may be told of them.

    `jukihost keys new`; path: see `key_store`. StoreExists when there is a file already (KeyExists
    when the token has masters), PassphraseTooShort, KeyUnfit for a name or suite that is none,
    KeyStoreError, TokenError.
    """
    custody = key_store(path, passphrase, cost=cost)
    custody.create(systems, suite=suite)
    with custody:
        return custody.inventory()


def list_keys(path: str | Path, passphrase: Passphrase) -> tuple[KeyInfo, ...]:
    """Return what may be told of the keys in a store (`jukihost keys list`). KeyStoreError."""
    with key_store(path, passphrase) as custody:
        return custody.inventory()


def rotate_key(
    path: str | Path, passphrase: Passphrase, system: str, *, suite: str | None = None
) -> KeyInfo:
    """Draw the next version of a system's master key (`jukihost keys rotate`).

    Older versions stay, for the cards that have them; the new one is for the same suite unless
    `suite` names another. UnknownKey, KeyUnfit, KeyStoreError.
    """
    with key_store(path, passphrase) as custody:
        return custody.rotate(system, suite=suite)


def join_components(components: Sequence[bytes]) -> bytes:
    """Return the key that two or more persons brought a part of each: their exclusive or.

    Who has all parts but one knows nothing of the key. KeyUnfit for a single part, parts of
    different lengths, and a part that all the others cancel out.
    """
    if len(components) < 2 or len({len(one) for one in components}) != 1:
        raise KeyUnfit("the components of a key are two or more, all of one length")
    if len(set(components)) != len(components) or not all(map(any, components)):
        raise KeyUnfit("two components of the key are the same, or one of them is nothing")
    return reduce(xor, components)

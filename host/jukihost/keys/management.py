"""What a person does with a key store: make one, look at it, renew a key (`jukihost keys ...`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jukihost.keys.custody import KEY_REFERENCES, KeyInfo
from jukihost.keys.envelope import ScryptCost
from jukihost.keys.passphrase import Passphrase
from jukihost.keys.software import DEFAULT_SUITE, SoftwareCustody


def new_store(
    path: str | Path,
    passphrase: Passphrase,
    *,
    systems: Iterable[str] = tuple(KEY_REFERENCES),
    suite: str = DEFAULT_SUITE,
    cost: ScryptCost | None = None,
) -> tuple[KeyInfo, ...]:
    """Make a key store with a new master key for each system; return what may be told of them.

    `jukihost keys new`. StoreExists when there is a file already, PassphraseTooShort, KeyUnfit for
    a name or suite that is none, KeyStoreError.
    """
    custody = SoftwareCustody(path, passphrase, cost=cost)
    custody.create(systems, suite=suite)
    with custody:
        return custody.inventory()


def list_keys(path: str | Path, passphrase: Passphrase) -> tuple[KeyInfo, ...]:
    """Return what may be told of the keys in a store (`jukihost keys list`). KeyStoreError."""
    with SoftwareCustody(path, passphrase) as custody:
        return custody.inventory()


def rotate_key(
    path: str | Path, passphrase: Passphrase, system: str, *, suite: str | None = None
) -> KeyInfo:
    """Draw the next version of a system's master key (`jukihost keys rotate`).

    Older versions stay, for the cards that have them; the new one is for the same suite unless
    `suite` names another. UnknownKey, KeyUnfit, KeyStoreError.
    """
    with SoftwareCustody(path, passphrase) as custody:
        return custody.rotate(system, suite=suite)

"""What the tests of the key store share: a cheap store, its passphrase, and a key that is none."""

from __future__ import annotations

from pathlib import Path

from jukihost.keys import SoftwareCustody
from jukihost.keys.envelope import ScryptCost

CHEAP = ScryptCost(1 << 10)
PHRASE = "correct horse"
MASTER = bytes.fromhex("8D1F6C3B52E90A47B6D4F0231E957CA8")


def phrase() -> str:
    return PHRASE


def again(path: Path) -> SoftwareCustody:
    """Open the store as another program would."""
    store = SoftwareCustody(path, phrase, cost=CHEAP)
    store.open()
    return store

"""An application in which everything may be activated, deactivated and terminated by anybody."""

from __future__ import annotations

import dataclasses
from typing import Final

from jukicard import PROFILES, Card, CardKeys, issue_card
from jukicard.apdu import Aid
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.curves import P256
from jukicard.environment import SeededRandom
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.files import AccessRules, DedicatedFile, FileTree, TransparentFile
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.kit.features.cardkey import Presence
from jukicard.kit.features.files import Files
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.pins import Pins
from jukicard.kit.keys import KeyFile, KeyPair
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import KeyAlgorithm, SigningKeyFile
from jukicard.profiles.masters import published_master
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.card import CARD_PARTITION
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement, Privilege
from jukicard.securemessaging.suites import Suite
from jukicard.testing.applets import with_forbidden

AID: Final = Aid("F04C4946454359434C45")
ISSUER: Final = Aid("A0000001510000")
FREE: Final = AccessRules(
    read=ALWAYS, update=ALWAYS, activate=ALWAYS, deactivate=ALWAYS, terminate=ALWAYS
)
FILE, PIN, KEY, KEY_PAIR = 0x0001, 0x0002, 0x0003, 0x0004
TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        access=FREE,
        files=(
            TransparentFile(fid=FILE, size=4, access=FREE),
            PinFile(fid=PIN, access=FREE),
            KeyFile(fid=KEY, reference=1, right="ANYTHING", access=FREE),
            SigningKeyFile(fid=KEY_PAIR, access=FREE, use=ALWAYS, algorithm=KeyAlgorithm.P256),
        ),
    )
)


@offer_applet
class LifeCycleApplet(
    Files[KeyState], Pins[KeyState], Keys[KeyState], LifeCycle[KeyState], Presence[KeyState]
):
    """Files, a PIN, a key and a key pair whose life cycle nobody guards."""

    type_name = "test-life-cycle"
    tree = TREE
    card_rules = FREE


def life_cycle_card(*, with_values: bool = True) -> Card:
    """A powered card with the application, its PIN and key set or never set, and it selected."""
    base = PROFILES["juki-v1"]
    profile = dataclasses.replace(
        base,
        applications=(
            *base.applications,
            Placement(AID, LifeCycleApplet.type_name, privileges=frozenset({Privilege.CARD})),
        ),
    )
    # masters that are named are all there are: nobody gives the application's key a value
    keys = CardKeys(masters={"COUNTER": published_master("COUNTER")})
    card = issue_card(with_forbidden(profile), seed=1, keys=keys, on_bug=raise_bug)
    if with_values:
        found = card.applications.get(AID)
        assert found is not None
        applet = found.applet
        assert isinstance(applet, LifeCycleApplet)
        with card.environment.memory.transaction():
            applet.pins.set_value(TREE.ef(PIN), b"1234")
            pair = KeyPair(Suite.AES128, 1, bytes(range(16)), bytes(range(16, 32)))
            applet.keys.set_value(TREE.ef(KEY), pair)
            made = EcPrivateKey.generate(P256, SeededRandom("life cycle").take)
            applet.signing.load(TREE.ef(KEY_PAIR), made.der)
    card.power_on()
    return card


def put_state(card: Card, fid: int | None, state: LifeCycleState) -> None:
    """Write a state where the card keeps it: of an EF, the application's DF, or (-1) the card."""
    memory = card.environment.memory
    with memory.transaction():
        if fid == -1:
            memory.partition(CARD_PARTITION).put("state", bytes((state.byte,)))
            return
        found = card.applications.get(AID)
        assert found is not None
        applet = found.applet
        assert isinstance(applet, LifeCycleApplet)
        applet.files.put_state(TREE.root if fid is None else TREE.ef(fid), state)

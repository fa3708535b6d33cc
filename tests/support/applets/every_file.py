"""An application with every kind of EF, in its own DF and in one below, and every command.

Everything stands under one condition, the right RIGHT, which `80 10` grants.
"""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from typing import Final

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.curves import P256
from jukicard.environment import SeededRandom
from jukicard.filesystem.access import Authenticated, Verified
from jukicard.filesystem.files import (
    AccessRules,
    DataObject,
    DedicatedFile,
    DfNode,
    EfNode,
    ElementaryFile,
    FileTree,
    InternalFile,
    InternalKind,
    RecordFile,
    RecordStructure,
    TransparentFile,
)
from jukicard.kit.features.cardkey import Presence
from jukicard.kit.features.files import Files
from jukicard.kit.features.jicsap import ChangeKey
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.signing import Signing
from jukicard.kit.keys import KeyFile, KeyPair
from jukicard.kit.pin import PinCharacters, PinFile
from jukicard.kit.signing import KeyAlgorithm, SigningKeyFile
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.handlers import command
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from jukicard.securemessaging.suites import Suite
from jukicard.testing.applets import with_forbidden

AID: Final = Aid("F04556455259464C45")
DF: Final = 0x5000
BELOW: Final = 0x0800
"""The DF below the application's own; its files have that one's numbers and this much more."""
WITNESSES: Final = 0x5100
"""The DF of the files that tell what is proven: each is read by who has proven one thing."""
OBJECT: Final = 0xC1
GATE: Final = Authenticated("RIGHT")
RULES: Final = AccessRules(
    read=GATE, update=GATE, write=GATE, activate=GATE, deactivate=GATE, terminate=GATE
)

TRANSPARENT, FIXED, VARIABLE, CYCLIC = 0x0001, 0x0002, 0x0003, 0x0004
PIN, PASSWORD, NUMBER, CODE = 0x0011, 0x0012, 0x0013, 0x0014
KEY, COUNTER_KEY, KEY_PAIR, CLOSED = 0x0101, 0x0104, 0x0021, 0x0022
VALUES: Final = {PIN: b"1234", PASSWORD: b"SECRET99", NUMBER: b"990401", CODE: b"87654321"}
"""PIN: four digits; PASSWORD: of any length; NUMBER: never changes; CODE: unblocks the PIN."""
KEY_VALUE: Final = KeyPair(Suite.AES128, 1, bytes(range(16)), bytes(range(16, 32)))


def _records(fid: int, structure: RecordStructure) -> RecordFile:
    return RecordFile(
        fid=fid, sfi=None, structure=structure, record_size=4, record_count=3, access=RULES
    )


def _files(plus: int) -> tuple[ElementaryFile, ...]:
    pin = partial(PinFile, sfi=None, access=RULES, change=GATE, unblock=GATE)
    return (
        TransparentFile(fid=plus + TRANSPARENT, sfi=None, size=4, access=RULES),
        _records(plus + FIXED, RecordStructure.LINEAR_FIXED),
        _records(plus + VARIABLE, RecordStructure.LINEAR_VARIABLE),
        _records(plus + CYCLIC, RecordStructure.CYCLIC),
        pin(fid=plus + PIN, resetting_code=plus + CODE),
        pin(
            fid=plus + PASSWORD,
            min_length=6,
            max_length=16,
            characters=PinCharacters.UPPER_ALPHANUMERIC,
            tries=5,
        ),
        pin(fid=plus + NUMBER, min_length=6, max_length=6, fixed=True),
        pin(fid=plus + CODE, min_length=8, max_length=8),
        SigningKeyFile(
            fid=plus + KEY_PAIR,
            sfi=None,
            access=RULES,
            use=GATE,
            generate=GATE,
            read_public=GATE,
            algorithm=KeyAlgorithm.P256,
        ),
        InternalFile(fid=plus + CLOSED, sfi=None, access=RULES, kind=InternalKind.KEY),
    )


PROOFS: Final[tuple[int | str, ...]] = (PIN, PASSWORD, NUMBER, CODE, "RIGHT", "PURPOSE", "COUNTER")
"""What can be proven: PINs and rights; the file with short identifier 1 is of the first."""


def _witness(sfi: int, proof: int | str) -> TransparentFile:
    needed = Verified(proof) if isinstance(proof, int) else Authenticated(proof)
    return TransparentFile(fid=0x0E00 + sfi, sfi=sfi, size=1, access=AccessRules(read=needed))


_OBJECTS: Final = (DataObject(tag=OBJECT, read=GATE, write=GATE),)
TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        access=RULES,
        files=(
            *_files(0),
            KeyFile(fid=KEY, reference=1, right="PURPOSE", access=RULES),
            KeyFile(fid=COUNTER_KEY, reference=4, right="COUNTER", access=RULES),
            DedicatedFile(fid=DF, access=RULES, files=_files(BELOW), objects=_OBJECTS),
            DedicatedFile(
                fid=WITNESSES,
                files=tuple(_witness(sfi, proof) for sfi, proof in enumerate(PROOFS, 1)),
            ),
        ),
        objects=_OBJECTS,
    )
)


@partial(offer_applet, trusted=True)
class EveryFileApplet(
    Files[KeyState],
    ChangeKey[KeyState],
    Keys[KeyState],
    LifeCycle[KeyState],
    Signing[KeyState],
    Presence[KeyState],
):
    """All commands on files, PINs, keys and key pairs that any application here has."""

    type_name = "test-every-file"
    tree = TREE

    @command(0x10, proprietary=True)
    def grant(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
        """Stand in for an authentication that grants the right."""
        state.security.authenticated.add("RIGHT")
        return ResponseApdu()


def applet_of(card: Card) -> EveryFileApplet:
    """Return the application on a card."""
    found = card.applications.get(AID)
    assert found is not None
    applet = found.applet
    assert isinstance(applet, EveryFileApplet)
    return applet


def write_values(applet: EveryFileApplet, ef: EfNode) -> None:
    """Give an EF its contents, in the running transaction."""
    spec, number = ef.spec, ef.fid & ~BELOW
    if isinstance(spec, RecordFile):
        applet.files.put_records(ef, [b"abcd", b"efgh"])
    elif isinstance(spec, TransparentFile):
        applet.files.put_content(ef, b"abcd")
    elif isinstance(spec, PinFile):
        applet.pins.set_value(ef, VALUES[number])
    elif isinstance(spec, KeyFile):
        applet.keys.set_value(ef, KEY_VALUE)
    elif isinstance(spec, SigningKeyFile):
        applet.signing.load(ef, EcPrivateKey.generate(P256, SeededRandom("every file").take).der)
    else:
        applet.files.put_value(ef, b"what it is for is unknown")


@cache
def every_file(*, contactless: bool = False) -> MemorySnapshot:
    """Return what a card with the application keeps, everything in it written."""
    base = PROFILES["juki-v1"]
    profile = dataclasses.replace(
        base, applications=(*base.applications, Placement(AID, EveryFileApplet.type_name))
    )
    card = issue_card(with_forbidden(profile), seed=1, on_bug=raise_bug, contactless=contactless)
    applet = applet_of(card)
    with card.environment.memory.transaction():
        for node in TREE.walk():
            if isinstance(node, EfNode) and node.parent.spec.fid != WITNESSES:
                write_values(applet, node)
            elif isinstance(node, DfNode) and node.objects:
                applet.files.put_data_object(node, OBJECT, b"object")
    return card.snapshot()


def every_file_card(*, contactless: bool = False) -> Card:
    """Return a powered card with the application, nothing selected of it yet."""
    card = Card.restore(every_file(contactless=contactless), on_bug=raise_bug)
    card.power_on()
    return card

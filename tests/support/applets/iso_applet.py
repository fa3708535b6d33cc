"""A made-up application with every kind of file, to test ISO/IEC 7816-4 commands on.

Its tree is the picture of this test suite: identifiers are chosen so that each kind of file has
its own range (2FXX binary, 6FXX records, 4FXX access, 00XX PINs).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Final

from jukicard import PROFILES, Card, CardOptions, issue_card
from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.filesystem.access import (
    ALWAYS,
    NEVER,
    AccessCondition,
    AllOf,
    AnyOf,
    Authenticated,
    MessagingLevel,
    SecureMessaging,
    Verified,
)
from jukicard.filesystem.files import (
    AccessRules,
    DataObject,
    DedicatedFile,
    ElementaryFile,
    FileTree,
    RecordFile,
    RecordStructure,
    TransparentFile,
    WriteFunction,
)
from jukicard.kit.features.files import Files
from jukicard.kit.features.jicsap import ChangeKey
from jukicard.kit.features.keys import Challenges
from jukicard.kit.fileapplet import FileState
from jukicard.kit.pin import PinCharacters, PinFile
from jukicard.memory import PersistentMemory
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.handlers import command
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from jukicard.testing.applets import with_forbidden

AID: Final = Aid("F049534F5445535401")
TWIN_AID: Final = Aid("F049534F5445535402")
"""A second application with the same files, and a name that begins alike."""
SELECT: Final = f"00A4040C09{AID}"
SELECT_TWIN: Final = f"00A4040C09{TWIN_AID}"

OPEN: Final = AccessRules(read=ALWAYS, update=ALWAYS, write=ALWAYS)
PIN, PUK, PASSWORD, LONELY, UNSET = 0x0011, 0x0012, 0x0013, 0x0014, 0x0015
PINS: Final = {PIN: b"1234", PUK: b"87654321", PASSWORD: b"SECRET99", LONELY: b"5555"}
"""The value of every PIN; UNSET never gets one."""

CONDITIONS: Final[dict[int, AccessCondition]] = {
    0x4F01: ALWAYS,
    0x4F02: NEVER,
    0x4F03: Verified(PIN),
    0x4F04: Authenticated("RIGHT"),
    0x4F05: AllOf(Verified(PIN), Verified(PASSWORD)),
    0x4F06: AnyOf(Verified(PIN), Verified(PASSWORD)),
    0x4F07: AllOf(Verified(PIN), AnyOf(Authenticated("RIGHT"), Verified(PASSWORD))),
    0x4F08: SecureMessaging(MessagingLevel.MAC),
    0x4F09: AllOf(Verified(PIN), SecureMessaging(MessagingLevel.ENCRYPTED)),
}
"""Transparent EFs whose every operation stands under this one condition."""


ONE_RIGHT: Final = {
    "read": AccessRules(read=ALWAYS),
    "update": AccessRules(update=ALWAYS),
    "write": AccessRules(write=ALWAYS),
}
"""Rules that allow one group of operations; 4F11 to 4F13 and 4F21 to 4F23 have them in turn."""


def _one_right() -> tuple[ElementaryFile, ...]:
    binary = (
        TransparentFile(fid=0x4F11 + place, sfi=None, size=4, access=rules)
        for place, rules in enumerate(ONE_RIGHT.values())
    )
    records = (
        RecordFile(
            fid=0x4F21 + place,
            sfi=None,
            structure=RecordStructure.LINEAR_FIXED,
            record_size=4,
            record_count=3,
            access=rules,
        )
        for place, rules in enumerate(ONE_RIGHT.values())
    )
    return (*binary, *records)


def _transparent(fid: int, size: int, function: WriteFunction, fill: int) -> TransparentFile:
    return TransparentFile(
        fid=fid, sfi=None, size=size, fill=fill, write_function=function, access=OPEN
    )


def _records(
    fid: int, sfi: int | None, structure: RecordStructure, size: int, count: int
) -> RecordFile:
    return RecordFile(
        fid=fid, sfi=sfi, structure=structure, record_size=size, record_count=count, access=OPEN
    )


def _guarded() -> tuple[ElementaryFile, ...]:
    return tuple(
        TransparentFile(
            fid=fid,
            sfi=None,
            size=4,
            access=AccessRules(read=condition, update=condition, write=condition),
        )
        for fid, condition in CONDITIONS.items()
    )


TREE: Final = FileTree(
    DedicatedFile(
        fid=0x3F00,
        name=AID,
        files=(
            PinFile(fid=PIN, change=Verified(PIN), unblock=Verified(PASSWORD), resetting_code=PUK),
            PinFile(fid=PUK, min_length=8, max_length=8, tries=10),
            PinFile(
                fid=PASSWORD,
                min_length=6,
                max_length=16,
                characters=PinCharacters.UPPER_ALPHANUMERIC,
                tries=5,
                change=Verified(PASSWORD),
            ),
            PinFile(fid=LONELY, tries=1),
            PinFile(fid=UNSET, change=ALWAYS),
            TransparentFile(fid=0x2F01, size=16, access=OPEN),
            TransparentFile(fid=0x2F02, sfi=30, size=40_000, access=OPEN),
            TransparentFile(fid=0x2F03, sfi=None, size=600, access=OPEN),
            _transparent(0x2F11, 4, WriteFunction.OR, 0x0F),
            _transparent(0x2F12, 4, WriteFunction.AND, 0x0F),
            _transparent(0x2F13, 4, WriteFunction.ONCE, 0x00),
            _records(0x6F01, 2, RecordStructure.LINEAR_FIXED, 4, 5),
            _records(0x6F02, 3, RecordStructure.LINEAR_VARIABLE, 400, 6),
            _records(0x6F03, 4, RecordStructure.CYCLIC, 4, 3),
            _records(0x6F07, None, RecordStructure.LINEAR_FIXED, 4, 5),
            _records(0x6F08, None, RecordStructure.LINEAR_VARIABLE, 8, 6),
            _records(0x6F05, None, RecordStructure.LINEAR_VARIABLE, 65_532, 1),
            _records(0x6F06, None, RecordStructure.LINEAR_VARIABLE, 32_766, 2),
            RecordFile(
                fid=0x6F04,
                sfi=None,
                structure=RecordStructure.LINEAR_FIXED,
                record_size=4,
                record_count=2,
                write_function=WriteFunction.AND,
                access=OPEN,
            ),
            TransparentFile(fid=0x4F00, sfi=None, size=4),
            *_guarded(),
            *_one_right(),
            DedicatedFile(
                fid=0x7F10,
                files=(
                    TransparentFile(fid=0x2F01, size=8, access=OPEN),
                    DedicatedFile(
                        fid=0x5F11,
                        files=(TransparentFile(fid=0x2F05, size=2, access=OPEN),),
                    ),
                ),
                objects=(DataObject(tag=0xC1, read=ALWAYS, write=ALWAYS),),
            ),
            DedicatedFile(fid=0x7F20, name=Aid("F04E414D454401")),
            DedicatedFile(fid=0x7F21, name=Aid("F04E414D454402")),
        ),
        objects=(
            DataObject(tag=0x5A, read=ALWAYS, write=ALWAYS, wrapped=True),
            DataObject(tag=0xC1, read=ALWAYS, write=ALWAYS, max_size=600),
            DataObject(tag=0xC2, read=Verified(PIN), write=Verified(PIN)),
            DataObject(tag=0xC3),
            DataObject(tag=0xC4, read=ALWAYS),
            DataObject(tag=0xC5, write=ALWAYS),
            DataObject(tag=0xF0, read=ALWAYS, write=ALWAYS),
            DataObject(tag=0x7F64, read=ALWAYS, write=ALWAYS, max_size=64, wrapped=True),
            DataObject(tag=0x0101, read=ALWAYS, write=ALWAYS, wrapped=True),
            DataObject(tag=0x5F50, read=ALWAYS, write=ALWAYS, max_size=60_000),
        ),
    )
)

BINARY: Final = bytes(range(16))
FIXED: Final = tuple(bytes((0xA0 + number,)) + b"\x01\x02\x03" for number in range(1, 4))
VARIABLE: Final = (b"\x01\x0bfirst", b"\x02second", b"\x01third!", bytes(range(256)) + b"end")


FAIL: Final = 0x12
"""The instruction, of the proprietary class, that fails."""


@partial(offer_applet, trusted=True)
class IsoApplet(Files[FileState], ChangeKey[FileState], Challenges[FileState]):
    """All file and PIN commands on `TREE`, and `80 10` to be given the right RIGHT."""

    type_name = "test-iso"
    tree = TREE

    @command(0x10, proprietary=True)
    def grant(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """Stand in for an authentication that grants a right."""
        state.security.authenticated.add("RIGHT")
        return ResponseApdu()

    @command(FAIL, proprietary=True)
    def fail(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """Write something and then fail as no rule explains."""
        self.files.put_content(TREE.ef(0x2F01), b"half")
        raise ZeroDivisionError(command.data)

    @command(0x14, proprietary=True)
    def long_answer(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """Answer P1-P2 bytes."""
        size = command.p1 << 8 | command.p2
        return ResponseApdu(bytes(number % 251 for number in range(size)))


@partial(offer_applet, trusted=True)
class TwinApplet(IsoApplet):
    """The same application under its other name."""

    type_name = "test-iso-twin"
    tree = FileTree(dataclasses.replace(TREE.root.spec, name=TWIN_AID))


def personalise(card: Card, aid: Aid) -> None:
    """Write the contents of an `IsoApplet` on a card."""
    found = card.applications.get(aid)
    assert found is not None
    applet = found.applet
    assert isinstance(applet, IsoApplet)
    with card.environment.memory.transaction():
        for fid, value in PINS.items():
            applet.pins.set_value(applet.tree.ef(fid), value)
        applet.files.put_content(TREE.ef(0x2F01), BINARY)
        applet.files.put_content(TREE.ef(0x7F10, 0x2F01), b"in 7F10!")
        applet.files.put_records(TREE.ef(0x6F01), list(FIXED))
        applet.files.put_records(TREE.ef(0x6F02), list(VARIABLE))
        for place in range(len(ONE_RIGHT)):
            applet.files.put_records(applet.tree.ef(0x4F21 + place), [b"abcd"])
        applet.files.put_data_object(TREE.root, 0x5A, b"\x01\x02\x03")
        applet.files.put_data_object(TREE.root, 0xC4, b"\x44")
        applet.files.put_data_object(TREE.root, 0xC5, b"\x55")
        applet.files.put_data_object(TREE.root, 0xC1, bytes(range(256)) * 2)


def iso_card(
    *,
    options: Callable[[CardOptions], CardOptions] | None = None,
    memory: PersistentMemory | None = None,
    on_bug: Callable[[Exception], None] = raise_bug,
    contactless: bool = False,
    forbidden: bool = True,
    kinds: tuple[type[IsoApplet], type[IsoApplet]] = (IsoApplet, TwinApplet),
) -> Card:
    """Return a powered Juki card that also has two `IsoApplet`s, nothing selected of them yet.

    forbidden: it has a `ForbiddenApplet` too, for whoever does not select all there is.
    """
    juki = PROFILES["juki-v1"]
    profile = dataclasses.replace(
        juki,
        applications=(
            *juki.applications,
            Placement(AID, kinds[0].type_name),
            Placement(TWIN_AID, kinds[1].type_name),
        ),
    )
    card = issue_card(
        with_forbidden(profile) if forbidden else profile,
        seed=7,
        pin="1234",
        options=options,
        memory=memory,
        on_bug=on_bug,
        contactless=contactless,
    )
    personalise(card, AID)
    personalise(card, TWIN_AID)
    card.power_on()
    return card


def selected_iso_card(*, forbidden: bool = True) -> Card:
    """Return a card with the first `IsoApplet` selected on the basic channel."""
    card = iso_card(forbidden=forbidden)
    answer = card.transmit(bytes.fromhex(SELECT))
    assert answer == b"\x90\x00", "the application of this suite cannot be selected"
    return card

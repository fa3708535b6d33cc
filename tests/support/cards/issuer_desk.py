"""The issuer at a card: sessions, the commands it sends, and an application that comes later."""

from __future__ import annotations

from typing import Any, Final

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid, Tlv
from jukicard.kit import (
    ALWAYS,
    AccessRules,
    Authenticated,
    DataObject,
    DedicatedFile,
    Files,
    FileTree,
    KeyFile,
    Keys,
    KeyState,
    PinFile,
    Pins,
    TransparentFile,
    Verified,
)
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import offer_applet
from jukicard.testing.applets import with_forbidden
from tests.support.naive.scp03_host import Host
from tests.support.published.transcript import send

ISSUER: Final = "A0000001510000"
POINTS: Final = Aid("F0504F494E545302")
JPKI: Final = "D392F000260100000001"
SELECT_POINTS: Final = "00A4040C08F0504F494E545302"
NEW_KEYS: Final = tuple(bytes(range(n, n + 16)) for n in (0x11, 0x51, 0x91))
SHARING: Final = bytes.fromhex("C900EF04C8020000")
"""Parameters of INSTALL with which an application has no memory of its own: it shares the rest."""
K_ENC, K_MAC = bytes(range(0x80, 0x90)), bytes(range(0xA0, 0xB0))


class PointsApplet(Files[KeyState], Keys[KeyState], Pins[KeyState]):
    """One file behind a PIN and a key, one object."""

    type_name = "test-points"
    tree = FileTree(
        DedicatedFile(
            name=POINTS,
            files=(
                TransparentFile(
                    fid=1, size=8, access=AccessRules(read=ALWAYS, update=Authenticated("POINTS"))
                ),
                TransparentFile(fid=2, size=4, access=AccessRules(read=Verified(3))),
                PinFile(fid=3, change=Verified(3)),
                KeyFile(fid=4, reference=1, right="POINTS"),
            ),
            objects=(DataObject(tag=0xC1, read=ALWAYS),),
        )
    )


offer_applet(PointsApplet)


def _issued() -> MemorySnapshot:
    return issue_card(with_forbidden(PROFILES["juki-v1"]), seed=1, on_bug=raise_bug).snapshot()


ISSUED: Final = _issued()


def session(card: Card, **changes: Any) -> Host:
    send(card, f"00A4040C07{ISSUER}")
    return Host(card.transmit, **changes).open()


def apdu(ins: int, p1: int, p2: int, data: bytes) -> bytes:
    return bytes((0x80, ins, p1, p2, len(data))) + data


def install(
    p1: int = 0x0C,
    *,
    module: bytes = POINTS,
    aid: bytes = POINTS,
    privileges: bytes = b"\0",
    parameters: bytes = b"\xc9\0",
    token: bytes = b"",
) -> bytes:
    if not p1 & 0x04:
        module = b""
    if p1 == 0x20:
        privileges = parameters = b""
    fields = (b"", module, aid, privileges, parameters, token)
    return apdu(0xE6, p1, 0, b"".join(bytes((len(one),)) + one for one in fields))


def delete(aid: bytes) -> bytes:
    return apdu(0xE4, 0, 0, Tlv(0x4F, aid).encode())


def put_key(host: Host, keys: tuple[bytes, ...], new: int, old: int = 0, first: int = 1) -> bytes:
    return apdu(0xD8, old, 0x80 | first, bytes((new,)) + b"".join(map(host.key_block, keys)))


def contents(card: Card) -> dict[str, dict[str, bytes]]:
    """All that the card keeps, but for what every session counts."""
    found = card.environment.memory.snapshot().contents()
    found[f"application {ISSUER}"].pop("counter", None)
    return found


def tree(raw: str) -> list[dict[int, str]]:
    return [
        {one.tag: one.value.hex().upper() for one in entry.children}
        for entry in Tlv.parse_all(bytes.fromhex(raw[:-4]))
    ]

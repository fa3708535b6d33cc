"""Whatever the issuer sends in a session, right or spoiled: a status word, and a card that goes on.

The card is one that takes exceptions for bugs; what it keeps can be opened again, and the registry
that it tells is the one it has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hypothesis import given, settings, strategies as st

from jukicard import Card, PersistentMemory, SqliteBackend, create_card
from jukicard.apdu import Tlv
from jukicard.environment import CardEnvironment
from jukicard.runtime.boundary import raise_bug
from tests.support import soak
from tests.support.cards.issuer_desk import (
    ISSUED,
    ISSUER,
    JPKI,
    K_ENC,
    K_MAC,
    NEW_KEYS,
    POINTS,
    apdu,
    delete,
    install,
    put_key,
)
from tests.support.naive.scp03_host import TEST_KEYS, Host
from tests.support.naive.terminal import JUKI

LEVELS: Final = (0x01, 0x03, 0x11, 0x13, 0x33)
_HOST: Final = Host(bytes)
OTHER: Final = bytes(POINTS) + b"\1"
RIGHT: Final = (
    *(install(p1) for p1 in (0x04, 0x08, 0x0C, 0x20)),
    *(install(p1, aid=OTHER) for p1 in (0x04, 0x0C, 0x20)),
    install(0x20, aid=bytes(JUKI)),
    install(parameters=bytes.fromhex("C900EF06C8040000FF00")),
    delete(POINTS),
    delete(OTHER),
    delete(bytes.fromhex(JPKI)),
    apdu(0xE4, 0, 0, b"\xd2\1\1"),
    apdu(0xE4, 0, 0, b"\xd2\1\2"),
    put_key(_HOST, NEW_KEYS, 2),
    put_key(_HOST, NEW_KEYS, 2, old=2),
    put_key(_HOST, (K_ENC, K_MAC), 1),
    put_key(_HOST, (K_ENC, K_MAC), 2, old=1),
    *(bytes.fromhex(f"80F0{p1}{p2}08") + POINTS for p1, p2 in (("40", "80"), ("40", "07"))),
    bytes.fromhex("80F0807F"),
    bytes.fromhex("80F0800F"),
    *(
        bytes.fromhex(f"80F2{p1}{p2}024F00")
        for p1 in ("80", "40", "20")
        for p2 in ("00", "02", "03")
    ),
    bytes.fromhex("80F24002085C029F704F0100"),
    bytes.fromhex("80E2800003C10141"),
    bytes.fromhex("80E2000003C10141"),
    bytes.fromhex("80E2880109000106414243444546"),
    bytes.fromhex("80E2880009000106414243444546"),
    bytes.fromhex("80E288000700030434333231"),
    bytes.fromhex("80E2800005F003414243"),
    bytes.fromhex("802C0300020004"),
    bytes.fromhex("802C0300020101"),
    bytes.fromhex("80CA00E000"),
    bytes.fromhex("8050000008000102030405060708"),
)


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A right command, one in three with something changed; its length field is right again."""
    raw = draw(st.sampled_from(RIGHT))
    if draw(st.integers(0, 2)):
        return raw
    head, data = raw[:4], raw[5 : 5 + raw[4]] if len(raw) > 5 else b""
    at = draw(st.integers(0, 3 + len(data)))
    if at < 4 and at:
        head = head[:at] + draw(st.binary(min_size=1, max_size=1)) + head[at + 1 :]
    else:
        at = max(at - 4, 0)
        skip = draw(st.integers(0, 2))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + skip :]
    return head + bytes((len(data[:231]),)) + data[:231]


def session(card: Card, keys: list[tuple[bytes, ...]], level: int) -> Host | None:
    """Open a session with keys that the card may have, None when it is over for good."""
    card.transmit(bytes.fromhex("00A4040C07" + ISSUER))
    for enc, mac, dek in keys:
        asked = Host(card.transmit, keys=(enc, mac, dek), level=level)
        try:
            if asked.initialize() != b"\x90\0":
                return None
        except AssertionError:
            continue
        assert card.transmit(asked.external()) == b"\x90\0"
        return asked
    raise AssertionError("nobody has the keys of the card")


@given(st.lists(spoiled(), min_size=1, max_size=25), st.sampled_from(LEVELS))
@settings(max_examples=soak.times(60, soak=2_000))
def test_whatever_the_issuer_sends(commands: list[bytes], level: int) -> None:
    card = Card.restore(ISSUED, on_bug=raise_bug)
    card.power_on()
    keys: list[tuple[bytes, ...]] = [TEST_KEYS, NEW_KEYS]
    host = session(card, keys, level)
    for command in commands:
        if host is None:
            break
        answer = host.send(command)
        assert answer[-4:-2] in {"90", "61", "62", "63", *(f"{n:02X}" for n in range(0x64, 0x6F))}
        if command[1] == 0x50 or card.transmit(host.wrap("80CA008A")) == b"\x68\x82":
            host = session(card, keys, level)
    if host is not None and host.send("80F0800F")[-4:] in ("9000", "6985"):
        told = host.send("80F24002024F00")
        listed = [one.children[0].value for one in Tlv.parse_all(bytes.fromhex(told[:-4]))]
        there = [bytes(one.aid) for one in card.applications if str(one.aid) != ISSUER]
        assert listed == there[: len(listed)]
        assert told.endswith("6310") or listed == there
    again = Card.restore(card.snapshot(), on_bug=raise_bug)
    assert [one.placement for one in again.applications] == [
        one.placement for one in card.applications
    ]


def test_what_is_left_can_be_opened_from_a_file(tmp_path: Path) -> None:
    """A file is looked at more closely than a snapshot: all that the issuer wrote may be there."""
    card = Card.restore(ISSUED, on_bug=raise_bug)
    card.power_on()
    host = session(card, [TEST_KEYS], 0x33)
    assert host is not None
    for command in (RIGHT[0], RIGHT[5], put_key(host, NEW_KEYS, 2), RIGHT[3], RIGHT[17]):
        assert host.send(command)[-4:] in ("9000", "6985", "6A88"), command.hex()
    path = tmp_path / "card.juki"
    create_card(path, "card", card.snapshot())
    kept = Card(
        CardEnvironment(memory=PersistentMemory(SqliteBackend(path, "card"))), on_bug=raise_bug
    )
    assert len(kept.applications) == len(card.applications)
    kept.environment.memory.close()

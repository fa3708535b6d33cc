"""A hostile application fills the common memory, and stops nobody who has memory of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.errors import IsoError
from tests.support.applets.hostile import (
    ACCOMPLICE,
    ATTACK,
    HOSTILE,
    LIBRARY,
    LOAN,
    HostileApplet,
    World,
    world,
)
from tests.support.cards.issuer_desk import NEW_KEYS, delete, install, put_key, session
from tests.support.cards.juki_desk import PIN
from tests.support.naive.terminal import JUKI
from tests.support.tearing.issuer import store

OK: Final = b"\x90\x00"
FULL: Final = b"\x6a\x84"
Write = Callable[[HostileApplet, str, bytes], None]
WAYS: Final[dict[str, Write]] = {
    "with the command": lambda applet, key, value: applet.context.memory.put(key, value),
    "at once": lambda applet, key, value: applet.context.memory.put_now(key, value),
    "by names alone": lambda applet, key, value: applet.context.memory.put(
        key + "x" * len(value), b""
    ),
}


def _filling(write: Write) -> Callable[[HostileApplet], ResponseApdu]:
    """Write as much as is taken, the last byte too, and answer as if nothing had been."""

    def fill(applet: HostileApplet) -> ResponseApdu:
        taken, size = 0, 4_096
        while size:
            try:
                write(applet, f"{taken:02}", bytes(size))
                taken += 1
            except IsoError:
                size //= 2
        return ResponseApdu(taken.to_bytes(2))

    return fill


def _one_byte(applet: HostileApplet) -> ResponseApdu:
    applet.context.memory.put("00", bytes(len(applet.context.memory.get("00") or b"") + 1))
    return ResponseApdu()


def _pin_is_kept(there: World) -> None:
    """The Juki application's own memory: a try less, and all of them back."""
    verify = bytes((0, 0x20, 0, 0x9C, len(PIN)))
    assert there.select(JUKI) == OK
    assert there.send(verify + b"0000") == b"\x63\xc2"
    assert there.send("0020009C") == b"\x63\xc2"
    assert there.send(verify + PIN) == OK
    assert there.send("0020009C") == b"\x63\xc3"


@pytest.mark.parametrize("few_steps", [True], ids=["after issue"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("few_steps")
def test_what_fills_the_common_memory_stops_nobody_with_memory_of_its_own(way: str) -> None:
    there = world()
    there.select(HOSTILE)
    HostileApplet.plan["process"] = _filling(WAYS[way])
    answer = there.send(ATTACK + b"\0")
    assert answer.endswith(OK), there.bugs
    assert int.from_bytes(answer[:2]) > 8, "it has filled nothing"
    for aid in (HOSTILE, ACCOMPLICE):
        there.select(aid)
        HostileApplet.plan["process"] = _one_byte
        assert there.send(ATTACK) == FULL, "there is a byte left"
    there.check()
    _pin_is_kept(there)
    host = session(there.card)
    assert host.send(install(0x20, aid=LIBRARY)) == "009000"
    loan = b"\0\1" + bytes((len(LOAN),)) + LOAN
    assert host.send(store(0x88, loan)) == "9000", "it has memory of its own"
    added = host.send(put_key(host, NEW_KEYS, 2))
    assert added.endswith("9000"), "what was there since issue grows outside of it"
    assert host.send(delete(HOSTILE)) == "009000"
    there.select(ACCOMPLICE)
    HostileApplet.plan["process"] = _one_byte
    assert there.send(ATTACK) == OK, "and what it had is everybody's again"
    read = there.terminal.protected(CommandApdu(0x01, 0xB2, 0x01, 0x14, ne=256))
    assert read.status == 0x9000, "the terminal on channel 1 works all the time"

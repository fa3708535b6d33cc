"""A blank card's applications get their contents: card and rules agree in every state.

Contents come whole and in parts, with too little and with a key, before the card has made its own
and after, once and again; other commands come between. Wrong rules are planted, and noticed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import pytest

from jukicard import Card
from jukicard.applets import names
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.blanks import applet_of, groupings, make_blank, make_model
from tests.support.cards.issuer_desk import install
from tests.support.naive.scp03_host import Host
from tests.support.oracle.issuer_walk import Told, unexplained, walk
from tests.support.oracle.rules_blank import (
    GUARDS,
    JPKI,
    JUKI,
    OTHERS,
    Oracle,
    State,
    wrong_rules,
)
from tests.support.published.transcript import send

pytestmark = pytest.mark.xdist_group("blank walk")

AIDS: Final = {JUKI: names.JUKI, JPKI: names.JPKI}
CONTENTS: Final = {
    JUKI: [(0x0002, b"\x01\x0b12345678909"), (0x0003, b"card data")],
    JPKI: [(0x0001, b"a certificate"), (0x0002, b"its authority's")],
}
KEYS: Final = {JUKI: 0x0104, JPKI: 0x001A}
"""A system's keys, and a key pair: neither is written so."""
STATUS: Final = bytes.fromhex("80F24002024F00")


@cache
def blank() -> MemorySnapshot:
    return make_blank("juki-v1").environment.memory.snapshot()


@cache
def key_pair() -> bytes:
    applet = applet_of(make_model("juki-v1"), names.JPKI)
    return applet.files.value(applet.tree.ef(KEYS[JPKI])) or b""


def block(p1: int, number: int, data: bytes) -> bytes:
    return bytes((0x80, 0xE2, p1, number, len(data))) + data


class Scene:
    """A blank card, and what was named for personalisation, whose contents are sent."""

    def __init__(self) -> None:
        self.card = Card.restore(blank(), on_bug=raise_bug)
        self.card.power_on()
        self.host: Host | None = None
        self.named = JUKI
        assert send(self.card, "0070000001") == "019000"

    def do(self, command: str) -> int:
        """Do what a command of the rules stands for; the status."""
        if command == "LOOK":
            return self._look()
        if command in OTHERS:
            return self._outside(command)
        sent = self._sent(command)
        if self.host is None:
            return int.from_bytes(self.card.transmit(sent)[-2:])
        return int(self.host.send(sent)[-4:], 16)

    def _sent(self, command: str) -> bytes:
        if command.startswith("TARGET"):
            self.named = command.split()[1]
            return install(0x20, aid=AIDS[self.named])
        if command == "STATUS":
            return STATUS
        values = CONTENTS[self.named]
        return {
            "FIRST": block(0x08, 0, groupings(values[:1])),
            "REST": block(0x88, 1, groupings(values[1:])),
            "WHOLE": block(0x88, 0, groupings(values)),
            "PART": block(0x88, 0, groupings(values[:1])),
            "OBJECTS": block(0x90, 0, b"\x5a\x01\x00"),
            "A KEY": block(0x88, 0, groupings([*values, (KEYS[self.named], bytes(34))])),
        }[command]

    def _outside(self, command: str) -> int:
        if command == "MAKE KEYS":
            memory = self.card.environment.memory
            with memory.transaction():
                memory.partition(f"application {names.JPKI}").put("content/001A", key_pair())
            return 0x9000
        self.host = Host(self.card.transmit).open() if command == "OPEN" else None
        return 0x9000 if self.host else int(send(self.card, "80CA005A00")[-4:], 16)

    def _look(self) -> int:
        """Return what GET STATUS on another channel says is blank; the card's state agrees."""
        host = Host(self.card.transmit, channel=1).open()
        states = bytes.fromhex(host.send("80F24000024F00"))
        card = bytes.fromhex(host.send("80F28000024F00"))
        found, at = 0, 0
        while at < len(states) - 2:
            end = at + 1 + states[at]
            place = [*map(bytes, AIDS.values())].index(states[at + 1 : end])
            assert states[end] in (0x07, 0x17)
            found |= (states[end] == 0x17) << place
            at = end + 2
        assert card[-4] == (0x07 if found else 0x0F)
        return found


LOOK: Final = ("LOOK", "WHOLE", "LOOK")
"""What is done after each command, to see what it has left."""
COMMANDS: Final = (*GUARDS, *OTHERS)


@cache
def told() -> Told[State]:
    return walk(Oracle(), State(), Scene, COMMANDS, LOOK)


def unlike(oracle: Oracle) -> Iterator[str]:
    """Yield what an oracle does not explain."""
    return unexplained(oracle, State(), told(), LOOK)


def test_card_and_rules_agree_in_every_state(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("access states", len(told()))
    record_property("access checks", len(told()) * len(COMMANDS) * (1 + len(LOOK)))
    assert len(told()) > 40
    assert [*itertools.islice(unlike(Oracle()), 5)] == []


@pytest.mark.parametrize("rule", wrong_rules())
def test_a_wrong_rule_is_noticed(rule: str) -> None:
    assert any(unlike(wrong_rules()[rule])), rule

"""STORE DATA in blocks, of the domain and of an application: card and rules agree in every state.

Blocks follow, are out of turn, of another kind, the last; other commands come between. Wrong rules
are planted, and noticed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import pytest

from jukicard import Card
from jukicard.apdu import Aid
from jukicard.kit import (
    ALWAYS,
    AccessRules,
    DataObject,
    DedicatedFile,
    Files,
    FileTree,
    KeyState,
    TransparentFile,
)
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import offer_applet
from tests.support.cards.issuer_desk import ISSUED, POINTS, delete, install, session
from tests.support.naive.scp03_host import Host
from tests.support.oracle.issuer_walk import Told, unexplained, walk
from tests.support.oracle.rules_issuer_blocks import (
    GROUPINGS,
    GUARDS,
    OBJECTS,
    OTHERS,
    Oracle,
    State,
    wrong_rules,
)
from tests.support.published.transcript import send

pytestmark = pytest.mark.xdist_group("issuer blocks walk")

AID: Final = Aid("F0424C4F434B5301")
NAMES: Final = (0xF0, 0xF2)
"""What block 0, and what 1 and 2 hold: an object of either, and a file of the application."""
VALUE: Final = "A7"


class BlocksApplet(Files[KeyState]):
    """Has the objects that the domain has, and files of the same names."""

    type_name = "test-blocks"
    tree = FileTree(
        DedicatedFile(
            name=AID,
            files=tuple(
                TransparentFile(fid=name, size=1, access=AccessRules(read=ALWAYS)) for name in NAMES
            ),
            objects=tuple(DataObject(tag=name, read=ALWAYS) for name in NAMES),
        )
    )


offer_applet(BlocksApplet)


@cache
def issued() -> MemorySnapshot:
    card = Card.restore(ISSUED, on_bug=raise_bug)
    card.power_on()
    assert session(card).send(install(module=AID, aid=AID)) == "009000"
    return card.environment.memory.snapshot()


SENT: Final = {
    "EMPTY": bytes.fromhex("80E28000"),
    "ENCRYPTED": bytes.fromhex("80E2E00003F001") + bytes.fromhex(VALUE),
    "PERSONALISE": install(0x20, aid=AID),
    "DELETE": delete(POINTS),
    "STATUS": bytes.fromhex("80F28000024F00"),
    "GET DATA": bytes.fromhex("80CA005A00"),
    "UNKNOWN": bytes.fromhex("80FE0000"),
}


def block(command: str) -> bytes:
    """STORE DATA as a command of the rules has it."""
    name, kind, number, *wrong = command.split()
    last = 0x80 if name == "LAST" else 0
    if wrong:
        data = {"UNKNOWN": "6601" + VALUE, "CUT": "00F202" + VALUE}[wrong[0]]
    else:
        head = {OBJECTS: "{:02X}01", GROUPINGS: "00{:02X}01"}[kind]
        data = head.format(NAMES[min(int(number), 1)]) + VALUE
    raw = bytes.fromhex(data)
    return bytes((0x80, 0xE2, last | (8 if kind == GROUPINGS else 0), int(number), len(raw))) + raw


class Scene:
    """A card on which channel 1 has the application selected and channel 2 the domain."""

    def __init__(self) -> None:
        self.card = Card.restore(issued(), on_bug=raise_bug)
        self.card.power_on()
        self.host: Host | None = None
        for number in (1, 2):
            assert send(self.card, "0070000001") == f"0{number}9000"
        assert send(self.card, f"01A4040C08{AID}") == "9000"

    def do(self, command: str) -> int:
        """Do what a command of the rules stands for; the status."""
        if command == "LOOK":
            return self._look()
        if command in OTHERS:
            return self._outside(command)
        sent = SENT.get(command) or block(command)
        if self.host is None:
            return int.from_bytes(self.card.transmit(sent)[-2:])
        return int(self.host.send(sent)[-4:], 16)

    def _outside(self, command: str) -> int:
        self.host = None
        if command == "OPEN":
            self.host = Host(self.card.transmit).open()
            return 0x9000
        raw = SENT["GET DATA"] if command == "PLAIN" else block("BLOCK objects 0")
        return int.from_bytes(self.card.transmit(raw)[-2:])

    def _look(self) -> int:
        """See which of the two the domain has as they were sent, and which the application."""
        seen = 0
        for number, name in enumerate(NAMES):
            seen |= self._is_written(f"02CA00{name:02X}00") << number
            written = self._is_written(f"01CA00{name:02X}00")
            assert send(self.card, f"01A4020C0200{name:02X}") == "9000"
            seen |= (written or self._is_written("01B0000000")) << (4 + number)
        return seen

    def _is_written(self, read: str) -> bool:
        return send(self.card, read)[:-4] == VALUE


LOOK: Final = ("LOOK", f"LAST {OBJECTS} 0", "LOOK")
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

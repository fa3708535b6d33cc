"""The issuer domain and the rules of the manual agree in every state that can be reached.

Breadth first over what the issuer does with one further application, and what somebody else has
selected meanwhile; every command is tried in every state. Wrong rules are planted, and noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from jukicard import Card
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.issuer_desk import (
    ISSUED,
    ISSUER,
    K_ENC,
    K_MAC,
    POINTS,
    delete,
    install,
    put_key,
)
from tests.support.naive.scp03_host import Host
from tests.support.oracle.issuer_walk import Told, unexplained, walk
from tests.support.oracle.rules_issuer import (
    COMMANDS,
    GUARDS,
    OF_THE_ISSUER,
    Oracle,
    State,
    wrong_rules,
)
from tests.support.published.transcript import send

SENT: Final[Mapping[str, bytes]] = {
    "GET STATUS": bytes.fromhex("80F28002024F00"),
    "LOCK CARD": bytes.fromhex("80F0807F"),
    "UNLOCK CARD": bytes.fromhex("80F0800F"),
    "END CARD": bytes.fromhex("80F080FF"),
    "LOCK": bytes.fromhex("80F0408008") + POINTS,
    "UNLOCK": bytes.fromhex("80F0400708") + POINTS,
    "INSTALL": install(0x04),
    "MAKE SELECTABLE": install(0x08),
    "INSTALL AND MAKE SELECTABLE": install(0x0C),
    "PERSONALISE": install(0x20),
    "DELETE": delete(POINTS),
    "PUT KEY": put_key(Host(bytes), (K_ENC, K_MAC), 1),
    "STORE": bytes.fromhex("80E2800003C10141"),
    "UNBLOCK": bytes.fromhex("802C0300020004"),
}


class Scene:
    """A card with two channels, and an issuer who may have a session on the first."""

    def __init__(self) -> None:
        self.card = Card.restore(ISSUED, on_bug=raise_bug)
        self.card.power_on()
        self.host: Host | None = None
        assert send(self.card, "0070000001") == "019000"

    def do(self, command: str) -> int:
        """Do what a command of the rules stands for; the status."""
        others: dict[str, Callable[[], str]] = {
            "OPEN": self._open,
            "PLAIN": self._plain,
            "SELECT": lambda: send(self.card, f"01A4040C08{POINTS}"),
            "LEAVE": lambda: send(self.card, f"01A4040C07{ISSUER}"),
            "USE": lambda: send(self.card, "01B0810000"),
        }
        if command in others:
            return int(others[command]()[-4:], 16)
        if self.host is None:
            return int.from_bytes(self.card.transmit(SENT[command])[-2:])
        return int(self.host.send(SENT[command])[-4:], 16)

    def _open(self) -> str:
        self.host = None
        asked = Host(self.card.transmit)
        refused = asked.initialize()
        if refused != b"\x90\0":
            return refused.hex()
        answer = self.card.transmit(asked.external()).hex()
        self.host = asked if answer == "9000" else None
        return answer

    def _plain(self) -> str:
        self.host = None
        return send(self.card, "00CA005A00")


LOOK: Final = ("STORE", "INSTALL AND MAKE SELECTABLE", "PERSONALISE", "UNBLOCK", "USE")
"""What is done after each command, to see what it has left."""


@pytest.fixture(scope="module")
def told() -> Told[State]:
    return walk(Oracle(), State(), Scene, COMMANDS, LOOK)


def explained(oracle: Oracle, told: Told[State]) -> list[str]:
    """What an oracle does not explain of what was answered."""
    return list(unexplained(oracle, State(), told, LOOK))


def test_card_and_rules_agree_in_every_state(told: Told[State]) -> None:
    assert len(told) > 100
    assert {command for _, answers in told.values() for command in answers} == set(COMMANDS)
    assert explained(Oracle(), told) == []


def test_every_command_succeeds_and_is_refused_somewhere(told: Told[State]) -> None:
    for command in COMMANDS:
        found = {answers[command][0] for _, answers in told.values()}
        assert 0x9000 in found, command
        assert command == "PLAIN" or found - {0x9000}, command


def test_there_are_wrong_rules_of_every_command() -> None:
    wrong = {name.partition(":")[0] for name in wrong_rules()}
    assert wrong >= set(OF_THE_ISSUER) == GUARDS.keys()


@pytest.mark.parametrize("rule", wrong_rules())
def test_a_wrong_rule_is_noticed(told: Told[State], rule: str) -> None:
    assert explained(wrong_rules()[rule], told), rule

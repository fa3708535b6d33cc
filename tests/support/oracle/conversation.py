"""Card, naive terminal and oracle in one conversation, and a cheap way back to any point of it.

What a card holds in RAM cannot be copied. But a seeded card that gets the same bytes gives the same
bytes: to go back, a fresh fork gets what the first one got and has to answer what it answered. The
terminal, which did its share the first time, is copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from jukicard import Card
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.juki_desk import Desk
from tests.support.naive.terminal import NaiveTerminal
from tests.support.oracle.juki_commands import Memory, Player
from tests.support.oracle.rules import Command, Oracle, State

Run = list[tuple[Command, int]]
GET_NUMBER = bytes.fromhex("00CA005A00")
TOLD = 30
"""How many of the last commands a disagreement tells: a run may have thousands."""


class Rulebook(Protocol):
    """The rules of some card; its states are its own affair."""

    def step(self, state: Any, command: Command, /) -> tuple[int, Any]:
        """The status that a command gets in a state, and the state after it."""


class Disagreement(AssertionError):
    """Card and oracle differ; the text is the way there."""


@dataclass(frozen=True)
class Place:
    """A point in a conversation: what led there, and what terminal and oracle know then."""

    sent: tuple[tuple[bytes, bytes], ...]
    memory: Memory
    state: Any
    said: tuple[tuple[Command, int], ...] = ()


@dataclass
class Stage:
    """One card in one state of delivery: conversations with copies of it begin here."""

    snapshot: MemorySnapshot
    oracle: Rulebook = field(default_factory=Oracle)
    first: Any = field(default_factory=State)
    terminal: type[Player] = Player

    def __post_init__(self) -> None:
        self.card = Card.restore(self.snapshot, on_bug=raise_bug)
        powered = self._powered()
        answer = powered.transmit(GET_NUMBER)
        assert answer[:2] == b"\x5a\x08"
        assert answer[-2:] == b"\x90\x00"
        self.number = answer[2:10]
        self.start = Place(((GET_NUMBER, answer),), Memory(), self.first)

    def _powered(self) -> Card:
        card = self.card.fork()
        card.power_on()
        return card

    def go_on(self, place: Place) -> Conversation:
        """A conversation that has come to a place; Disagreement if the card gets there no more."""
        card = self._powered()
        for sent, answered in place.sent:
            if not sent:
                card.power_on()
            elif card.transmit(sent) != answered:
                raise Disagreement(f"the same bytes have got another answer: {_told(place.said)}")
        player = self.terminal(Desk(card, NaiveTerminal(card.transmit, self.number)))
        player.recall(place.memory)
        return Conversation(self.oracle, player, place)


class Conversation:
    """A card, the oracle beside it, and what was said so far."""

    def __init__(self, oracle: Rulebook, player: Player, place: Place) -> None:
        self.oracle = oracle
        self.player = player
        self.state: Any = place.state
        self.sent = list(place.sent)
        self.said = list(place.said)

    def send(self, command: Command) -> int:
        """Send a command to the card; Disagreement unless it answers what the oracle says."""
        expected, self.state = self.oracle.step(self.state, command)
        try:
            answered = self.player.status(command)
        except Exception as error:
            raise Disagreement(self._story(f"{command}: {error!r}")) from error
        self.said.append((command, answered))
        if answered != expected:
            raise Disagreement(self._story(f"answered {answered:04X}, expected {expected:04X}"))
        return answered

    def _story(self, end: str) -> str:
        return f"{_told(self.said)}\n{end}\nlast refusal: {self.player.card.last_refusal}"

    def place(self) -> Place:
        """Where the conversation is, to come back to."""
        sent = (*self.sent, *self.player.exchanged)
        return Place(sent, self.player.remember(), self.state, tuple(self.said))


def _told(said: tuple[tuple[Command, int], ...] | Run) -> str:
    before = [f"  ({len(said) - TOLD} commands before)"] if len(said) > TOLD else []
    lines = [f"  {command}: {status:04X}" for command, status in said[-TOLD:]]
    return "\n".join((*before, *lines))

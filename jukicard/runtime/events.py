"""What happens inside the card, as typed events for listeners on the emulator's side.

None of this goes over the wire. Events name files, references and rules; raw commands and
answers are in `Exchange` only, and no repr shows them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from jukicard.apdu.aid import Aid
from jukicard.apdu.status import StatusWord


@dataclass(frozen=True, slots=True)
class CardEvent:
    """The common type of all events."""


@dataclass(frozen=True, slots=True)
class PoweredOn(CardEvent):
    """The card answered to reset; `warm` when power had stayed on."""

    atr: bytes
    warm: bool


@dataclass(frozen=True, slots=True)
class PoweredOff(CardEvent):
    """Power went away, and all volatile state with it."""


@dataclass(frozen=True, slots=True)
class Exchange(CardEvent):
    """One command and its answer as they went over the wire; may hold secrets."""

    command: bytes = field(repr=False)
    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApplicationSelected(CardEvent):
    """An application was selected on a channel; `again` when it was already."""

    channel: int
    aid: Aid
    again: bool


@dataclass(frozen=True, slots=True)
class SecurityStatusChanged(CardEvent):
    """Something was proven, or a proof was lost."""

    aid: Aid
    what: str
    holds: bool


@dataclass(frozen=True, slots=True)
class RetryCounterChanged(CardEvent):
    """A retry counter has a new value; `reference` names the PIN or key."""

    aid: Aid
    reference: str
    tries_left: int


@dataclass(frozen=True, slots=True)
class LifeCycleChanged(CardEvent):
    """An object changed its life-cycle state."""

    aid: Aid | None
    what: str
    state: str


@dataclass(frozen=True, slots=True)
class Refusal(CardEvent):
    """A command was refused: the status that went out and the rule that stayed inside."""

    channel: int
    ins: int
    status: StatusWord
    reason: str

    def __str__(self) -> str:
        return f"{self.status.hex}: {self.reason}"


@dataclass(frozen=True, slots=True)
class FirewallDenial(CardEvent):
    """An application reached for what is not its own: who, what and why not."""

    aid: Aid
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class MemoryCommitted(CardEvent):
    """Writes landed; how many in which partitions, never what."""

    partitions: tuple[str, ...]
    writes: int


Listener: TypeAlias = Callable[[CardEvent], None]


class Events:
    """Who listens to a card. Without a listener an event costs one comparison."""

    __slots__ = ("listeners",)

    def __init__(self) -> None:
        self.listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Send every event to `listener` from now on; return what ends that."""
        self.listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self.listeners:
                self.listeners.remove(listener)

        return unsubscribe

    def emit(self, event: CardEvent) -> None:
        """Hand an event to everyone who listens, in the order they came."""
        for listener in tuple(self.listeners):
            listener(event)

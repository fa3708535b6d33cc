"""A powered card over a memory that can be cut off, and a terminal in front of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from jukicard import Card
from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.environment import CardEnvironment, random_from_state
from jukicard.kit.fileapplet import FileApplet
from jukicard.memory import PersistentMemory
from jukicard.memory.backend import Backend, Changes, Contents
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.faults import FaultyBackend
from jukihost.channel import PlainChannel


class Protected(Protocol):
    """A session in which commands are sent: the host library's, or the naive terminal's."""

    @property
    def alive(self) -> bool:
        """True while the session goes on."""

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        """Send one command protected and return the plain form of its answer."""


class Rig:
    """A powered card over a memory that can be cut off, and a terminal in front of it."""

    def __init__(self, backend: Backend, random: bytes) -> None:
        self.backend = FaultyBackend(backend)
        self.memory = PersistentMemory(self.backend)
        self.card = Card(
            CardEnvironment(random=random_from_state(random), memory=self.memory), on_bug=raise_bug
        )
        self.secure: Protected | None = None
        self.selected = b""
        self.notes: dict[str, Any] = {}
        self.power_on()

    def power_on(self) -> bytes:
        """Give the card power; whatever session there was is over."""
        self.secure = None
        return self.card.power_on()

    def applet(self, aid: bytes) -> FileApplet[Any]:
        """Return the application with this identifier."""
        found = self.card.applications.get(aid)
        assert found is not None
        assert isinstance(found.applet, FileApplet)
        return found.applet

    @property
    def plain(self) -> PlainChannel:
        """The channel without protection."""
        return PlainChannel(_Wire(self.card))

    @property
    def channel(self) -> PlainChannel | Protected:
        """The session that is open, or the channel without protection."""
        return self.plain if self.secure is None else self.secure

    def send(self, command: CommandApdu | str) -> ResponseApdu:
        """Send a command, protected when a session is open."""
        if isinstance(command, str):
            command = CommandApdu.parse(bytes.fromhex(command))
        return self.channel.transmit(command)

    def must(self, command: CommandApdu | str) -> ResponseApdu:
        """Send a command that leads to the one under test and must succeed."""
        answer = self.send(command)
        if is_refused(answer):
            raise NotReached(f"{command}: {answer.status.hex}; {self.card.last_refusal}")
        return answer


def is_refused(answer: ResponseApdu) -> bool:
    """Tell whether a command was not carried out: 63CX is a warning to ISO/IEC 7816-4 only."""
    return answer.status.is_error or answer.status.sw1 == 0x63


def sends(command: CommandApdu | str) -> Callable[[Rig], ResponseApdu]:
    """Return an `act` that sends one command."""
    return lambda rig: rig.send(command)


class NotReached(Exception):
    """The situation of a scenario cannot be had on this card."""


@dataclass
class _Wire:
    """The card as a connection of the host."""

    card: Card
    description: str = "the card under test"

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def open(self) -> None: ...

    def close(self) -> None: ...

    def transmit(self, command: bytes) -> bytes:
        return self.card.transmit(command)

    def reset(self) -> bytes:
        return self.card.reset()

    def __enter__(self) -> _Wire:
        return self

    def __exit__(self, *error: object) -> None: ...


@dataclass
class Journal:
    """A backend that keeps what had landed after each write."""

    inner: Backend
    states: list[Contents] = field(default_factory=list)

    def load(self) -> Contents:
        return self.inner.load()

    def write(self, changes: Changes) -> None:
        self.inner.write(changes)
        self.states.append(self.inner.load())

    def close(self) -> None:
        self.inner.close()

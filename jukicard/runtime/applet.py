"""What an application on the card is, and the one handle through which it reaches anything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.environment import RandomSource
from jukicard.memory import Partition
from jukicard.runtime.events import CardEvent, Events
from jukicard.runtime.options import CardOptions


class AppletContext:
    """All that an application can reach: its memory, randomness, the card's options, its events."""

    __slots__ = ("_events", "aid", "memory", "options", "parameters", "random")

    def __init__(
        self,
        *,
        aid: Aid,
        memory: Partition,
        random: RandomSource,
        options: CardOptions,
        parameters: Mapping[str, str],
        events: Events,
    ) -> None:
        self.aid = aid
        self.memory = memory
        self.random = random
        self.options = options
        self.parameters = parameters
        self._events = events

    def emit(self, event: CardEvent) -> None:
        """Tell the emulator's observers; costs one comparison when nobody listens."""
        if self._events.observers:
            self._events.emit(event)

    def __repr__(self) -> str:
        return f"<AppletContext {self.aid}>"


class Applet(ABC):
    """An application: what it answers when it is selected, and afterwards.

    One object a card. Volatile state is not kept in it but in what `new_state` returns, one for
    each logical channel it is selected on, thrown away when it is left.
    """

    type_name: ClassVar[str]
    """The name under which a card's memory and the entry points know this kind of application."""

    def __init__(self, context: AppletContext) -> None:
        self.context = context

    @abstractmethod
    def new_state(self) -> Any:
        """Return fresh volatile state: nothing proven, nothing selected."""

    @abstractmethod
    def select(self, command: CommandApdu, state: Any) -> ResponseApdu:
        """Answer SELECT by name; also when it comes again. IsoError refuses to be selected."""

    @abstractmethod
    def process(self, command: CommandApdu, state: Any) -> ResponseApdu:
        """Answer any other command; IsoError refuses. Complete commands only: no chain links."""

    def deselect(self, state: Any) -> None:  # noqa: B027 - most have nothing to do
        """Be left: `state` is thrown away after this. Nothing raised here has an effect."""

    @property
    def description(self) -> list[tuple[str, str]]:
        """What `inspect` shows of this application: (what, value), secrets left out."""
        return []

"""The card: power, reset, one command in and one answer out, snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu, MalformedApduError
from jukicard.apdu.status import StatusWord
from jukicard.channel import LogicalChannel
from jukicard.environment import CardEnvironment, random_from_state
from jukicard.errors import IsoError
from jukicard.memory import ImageError, ImageProblem, MemorySnapshot, PersistentMemory
from jukicard.runtime.application import Application, Surroundings
from jukicard.runtime.boundary import log_bug
from jukicard.runtime.cardstate import CardState
from jukicard.runtime.events import (
    CardEvent,
    Events,
    Exchange,
    MemoryCommitted,
    PoweredOff,
    PoweredOn,
    Refusal,
)
from jukicard.runtime.firewall import Grants, Services
from jukicard.runtime.kinds import is_own
from jukicard.runtime.migration import migrate
from jukicard.runtime.options import CardOptions
from jukicard.runtime.pipeline import Pipeline
from jukicard.runtime.registry import Registry

CARD_PARTITION: Final = "card"
"""The partition of memory that belongs to the card itself and to no application."""
OPTIONS_KEY: Final = "options"
PROFILE_KEY: Final = "profile"
_RANDOM: Final = "random"
"""The partition of a snapshot that says where a seeded generator stood; as secret as a key."""


class CardUnpoweredError(RuntimeError):
    """A command was sent to a card without power: `power_on` first."""

    def __str__(self) -> str:
        return "the card has no power: call power_on() first"


class Card:
    """A software card. Owns its environment, its applications and its channels.

    Made by `jukicard.issue_card`, by `Card.restore`, or from a `CardEnvironment` whose memory
    holds a personalised card. One thread at a time.

    on_bug: told of an exception that no rule explains before 6F00 goes out; the default logs type
        and place, `jukicard.runtime.boundary.raise_bug` is for tests.
    """

    __slots__ = (
        "_atr",
        "_pipeline",
        "_registry",
        "environment",
        "events",
        "grants",
        "on_bug",
        "options",
        "state",
    )

    def __init__(
        self, environment: CardEnvironment, *, on_bug: Callable[[Exception], None] = log_bug
    ) -> None:
        """Take the card that `environment.memory` holds; ImageError when it holds none.

        UnknownAppletError when it has an application that nothing installed here can run. What is
        of an earlier version than that is migrated; MemoryFailureError when it cannot be written.
        An application that fails, or cannot take over what it kept, is out of use alone: it answers
        6F00, and its `fault` says why.
        """
        self.environment = environment
        self.on_bug = on_bug
        self.events = Events()
        memory = environment.memory.partition(CARD_PARTITION)
        raw = memory.get(OPTIONS_KEY)
        if raw is None:
            raise ImageError(
                ImageProblem.FOREIGN, "this memory holds no personalised card: choose another"
            )
        self.state = CardState(memory, self.events)
        self.grants = Grants(self.events, self._services_of)
        try:
            self.options = CardOptions.from_bytes(raw)
            self._registry = Registry(
                memory,
                Surroundings(environment, self.options, self.events, self.grants, self.state),
            )
            _ = self.state.now, self.profile  # what is none shows here
            self.state.check_kept()
        except _UNREADABLE:
            raise _damaged("") from None
        migrate(self._registry, environment.memory, on_bug)
        if environment.memory.is_kept:
            self._check_kept()
        self._atr = self.options.atr
        self._pipeline: Pipeline | None = None

    def _check_kept(self) -> None:
        """Refuse values that no application ever wrote (ImageError), before any answer.

        One that is not ours is taken out of use instead, whatever it raises.
        """
        for application in list(self._registry):
            where = f"application {application.aid}"
            try:
                application.check_kept()
            except Exception as problem:
                if not is_own(application.type_name):
                    self._registry.take_out(
                        application.aid,
                        f"the {where} of this card is out of use: what it keeps is damaged, or "
                        f"cannot be checked ({type(problem).__name__}): use another copy",
                    )
                elif isinstance(problem, _UNREADABLE):
                    raise _damaged(f" ({where}, {problem})") from None
                else:
                    raise

    def _services_of(self, aid: Aid) -> Services | None:
        owner = self._registry.get(aid)
        return None if owner is None else owner.services

    def _committed(self, changed: object) -> None:
        if self.events.listeners and isinstance(changed, dict):
            self.events.emit(
                MemoryCommitted(tuple(changed), sum(len(keys) for keys in changed.values()))
            )

    @property
    def atr(self) -> bytes:
        """The answer to reset, whether the card has power or not."""
        return self._atr

    @property
    def profile(self) -> str:
        """The name of the profile the card was made from."""
        raw = self.environment.memory.partition(CARD_PARTITION).get(PROFILE_KEY)
        return raw.decode() if raw is not None else ""

    @property
    def powered(self) -> bool:
        """True between `power_on` and `power_off`."""
        return self._pipeline is not None

    @property
    def applications(self) -> Registry:
        """The applications on the card."""
        return self._registry

    @property
    def channels(self) -> tuple[LogicalChannel, ...]:
        """The open logical channels, for whoever shows them; none without power.

        To be read only, and while the card does nothing.
        """
        return () if self._pipeline is None else tuple(self._pipeline.channels.open_channels)

    @property
    def last_refusal(self) -> Refusal | None:
        """Why the last refused command since power-on was refused, for whoever explains it."""
        return None if self._pipeline is None else self._pipeline.boundary.last_refusal

    def subscribe(self, listener: Callable[[CardEvent], None]) -> Callable[[], None]:
        """Tell `listener` of every event from now on; call what is returned to end that."""
        self.environment.memory.on_commit = self._committed  # costs nothing before anyone listens
        return self.events.subscribe(listener)

    def power_on(self) -> bytes:
        """Give the card power (again) and return its ATR; nothing volatile is left.

        MemoryFailureError when the card's memory cannot be read, ImageError when it is damaged,
        UnknownAppletError when another program has put something on it that cannot be run here.
        """
        self._start()
        if self.events.listeners:
            self.events.emit(PoweredOn(self._atr, warm=False))
        return self._atr

    def _start(self) -> None:
        self._pipeline = None
        if self.environment.memory.recover():
            migrate(self._registry, self.environment.memory, self.on_bug)
            self._check_kept()
        self._pipeline = Pipeline(
            self._registry,
            self.environment.memory,
            self.options,
            self.events,
            self.on_bug,
            self.state,
        )

    def reset(self) -> bytes:
        """Reset the card with power left on and return its ATR. CardUnpoweredError.

        A contact card forgets all that is volatile. Over the contactless interface the basic
        channel keeps its application and the PINs verified there, as real cards were measured to;
        what systems have proven, and their secure messaging, ends all the same.
        """
        old = self._pipeline
        if old is None:
            raise CardUnpoweredError
        self._start()
        if self.options.contactless and self._pipeline is not None:
            try:
                _keep_pins(old.channels.basic, self._pipeline.channels.basic)
            except Exception as bug:  # noqa: BLE001 - an application's bug must not end the reset
                self.on_bug(bug)
        if self.events.listeners:
            self.events.emit(PoweredOn(self._atr, warm=True))
        return self._atr

    def power_off(self) -> None:
        """Take the power away; everything volatile is gone. Allowed at any time."""
        self._pipeline = None
        self.environment.memory.rollback()
        if self.events.listeners:
            self.events.emit(PoweredOff())

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU: any bytes of any length get a status word, never an exception.

        CardUnpoweredError without power.
        """
        pipeline = self._pipeline
        if pipeline is None:
            raise CardUnpoweredError
        try:
            command = CommandApdu.parse(raw)
        except MalformedApduError as error:
            refusal = IsoError(StatusWord.WRONG_LENGTH, str(error))
            answer = pipeline.boundary.refuse(refusal, raw[1] if len(raw) > 1 else 0, 0).encode()
        else:
            response = pipeline.process(command)
            answer = response.data + response.status.to_bytes(2, "big")
        if self.events.listeners:
            self.events.emit(Exchange(bytes(raw), answer))
        return answer

    def snapshot(self) -> MemorySnapshot:
        """Return all that the card keeps without power, and where its generator stands.

        Cheap and immutable. It holds private keys, PINs and the resident record code; only its
        `export_with_keys` writes them out, and those bytes are as secret as the card.
        """
        taken = self.environment.memory.snapshot()
        contents = taken.copies()
        contents.pop(_RANDOM, None)  # of the snapshot this card came from, long used up
        state = self.environment.random.state()
        if state:
            contents[_RANDOM] = {_RANDOM: state}
        return MemorySnapshot.adopt(contents, taken.meta)

    @classmethod
    def restore(
        cls, snapshot: MemorySnapshot, *, on_bug: Callable[[Exception], None] = log_bug
    ) -> Card:
        """Return a card, without power, that is what `snapshot` was taken of; a fork of it.

        A seeded generator goes on where it stood. ImageError when the snapshot holds no card.
        """
        state = snapshot.partitions.get(_RANDOM, {}).get(_RANDOM, b"")
        environment = CardEnvironment(
            random=random_from_state(state), memory=PersistentMemory.restore(snapshot)
        )
        return cls(environment, on_bug=on_bug)

    def fork(self) -> Card:
        """Return a copy of this card, without power, that goes its own way from here."""
        return Card.restore(self.snapshot(), on_bug=self.on_bug)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card is not copied or pickled: fork it, or export a snapshot with keys")

    def __repr__(self) -> str:
        power = "on" if self.powered else "off"
        return f"<Card {self.profile}, {len(self._registry)} applications, power {power}>"


_UNREADABLE: Final = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError
)  # fmt: skip
"""What reading a value raises that is not what was written."""


def _damaged(where: str) -> ImageError:
    return ImageError(
        ImageProblem.DAMAGED,
        f"this memory holds a card that is damaged or was tampered with{where}: use another copy",
    )


def _keep_pins(before: LogicalChannel, after: LogicalChannel) -> None:
    """Give a channel the application of another and the PINs that were verified there."""
    application: Application | None = before.application
    if application is None or before.state is None:
        return
    state, kept = application.new_state(), before.state
    application.keep_pins(kept, state)
    after.application, after.state = application, state

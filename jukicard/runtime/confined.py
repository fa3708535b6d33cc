"""What stands between the card and an application from elsewhere: exact values both ways.

The card believes nothing that such an application hands over. What crosses is of exactly the type
it should be, or is copied into one that is; an object of the application's own stays behind. What
it is handed are objects whose methods are their own: none belongs to anything that holds more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from jukicard.apdu.aid import Aid
from jukicard.apdu.cla import CLASS_BYTES, ClassByte
from jukicard.apdu.command import MAX_NE, CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.environment import RandomSource
from jukicard.filesystem.access import Proof, SecurityStatus
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext, ApplicationState
from jukicard.runtime.events import (
    CardEvent,
    LifeCycleChanged,
    RetryCounterChanged,
    SecurityStatusChanged,
)
from jukicard.runtime.firewall import AppletMisbehavedError, Service, StepBudget, check_answer
from jukicard.runtime.options import CardOptions
from jukicard.securemessaging.session import ProtectionLevel, SecureMessagingSession

_T = TypeVar("_T")
_Ask: TypeAlias = Callable[[Callable[[], Any]], Any]

MAX_RANDOM: Final = MAX_NE
"""How many random bytes an application from elsewhere gets at once: as many as an answer has."""
_TOLD: Final[tuple[tuple[type[CardEvent], tuple[type, ...]], ...]] = (
    (LifeCycleChanged, (Aid, str, str)),
    (RetryCounterChanged, (Aid, str, int)),
    (SecurityStatusChanged, (Aid, str, bool)),
)
"""The events that an application tells of itself, and what each consists of."""


def exactly(value: object, kind: type[_T], what: str) -> _T:
    """Return a value of exactly this type; AppletMisbehavedError, which names `what`, else."""
    if type(value) is not kind:
        raise AppletMisbehavedError(f"{what} is no {kind.__name__}")
    return value


def _range(value: object, most: int, what: str) -> int:
    number = exactly(value, int, what)
    if not 0 <= number <= most:
        raise AppletMisbehavedError(f"{what} is not 0 to {most}")
    return number


class ConfinedMemory:
    """The memory of an application from elsewhere: its own, behind methods of this object."""

    __slots__ = ("_partition",)

    def __init__(self, partition: ApplicationMemory) -> None:
        self._partition = partition

    @property
    def name(self) -> str:
        """What this part of the memory is called."""
        return self._partition.name

    def get(self, key: str, /) -> bytes | None:
        """Return a value, with the running transaction's writes made; None when there is none."""
        return self._partition.get(exactly(key, str, "a key of memory"))

    def put(self, key: str, value: bytes) -> None:
        """Write in the running transaction."""
        self._partition.put(key, value)

    def delete(self, key: str) -> None:
        """Delete in the running transaction; a key that is not there stays so."""
        self._partition.delete(key)

    def put_now(self, key: str, value: bytes) -> None:
        """Write so that it lands before this returns, and no rollback takes it back."""
        self._partition.put_now(key, value)

    def keys(self) -> list[str]:
        """Return the keys, the running transaction's writes made, in ascending order."""
        return self._partition.keys()

    def items(self) -> list[tuple[str, bytes]]:
        """Return the keys with their values, in ascending order of the keys."""
        return self._partition.items()

    def __repr__(self) -> str:
        return f"<ConfinedMemory {self.name}>"


class ConfinedRandom:
    """Randomness without the generator's state, from which everybody's keys could be told."""

    __slots__ = ("_source",)

    def __init__(self, source: RandomSource) -> None:
        self._source = source

    def take(self, size: int) -> bytes:
        """Return `size` random bytes, up to 65536."""
        return self._source.take(_range(size, MAX_RANDOM, "a number of random bytes"))

    def state(self) -> bytes:
        """Return nothing: it is the card's."""
        return b""


class ConfinedContext(AppletContext):
    """What an application from elsewhere can reach: the same, and each thing of its own only."""

    __slots__ = ("_budget",)

    def __init__(
        self,
        *,
        budget: StepBudget,
        memory: ApplicationMemory,
        random: RandomSource,
        options: CardOptions,
        **values: Any,
    ) -> None:
        super().__init__(
            memory=ConfinedMemory(memory),
            random=ConfinedRandom(random),
            options=dataclasses.replace(options),
            **values,
        )
        object.__setattr__(self, "_budget", budget)

    _budget: StepBudget

    def end_other_sessions(self) -> None:
        """Drop what was proven to this application on every other channel, after the command."""
        self._card.endings.end_all_of(self.aid)

    def end_proofs(self, of: Proof) -> None:
        """Drop what other channels have proven to this application with one thing."""
        super().end_proofs(_proof(of))

    def end_proofs_if_blocked(self, of: Proof, counter: str) -> None:
        """Drop what any channel has proven to this application when a counter is 0."""
        super().end_proofs_if_blocked(_proof(of), exactly(counter, str, "a key of memory"))

    def share(self, name: str, service: Service, to: Aid) -> None:
        """Let the application `to` use a service of this one; it runs within the budget."""
        budget = self._budget
        self._grants.check(self.aid, name, service, to)
        super().share(name, lambda data: budget.run(lambda: service(data)), to)

    def emit(self, event: CardEvent) -> None:
        """Tell the emulator's listeners; IsoError, a denial, of what is not its own to tell."""
        made_anew = _own_event(event, self.aid)
        if made_anew is None:
            raise self._grants.denial(self.aid, "an event", "it is not its own to tell")
        super().emit(made_anew)


def _proof(given: Proof) -> Proof:
    """Return what something proven rests on; AppletMisbehavedError for what is none."""
    return exactly(given, int, "a proof") if type(given) is not str else given


def _own_event(event: object, aid: Aid) -> CardEvent | None:
    """Return an event that an application tells of itself, made anew; None when it is none."""
    for kind, types in _TOLD:
        if type(event) is kind:  # a look-up in a table would ask the class whether it is equal
            values = [getattr(event, field.name) for field in dataclasses.fields(kind)]
            exact = all(type(value) is wanted for value, wanted in zip(values, types, strict=True))
            return kind(*values) if exact and values[0] == aid else None
    return None


class ConfinedSession:
    """A secure messaging session that an application from elsewhere gave, as the layers use it."""

    __slots__ = ("_ask", "given")

    def __init__(self, given: SecureMessagingSession, ask: _Ask) -> None:
        self.given = given
        self._ask = ask

    @property
    def alive(self) -> bool:
        """False when the session has ended."""
        return self._ask(lambda: self.given.alive) is True

    @property
    def level(self) -> ProtectionLevel:
        """The protection of the command that was unprotected last."""
        return exactly(self._ask(lambda: self.given.level), ProtectionLevel, "a session's level")

    def unprotect(self, command: CommandApdu) -> CommandApdu:
        """Return the plain command inside a protected one; IsoError when it is not authentic."""
        its_own = command.replace()
        return copied(self._ask(lambda: self.given.unprotect(its_own)))

    def protect(self, response: ResponseApdu) -> ResponseApdu:
        """Return the protected answer to the command that was unprotected last."""
        its_own = ResponseApdu(response.data, response.status)
        return check_answer(self._ask(lambda: self.given.protect(its_own)))

    def max_plain_length(self, ne: int) -> int:
        """Return how many data bytes an answer may have that fits `ne` bytes when protected."""
        return _range(self._ask(lambda: self.given.max_plain_length(ne)), MAX_NE, "a length")

    def end(self) -> None:
        """End the session."""
        self._ask(lambda: self.given.end())  # noqa: PLW0108 - looking it up is its code too


class ConfinedState:
    """The volatile state that an application from elsewhere gave, as the layers use it.

    `given` is what it gave, and what it gets back.
    """

    __slots__ = ("_ask", "_session", "given")

    def __init__(self, given: ApplicationState, budget: StepBudget) -> None:
        self.given = given
        self._ask = budget.run
        self._session: ConfinedSession | None = None

    @property
    def security(self) -> SecurityStatus:
        """What has been proven, as the application says."""
        security = exactly(
            self._ask(lambda: self.given.security), SecurityStatus, "what has been proven"
        )
        exactly(security.verified, set, "what has been verified")
        return security

    @property
    def messaging(self) -> ConfinedSession | None:
        """The secure messaging session, the same object as long as the application's is."""
        given = self._ask(lambda: self.given.messaging)
        if given is None:
            self._session = None
        elif self._session is None or self._session.given is not given:
            self._session = ConfinedSession(given, self._ask)
        return self._session

    @property
    def challenge(self) -> bytes:
        """The challenge that the next command may answer."""
        return exactly(self._ask(lambda: self.given.challenge), bytes, "a challenge")

    @challenge.setter
    def challenge(self, value: bytes) -> None:
        self._ask(lambda: setattr(self.given, "challenge", value))

    def forget(self) -> None:
        """Drop all that was proven."""
        self._ask(lambda: self.given.forget())  # noqa: PLW0108 - looking it up is its code too


def described(given: object) -> list[tuple[str, str]]:
    """Return what an application says of itself, made anew of text that is fit to be shown."""
    lines = []
    for line in exactly(given, list, "a description"):
        what, value = exactly(line, tuple, "a line of a description")
        lines.append((_shown(what), _shown(value)))
    return lines


def _shown(text: object) -> str:
    said = exactly(text, str, "a text")
    return said if said.isprintable() else repr(said)


def _instruction(given: int) -> int:
    """Return an instruction as a number; those with a name are members of `Ins`."""
    return int(given) if type(given) is Ins else given


def copied(command: object) -> CommandApdu:
    """Return a command that an application from elsewhere made, made anew."""
    given = exactly(command, CommandApdu, "the command in a session")
    cla = exactly(given.cla, ClassByte, "a class byte")
    return CommandApdu(
        CLASS_BYTES[_range(cla.value, 0xFF, "a class byte")],
        _range(_instruction(given.ins), 0xFF, "an instruction"),
        _range(given.p1, 0xFF, "P1"),
        _range(given.p2, 0xFF, "P2"),
        exactly(given.data, bytes, "a command's data"),
        _range(given.ne, MAX_NE, "Ne"),
        extended=given.extended is True,
    )

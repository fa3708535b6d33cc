"""What an application on the card is, and the one handle through which it reaches anything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.environment import RandomSource
from jukicard.errors import IsoError
from jukicard.filesystem.access import Proof, SecurityStatus
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.memory import ApplicationMemory
from jukicard.runtime.assembly import check_methods, check_whole, find_state
from jukicard.runtime.cardstate import CardControl, CardState
from jukicard.runtime.contents import Contents
from jukicard.runtime.events import CardEvent, Events
from jukicard.runtime.firewall import Grants, Service, Services
from jukicard.runtime.handlers import Handler, collect
from jukicard.runtime.options import CardOptions
from jukicard.runtime.quota import USUAL_SHARE
from jukicard.securemessaging.session import SecureMessagingSession


class ApplicationState(Protocol):
    """What the runtime needs of an application's volatile state on one channel.

    `security` is what has been proven, `messaging` the secure messaging session, `challenge` the
    challenge that may be answered by the next command and by no later one.
    """

    challenge: bytes

    @property
    def security(self) -> SecurityStatus:
        """What has been proven; the layers say in it how a command came."""
        ...

    @property
    def messaging(self) -> SecureMessagingSession | None:
        """The secure messaging session, None without one."""
        ...

    def forget(self) -> None:
        """Drop all that was proven and every authentication half done; selection may stay."""


class BasicState:
    """The least an application's state holds: nothing proven, no session, no challenge."""

    __slots__ = ("challenge", "messaging", "security")

    def __init__(self) -> None:
        self.security = SecurityStatus()
        self.messaging: SecureMessagingSession | None = None
        self.challenge = b""

    def forget(self) -> None:
        """Drop all that was proven; the session, if any, is not used again."""
        self.security = SecurityStatus()
        self.messaging = None
        self.challenge = b""


class AppletContext:
    """All that an application can reach: its memory, randomness, the card's options, its events.

    Nothing of it can be set: IsoError, a denial.
    """

    __slots__ = (
        "_aid",
        "_card",
        "_contents",
        "_control",
        "_events",
        "_grants",
        "_memory",
        "_options",
        "_parameters",
        "_random",
        "_services",
    )

    def __init__(
        self,
        *,
        aid: Aid,
        memory: ApplicationMemory,
        random: RandomSource,
        options: CardOptions,
        parameters: Mapping[str, str],
        events: Events,
        grants: Grants,
        services: Services,
        card: CardState,
        privileged: bool = False,
        contents: Contents | None = None,
    ) -> None:
        keep = partial(object.__setattr__, self)
        keep("_aid", aid)
        keep("_memory", memory)
        keep("_random", random)
        keep("_options", options)
        keep("_parameters", MappingProxyType(dict(parameters)))
        keep("_contents", contents)
        keep("_control", CardControl(card) if privileged else None)
        keep("_card", card)
        keep("_events", events)
        keep("_grants", grants)
        keep("_services", services)

    _aid: Aid
    _memory: ApplicationMemory
    _random: RandomSource
    _options: CardOptions
    _parameters: Mapping[str, str]
    _contents: Contents | None
    _control: CardControl | None
    _card: CardState
    _events: Events
    _grants: Grants
    _services: Services

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: an application that could name itself would use what others were granted."""
        said = str.__str__(name)[:40]
        raise self._grants.denial(self.aid, f"{said!r} of its context", "it cannot be set")

    @property
    def aid(self) -> Aid:
        """The name of the application."""
        return self._aid

    @property
    def memory(self) -> ApplicationMemory:
        """Its memory, and no other application's."""
        return self._memory

    @property
    def random(self) -> RandomSource:
        """Where it takes its challenges and keys from."""
        return self._random

    @property
    def options(self) -> CardOptions:
        """What the card's maker decided for the card as a whole."""
        return self._options

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the card's maker gave it along."""
        return self._parameters

    @property
    def card(self) -> CardControl | None:
        """What changes the card as a whole, for an application with the privilege; else None."""
        return self._control

    @property
    def contents(self) -> Contents | None:
        """What manages the applications of the card, for the issuer's own; else None."""
        return self._contents

    @property
    def card_usable(self) -> bool:
        """False while the card is suspended, and when it was ended."""
        return self._card.usable

    @property
    def card_state(self) -> LifeCycleState:
        """The life-cycle state of the card as a whole."""
        return self._card.now

    def end_other_sessions(self) -> None:
        """Drop what was proven on every other channel, once the running command is done.

        For a change that takes rights away: what was proven before it rests on what is no more.
        """
        self._card.endings.end_all()

    def end_proofs(self, of: Proof) -> None:
        """Drop what other channels have proven with one thing, once the running command is done.

        For a PIN, a key or a secret that is replaced; the file store does so by itself.
        """
        self._card.endings.end(self.aid, of)

    def end_proofs_if_blocked(self, of: Proof, counter: str) -> None:
        """Drop what any channel has proven with it when the counter in memory is 0 by then."""
        self._card.endings.end_if_blocked(self.aid, of, self.memory, counter)

    def share(self, name: str, service: Service, to: Aid) -> None:
        """Let the application `to` use a service of this one; sharing again replaces it.

        Bytes in, bytes out. What the service raises reaches the caller as its own refusal.
        IsoError, a denial, when what is given is no name, no service or no AID.
        """
        self._grants.check(self.aid, name, service, to)
        self._services[name, to] = service

    def request(self, owner: Aid, name: str, data: bytes) -> bytes:
        """Use a service that another application shares with this one.

        IsoError with the one status of every denial when it does not.
        """
        return self._grants.call(self.aid, owner, name, data)

    @property
    def heard(self) -> bool:
        """Whether anybody listens: an event that nobody hears need not be made."""
        return bool(self._events.listeners)

    def emit(self, event: CardEvent) -> None:
        """Tell the emulator's listeners; costs one comparison when nobody listens."""
        if self._events.listeners:
            self._events.emit(event)

    def __repr__(self) -> str:
        return f"<AppletContext {self.aid}>"


State = TypeVar("State", bound=ApplicationState)
"""The volatile state of an application on one channel."""


class Applet(Generic[State]):
    """An application: what it answers when it is selected, and afterwards.

    One object a card. Volatile state is not kept in it but in what `new_state` returns, one for
    each logical channel it is selected on, thrown away when it is left.

    A class that has a `type_name` is a whole application, another one a part to make some of. What
    is wrong with a class shows when it is made, as a DeclarationError: two methods for one command,
    one that cannot be called as a command is, a state that is not what a feature works on, and in a
    whole application something that a feature needs and nobody gives. `without` names commands of
    the bases, by their methods, that the class has not: `without=(Files.erase_binary,)`.
    """

    type_name: ClassVar[str]
    """The name under which a card's memory and the entry points know this kind of application."""
    version: ClassVar[int] = 1
    """Counted up, to 65535 at most, when what the application keeps is kept in another way."""
    reserved_memory: ClassVar[int] = USUAL_SHARE
    """How many bytes of the card's memory are its own, and all it has, when it comes after issue.

    Values with their names, at their fullest; INSTALL may say another number. 0: it shares what
    nobody has reserved, and a neighbour that fills that leaves it nothing.
    """
    interindustry: Final[Mapping[int, Handler]] = {}
    """The commands of interindustry class bytes by instruction, made from what is declared."""
    proprietary: Final[Mapping[int, Handler]] = {}
    """The commands of proprietary class bytes by instruction, made from what is declared."""
    state_type: type[State]
    """The class of the state, found in the class's bases: `Files[LibraryState]`."""

    def __init_subclass__(cls, *, without: Iterable[Callable[..., object]] = ()) -> None:
        super().__init_subclass__()
        methods = collect(cls, without)
        state = find_state(cls, Applet)
        check_methods(cls, state, methods)
        setattr(cls, "state_type", state)  # noqa: B010 - it is no class of State to mypy
        if hasattr(cls, "type_name"):
            check_whole(cls)

    def __init__(self, context: AppletContext) -> None:
        self.context = context

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse what no such application ever wrote into its memory. ValueError, without values.

        Asked when a card is opened from a file, before its first answer, and again when another
        process has changed the file.
        """

    @classmethod
    def usual_aid(cls, parameters: Mapping[str, str]) -> Aid | None:
        """Return where such an application lies unless it is said; None: that has to be said.

        For what is installed after issue the class is asked once a process, without parameters.
        """
        return None

    def migrate(self, before: int) -> None:
        """Rewrite what an earlier version of this application has kept, which was number `before`.

        Called once for a card that the earlier version was on, with the memory as that left it and
        within the limits of one command; no command comes before. All of it lands, or none: what
        was kept then stays, and this application alone is out of use here. So it is after an
        IsoError, whose reason is shown, where something is returned, and where `check_kept` refuses
        what is left. Other applications' services are not there.
        """
        raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, "there is no migration")

    @abstractmethod
    def new_state(self) -> State:
        """Return fresh volatile state: nothing proven, nothing selected."""

    @abstractmethod
    def select(self, command: CommandApdu, state: State) -> ResponseApdu:
        """Answer SELECT by name; also when it comes again. IsoError refuses to be selected."""

    def process(self, command: CommandApdu, state: State) -> ResponseApdu:
        """Answer any other command with the method declared for it; IsoError refuses.

        6E00 and 6D00 when there is none. Complete commands only: no chain links.
        """
        handlers = self.interindustry if command.cla.interindustry else self.proprietary
        handler = handlers.get(command.ins)
        if handler is None:
            raise self.unknown(command)
        return handler(self, command, state)

    def unknown(self, command: CommandApdu) -> IsoError:
        """Return the refusal of a command that is not declared, 6D00; of its whole class, 6E00."""
        if not (command.cla.interindustry or self.proprietary):
            return IsoError(
                StatusWord.CLA_NOT_SUPPORTED, f"{self.context.aid} has no proprietary commands"
            )
        return IsoError(
            StatusWord.INS_NOT_SUPPORTED,
            f"{self.context.aid} does not know {command.label}",
        )

    def select_inside(self, command: CommandApdu, state: State) -> ResponseApdu | None:
        """Answer SELECT by the name of a DF inside this application; None: there is none.

        Asked when no application has the name. IsoError refuses.
        """
        return None

    def store(self, file: int, value: bytes) -> None:
        """Take contents that the issuer has for a file, after issue (STORE DATA). IsoError."""
        raise self._not_asked("STORE DATA")

    def store_object(self, tag: int, value: bytes) -> None:
        """Take the value of a data object from the issuer (STORE DATA). IsoError."""
        raise self._not_asked("STORE DATA")

    def put_key(self, reference: int, replaced: int, version: int, enc: bytes, mac: bytes) -> None:
        """Take a pair of keys from the issuer, in place of those of version `replaced`. IsoError.

        `replaced` is 0 where there were none.
        """
        raise self._not_asked("PUT KEY")

    def unblock(self, file: int) -> None:
        """Give a PIN or key all its tries again, for the issuer. IsoError."""
        raise self._not_asked("RESET RETRY COUNTER")

    def _not_asked(self, name: str) -> IsoError:
        return IsoError(
            StatusWord.FUNCTION_NOT_SUPPORTED, f"{name}: {self.context.aid} takes nothing of that"
        )

    def refused(self, command: CommandApdu, state: State) -> None:
        """Forget what a command forgets first, though the card's state refuses it (6985).

        A suspended or ended card asks this instead of `process`; nothing is answered.
        """

    def deselect(self, state: State) -> None:
        """Be left: `state` is thrown away after this. Nothing raised here has an effect."""

    @property
    def description(self) -> list[tuple[str, str]]:
        """What `inspect` shows of this application: (what, value), secrets left out."""
        return []

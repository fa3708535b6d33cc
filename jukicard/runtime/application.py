"""One application on a card: the object that answers, and how the card has it run.

What is run as it is, is an `Application`. What comes from elsewhere is a `ConfinedApplication`: it
works within a budget, with a context that trusts it with nothing, and an answer that is none goes
no further than here. `jukicard.runtime.kinds` decides which of the two it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.channel import LogicalChannel
from jukicard.environment import CardEnvironment
from jukicard.errors import IsoError
from jukicard.filesystem.access import Proof
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, outcome
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import Applet, AppletContext, ApplicationState, BasicState
from jukicard.runtime.boundary import report
from jukicard.runtime.cardstate import CardState
from jukicard.runtime.confined import (
    ConfinedContext,
    ConfinedMemory,
    ConfinedState,
    described,
    exactly,
)
from jukicard.runtime.contents import Contents
from jukicard.runtime.events import Events
from jukicard.runtime.firewall import (
    AppletMisbehavedError,
    Grants,
    Services,
    StepBudget,
    check_answer,
)
from jukicard.runtime.kinds import Kind, is_issuers
from jukicard.runtime.options import CardOptions
from jukicard.runtime.placement import Placement, Privilege
from jukicard.runtime.quota import LimitedMemory

Layers: TypeAlias = Callable[[CommandApdu, LogicalChannel], ResponseApdu]
OnBug: TypeAlias = Callable[[Exception], None]


@dataclass(slots=True, eq=False, repr=False)
class Surroundings:
    """What the applications of one card have around them; each gets its own part of it."""

    environment: CardEnvironment
    options: CardOptions
    events: Events
    grants: Grants
    state: CardState


class Application:
    """An application that is run as it is: where it lies, and the object that answers.

    `services` is what it shares with others, `contents` what it manages the card's applications
    with, `room` how much it may still write, where that is limited.
    """

    __slots__ = (
        "_applet",
        "_kind",
        "_surroundings",
        "aid",
        "contents",
        "placement",
        "room",
        "services",
    )

    def __init__(self, placement: Placement, kind: Kind, surroundings: Surroundings) -> None:
        self.placement = placement
        self.aid: Aid = placement.aid
        self.services: Services = {}
        self.contents: Contents | None = None
        self.room: Callable[[], int] | None = None
        self._kind = kind
        self._surroundings = surroundings
        self._applet: Applet[Any] | None = None

    @property
    def type_name(self) -> str:
        """The name of its kind."""
        return self.placement.kind

    @property
    def version(self) -> int:
        """Which version of it is installed here."""
        return self._kind.version

    @property
    def package(self) -> str:
        """The distribution that offers its kind; empty for ours, and for what a process offers."""
        return self._kind.package

    @property
    def privileged(self) -> bool:
        """True when this application may change the state of the card as a whole."""
        return Privilege.CARD in self.placement.privileges

    @property
    def is_issuers(self) -> bool:
        """True when the issuer manages the card through this application, one of our own kinds."""
        return is_issuers(self.placement)

    @property
    def selectable(self) -> bool:
        """False while the application is installed and not made selectable yet."""
        return True

    @property
    def partition_name(self) -> str:
        """The name of this application's partition of memory."""
        return f"application {self.aid}"

    @property
    def applet(self) -> Applet[Any]:
        """The object that answers; made when it is first needed."""
        applet = self._applet
        if applet is None:
            applet = self._applet = self._make(self._kind.load())
        return applet

    @property
    def seen(self) -> Applet[Any] | None:
        """The object, where whoever looks at a card may look into it; None where it is not ours.

        None too while it is out of use.
        """
        return self.applet

    def check_kept(self) -> None:
        """Refuse values in its memory that its kind never writes. ValueError and what is like it.

        The class is asked: the object is not made before it is used.
        """
        memory = self._surroundings.environment.memory.partition(self.partition_name)
        self._kind.load().check_kept(memory, self.placement.parameters)

    def check_migrated(self) -> None:
        """Refuse what its kind's own migration has left, when it is nothing that it ever keeps."""
        self.check_kept()

    @property
    def fault(self) -> str:
        """Why it cannot be run here, and what to do; empty where it can."""
        return ""

    def _make(self, kind: type[Applet[Any]]) -> Applet[Any]:
        return self._checked(kind(self._context(AppletContext)))

    def _checked(self, made: Applet[Any]) -> Applet[Any]:
        if not isinstance(made, Applet):
            raise AppletMisbehavedError(f"{self.type_name!r} made no application")
        return made

    def _context(self, make: Callable[..., AppletContext], **more: Any) -> AppletContext:
        around = self._surroundings
        memory: ApplicationMemory = around.environment.memory.partition(self.partition_name)
        return make(
            aid=self.aid,
            memory=memory if self.room is None else LimitedMemory(memory, self.room),
            random=around.environment.random,
            options=around.options,
            parameters=self.placement.parameters,
            events=around.events,
            grants=around.grants,
            services=self.services,
            card=around.state,
            privileged=self.privileged,
            contents=self.contents,
            **more,
        )

    def run(self, work: Callable[[], None]) -> None:
        """Do work in which code of the application runs, outside of any command."""
        work()

    def around(
        self, layers: Layers, command: CommandApdu, channel: LogicalChannel, on_bug: OnBug
    ) -> ResponseApdu:
        """Answer through the inner layers, which use the state of the application too."""
        return layers(command, channel)

    def new_state(self) -> ApplicationState:
        """Return fresh volatile state. AppletMisbehavedError when the application gives none."""
        state: ApplicationState = self.applet.new_state()
        return state

    def select(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Let the application answer SELECT by its name."""
        return self.applet.select(command, state)

    def select_inside(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu | None:
        """Let the application look for a DF of that name among its own; None: there is none."""
        return self.applet.select_inside(command, state)

    def process(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Let the application answer any other command."""
        return self.applet.process(command, state)

    def deselect(self, state: ApplicationState) -> None:
        """Tell the application that it is left."""
        self.applet.deselect(state)

    def forget(self, state: ApplicationState) -> None:
        """Have a state of the application drop all that was proven."""
        state.forget()

    def lose(self, state: ApplicationState, of: Proof) -> bool:
        """Take from a state what it has proven with one thing; tell whether that was anything.

        A PIN alone goes by itself; with a right, or what the session came from, all does.
        """
        security = state.security
        if of in security.verified:
            security.verified.discard(of)
            return True
        if of in security.authenticated or of in security.rests_on:
            state.forget()
            return True
        return False

    def refused(self, command: CommandApdu, state: ApplicationState) -> None:
        """Have the application forget what a command forgets that the card's state refuses."""
        self.applet.refused(command, state)

    def keep_pins(self, before: ApplicationState, after: ApplicationState) -> None:
        """Give a fresh state the PINs that were verified in another."""
        after.security.verified.update(before.security.verified)

    @property
    def description(self) -> list[tuple[str, str]]:
        """What `inspect` shows of the application: (what, value), secrets left out."""
        return self.applet.description

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type_name} {self.aid}>"


class ConfinedApplication(Application):
    """An application from elsewhere: all it does counts, and nothing it returns is believed.

    `budget` is that of all such applications on the card together.
    """

    __slots__ = ("budget",)

    def __init__(
        self, placement: Placement, kind: Kind, surroundings: Surroundings, budget: StepBudget
    ) -> None:
        super().__init__(placement, kind, surroundings)
        self.budget = budget

    @property
    def seen(self) -> None:
        """Nothing: its objects are code of its own."""

    def check_kept(self) -> None:
        """Ask nothing: what it keeps is its own to judge, and it runs when it is selected."""

    def check_migrated(self) -> None:
        """Ask the class of what it has left itself, within the budget."""
        partition = self._surroundings.environment.memory.partition(self.partition_name)
        memory, parameters = ConfinedMemory(partition), self.placement.parameters
        self.budget.run(lambda: self._kind.load().check_kept(memory, parameters))

    def _make(self, kind: type[Applet[Any]]) -> Applet[Any]:
        context = self._context(ConfinedContext, budget=self.budget)
        made: Applet[Any] = self.budget.run(lambda: self._checked(kind(context)))
        return made

    def run(self, work: Callable[[], None]) -> None:
        """Do work within the budget; AppletMisbehavedError, and IsoError as it was refused."""
        self.budget.run(work)

    def around(
        self, layers: Layers, command: CommandApdu, channel: LogicalChannel, on_bug: OnBug
    ) -> ResponseApdu:
        """Answer within the budget: state and session are the application's own objects."""
        try:
            return self._answered(lambda: layers(command, channel))
        except Exception as bug:  # noqa: BLE001 - it is taken off the channel, the card goes on
            channel.drop_transfers()
            channel.application = channel.state = None
            report(bug, on_bug)
            return ResponseApdu(b"", StatusWord.NO_PRECISE_DIAGNOSIS)

    def _answered(self, work: Callable[[], object]) -> ResponseApdu:
        """Return the response; AppletMisbehavedError for too many steps or no response."""
        return check_answer(self.budget.run(work))

    def new_state(self) -> ConfinedState:
        """Return fresh volatile state. AppletMisbehavedError when the application gives none."""
        applet = self.applet
        state: ApplicationState | None = self.budget.run_apart(
            lambda: applet.new_state()  # noqa: PLW0108 - looking it up is its code too
        )
        if state is None:
            raise AppletMisbehavedError("the application gave no state")
        return ConfinedState(state, self.budget)

    def select(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Let the application answer SELECT; the layers around look at the command again."""
        its_own, given = command.replace(), _given(state)
        return self._answered(lambda: self.applet.select(its_own, given))

    def select_inside(self, command: CommandApdu, state: ApplicationState) -> None:
        """Ask nothing: what another application may be called is not its to say."""

    def process(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Let the application answer; the layers around look at the command again."""
        its_own, given = command.replace(), _given(state)
        return self._answered(lambda: self.applet.process(its_own, given))

    def deselect(self, state: ApplicationState) -> None:
        """Tell the application that it is left, with steps of its own for it."""
        given = _given(state)
        self.budget.run_apart(lambda: self.applet.deselect(given))

    def forget(self, state: ApplicationState) -> None:
        """Have a state forget, with steps of its own for it."""
        given = _given(state)
        self.budget.run_apart(lambda: given.forget())  # noqa: PLW0108 - as above

    def lose(self, state: ApplicationState, of: Proof) -> bool:
        """Take from a state what it has proven, with steps of its own for it."""
        lose = super().lose
        return bool(self.budget.run_apart(lambda: lose(state, of)))

    def refused(self, command: CommandApdu, state: ApplicationState) -> None:
        """Have the application forget, with steps of its own for it."""
        its_own, given = command.replace(), _given(state)
        self.budget.run_apart(lambda: self.applet.refused(its_own, given))

    def keep_pins(self, before: ApplicationState, after: ApplicationState) -> None:
        """Give a fresh state the PINs that were verified in another."""
        pins = {pin for pin in before.security.verified if type(pin) is int}
        after.security.verified.update(pins)

    @property
    def description(self) -> list[tuple[str, str]]:
        """What the application says of itself, or why nothing of that can be shown."""
        try:
            return described(self.budget.run(lambda: self.applet.description))
        except Exception as bug:  # noqa: BLE001 - to look at a card is no reason to fail
            return [("", f"nothing that can be shown: {bug}")]


class OutOfUseApplication(Application):
    """An application that the issuer has locked, or not made selectable: it answers nothing.

    Its issuer still reaches what it wraps, and `inspect` shows it.
    """

    __slots__ = ("_wrapped", "state")

    def __init__(self, wrapped: Application, state: LifeCycleState) -> None:
        super().__init__(wrapped.placement, wrapped._kind, wrapped._surroundings)
        self._wrapped = wrapped
        self.state = state

    @property
    def selectable(self) -> bool:
        """Whether SELECT finds it: not before it was made selectable."""
        return self.state is not LifeCycleState.INITIALISATION

    @property
    def fault(self) -> str:
        """Why what is wrapped cannot be run here."""
        return self._wrapped.fault

    @property
    def applet(self) -> Applet[Any]:
        """The object that would answer."""
        return self._wrapped.applet

    @property
    def seen(self) -> None:
        """Nothing: it is out of use."""

    def check_kept(self) -> None:
        """Refuse values in its memory as those of the one that is wrapped."""
        self._wrapped.check_kept()

    def check_migrated(self) -> None:
        """Refuse what its migration has left as the one that is wrapped."""
        self._wrapped.check_migrated()

    def run(self, work: Callable[[], None]) -> None:
        """Do work in which code of the application runs."""
        self._wrapped.run(work)

    def new_state(self) -> ApplicationState:
        """Return a state in which nothing can be proven."""
        return BasicState()

    def select(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Answer the warning of the life cycle, and nothing about the application."""
        cell = outcome(ObjectKind.APPLICATION, self.state, Operation.SELECT)
        return ResponseApdu(b"", cell.status)

    def select_inside(self, command: CommandApdu, state: ApplicationState) -> None:
        """Find nothing inside."""

    def process(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Refuse."""
        cell = outcome(ObjectKind.APPLICATION, self.state, Operation.USE)
        raise IsoError(cell.status, f"{self.aid} is {self.said}")

    def deselect(self, state: ApplicationState) -> None:
        """Leave it alone."""

    def refused(self, command: CommandApdu, state: ApplicationState) -> None:
        """Leave it alone."""

    @property
    def said(self) -> str:
        """Its state in words."""
        return "installed, not selectable" if not self.selectable else "locked by the issuer"

    @property
    def description(self) -> list[tuple[str, str]]:
        """What it says of itself, and why it does not answer."""
        return [("state", self.said), *self._wrapped.description]


def _given(state: ApplicationState) -> ApplicationState:
    return exactly(state, ConfinedState, "a state").given

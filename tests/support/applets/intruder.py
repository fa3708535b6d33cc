"""An application that tries to get out, at every point where the card runs its code.

`attempt(point, action)` says what it does the next time the card comes to that point; everything
else it does politely. `NeighbourApplet` is the honest one that it is after, and whose requests it
may answer; it is trusted, as the project's own applications are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, Final, NoReturn

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.memory import MemorySnapshot
from jukicard.runtime.applet import Applet, AppletContext, BasicState
from jukicard.runtime.events import CardEvent, FirewallDenial
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement, Privilege
from jukicard.testing.applets import ForbiddenApplet, with_forbidden
from tests.support.cards.issuer_desk import install, session
from tests.support.cards.juki_desk import CODE, PIN, Desk
from tests.support.naive.terminal import ISSUER, JUKI, NaiveTerminal

INTRUDER: Final = Aid("F0494E545255444552")
NEIGHBOUR: Final = Aid("F04E45494748424F5552")
ALLY: Final = Aid("F0414C4C59")
"""Whom the neighbour shares its service with; it is on no card."""

DENIED: Final = b"\x69\x85"
BUG: Final = b"\x6f\x00"
OK: Final = b"\x90\x00"

Action = Callable[["IntruderApplet", Any], Any]
POINTS: Final = ("init", "new_state", "select", "process", "deselect", "forget", "service")
_PLANNED: dict[str, Action] = {}


@contextmanager
def attempt(point: str, action: Action) -> Iterator[None]:
    """Let the intruder do this at a point while the block runs."""
    assert point in POINTS
    _PLANNED[point] = action
    try:
        yield
    finally:
        del _PLANNED[point]


class IntruderState(BasicState):
    """Volatile state that acts up when it is told to forget."""

    def __init__(self, applet: IntruderApplet) -> None:
        super().__init__()
        self.applet = applet

    def forget(self) -> None:
        self.applet.act("forget", self)
        super().forget()


class IntruderApplet(Applet[Any]):
    """Does what is planned for the point, with itself and what it was given there."""

    type_name = "test-intruder"
    comes_later: ClassVar[bool] = False
    """Whether it is on a card since issue, or its issuer installs it (INSTALL over SCP03)."""
    kept: ClassVar[list[Any]] = []
    """What it has kept of what passed through its hands."""

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.act("init", context)
        context.share("help", self.help, NEIGHBOUR)

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return INTRUDER

    def act(self, point: str, given: Any, otherwise: Any = None) -> Any:
        action = _PLANNED.get(point)
        return otherwise if action is None else action(self, given)

    def new_state(self) -> Any:
        return self.act("new_state", None, IntruderState(self))

    def select(self, command: CommandApdu, state: Any) -> Any:
        return self.act("select", (command, state), ResponseApdu())

    def process(self, command: CommandApdu, state: Any) -> Any:
        return self.act("process", (command, state), ResponseApdu(b"polite"))

    def deselect(self, state: Any) -> None:
        self.act("deselect", state)

    def help(self, data: bytes) -> Any:
        return self.act("service", data, b"help for " + data)


offer_applet(IntruderApplet)


class NeighbourApplet(Applet[BasicState]):
    """Keeps a value, serves its ally, and asks the intruder for help."""

    type_name = "test-neighbour"

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        context.share("mine", lambda data: b"the neighbour's", ALLY)

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        """80 10 says what it keeps, any other instruction asks for help."""
        if command.ins == 0x10:
            return ResponseApdu(self.context.memory.get("mine") or b"")
        return ResponseApdu(self.context.request(INTRUDER, "help", b"me"))


offer_applet(NeighbourApplet, trusted=True)


def intruded(*privileges: Privilege) -> MemorySnapshot:
    """A Juki card with the neighbour, the intruder and the forbidden application.

    privileges: what the intruder may do besides; one that comes after issue gets none.
    """
    return _intruded(frozenset(privileges), later=IntruderApplet.comes_later and not privileges)


@cache
def _intruded(privileges: frozenset[Privilege], *, later: bool) -> MemorySnapshot:
    juki = PROFILES["juki-v1"]
    neighbour = Placement(NEIGHBOUR, NeighbourApplet.type_name)
    intruder = Placement(INTRUDER, IntruderApplet.type_name, {"theirs": "given"}, privileges)
    on_it = (neighbour,) if later else (neighbour, intruder)
    profile = dataclasses.replace(juki, applications=(*juki.applications, *on_it))
    card = issue_card(with_forbidden(profile), seed=1, code=CODE, pin=PIN.decode())
    if later:
        command = install(module=INTRUDER, aid=INTRUDER, parameters=b"\xc9\x0ctheirs=given")
        card.power_on()
        assert session(card).send(command) == "009000"
        card.power_off()
    memory = card.environment.memory
    with memory.transaction():
        memory.partition(f"application {NEIGHBOUR}").put("mine", b"the neighbour's")
        memory.partition(f"application {INTRUDER}").put("content/2", b"evil")
    return card.snapshot()


@dataclasses.dataclass
class Arena:
    """The card with the intruder on it, and all that it told."""

    card: Card
    bugs: list[Exception]
    events: list[CardEvent]

    def send(self, command: str) -> bytes:
        return self.card.transmit(bytes.fromhex(command))

    def select(self, aid: Aid, channel: int = 0) -> bytes:
        return self.send(f"{channel:02X}A4040C{len(aid):02X}{aid}")

    @property
    def denials(self) -> list[FirewallDenial]:
        return [event for event in self.events if isinstance(event, FirewallDenial)]

    def others(self) -> dict[str, dict[str, bytes]]:
        """What every application but the intruder keeps, as a power cut would leave it."""
        contents = self.card.environment.memory.snapshot().partitions
        own = f"application {INTRUDER}"
        return {name: dict(values) for name, values in contents.items() if name != own}


@contextmanager
def arena(snapshot: MemorySnapshot) -> Iterator[Arena]:
    """A powered card; when the block ends the forbidden application was not reached."""
    bugs: list[Exception] = []
    card = Card.restore(snapshot, on_bug=bugs.append)
    forbidden = ForbiddenApplet.on(card)
    events: list[CardEvent] = []
    card.subscribe(events.append)
    card.power_on()
    yield Arena(card, bugs, events)
    forbidden.check()


def goes_on(there: Arena) -> None:
    """The card still does everything for everybody else."""
    assert there.select(NEIGHBOUR) == OK
    assert there.send("8010000000") == b"the neighbour's" + OK
    number = there.select(Aid(ISSUER)) == OK and there.send("00CA005A00")[2:10]
    assert number
    terminal = NaiveTerminal(there.card.transmit, number)
    terminal.select(JUKI)
    assert Desk(there.card, terminal).read_code().startswith(b"\x01\x0b")


def polite(there: Arena) -> None:
    """The intruder itself can be selected and used again."""
    assert there.select(INTRUDER) == OK
    assert there.send("8010000000") == b"polite" + OK


def raises(error: Callable[[], BaseException]) -> Action:
    """The action that raises."""

    def action(applet: IntruderApplet, given: Any) -> NoReturn:
        raise error()

    return action


def answers(value: Callable[[], Any]) -> Action:
    """The action that gives this back."""
    return lambda applet, given: value()

"""An application that does what it is told at the point it is told, and a card with victims on it.

The card has the Juki application with a terminal's session open on channel 1, an application that
uses the hostile one's service, the library of another author, and one that nothing may reach.
`World.check` looks at all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Final

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.memory import PersistentMemory
from jukicard.runtime.applet import Applet, AppletContext, BasicState
from jukicard.runtime.events import CardEvent, FirewallDenial
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from jukicard.testing.applets import ForbiddenApplet, with_forbidden
from tests.support.cards.issuer_desk import SHARING, install as install_as
from tests.support.cards.juki_desk import CODE, CODE_RECORD, PIN
from tests.support.cards.towns import AIDS
from tests.support.naive.scp03_host import Host
from tests.support.naive.terminal import ISSUER, JUKI, NaiveTerminal
from tests.support.tearing.issuer import install_for, store

HOSTILE: Final = Aid("F0484F5354494C4501")
CLIENT: Final = Aid("F0434C49454E5401")
ACCOMPLICE: Final = Aid("F04143434F4D5001")
SERVICE: Final = "favour"
ATTACK: Final = bytes.fromhex("80100000")
USE_SERVICE: Final = bytes.fromhex("8012000000")
LIBRARY: Final = Aid("F04C494252415259")
LOAN: Final = bytes(18)
"""A free place among the library's loans."""
POINTS: Final = (
    "constructor",
    "new_state",
    "select",
    "process",
    "deselect",
    "service",
    "security",
    "messaging",
    "challenge",
    "forget",
)
"""Where the card runs the application's code, or touches an object of its."""

Act = Callable[["HostileApplet"], object]


class HostileState(BasicState):
    """A state whose every attribute is code of the application."""

    __slots__ = ("applet", "held")

    def __init__(self, applet: HostileApplet) -> None:
        self.applet = applet
        self.held: dict[str, Any] = {}
        super().__init__()

    def _attribute(self, name: str) -> Any:
        self.applet.act(name)
        return self.held.get(name)

    def _set(self, name: str, value: Any) -> None:
        self.held[name] = value

    def forget(self) -> None:
        self.applet.act("forget")


def _attribute(name: str) -> property:
    return property(
        lambda state: state._attribute(name), lambda state, value: state._set(name, value)
    )


for _name in ("security", "messaging", "challenge"):
    setattr(HostileState, _name, _attribute(_name))


class HostileApplet(Applet[Any]):
    """Does `plan[point]` whenever that point is reached; what `answers` returns is its answer."""

    type_name = "test-hostile"
    plan: ClassVar[dict[str, Act]] = {}
    comes_later: ClassVar[bool] = False
    """Whether it is on a card since issue, or its issuer installs it (INSTALL over SCP03)."""
    kept: ClassVar[list[Any]] = []
    """References that outlive every deselect."""

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        context.share(SERVICE, self.serve, CLIENT)
        self.act("constructor")

    def act(self, point: str) -> Any:
        planned = self.plan.get(point)
        return None if planned is None else planned(self)

    def new_state(self) -> Any:
        if "new_state" in self.plan:
            return self.act("new_state")
        return HostileState(self)

    def select(self, command: CommandApdu, state: Any) -> Any:
        self.kept.extend((self, self.context, self.context.memory, state))
        return self.act("select") if "select" in self.plan else ResponseApdu()

    def process(self, command: CommandApdu, state: Any) -> Any:
        return self.act("process") if "process" in self.plan else ResponseApdu()

    def deselect(self, state: Any) -> None:
        self.act("deselect")

    def serve(self, data: bytes) -> Any:
        return self.act("service") if "service" in self.plan else data

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return HOSTILE


class Accomplice(HostileApplet):
    """The same again under another name, with which it shares a service of its own."""

    type_name = "test-accomplice"

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return ACCOMPLICE

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        context.share("ping", self.serve, HOSTILE)


class ClientApplet(Applet[BasicState]):
    """An honest application that uses the hostile one's service and goes on when it fails."""

    type_name = "test-client"

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return CLIENT

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu(self.context.request(HOSTILE, SERVICE, b"please"))


offer_applet(HostileApplet)
offer_applet(Accomplice)
partial(offer_applet, trusted=True)(ClientApplet)


@dataclass
class World:
    """The card, what happened on it, and the terminal that works on channel 1 all the time."""

    card: Card
    terminal: NaiveTerminal
    forbidden: ForbiddenApplet
    denials: list[FirewallDenial]
    bugs: list[Exception]
    before: dict[str, dict[str, bytes]] = field(default_factory=dict)
    lent: bytes = b""

    def send(self, command: bytes | str) -> bytes:
        """The answer to a plain command; at least a status word, whatever happened."""
        raw = bytes.fromhex(command) if isinstance(command, str) else command
        answer = self.card.transmit(raw)
        assert type(answer) is bytes
        assert 2 <= len(answer) <= 65_538
        return answer

    def select(self, aid: Aid) -> bytes:
        return self.send(bytes((0, 0xA4, 4, 0x0C, len(aid))) + aid)

    def others(self) -> dict[str, dict[str, bytes]]:
        """What all partitions hold but those of the two hostile applications."""
        contents = self.card.environment.memory.snapshot().contents()
        own = {f"application {aid}" for aid in (HOSTILE, ACCOMPLICE)}
        return {name: dict(values) for name, values in contents.items() if name not in own}

    def loans(self) -> bytes:
        """What the library of another author answers to anybody."""
        assert self.select(LIBRARY) == b"\x90\x00"
        assert self.send("00A4020C020001") == b"\x90\x00"
        return self.send("00B2010400")

    def everywhere(self) -> list[bytes]:
        """Pass by every point of the hostile application; the answers it had a part in."""
        answers = [self.select(HOSTILE), self.send(ATTACK), self.send("0084000008")]
        answers.append(self.send("0C84000000"))
        self.select(CLIENT)
        answers.append(self.send(USE_SERVICE))
        self.select(HOSTILE)
        self.select(JUKI)
        return answers

    def check(self) -> None:
        """Nothing that belongs to others has changed, and everything goes on working."""
        HostileApplet.plan.clear()
        assert self.others() == self.before
        self.forbidden.check()
        answer = self.terminal.protected(CommandApdu(0x01, 0xB2, 0x01, 0x14, ne=256))
        assert (answer.status, answer.data) == (0x9000, CODE_RECORD), (
            f"channel 1: {answer}, {self.card.last_refusal}, {self.bugs}"
        )
        assert self.select(JUKI) == b"\x90\x00"
        assert self.send("00B2011400") == b"\x69\x82", "nobody has authenticated here"
        assert self.select(CLIENT) == b"\x90\x00"
        assert self.loans() == self.lent


def install(card: Card, applications: list[Aid]) -> None:
    """Have the issuer install applications and write the library's first loan, over SCP03.

    The hostile ones share what nobody has; of the others each has memory of its own.
    """
    card.power_on()
    assert card.transmit(bytes((0, 0xA4, 4, 0x0C, len(ISSUER))) + ISSUER) == b"\x90\x00"
    host = Host(card.transmit).open()
    for aid in applications:
        parameters = SHARING if aid in (HOSTILE, ACCOMPLICE) else b"\xc9\0"
        assert host.send(install_as(module=aid, aid=aid, parameters=parameters)) == "009000"
    for command in (install_for(0x20, LIBRARY), store(0x88, b"\0\1" + bytes((len(LOAN),)) + LOAN)):
        assert host.send(command).endswith("9000")
    card.power_off()


def world(memory: PersistentMemory | None = None) -> World:
    """A powered card with all of them."""
    HostileApplet.plan.clear()
    HostileApplet.kept.clear()
    juki = PROFILES["juki-v1"]
    strangers = (
        Placement(HOSTILE, HostileApplet.type_name),
        Placement(ACCOMPLICE, Accomplice.type_name),
        Placement(CLIENT, ClientApplet.type_name),
        Placement(LIBRARY, AIDS[LIBRARY]),
    )
    on_it = () if HostileApplet.comes_later else strangers
    profile = replace(juki, applications=(*juki.applications, *on_it))
    bugs: list[Exception] = []
    card = issue_card(
        with_forbidden(profile),
        seed=3,
        code=CODE,
        pin=PIN.decode(),
        memory=memory,
        on_bug=bugs.append,
    )
    if HostileApplet.comes_later:
        install(card, [one.aid for one in strangers])
    denials: list[FirewallDenial] = []

    def note(event: CardEvent) -> None:
        if isinstance(event, FirewallDenial):
            denials.append(event)

    card.power_on()
    card.subscribe(note)
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    assert card.transmit(bytes.fromhex("0070000001")) == b"\x01\x90\x00"
    assert terminal.select(JUKI, 1).status == 0x9000
    terminal.authenticate(1, 1)
    assert terminal.protected(CommandApdu(0x01, 0x20, 0x00, 0x9C, PIN)).status == 0x9000
    made = World(card, terminal, ForbiddenApplet.on(card), denials, bugs)
    made.lent = made.loans()
    assert made.lent == LOAN + b"\x90\x00"
    made.before = made.others()
    return made

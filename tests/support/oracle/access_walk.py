"""Exhaustive walks over the abstract states of a card: what `test_access_walk` sends, and how.

Each walk takes a part of the rules with the commands that touch it and goes through all that can
be reached: every command in every state, and directly after every way into a state every command
again; a third of them, in turns, where the long versions of tests do not run, and every two
commands directly after each other there too. A suspended card answers next to nothing and could
hide what it has not forgotten: where a plan says how, it is resumed after every command, and
everything is asked then. A card cannot be copied with what it holds in RAM, so a state is reached
by playing the commands that lead there to a fresh copy of the card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product

from jukicard.memory import MemorySnapshot
from tests.support import soak
from tests.support.oracle.conversation import Place, Run, Stage
from tests.support.oracle.rules import (
    KEY_TRIES,
    Command,
    Level,
    Life,
    Oracle,
    State,
)

PLAIN, MAC, ENC = Level


@dataclass
class Walk:
    """One exhaustive walk; `runs` is what was sent and answered, from power-on each."""

    stage: Stage
    commands: tuple[Command, ...]
    start: tuple[Command, ...]
    within: Callable[[State], bool]
    current_ef: bool = False
    watched: tuple[str, ...] = ("app", "purpose", "verified")
    reveal: tuple[Command, ...] = ()
    paths: dict[State, tuple[Command, ...]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    checks: int = 0
    _ways: set[tuple[Command, object, State]] = field(default_factory=set)
    _seen: set[tuple[Command, Command]] = field(default_factory=set)
    _places: dict[tuple[Command, ...], Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places[()] = self.stage.start

    @property
    def pairs(self) -> int:
        """How many pairs of its commands came directly after each other."""
        known = set(self.commands)
        return sum(first in known and then in known for first, then in self._seen)

    def go(self) -> None:
        """Visit every state within reach, and see that every pair of commands was sent."""
        state = self._after(self._view(self.stage.first), self.start)
        self.paths[state] = self.start
        waiting = [state]
        while waiting:
            waiting.extend(self._visit(waiting.pop(0)))
        self._pairs()

    def _after(self, state: State, commands: Iterable[Command]) -> State:
        for command in commands:
            state = self._view(self.stage.oracle.step(state, command)[1])
        return state

    def _view(self, state: State) -> State:
        """The state as this walk sees it: without the current EF where no command depends on it."""
        if self.current_ef:
            return state
        there = (channel and channel._replace(ef=0) for channel in state.channels)
        return state._replace(channels=tuple(there))

    def _visit(self, state: State) -> Iterator[State]:
        """Send every command in a state, and after every way out of it every command directly.

        Of the latter only a share where the long versions of tests do not run.
        """
        path = self.paths[state]
        quiet = [command for command in self.commands if self._after(state, [command]) == state]
        # those that change nothing one after the other: each has to leave the card as it was
        turn = len(self.paths) % (len(quiet) or 1)
        self._play(path, *quiet[turn:], *quiet[:turn])
        for command in self.commands:
            after = self._after(state, [command])
            self._look_behind((*path, command), after)
            if after == state:
                continue
            way = (command, self._proven(state), after)
            if way not in self._ways:
                for then in soak.share(self.commands, len(self._ways)):
                    self._play((*path, command), then)
                self._ways.add(way)
            if after not in self.paths and self.within(after):
                self.paths[after] = (*path, command)
                yield after

    def _look_behind(self, way: tuple[Command, ...], state: State) -> None:
        """Resume a card that is suspended after a way, and ask what changes nothing then."""
        if not self.reveal or state.life is not Life.SUSPENDED:
            return
        behind = self._after(state, self.reveal)
        if behind.life is Life.ACTIVE:
            asked = [one for one in self.commands if self._after(behind, [one]) == behind]
            self._play((*way, *self.reveal), *asked)

    def _proven(self, state: State) -> object:
        """What a command may take away, on its channel and on others: nothing may stay behind."""
        return tuple(
            channel and tuple(bool(getattr(channel, name)) for name in self.watched)
            for channel in state.channels
        )

    def _pairs(self) -> None:
        """Send every two commands directly after each other that were not yet."""
        for first, then in product(self.commands, repeat=2):
            if (first, then) not in self._seen:
                self._play((*self.start, first), then)

    def _play(self, way: tuple[Command, ...], *then: Command) -> None:
        """Go to where a way leads on a fresh card, and say something there."""
        talk = self.stage.go_on(self._place(way))
        for command in then:
            talk.send(command)
        self._seen.update(pairwise((*way, *then)))
        self.checks += len(talk.said)
        self.runs.append(talk.said)

    def _place(self, way: tuple[Command, ...]) -> Place:
        if way not in self._places:
            talk = self.stage.go_on(self._place(way[:-1]))
            talk.send(way[-1])
            self._places[way] = talk.place()
        return self._places[way]


# -- the walks -----------------------------------------------------------------------------------


def _ways(do: str, *args: int, levels: Iterable[Level] = Level) -> list[Command]:
    return [Command(do, arg, level) for arg in args or (0,) for level in levels]


_TO_JUKI = (Command("select", 1),)
_SHORT = [
    *_ways("select", 0, 1, levels=(PLAIN,)),
    Command("select", 1, ENC),
    *_ways("get challenge", levels=(PLAIN, ENC)),
    Command("wrong mac"),
    Command("power"),
]
_BASIC = [
    *_SHORT,
    Command("select", 0, ENC),
    *_ways("select unknown", levels=(PLAIN,)),
    Command("header open"),
    *_ways("unknown", levels=(PLAIN, ENC)),
]
_CONTENT = [
    command
    for do in ("read code", "update code", "read data", "update data")
    for command in _ways(do)
]


def _authentications(*references: int) -> list[Command]:
    return _ways("authenticate", *references, levels=(PLAIN, ENC))


@dataclass(frozen=True)
class Plan:
    commands: tuple[Command, ...]
    within: Callable[[State], bool] = lambda state: True
    current_ef: bool = False
    watched: tuple[str, ...] = Walk.watched
    reveal: tuple[Command, ...] = ()
    start: tuple[Command, ...] = _TO_JUKI


def _contents() -> Plan:
    """Every purpose, the PIN and every protection, on a card in order."""
    commands = [
        *_BASIC, *_CONTENT, *_authentications(1, 2, 3, 4, 5, 9),
        *_ways("verify", 0, levels=(PLAIN, ENC)), *_ways("change pin", 0), *_ways("unblock"),
        *_ways("get number", levels=(PLAIN, MAC)), *_ways("get residence", levels=(PLAIN,)),
        *_ways("get state", levels=(PLAIN,)),
    ]  # fmt: skip
    return Plan(tuple(commands), watched=("app", "purpose", "verified", "challenge"))


def _life() -> Plan:
    """Suspending, resuming, ending; moving out and staying."""
    commands = [
        *_BASIC, *_authentications(1, 3, 4, 5), Command("authenticate", 2),
        *_ways("suspend"), *_ways("resume"), *_ways("end"),
        *_ways("put residence", 0, 1), Command("put residence", 2, ENC),
        *_ways("get state", levels=(PLAIN, ENC)), *_ways("get number", levels=(PLAIN, ENC)),
        *_ways("get residence", levels=(PLAIN, ENC)), *_ways("read data", levels=(PLAIN, MAC)),
        *_ways("verify", 0, levels=(PLAIN,)), *_ways("name key", 4, levels=(PLAIN,)),
        *_ways("select ef", 3, levels=(PLAIN,)), *_ways("open", 1, levels=(PLAIN,)),
        *(Command(do) for do in (
            "close", "authenticate named", "read code", "update code",
            "update data", "change pin", "unblock", "unblock with pin", "pin tries",
        )),
        Command("authenticate wrongly", 1),
    ]  # fmt: skip
    return Plan(
        tuple(commands),
        lambda state: (
            state.channels[1] is None
            and not (state.on(0).verified or state.on(0).named)
            and min(state.keys) == KEY_TRIES
        ),
    )


def _in_use() -> Plan:
    """What was proven before a card is suspended, and what of it is left when it is resumed."""
    commands = [
        *_SHORT, Command("authenticate", 4), Command("authenticate", 4, ENC),
        Command("authenticate", 1, ENC), Command("authenticate wrongly", 4, ENC),
        *_ways("verify", 0, 1, levels=(PLAIN, ENC)), *_ways("pin tries", levels=(PLAIN, ENC)),
        *_ways("current verify", 0, levels=(PLAIN, ENC)),
        *_ways("select ef", 0x0003, 0x001C, levels=(ENC,)),
        *_ways("suspend", levels=(ENC,)), *_ways("resume", levels=(MAC, ENC)),
        *_ways("read code", levels=(ENC,)), *_ways("read data", levels=(ENC,)),
        Command("change pin", 0, ENC),
        Command("unblock", 0, ENC), Command("get number", 0, ENC), Command("unknown", 0, ENC),
    ]  # fmt: skip
    return Plan(
        tuple(commands),
        lambda state: min(state.keys) == KEY_TRIES and state.tries > 1,
        current_ef=True,
        watched=("app", "purpose", "verified", "challenge"),
        reveal=(Command("resume", 0, ENC),),
    )


def _pins() -> Plan:
    """The PIN: right, wrong, blocked, changed, unblocked."""
    commands = [
        *_SHORT, *_ways("authenticate", 1, levels=(PLAIN,)),
        *_ways("authenticate", 4, levels=(PLAIN, ENC)),
        *_ways("verify", 0, 1, levels=(PLAIN, ENC)), *_ways("pin tries", levels=(PLAIN, MAC)),
        *_ways("change pin", 0, 1), *_ways("unblock"),
        *_ways("unblock with pin", 0, 1, levels=(MAC, ENC)), Command("unblock with pin", 1),
        *_ways("read code", levels=(MAC, ENC)),
    ]  # fmt: skip
    return Plan(tuple(commands))


def _keys() -> Plan:
    """Keys by reference and by name, a wrong one, and the current EF."""
    commands = [
        *_SHORT, *_ways("authenticate", 4, levels=(PLAIN, ENC)),
        *_ways("authenticate", 1, levels=(ENC,)), Command("authenticate named", 4),
        *_ways("authenticate named", 1, levels=(PLAIN, ENC)),
        *_ways("authenticate wrongly", 4, levels=(PLAIN, ENC)),
        *_ways("name key", 4, 9, levels=(PLAIN,)), Command("name key", 4, ENC),
        *_ways("select ef", 0x0002, 0x001C, 0x0101, 0x0042, levels=(PLAIN,)),
        *_ways("select ef", 0x0003, levels=(PLAIN, ENC)),
        *_ways("current read code", levels=(PLAIN, ENC)),
        *_ways("current update code", levels=(MAC, ENC)),
        *_ways("current read data", levels=(PLAIN, ENC)),
        *_ways("current update data", levels=(ENC,)),
        *_ways("current verify", 0, levels=(PLAIN,)), *_ways("current pin tries", levels=(PLAIN,)),
    ]  # fmt: skip
    return Plan(
        tuple(commands),
        lambda state: min(state.keys) == KEY_TRIES and state.on(0).purpose in (0, 4),
        current_ef=True,
    )


def _channels() -> Plan:
    """Two channels: nothing proven on one holds on the other; suspension holds on both."""
    both = [
        *_ways("select", 0, 1, levels=(PLAIN,)), *_ways("get challenge", levels=(PLAIN,)),
        *_ways("authenticate", 4, levels=(PLAIN,)), *_ways("read code", levels=(PLAIN, ENC)),
        *_ways("verify", 0, levels=(ENC,)), *_ways("read data", levels=(PLAIN, MAC)),
        *_ways("suspend", levels=(ENC,)), *_ways("resume", levels=(MAC,)), Command("wrong mac"),
        *_ways("open", 1, levels=(PLAIN,)), *_ways("close", 0, 1, levels=(PLAIN,)),
    ]  # fmt: skip
    commands = [*both, *(command._replace(channel=1) for command in both), Command("power")]
    return Plan(tuple(commands))


def _endings() -> Plan:
    """A holder at one terminal; on the other channel who guesses the PIN, changes it, resets it."""
    mine = [
        Command("get challenge"), Command("authenticate", 1), *_ways("verify", 0, 1, levels=(ENC,)),
        *_ways("change pin", 1, levels=(ENC,)), *_ways("read code", levels=(ENC,)),
    ]  # fmt: skip
    theirs = [
        Command("get challenge"), Command("authenticate", 4), *_ways("verify", 0, 1, levels=(ENC,)),
        Command("verify", 1), *_ways("change pin", 0, levels=(ENC,)), Command("pin tries"),
        *_ways("unblock with pin", 0, 1, levels=(ENC,)), *_ways("unblock", levels=(ENC,)),
    ]  # fmt: skip
    return Plan(
        (*mine, *(command._replace(channel=1) for command in theirs)),
        start=(Command("select", 1), Command("open", 1), Command("select", 1, channel=1)),
    )


def _blocked_keys() -> Plan:
    """A system in its session while another one on the next channel guesses its key, the last time.

    In the end that key has one try left, or is blocked.
    """
    guess = (Command("get challenge", channel=1), Command("authenticate wrongly", 1, channel=1))
    commands = [
        Command("get challenge"), *_authentications(1), Command("authenticate", 4),
        *_ways("verify", 0, levels=(ENC,)), *_ways("read code", levels=(ENC,)),
        *_ways("read data", levels=(ENC,)), Command("select", 1, ENC), Command("read data"),
        *guess, Command("authenticate", 1, channel=1),
        *(Command("select", app, channel=1) for app in (0, 1)),
    ]  # fmt: skip
    start = (
        Command("select", 1), Command("open", 1), Command("select", 1, channel=1),
        Command("get challenge"), Command("authenticate", 1), Command("verify", 0, ENC),
        *(guess * (KEY_TRIES - 1)),
    )  # fmt: skip
    return Plan(tuple(commands), lambda state: state.keys[0] in (0, 1), start=start)


PLANS = {
    "contents": _contents, "life": _life, "in use": _in_use, "pins": _pins, "keys": _keys,
    "channels": _channels, "endings": _endings, "blocked keys": _blocked_keys,
}  # fmt: skip
"""The walks by name: together they touch every rule."""


def walk_of(name: str, snapshot: MemorySnapshot, oracle: Oracle | None = None) -> Walk:
    """Return a walk that has not begun; with another oracle it should disagree."""
    return walk_after(PLANS[name](), Stage(snapshot, oracle or Oracle()))


def walk_after(plan: Plan, stage: Stage) -> Walk:
    """Return a walk by a plan that has not begun."""
    return Walk(
        stage, plan.commands, plan.start, plan.within, plan.current_ef, plan.watched, plan.reveal,
    )  # fmt: skip

"""Exhaustive walks over an application with keys and one PIN, and the issuer beside it.

Each takes a part of the rules with the commands that touch it. Breadth first from the card as it is
issued: every command in every state; and behind every way into a state, once for what was proven
before, all that changes nothing there is asked (a third of it, in turns, where the long versions of
tests do not run). A card cannot be copied with what it holds in RAM, so a state is reached by
playing its bytes to a fork.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.support import soak
from tests.support.oracle.conversation import Place, Run, Stage
from tests.support.oracle.keyed_model import NO_DAY, SELECTABLE, Rules, State
from tests.support.oracle.rules import KEY_TRIES, PIN_TRIES, Command, Level, Life
from tests.support.oracle.rules_keyed import ISSUERS

PLAIN, MAC, ENC = Level


@dataclass(frozen=True)
class Plan:
    """Commands, how the walk begins, and which states it goes on from."""

    commands: tuple[Command, ...]
    within: Callable[[State], bool] = lambda state: True
    start: tuple[Command, ...] = (Command("select", 1),)
    reveal: Mapping[str, tuple[Command, ...]] = field(default_factory=dict)
    """By a command's name: what shows later what it did, said behind it in every state."""


@dataclass
class Walk:
    """One walk; `runs` is what was sent and answered, from power-on each."""

    stage: Stage
    plan: Plan
    paths: dict[State, tuple[Command, ...]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    checks: int = 0
    _seen: set[tuple[Command, object, State]] = field(default_factory=set)

    def go(self) -> None:
        """Visit every state within reach; Disagreement when card and oracle differ."""
        state: State = self.stage.first
        for command in self.plan.start:
            state = self._after(state, command)
        self.paths[state] = self.plan.start
        waiting = [state]
        while waiting:
            waiting.extend(self._visit(waiting.pop(0)))

    def _after(self, state: State, command: Command) -> State:
        after: State = self.stage.oracle.step(state, command)[1]
        return after

    def _quiet(self, state: State) -> list[Command]:
        """What changes nothing: each has to leave the card as it was, and may come in one go."""
        quiet = [one for one in self.plan.commands if self._after(state, one) == state]
        turn = len(self._seen) % (len(quiet) or 1)
        return [*quiet[turn:], *quiet[:turn]]

    def _visit(self, state: State) -> Iterator[State]:
        path = self.paths[state]
        here = self._play(self.stage.start, path)
        quiet = self._quiet(state)
        self._play(here, quiet)
        for command in self.plan.commands:
            after = self._after(state, command)
            if command.do in self.plan.reveal:
                self._play(here, (command, *self.plan.reveal[command.do]))
            if after == state:
                continue
            way = command, _proven(state), after
            looks = self._quiet(after) if way not in self._seen else []
            looks = soak.share(filter(_is_a_look, looks), len(self._seen))
            looks.sort(key=_may_cover)
            self._play(here, [command, *looks])
            self._seen.add(way)
            if after not in self.paths and self.plan.within(after):
                self.paths[after] = (*path, command)
                yield after

    def _play(self, place: Place, commands: Iterable[Command]) -> Place:
        """Go to a place on a fresh card, and say something there."""
        talk = self.stage.go_on(place)
        for command in commands:
            talk.send(command)
        self.checks += len(talk.said)
        self.runs.append(talk.said)
        return talk.place()


def _is_a_look(command: Command) -> bool:
    """What tells whether something was left behind; the rest is tried once in each state."""
    return not command.do.startswith(ISSUERS) and command.level is not MAC


def _may_cover(command: Command) -> bool:
    """What forgets something even where it is refused: it is tried behind the others."""
    return command.do.startswith(("verify", "change pin from", "authenticate", "select", "power"))


def _proven(state: State) -> object:
    """What a command may take away, on its channel and on others: nothing may stay behind."""
    return tuple(channel and channel._replace(challenge=False) for channel in state.channels)


# -- the walks -----------------------------------------------------------------------------------


def _at(channel: int, *commands: Command) -> list[Command]:
    return [command._replace(channel=channel) for command in commands]


def _each(names: Iterable[str], *levels: Level) -> list[Command]:
    return [Command(name, 0, level) for name in names for level in levels]


_CHALLENGE = Command("get challenge")
_IN_SESSION = Command("get challenge", 0, ENC)
_SELECT = [Command("select", 0), Command("select", 1)]


def _authentications(rules: Rules) -> list[Command]:
    return [Command("authenticate", reference) for reference in rules.purposes]


def _values(names: Iterable[str], *args: int, level: Level = ENC) -> list[Command]:
    return [Command(name, arg, level) for name in names for arg in args]


_BOOKINGS = {"credit", "debit"}


def _untried(state: State) -> bool:
    """The PIN as it was issued, no key guessed at, the day of issue; points where one books."""
    spends = state.points and state.on(0).purpose in (1, 2)
    booked = not state.booked or spends or soak.ASKED
    fresh = state.tries == PIN_TRIES and state.pin == 0 and not state.date
    return bool(fresh and booked) and min(state.keys) == KEY_TRIES


def contents(rules: Rules) -> Plan:
    """Every row of the table, with every purpose, the PIN and every protection."""
    changing = {"suspend", "resume", "end", "change pin", "unblock with pin", "put day", *_BOOKINGS}
    one_level = [name for name in rules.table if name.partition(" ")[0].endswith("ate")]
    rest = [name for name in rules.table if name not in changing and name not in one_level]
    commands = [
        *_SELECT, Command("select", 0, ENC), Command("select", 1, ENC), _CHALLENGE, _IN_SESSION,
        Command("wrong mac"), Command("header open"), Command("power"), Command("unknown"),
        Command("unknown", 0, ENC), *_authentications(rules), Command("authenticate", 9),
        *(Command("authenticate", one, ENC) for one in rules.purposes),
        *_each(rest, PLAIN, MAC, ENC), *_each(one_level, ENC),
        *(Command(name, 0, level) for name in changing & rules.table.keys() for level in Level),
        Command("verify", 0), Command("verify", 0, ENC), Command("pin tries", 0, ENC),
    ]  # fmt: skip
    if _BOOKINGS & rules.table.keys():
        commands += [
            Command(name, 0x8000, level) for name in sorted(_BOOKINGS) for level in (MAC, ENC)
        ]
    return Plan(tuple(dict.fromkeys(commands)), _untried)


def pins(rules: Rules) -> Plan:
    """The PIN guessed, changed, blocked and reset, by whoever may and may not."""
    commands = [
        *_SELECT, _CHALLENGE, *_authentications(rules), Command("power"),
        Command("verify", 0), Command("verify", 1), *_values(("verify", "change pin"), 0, 1),
        Command("change pin", 1), Command("change pin", 1, MAC), Command("change pin from", 1),
        Command("change pin from", 1, ENC), *_values(("unblock with pin",), 0, 1),
        Command("unblock with pin", 1, MAC), *_each(("unblock",), PLAIN, MAC, ENC),
        *_each(("pin tries",), PLAIN, ENC),
        *_each((name for name in ("sign", "read points", "get number") if name in rules.table),
               PLAIN, ENC),
    ]  # fmt: skip
    return Plan(tuple(commands), lambda state: min(state.keys) == KEY_TRIES and not state.booked)


def days(rules: Rules) -> Plan:
    """The card's date goes on, the password is over, renewed, and the date taken back."""
    commands = [
        Command("select", 1), _CHALLENGE, *_authentications(rules), Command("verify", 0, ENC),
        *_values(("put day",), 0, 90, 91, NO_DAY, level=MAC), Command("put day", 91),
        *_each(("get day", "get last day"), PLAIN, MAC), *_each(("sign",), PLAIN, ENC),
        *_each(("change pin", "unblock", "unblock with pin"), ENC), Command("power"),
    ]  # fmt: skip
    login = Command("authenticate", rules.purposes[0])
    behind = (_CHALLENGE, login, Command("verify", 0, ENC), Command("sign", 0, ENC))
    return Plan(tuple(commands), reveal={"unblock": behind})


def _issue(*names: str) -> list[Command]:
    return [Command(ISSUERS + name) for name in names]


def life(rules: Rules) -> Plan:
    """Card and application through all their states, with a terminal at work on channel 1."""
    keys = rules.purposes[:1] if rules.offered else rules.purposes
    commands = [
        *_issue("lock", "unlock", "terminate", "suspend card", "resume card", "end card",
                "delete", "install", "make selectable", "install for use", "give contents",
                "give pin", "renew pin"),
        *(Command(ISSUERS + do, keys[0]) for do in ("give key", "renew key")),
        *_at(1, *_SELECT, _CHALLENGE, *(Command("authenticate", one) for one in keys),
             Command("verify", 0), Command("pin tries"), Command("change pin from", 0),
             *_each(("get number", "get state"), PLAIN), Command("unknown"),
             *(Command("authenticate wrongly", one) for one in (9, *rules.purposes)),
             *_each(("verify", "change pin"), ENC),
             *_each(("suspend", "resume", "end"), PLAIN, ENC),
             *_each((name for name in ("read identity", "sign", "read points")
                     if name in rules.table), PLAIN, ENC)),
        Command("open", 2), *_at(0, *_SELECT, Command("get number"), Command("pin tries")),
    ]  # fmt: skip

    def within(state: State) -> bool:
        whole = state.life is Life.ACTIVE and state.application == SELECTABLE
        half_given = (state.pin < 0) is not (state.keys[0] < 0)
        return (
            state.tries in (0, PIN_TRIES)
            and state.channels[2] is None
            and {tries for tries in state.keys if tries >= 0} <= {KEY_TRIES}
            and (whole or not half_given or soak.ASKED)
        )

    start = (Command("open", 1), Command("select", 1, channel=1))
    behind = tuple(_at(1, *_each(("resume", "change pin"), ENC)))
    return Plan(tuple(commands), within, start, {"verify": behind} if not rules.offered else {})


def channels(rules: Rules) -> Plan:
    """Somebody at work on one channel, and what another does to it on the next."""
    worker, other = rules.purposes[0], rules.unlocker
    mine = [
        _CHALLENGE, Command("authenticate", worker), Command("verify", 0, ENC),
        *_each((name for name in ("sign", "read identity", "read points", "change pin")
                if name in rules.table), ENC),
    ]  # fmt: skip
    theirs = [
        _CHALLENGE, Command("authenticate", other), *_values(("verify",), 0, 1),
        Command("verify", 1), *_values(("unblock with pin", "unblock"), 0),
        *(Command(name, 0, ENC)
          for name in ("make key pair", "suspend", "resume", "change pin", "update identity")
          if name in rules.table),
    ]  # fmt: skip
    commands = (*_at(0, *mine), *_at(1, *theirs))
    start = (Command("select", 1), Command("open", 1), Command("select", 1, channel=1))
    return Plan(commands, lambda state: state.pin == 0, start)


def keys(rules: Rules) -> Plan:
    """A key guessed at until it is blocked while its session is open elsewhere, and unblocked."""
    key = rules.purposes[0]
    probe = "read identity" if "read identity" in rules.table else "read points"
    guess = _at(2, _CHALLENGE, Command("authenticate wrongly", key))
    commands = [
        *_at(1, _CHALLENGE, Command("authenticate", key), Command(probe, 0, ENC)),
        *guess, *_at(2, Command("authenticate", key), Command("authenticate", rules.unlocker)),
        *(Command(ISSUERS + do, key) for do in ("renew key", "give key")),
    ]  # fmt: skip
    start = (
        *_at(0, Command("open", 1), Command("open", 2)), *_at(1, Command("select", 1)),
        *_at(2, Command("select", 1)), *_at(1, _CHALLENGE, Command("authenticate", key)),
        *(guess * (KEY_TRIES - 2)),
    )  # fmt: skip
    return Plan(tuple(commands), lambda state: state.keys[0] in (0, 1, 2), start)


PLANS: dict[str, Callable[[Rules], Plan]] = {
    "contents": contents, "pins": pins, "days": days, "life": life, "channels": channels,
    "keys": keys,
}  # fmt: skip
"""The walks by name; without dates an application has no `days`."""


def plans_of(rules: Rules) -> list[str]:
    """The names of the walks that an application has."""
    return [name for name in PLANS if name != "days" or rules.password_runs_out]

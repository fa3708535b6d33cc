"""Every two commands of all that the walks know, one directly after the other, from one state.

What leaves the state as it was is said in one long conversation, in the order of de Bruijn, which
has every pair once; for the others a fresh copy of the card is brought there each time: for a third
of them, another one from each state, where the long versions of tests do not run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.support import soak
from tests.support.oracle.access_walk import PLANS
from tests.support.oracle.conversation import Stage
from tests.support.oracle.rules import ALL, Command, Level, State

COMMANDS = tuple(sorted({command for plan in PLANS.values() for command in plan().commands}))
ENC = Level.ENC
EFS = (0x0000, 0x001C, 0x0002, 0x0003, 0x0101)
"""Where the current EF may be while commands go to and fro; 0 for none."""


def _proven(reference: int, channel: int = 0) -> tuple[Command, ...]:
    """A system that has proven itself, and a holder who has typed the PIN."""
    return (
        Command("select", 1, channel=channel),
        Command("get challenge", channel=channel),
        Command("authenticate", reference, channel=channel),
        Command("verify", 0, ENC, channel),
    )


WAYS: dict[str, tuple[Command, ...]] = {
    "nothing proven": (Command("select", 1),),
    **{f"purpose {reference}": _proven(reference) for reference in sorted(ALL)},
    "suspended": (*_proven(4), Command("suspend", 0, ENC)),
    "moved out": (*_proven(4), Command("put residence", 1, ENC)),
    "terminated": (*_proven(4), Command("end", 0, ENC)),
    "two channels": (*_proven(4), Command("open", 1, ENC), *_proven(3, channel=1)),
}
"""States to begin in, and how to get there."""


@dataclass
class Pairs:
    """Two commands after each other from one state; `checks` are the answers compared.

    `turn` says which share of the pairs is the first, None that all are to come; `said` which came.
    """

    stage: Stage
    way: tuple[Command, ...]
    turn: int | None = None
    checks: int = 0
    said: set[tuple[Command, Command]] = field(default_factory=set)

    def go(self, commands: Sequence[Command] = COMMANDS) -> None:
        """Say every pair, or the share of them; Disagreement when card and oracle differ."""
        talk = self.stage.go_on(self.stage.start)
        for command in self.way:
            talk.send(command)
        here = talk.place()
        quiet = [command for command in commands if self._is_quiet(here.state, command)]
        order = list(de_bruijn(quiet))
        for command in order:
            talk.send(command)
        self.checks += len(talk.said)
        self.said.update(pairwise(order))
        for place, first in enumerate(commands):
            talk = self.stage.go_on(here)
            talk.send(first)
            there = talk.place()
            for then in self._share(commands, place):
                if (first, then) in self.said:
                    continue
                talk = self.stage.go_on(there)
                talk.send(then)
                self.checks += len(talk.said)
                self.said.add((first, then))

    def _share(self, commands: Sequence[Command], place: int) -> Sequence[Command]:
        return commands if self.turn is None else soak.share(commands, place + self.turn)

    def _is_quiet(self, state: State, command: Command) -> bool:
        """Whether a command changes nothing but the current EF, whichever that is before."""
        return all(
            _without_ef(self.stage.oracle.step(_with_ef(state, fid), command)[1])
            == _without_ef(state)
            for fid in EFS
        )


def _with_ef(state: State, fid: int) -> State:
    there = (channel and channel._replace(ef=fid) for channel in state.channels)
    return state._replace(channels=tuple(there))


def _without_ef(state: State) -> State:
    return _with_ef(state, 0)


def de_bruijn(commands: Sequence[Command]) -> Iterator[Command]:
    """Every ordered pair once, a command and itself too: n squared commands and the first again."""
    for number, first in enumerate(commands):
        yield first
        for then in commands[number + 1 :]:
            yield first
            yield then
    yield from commands[:1]

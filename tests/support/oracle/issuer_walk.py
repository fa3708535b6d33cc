"""The walk over an aspect of the issuer domain: every command in every state of its rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

Place = TypeVar("Place")
Path = tuple[str, ...]
Told = dict[Place, tuple[Path, dict[str, list[int]]]]
"""By state: how it is reached, and what each command was answered with what was seen behind it."""


class Rules(Protocol[Place]):
    """An oracle."""

    def step(self, state: Place, command: str) -> tuple[int, Place]:
        """Return the status of a command and the state after it."""


class Scene(Protocol):
    """A card and who is at work with it."""

    def do(self, command: str) -> int:
        """Do what a command of the rules stands for; the status."""


Guard = tuple[str, int]
"""What a command needs, by its name in the rules, and the status where it is not so."""
Guards = Mapping[str, tuple[Guard, ...]]
NOBODY: Final = ("nobody may", 0x6985)


def walk(
    oracle: Rules[Place],
    start: Place,
    scene: Callable[[], Scene],
    commands: Sequence[str],
    look: Sequence[str],
) -> Told[Place]:
    """Try every command in every state, found through the rules; what the card has answered.

    `look` is what is done after each command, to see what it has left.
    """
    told: Told[Place] = {}
    waiting: list[tuple[Place, Path]] = [(start, ())]
    seen = {start}
    while waiting:
        state, path = waiting.pop(0)
        answers: dict[str, list[int]] = {}
        for command in commands:
            at = scene()
            for earlier in path:
                at.do(earlier)
            answers[command] = [at.do(each) for each in (command, *look)]
            _, after = oracle.step(state, command)
            if after not in seen:
                seen.add(after)
                waiting.append((after, (*path, command)))
        told[state] = path, answers
    return told


def unexplained(
    oracle: Rules[Place], start: Place, told: Told[Place], look: Sequence[str]
) -> Iterator[str]:
    """Yield what an oracle does not explain of what was answered."""
    for path, answers in told.values():
        state = start
        for earlier in path:
            _, state = oracle.step(state, earlier)
        for command, answered in answers.items():
            expected, here = [], state
            for each in (command, *look):
                status, here = oracle.step(here, each)
                expected.append(status)
            if expected != answered:
                said = " ".join(f"{status:04X}" for status in answered)
                wanted = " ".join(f"{status:04X}" for status in expected)
                yield f"{' > '.join((*path, command))}: {said}, expected {wanted}"


def wrong_guards(guards: Guards, hopeless: Collection[str] = ()) -> Iterator[tuple[str, Guards]]:
    """Yield tables with one row wrong, by what is wrong with it.

    Of each command each thing that it needs is left out, nobody may do it, or it needs what the
    next one does that needs something else. What is `hopeless` never holds: nobody may already.
    """
    rows = list(guards.items())
    for number, (command, needed) in enumerate(rows):
        for left_out in needed:
            rest = tuple(one for one in needed if one != left_out)
            yield f"{command}: whether or not {left_out[0]}", {**guards, command: rest}
        if not any(name in hopeless for name, _ in needed):
            yield f"{command}: never", {**guards, command: (*needed, NOBODY)}
        others = [one for _, one in (*rows[number + 1 :], *rows[:number])]
        neighbour = next(one for one in others if one != needed)
        yield f"{command}: its neighbour's", {**guards, command: neighbour}


def wrong(oracle: type[Any], **attributes: Any) -> Any:
    """Return an oracle with some of its rules exchanged."""
    return type("Wrong", (oracle,), attributes)()

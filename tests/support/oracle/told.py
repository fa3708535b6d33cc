"""What a card has said on a walk, as a tree; and whether an oracle explains all of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from tests.support.oracle.conversation import Rulebook, Run
from tests.support.oracle.rules import Command

Told = dict[Command, tuple[int, "Told"]]


def told(runs: Iterable[Run]) -> Told:
    """Everything that was asked and answered, as a tree of what came before."""
    root: Told = {}
    for run in runs:
        here = root
        for command, status in run:
            here = here.setdefault(command, (status, {}))[1]
    return root


def explains(oracle: Rulebook, root: Told, first: object) -> bool:
    """Tell whether an oracle explains everything the card has said on a walk."""
    step = cache(oracle.step)
    waiting = [(first, root)]
    while waiting:
        state, answers = waiting.pop()
        for command, (status, then) in answers.items():
            expected, after = step(state, command)
            if expected != status:
                return False
            if then:
                waiting.append((after, then))
    return True

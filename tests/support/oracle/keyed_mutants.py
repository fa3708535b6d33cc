"""Every rule of an application got wrong on purpose, by program: its table, and what is beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from typing import Any

from jukicard.memory import MemorySnapshot
from tests.support.oracle.conversation import Stage
from tests.support.oracle.keyed_commands import Subject, player_of
from tests.support.oracle.keyed_model import ALWAYS, NEVER, Rules, State
from tests.support.oracle.keyed_walk import PLANS, Walk, plans_of
from tests.support.oracle.rules_keyed import Oracle, changed
from tests.support.oracle.told import Told, explains, told


def wrong_rules(rules: Rules) -> dict[str, Oracle]:
    """Return oracles each of which has one rule wrong, by what is wrong with it.

    A row of the table is replaced by always, by never, and by the needs of the next row that has
    others; a set loses or gets each member that there is; what is yes becomes no.
    """
    return {name: changed(rules, **change) for name, change in _changes(rules)}


def _changes(rules: Rules) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = list(rules.table.items())
    for number, (name, row) in enumerate(rows):
        others = [one.needs for _, one in (*rows[number + 1 :], *rows[:number])]
        neighbour = next(needs for needs in others if needs != row.needs)
        for what, needs in {"always": ALWAYS, "never": NEVER, "its neighbour's": neighbour}.items():
            if needs != row.needs:
                table = {**rules.table, name: row._replace(needs=needs)}
                yield f"{name}: {what}", {"table": table}
    for part in fields(rules):
        value = getattr(rules, part.name)
        if part.type == "bool":
            yield part.name, {part.name: not value}
        elif part.name == "while_suspended":
            for one in rules.purposes:
                yield f"{part.name}: {one}", {part.name: value ^ {one}}
        elif part.type == "frozenset[str]":
            for name in sorted(value):
                yield f"{part.name}: not {name}", {part.name: value - {name}}
    for tries in (2, 4):
        yield f"{tries} tries", {"pin_tries": tries}
    yield "blocked PIN answers 6983", {"blocked_pin": 0x6983}
    yield "blocked key answers 6984", {"blocked_key": 0x6984}


class Walks:
    """The walks of an application, gone through once each and kept: what the card has said."""

    def __init__(self, rules: Rules, subject: Subject, first: State, card: MemorySnapshot) -> None:
        self.rules = rules
        self.card = card
        self._of = (subject, first)
        self.walk = cache(self._walk)
        self.said = cache(self._said)

    def stage(self, oracle: Oracle | None = None) -> Stage:
        """A card as it was issued, with the rules or others beside it."""
        subject, first = self._of
        return Stage(self.card, oracle or Oracle(self.rules), first, player_of(subject))

    def _walk(self, name: str) -> Walk:
        walk = Walk(self.stage(), PLANS[name](self.rules))
        walk.go()
        return walk

    def _said(self, name: str) -> Told:
        return told(self.walk(name).runs)

    def noticed_by(self, oracle: Oracle) -> str:
        """The first walk that an oracle does not explain; empty when it explains them all."""
        _, first = self._of
        for name in plans_of(self.rules):
            if not explains(oracle, self.said(name), first):
                return name
        return ""

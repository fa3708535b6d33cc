"""Coverage of a terminal: which parts of what a card can do its tests have exercised.

What there is comes from the card's own tables: the commands that its applications declare, their
access rules, the life-cycle table, the states and hazards of this package. What was seen comes from
the card's events; nothing of any command's data is kept.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, TypeAlias

import jukicard
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label
from jukicard.apdu.status import StatusWord
from jukicard.apdu.trace.redaction import parse_or_none
from jukicard.applets.names import OPERATOR
from jukicard.filesystem.access import ALWAYS, NEVER, AccessCondition
from jukicard.filesystem.files import AccessRules, EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import TABLE, ObjectKind, Operation
from jukicard.filesystem.store import Decision
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.fileapplet import FileApplet
from jukicard.runtime.admission import STATE_TAG
from jukicard.runtime.application import Application
from jukicard.runtime.card import Card
from jukicard.runtime.events import ApplicationSelected, CardEvent, Exchange, PoweredOn
from jukicard.runtime.handlers import OF_THE_CARD, PROPRIETARY
from jukicard.testing.hazards import HAZARDS, Hazard
from jukicard.testing.states import states_of

Cell: TypeAlias = tuple[str, ...]
"""One thing that can be exercised, in words."""

COMMANDS: Final = "commands"
STATUS_WORDS: Final = "status words"
CARD_STATES: Final = "states"
ACCESS: Final = "access rules"
HAZARDS_MET: Final = "hazards"
LIFE_CYCLE: Final = "life cycle"
SECTIONS: Final = (COMMANDS, STATUS_WORDS, CARD_STATES, ACCESS, HAZARDS_MET, LIFE_CYCLE)
"""What is counted, in the order of the report."""

_FAMILIES: Final = {0x61: "61XX", 0x6C: "6CXX"}
_TRIES: Final = "63CX"
_NOT_THE_CARD: Final = {"apdu", "testing", "cli"}
_DONE: Final = "done"
_REFUSED: Final = "refused"
_OF_CARD: Final = "card"
_CHANGES: Final = {
    Ins.ACTIVATE_FILE: Operation.ACTIVATE,
    Ins.DEACTIVATE_FILE: Operation.DEACTIVATE,
    Ins.TERMINATE_CARD_USAGE: Operation.TERMINATE,
}


class Coverage:
    """What can be exercised and what was, by section; a `Watcher` of the cards of tests.

    applications: the kinds of application that count (`juki`, `jpki`, ...); of all cards that
    tests have, unless told. Commands of the card itself count always.
    """

    def __init__(self, applications: Iterable[str] = ()) -> None:
        self._only = frozenset(applications)
        self._offered: set[object] = set()
        self.applications: set[str] = set()
        """The kinds of application that the cards had, those that do not count too."""
        self.possible: dict[str, set[Cell]] = {section: set() for section in SECTIONS}
        self._seen: dict[str, set[Cell]] = {section: set() for section in SECTIONS}
        words = (*answered(), *_FAMILIES.values(), _TRIES)
        self.possible[STATUS_WORDS] |= {(word,) for word in words}
        self.possible[CARD_STATES] |= {(state,) for state in states_of("juki-v1")}
        self.possible[HAZARDS_MET] |= {(getattr(kind, "__name__", ""),) for kind in HAZARDS}
        self.possible[LIFE_CYCLE] |= {_in_words(cell) for cell in TABLE}
        for ins in (Ins.SELECT, *OF_THE_CARD):
            self._offer_command(_OF_CARD, ins_label(ins))

    # -- what there is -----------------------------------------------------------------------------

    def has_card(self, card: Card, state: str) -> None:
        """Count what this card can do, and listen to it from now on."""
        self._see(CARD_STATES, state)
        if card.applications.get(OPERATOR):
            self.possible[CARD_STATES] |= {(state,) for state in states_of("operator")}
        for application in card.applications:
            if application.fault:
                continue
            self.applications.add(application.type_name)
            self._offer(application)
            applet = application.applet
            if isinstance(applet, FileApplet):
                applet.files.on_decision = partial(self.decided, application.type_name)
        card.subscribe(_Listener(self, card).hear)

    def has_hazard(self, hazard: Hazard) -> None:
        """Count a hazard that has come."""
        self._see(HAZARDS_MET, type(hazard).__name__)

    def _offer(self, application: Application) -> None:
        kind, applet = application.type_name, application.applet
        known = (kind, *sorted(application.placement.parameters.items()), application.privileged)
        if known in self._offered or not self._counts(kind):
            return
        self._offered.add(known)
        for ins in applet.interindustry:
            self._offer_command(kind, ins_label(ins))
        for ins in applet.proprietary:
            self._offer_command(kind, PROPRIETARY.name(ins))
        for what, condition in _rules(applet, of_card=application.privileged):
            if condition is not NEVER:
                self.possible[ACCESS].add((kind, what, str(condition), "granted"))
                if condition is not ALWAYS:
                    self.possible[ACCESS].add((kind, what, str(condition), _REFUSED))

    def _offer_command(self, kind: str, name: str) -> None:
        self.possible[COMMANDS] |= {(kind, name, _DONE), (kind, name, _REFUSED)}

    def _counts(self, kind: str) -> bool:
        return not self._only or kind in self._only

    # -- what was seen -----------------------------------------------------------------------------

    def _see(self, section: str, *cell: str) -> None:
        self._seen[section].add(cell)

    def decided(self, kind: str, decision: Decision) -> None:
        """Count what an application's files were asked."""
        if not self._counts(kind):
            return
        if decision.cell is not None:
            self.saw_cell(*decision.cell)
        if decision.condition is not None:
            held = "granted" if decision.held else _REFUSED
            self._see(ACCESS, kind, decision.what, str(decision.condition), held)

    def saw_cell(self, kind: ObjectKind, state: LifeCycleState, operation: Operation) -> None:
        """Count a cell of the life-cycle table."""
        self._see(LIFE_CYCLE, *_in_words((kind, state, operation)))

    def saw_status(self, status: StatusWord) -> None:
        """Count a status word, one of a family as the family."""
        tries = _TRIES if status.retries_left is not None else status.hex
        self._see(STATUS_WORDS, _FAMILIES.get(status >> 8, tries))

    def saw_command(self, kind: str, name: str, *, refused: bool) -> None:
        """Count a command and whether it was done."""
        self._see(COMMANDS, kind, name, _REFUSED if refused else _DONE)

    # -- what comes of it --------------------------------------------------------------------------

    def seen(self, section: str) -> set[Cell]:
        """Return what was exercised of what there is."""
        return self._seen[section] & self.possible[section]

    @property
    def percent(self) -> float:
        """How much of all there is was exercised, in percent."""
        seen = sum(len(self.seen(section)) for section in SECTIONS)
        return 100 * seen / sum(map(len, self.possible.values()))

    def export(self) -> tuple[list[str], list[list[list[Cell]]]]:
        """Return all of it as lists and texts, for `merge` in another process."""
        return sorted(self.applications), [
            [sorted(found[section]) for section in SECTIONS]
            for found in (self.possible, self._seen)
        ]

    def merge(self, exported: tuple[Sequence[str], Sequence[Sequence[Sequence[Cell]]]]) -> None:
        """Add what another process has counted."""
        self.applications |= set(exported[0])
        for found, more in zip((self.possible, self._seen), exported[1], strict=True):
            for section, cells in zip(SECTIONS, more, strict=True):
                found[section] |= {tuple(cell) for cell in cells}


class _Listener:
    """Hears one card: which application answers, what of, in which state of the card."""

    def __init__(self, coverage: Coverage, card: Card) -> None:
        self._coverage = coverage
        self._card = card
        self._selected: dict[int, Application] = {}
        self._state = card.state.now

    def hear(self, event: CardEvent) -> None:
        match event:
            case PoweredOn():
                self._selected.clear()
            case ApplicationSelected(channel=channel, aid=aid):
                found = self._card.applications.get(aid)
                if found is not None:
                    self._selected[channel] = found
            case Exchange(command=raw, response=response):
                self._exchange(parse_or_none(raw), StatusWord(int.from_bytes(response[-2:], "big")))
            case _:
                pass

    def _exchange(self, command: CommandApdu | None, status: StatusWord) -> None:
        self._coverage.saw_status(status)
        before, self._state = self._state, self._card.state.now
        if command is None or status >> 8 == 0x6C:
            return
        refused = status.is_error or status >> 8 == 0x63
        by_name = command.ins == Ins.SELECT and command.p1 == 0x04
        self._of_card(command, before, by_name, refused)
        of_card = command.cla.interindustry and (by_name or command.ins in OF_THE_CARD)
        answers = self._selected.get(command.cla.channel, self._card.applications.default)
        name = ins_label(command.ins)
        if of_card or answers is None or answers.fault:
            self._coverage.saw_command(_OF_CARD, name, refused=refused)
            return
        if not command.cla.interindustry:
            name = PROPRIETARY.name(command.ins)
        self._coverage.saw_command(answers.type_name, name, refused=refused)
        applet = answers.applet
        if not refused and command.ins not in _CHANGES and isinstance(applet, FileApplet):
            state = applet.files.state(applet.tree.root)
            if state is LifeCycleState.ACTIVATED:
                self._coverage.saw_cell(ObjectKind.APPLICATION, state, Operation.USE)

    def _of_card(
        self, command: CommandApdu, state: LifeCycleState, by_name: bool, refused: bool
    ) -> None:
        """Count a cell of the card as a whole; what changes it is told as a decision."""
        usable = state is LifeCycleState.ACTIVATED
        change = _CHANGES.get(Ins(command.ins)) if command.ins in _CHANGES else None
        if change is not None and (usable or not refused):
            return
        operation = change or Operation.USE
        if by_name:
            operation = Operation.SELECT
        elif command.ins == Ins.GET_DATA and command.p2 == STATE_TAG:
            operation = Operation.READ_STATE
        if not refused or not usable:
            self._coverage.saw_cell(ObjectKind.CARD, state, operation)


@cache
def answered() -> frozenset[str]:
    """Return the status words that the card's own code names, whatever the standard has besides."""
    home, named = Path(jukicard.__file__).parent, set[str]()
    for path in home.rglob("*.py"):
        if path.relative_to(home).parts[0] not in _NOT_THE_CARD:
            named |= set(re.findall(r"\bStatusWord\.([A-Z_0-9]+)\b", path.read_text("utf-8")))
    return frozenset(vars(StatusWord)[name].hex for name in named)


def _in_words(cell: tuple[ObjectKind, LifeCycleState, Operation]) -> Cell:
    kind, state, operation = cell
    return kind.value, state.name.lower(), operation.value


def _rules(applet: Any, *, of_card: bool) -> Iterator[tuple[str, AccessCondition]]:
    """Yield every access rule that an application declares, with the label of what it is for."""
    if of_card and isinstance(applet, LifeCycle):
        for condition in _conditions(applet.card_rules):
            yield _OF_CARD, condition
    if not isinstance(applet, FileApplet):
        return
    for node in applet.tree.walk():
        for condition in _conditions(node.spec):
            yield node.label, condition
        if not isinstance(node, EfNode):
            for tag, declared in node.objects.items():
                for condition in _conditions(declared):
                    yield f"{tag:X}", condition


def _conditions(declared: Any) -> Iterator[AccessCondition]:
    for field in dataclasses.fields(declared):
        value = getattr(declared, field.name)
        if isinstance(value, AccessCondition):
            yield value
        elif isinstance(value, AccessRules):
            yield from _conditions(value)

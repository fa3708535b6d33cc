"""Runs one command with the power cut, or the memory failing, at each of its writes.

What must hold afterwards is docs/tearing.md, T1 to T9; a `Scenario` says of one command what it
changes when nothing happens to it, and everything else is derived from that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from jukicard import Card
from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukicard.authentication.mutual import MutualAuthentication
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.files import EfNode
from jukicard.kit import pin
from jukicard.kit.fileapplet import FileApplet
from jukicard.memory import PowerLoss, RamBackend
from jukicard.memory.backend import Backend, Contents
from jukicard.runtime.card import CARD_PARTITION
from jukicard.testing.applets import ForbiddenApplet
from jukihost.errors import CardError
from tests.support.tearing.rig import Journal, NotReached, Rig, is_refused

Place = tuple[str, str]
"""A value in the card's memory: partition and key."""
CARD_STATE: Place = (CARD_PARTITION, "state")
TERMINATED = b"\x0c"


@dataclass(frozen=True)
class Guess:
    """A comparison that a counter limits: where the counter is, and whether the value is right."""

    counter: Place
    right: bool = False


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One command in one situation, and what it does when nothing goes wrong.

    `edit` changes the memory before the card gets power, `before` sends what leads to the command,
    `act` sends the command. `changes` is exactly what is different in memory afterwards. `raises`
    are the retry counters and `resumes` the life-cycle states that the command may turn for the
    better; `guess` is the comparison it makes, if it makes one. `holds` is asserted of a card with
    what is in memory before the command and after each of its writes.
    """

    name: str
    act: Callable[[Rig], ResponseApdu]
    before: Callable[[Rig], None]
    edit: Callable[[Rig], None] | None = None
    succeeds: bool = True
    changes: frozenset[Place] = frozenset()
    raises: frozenset[Place] = frozenset()
    resumes: frozenset[Place] = frozenset()
    guess: Guess | None = None
    holds: Callable[[Rig], None] | None = None
    after_failure: Callable[[Rig], None] | None = None
    """Checks, on the card whose write failed, that nothing of the command can be built upon."""


MakeBackend = Callable[[Contents], Backend]


@dataclass
class World:
    """A personalised card to start from, again and again."""

    name: str
    contents: Contents
    random: bytes
    _expected: dict[frozenset[tuple[str, str, bytes]], list[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, card: Card) -> World:
        """Keep a card without its power."""
        snapshot = card.snapshot()
        state = snapshot.partitions["random"]["random"]
        return cls(name, card.environment.memory.snapshot().contents(), state)

    def rig(self, contents: Contents | None = None, make: MakeBackend = RamBackend) -> Rig:
        """Return a powered card with this world's contents, or others."""
        return Rig(make(self.contents if contents is None else contents), self.random)

    def edited(self, edit: Callable[[Rig], None] | None) -> Contents:
        """Return the contents with a change made as personalisation would make it."""
        if edit is None:
            return self.contents
        rig = self.rig()
        with rig.memory.transaction():
            edit(rig)
        return rig.memory.snapshot().contents()

    def expected_answers(self, contents: Contents) -> list[bytes]:
        """Return what a card with these contents answers that was just given power."""
        key = frozenset((n, k, v) for n, values in contents.items() for k, v in values.items())
        if key not in self._expected:
            card = self.rig(contents).card
            self._expected[key] = _first_look(card) + look(card)
        return self._expected[key]


_FIRST = ("00B0000010", "00B2010400", "00200080", "0CB0000000", "00C0000000")


def _first_look(card: Card) -> list[bytes]:
    """Ask a card that was just given power what was selected, proven or waiting before."""
    return [card.transmit(bytes.fromhex(command)) for command in _FIRST]


def look(card: Card) -> list[bytes]:
    """Ask a card all that can be asked of it without changing it, as a stranger."""
    answers = []

    def ask(command: str) -> None:
        answers.append(card.transmit(bytes.fromhex(command)))

    for application in card.applications:
        if isinstance(application.applet, ForbiddenApplet):
            continue  # tests/conftest.py looks whether anything has reached it
        ask(f"00A4040C{len(application.aid):02X}{application.aid}")
        ask("00CA008A00")
        ask(f"00820081 28 {'5A' * 40} 28")  # without a challenge: not counted
        applet = application.applet
        assert isinstance(applet, FileApplet)
        for fid in applet.tree.root.efs:
            for command in (f"00A4020C02{fid:04X}", "00B0000000", "00B2010400", "00200080"):
                ask(command)
            ask(f"802A0080 20 {'5A' * 32} 00")  # a signature; without its PIN refused
    return answers


def tear(scenario: Scenario, world: World, make: MakeBackend = RamBackend) -> int:
    """Run a scenario whole, then with a cut and a failure at each write; return how many cuts."""
    base = world.edited(scenario.edit)
    states = _uncut(scenario, world, base, make)
    _check_states(scenario, states)
    if scenario.holds is not None:
        for contents in states:
            scenario.holds(world.rig(contents))
    writes = len(states) - 1
    cuts = 0
    for at in range(1, writes + 1):
        for landed in (False, True):
            _cut(scenario, world, base, states, at, landed=landed, make=make)
            cuts += 1
        _fail(scenario, world, base, states, at, make=make)
    return cuts


def _uncut(scenario: Scenario, world: World, base: Contents, make: MakeBackend) -> list[Contents]:
    """Run without a fault; return the contents before the command and after each write."""
    journal = Journal(make(base))
    rig = Rig(journal, world.random)
    scenario.before(rig)
    start = journal.load()
    journal.states.clear()
    with _watched(scenario, rig, start) as comparisons:
        answer = scenario.act(rig)
    assert is_refused(answer) is not scenario.succeeds, (
        f"{scenario.name}: {answer.status.hex}; {rig.card.last_refusal}"
    )
    assert answer.status not in (StatusWord.MEMORY_FAILURE, StatusWord.NO_PRECISE_DIAGNOSIS)
    assert bool(comparisons) is (scenario.guess is not None), (
        f"{scenario.name}: compared {len(comparisons)} times"
    )
    # once it is answered, a cut takes nothing away (T5): what it answered has landed
    assert rig.memory.snapshot().contents() == journal.load(), scenario.name
    states = [start, *journal.states]
    rig.power_on()
    answers = _first_look(rig.card) + look(rig.card)
    assert answers == world.expected_answers(states[-1]), f"{scenario.name}: T7"
    return states


def _changed(before: Contents, after: Contents) -> set[Place]:
    return {
        (name, key)
        for name in before.keys() | after.keys()
        for key in before.get(name, {}).keys() | after.get(name, {}).keys()
        if before.get(name, {}).get(key) != after.get(name, {}).get(key)
    }


def _value(contents: Contents, place: Place) -> bytes | None:
    return contents.get(place[0], {}).get(place[1])


def _is_written_at_once(place: Place, contents: Contents) -> bool:
    """What no rollback may take back: retry counters, and the end of the card."""
    if place == CARD_STATE:
        return _value(contents, place) == TERMINATED
    return place[1].startswith("tries/")


def _check_states(scenario: Scenario, states: list[Contents]) -> None:
    """Check what a cut after each write leaves: T1 to T3, T5 and T6."""
    start, last = states[0], states[-1]
    name = scenario.name
    assert _changed(start, last) == scenario.changes, f"{name}: changed {_changed(start, last)}"
    for number, now in enumerate(states):
        whole = now is last and scenario.succeeds
        for place in _changed(start, now):
            at_once = _is_written_at_once(place, now)
            assert whole or at_once, f"{name}: T1, {place} after write {number}"
            _check_counter(scenario, start, now, place, whole=whole)
            _check_state_change(scenario, start, now, place, whole=whole)


def _check_counter(
    scenario: Scenario, start: Contents, now: Contents, place: Place, *, whole: bool
) -> None:
    if not place[1].startswith("tries/"):
        return
    before, after = _value(start, place) or b"\0", _value(now, place) or b"\0"
    guess = scenario.guess
    proven = guess is not None and guess.right and guess.counter == place
    lawful = proven or (whole and place in scenario.raises)
    assert after < before or lawful, f"{scenario.name}: T3, {place} rose"


def _check_state_change(
    scenario: Scenario, start: Contents, now: Contents, place: Place, *, whole: bool
) -> None:
    """A state other than activated (absent) is left only by a lawful resumption (T5)."""
    if place[1] != "state" and not place[1].startswith("state/"):
        return
    before = _value(start, place)
    if before not in (None, b"\x05"):
        lawful = whole and place in scenario.resumes
        assert lawful or _value(now, place) == TERMINATED, f"{scenario.name}: T5, {place}"


@contextlib.contextmanager
def _watched(scenario: Scenario, rig: Rig, start: Contents) -> Iterator[list[None]]:
    """Check at every comparison with a secret that its counter has gone down before (T2)."""
    comparisons: list[None] = []

    def compared() -> None:
        guess = scenario.guess
        assert guess is not None, f"{scenario.name}: it compared, and should not have"
        landed = _value(rig.backend._inner.load(), guess.counter)
        before = _value(start, guess.counter)
        assert landed is not None
        assert before is not None
        assert landed < before, f"{scenario.name}: T2, compared before the counter was written"
        comparisons.append(None)

    equal, answer = pin._equal, MutualAuthentication.answer

    def watched_equal(value: bytes, expected: bytes) -> bool:
        compared()
        return equal(value, expected)

    def watched_answer(self: MutualAuthentication, *arguments: Any) -> Any:
        compared()
        return answer(self, *arguments)

    with (
        mock.patch.object(pin, "_equal", watched_equal),
        mock.patch.object(MutualAuthentication, "answer", watched_answer),
    ):
        yield comparisons


def _cut(
    scenario: Scenario,
    world: World,
    base: Contents,
    states: list[Contents],
    at: int,
    *,
    landed: bool,
    make: MakeBackend,
) -> None:
    """Cut the power at a write, power on again, and look at what is there (T1, T2, T7, T8)."""
    where = f"{scenario.name}, power cut {'after' if landed else 'before'} write {at} landed"
    rig = world.rig(base, make)
    scenario.before(rig)
    start = rig.memory.snapshot().contents()
    assert start == states[0], f"{where}: not the same start"
    rig.backend.cut_after, rig.backend.landed = rig.backend.writes + at, landed
    with _watched(scenario, rig, start) as comparisons, contextlib.suppress(PowerLoss):
        answer = scenario.act(rig)
        raise AssertionError(f"{where}: answered {answer.status.hex} without power")
    rig.backend.cut_after = None
    reached = states[at] if landed else states[at - 1]
    assert rig.power_on() == rig.card.atr, f"{where}: T8"
    assert rig.memory.snapshot().contents() == reached, f"{where}: T1"
    _check_price(scenario, start, reached, bool(comparisons), where)
    answers = _first_look(rig.card) + look(rig.card)
    assert answers == world.expected_answers(reached), f"{where}: T7"
    _again(scenario, rig, unchanged=reached == start, where=where)
    rig.backend.close()


def _check_price(
    scenario: Scenario, start: Contents, reached: Contents, compared: bool, where: str
) -> None:
    guess = scenario.guess
    if guess is None or not compared:
        return
    before, after = _value(start, guess.counter), _value(reached, guess.counter)
    assert before is not None
    assert after is not None
    assert after < before or guess.right, f"{where}: T2, a free guess"


def _again(scenario: Scenario, rig: Rig, *, unchanged: bool, where: str) -> None:
    """Give the command again; where nothing had changed it must do what it did (T8)."""
    try:
        scenario.before(rig)
        answer = scenario.act(rig)
    except (CardError, NotReached):
        assert not unchanged, f"{where}: the situation cannot be had any more"
        return
    assert not unchanged or is_refused(answer) is not scenario.succeeds, (
        f"{where}: T8, {answer.status.hex}"
    )


def _fail(
    scenario: Scenario,
    world: World,
    base: Contents,
    states: list[Contents],
    at: int,
    *,
    make: MakeBackend,
) -> None:
    """Let a write fail: 6581, nothing changed by it, nothing proven stays (T9)."""
    where = f"{scenario.name}, write {at} refused"
    rig = world.rig(base, make)
    scenario.before(rig)
    rig.backend.fail_after = rig.backend.writes + at
    answer = scenario.act(rig)
    assert answer.status == StatusWord.MEMORY_FAILURE, f"{where}: {answer.status.hex}"
    reached = states[at - 1]
    assert rig.memory.snapshot().contents() == reached, f"{where}: it changed something"
    assert rig.backend._inner.load() == reached, f"{where}: it changed what will be found"
    if scenario.after_failure is not None:
        scenario.after_failure(rig)
    _check_nothing_readable_in_session(rig, where)
    rig.secure = None
    expected = world.expected_answers(reached)[len(_FIRST) :]
    assert look(rig.card) == expected, f"{where}: something is still proven"
    rig.backend.close()


def _check_nothing_readable_in_session(rig: Rig, where: str) -> None:
    """Inside the session, if there is still one, nothing may be read that needs a proof."""
    if rig.secure is None or not rig.secure.alive:
        return
    for node in _protected_files(rig.applet(rig.selected)):
        try:
            rig.send(CommandApdu(0x00, 0xA4, 0x02, 0x0C, node.fid.to_bytes(2, "big")))
            for read in (
                CommandApdu(0x00, 0xB0, 0, 0, ne=16),
                CommandApdu(0x00, 0xB2, 1, 4, ne=64),
            ):
                answer = rig.send(read)
                assert answer.status.is_error, f"{where}: {node.label} can still be read"
        except CardError:
            return  # the card has ended the session: nothing can be read in it


def _protected_files(applet: FileApplet[Any]) -> list[EfNode]:
    return [ef for ef in applet.tree.root.efs.values() if ef.spec.access.read is not ALWAYS]

"""A hostile application tries all that the public surface gives it, and gets nowhere."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.errors import IsoError
from jukicard.memory import MemorySnapshot, PersistentMemory, RamBackend, SqliteBackend, create_card
from jukicard.runtime.applet import BasicState
from jukicard.runtime.application import ConfinedApplication
from jukicard.runtime.events import SecurityStatusChanged
from jukicard.runtime.firewall import DENIED, AppletMisbehavedError, StepBudget
from jukicard.testing.applets import FORBIDDEN_AID, ForbiddenReachedError
from tests.support.applets.hostile import (
    ACCOMPLICE,
    ATTACK,
    CLIENT,
    HOSTILE,
    POINTS,
    USE_SERVICE,
    Act,
    HostileApplet,
    World,
    world,
)
from tests.support.applets.hostile_acts import ACTS, LyingBytes, loop, raising, swallow_the_stop
from tests.support.naive.terminal import JUKI

BUG = b"\x6f\x00"
REFUSED = DENIED.to_bytes(2, "big")


pytestmark = pytest.mark.usefixtures("few_steps")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_whatever_it_raises_and_wherever(point: str, act: Act) -> None:
    card = world()
    if point != "constructor":
        card.select(HOSTILE)
    HostileApplet.plan[point] = act
    card.everywhere()
    card.check()
    assert card.select(HOSTILE) == b"\x90\x00", "it works once it behaves"
    assert card.send(ATTACK) == b"\x90\x00"
    card.check()


class LyingResponse(ResponseApdu):
    __slots__ = ()


def response_with(**values: object) -> ResponseApdu:
    response = ResponseApdu()
    for name, value in values.items():
        setattr(response, name, value)
    return response


ANSWERS = {
    "nothing": None,
    "bytes": b"\x90\x00",
    "text": "9000",
    "a subclass": LyingResponse(),
    "lying data": response_with(data=LyingBytes(b"x")),
    "mutable data": response_with(data=bytearray(b"x")),
    "text as data": response_with(data="x"),
    "too much": response_with(data=bytes(65_537)),
    "a number as status": response_with(status=0x9000),
    "a status too large": response_with(status=1 << 40),
}


@pytest.mark.parametrize("point", ["select", "process"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_answer_goes_out_as_6f00(point: str, answer: object) -> None:
    card = world()
    HostileApplet.plan[point] = lambda _: answer
    selected = card.select(HOSTILE)
    assert (selected if point == "select" else card.send(ATTACK)) == BUG
    assert any(isinstance(bug, AppletMisbehavedError) for bug in card.bugs)
    card.check()


@pytest.mark.parametrize("answer", [None, "x", bytearray(b"x"), LyingBytes(b"x"), bytes(65_537)])
def test_what_a_service_may_not_answer_is_a_denial(answer: object) -> None:
    card = world()
    card.select(HOSTILE)
    HostileApplet.plan["service"] = lambda _: answer
    card.select(CLIENT)
    assert card.send(USE_SERVICE) == REFUSED
    assert [denial.aid for denial in card.denials] == [CLIENT]
    card.check()


@pytest.mark.parametrize("point", POINTS)
def test_what_is_no_object_of_the_card(point: str) -> None:
    card = world()
    if point != "constructor":
        card.select(HOSTILE)
    for value in (None, object(), "text", 7):
        HostileApplet.plan[point] = lambda _, value=value: value  # type: ignore[misc]
        card.everywhere()
    card.check()


# --- services that call back ---


def test_a_service_that_calls_back_without_end() -> None:
    card = world()
    card.select(ACCOMPLICE)
    card.select(HOSTILE)

    def back(applet: HostileApplet) -> object:
        return applet.context.request(ACCOMPLICE, "ping", b"")

    def forth(applet: HostileApplet) -> object:
        other = HostileApplet.kept[4]
        return other.act("process") and b""

    HostileApplet.plan["process"] = lambda a: ResponseApdu(back(a))  # type: ignore[arg-type]
    HostileApplet.plan["service"] = forth
    assert card.send(ATTACK) in (BUG, REFUSED)
    card.check()


def test_two_that_work_together_have_one_budget() -> None:
    card = world()
    card.select(ACCOMPLICE)
    card.select(HOSTILE)
    served: list[int] = []

    def serve(applet: HostileApplet) -> object:
        served.append(1)
        for _ in range(1_000):
            pass
        return b""

    def ask(applet: HostileApplet) -> object:
        while True:
            applet.context.request(ACCOMPLICE, "ping", b"")

    HostileApplet.plan.update(process=ask, service=serve)
    assert card.send(ATTACK) == BUG
    assert 0 < len(served) < 20_000 // 1_000 + 1
    card.check()


# --- endless loops ---


def test_a_loop_is_stopped_within_the_real_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    card = world()
    HostileApplet.plan["process"] = loop
    card.select(HOSTILE)

    def trace(frame: FrameType, event: str, arg: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        assert card.send(ATTACK) == BUG
        assert sys.gettrace() is trace, "coverage goes on where it was"
    finally:
        sys.settrace(before)
    assert {str(bug) for bug in card.bugs} == {"more than 1000000 steps in one command"}
    card.check()


def test_only_kinds_that_are_ours_or_trusted_go_without_a_budget() -> None:
    budgets = {
        entry.type_name: entry.budget
        for entry in world().card.applications
        if isinstance(entry, ConfinedApplication)
    }
    assert budgets.keys() == {"test-hostile", "test-accomplice", "library"}
    assert budgets["test-hostile"] is budgets["test-accomplice"]


def test_the_card_is_never_stopped_in_the_middle_of_its_own_work() -> None:
    card = world(PersistentMemory(RamBackend()))

    def act(applet: HostileApplet) -> object:
        number = 0
        while True:
            number += 1
            applet.context.memory.put_now("n", bytes((number & 0xFF,)))

    HostileApplet.plan["process"] = act
    card.select(HOSTILE)
    for _ in range(5):
        card.select(HOSTILE)
        assert card.send(ATTACK) == BUG
    card.check()


def test_a_write_at_the_end_of_the_stack_leaves_a_card_that_works(tmp_path: Path) -> None:
    path = tmp_path / "card.db"
    create_card(path, "one", MemorySnapshot.adopt({}, {}))
    card = world(PersistentMemory(SqliteBackend(path, "one")))

    def deep(applet: HostileApplet) -> object:
        try:
            deep(applet)
        finally:
            applet.context.memory.put_now("n", b"1")
        return ResponseApdu()

    HostileApplet.plan["process"] = deep
    card.select(HOSTILE)
    assert card.send(ATTACK) == BUG
    card.check()


def test_the_budget_itself() -> None:
    budget = StepBudget(50)
    assert budget.run(lambda: 5) == 5
    with pytest.raises(AppletMisbehavedError, match="more than 50 steps"):
        budget.run(lambda: loop(None))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        budget.run(lambda: raising(KeyboardInterrupt())(None))  # type: ignore[arg-type]
    assert budget.run_apart(lambda: 6) == 6


# --- the forbidden application itself ---


@pytest.mark.usefixtures("forbidden_is_reached")
@pytest.mark.parametrize("reach", ["select", "memory", "rewrite", "service", "command"])
def test_what_nothing_may_reach_says_when_it_was(reach: str) -> None:
    card: World = world()
    card.forbidden.check()
    memory = card.card.environment.memory.partition(f"application {FORBIDDEN_AID}")
    if reach == "select":
        assert card.select(FORBIDDEN_AID) == BUG
    elif reach == "memory":
        memory.put_now("new", b"x")
    elif reach == "rewrite":
        memory.put_now("bait", memory.get("bait") or b"")
    elif reach == "service":
        with pytest.raises(IsoError):
            card.forbidden.context.request(FORBIDDEN_AID, "forbidden", b"")
    else:
        with pytest.raises(ForbiddenReachedError):
            card.forbidden.process(CommandApdu(0, 0xB0, 0, 0), BasicState())
    with pytest.raises(ForbiddenReachedError):
        card.forbidden.check()


def test_who_watches_the_card_is_not_stopped_with_an_application() -> None:
    card = world()
    begun, done = [], []

    def watch(event: object) -> None:
        begun.append(event)
        for _ in range(200):
            pass
        done.append(event)

    def tell_without_end(applet: HostileApplet) -> object:
        while True:
            applet.context.emit(SecurityStatusChanged(HOSTILE, "own", holds=True))

    card.card.subscribe(watch)
    card.select(HOSTILE)
    HostileApplet.plan["process"] = tell_without_end
    assert card.send(ATTACK) == BUG
    assert len(done) == len(begun) > 10
    card.check()


def test_a_state_that_swallows_the_stop_is_believed_in_nothing() -> None:
    card = world()
    card.select(HOSTILE)
    HostileApplet.plan["messaging"] = swallow_the_stop
    assert card.select(JUKI) == BUG
    HostileApplet.plan.clear()
    assert card.send(ATTACK) == b"\x69\x85", "it was taken off"
    card.check()

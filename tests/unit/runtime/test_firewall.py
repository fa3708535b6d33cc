"""A hostile application tries all that the public surface gives it, and gets nowhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from jukicard.apdu import Aid, CommandApdu, ResponseApdu, StatusWord
from jukicard.errors import IsoError
from jukicard.memory import MemorySnapshot, PersistentMemory, RamBackend, SqliteBackend, create_card
from jukicard.runtime import registry
from jukicard.runtime.applet import BasicState
from jukicard.runtime.events import (
    ApplicationSelected,
    Exchange,
    FirewallDenial,
    SecurityStatusChanged,
)
from jukicard.runtime.firewall import DENIED, AppletMisbehavedError, StepBudget
from jukicard.testing.applets import FORBIDDEN_AID, ForbiddenReachedError
from tests.support.hostile import (
    ACCOMPLICE,
    ATTACK,
    CLIENT,
    HOSTILE,
    POINTS,
    SERVICE,
    USE_SERVICE,
    Act,
    HostileApplet,
    World,
    world,
)
from tests.support.naive_terminal import JUKI

BUG = b"\x6f\x00"
REFUSED = DENIED.to_bytes(2, "big")


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "STEP_BUDGET", 20_000)
    before = sys.gettrace()
    yield
    assert sys.gettrace() is before, "the trace function was not put back"
    HostileApplet.plan.clear()
    HostileApplet.kept.clear()


class OwnEndError(BaseException):
    pass


class LyingRefusalError(IsoError):
    @property
    def status(self) -> Any:
        return "9000"

    @status.setter
    def status(self, value: object) -> None:
        del value


def raising(error: BaseException) -> Act:
    def act(applet: HostileApplet) -> object:
        raise error

    return act


def loop(applet: HostileApplet) -> object:
    while True:
        pass


def stubborn_loop(applet: HostileApplet) -> object:
    while True:
        with suppress(Exception):
            loop(applet)


def swallow_the_stop(applet: HostileApplet) -> object:
    try:
        loop(applet)
    except BaseException:  # noqa: BLE001 - what it tries
        return ResponseApdu(b"got away")
    return None


def recurse(applet: HostileApplet) -> object:
    return recurse(applet)


def too_much(applet: HostileApplet) -> object:
    return bytes(1 << 62)


ACTS: dict[str, Act] = {
    "an exception": raising(ZeroDivisionError()),
    "SystemExit": raising(SystemExit(0)),
    "GeneratorExit": raising(GeneratorExit()),
    "an end of its own": raising(OwnEndError()),
    "a refusal": raising(IsoError(StatusWord.FILE_NOT_FOUND, "as it likes")),
    "a refusal that says 9000": raising(IsoError(StatusWord.OK, "fine")),
    "a refusal without status": raising(IsoError("lie", None)),  # type: ignore[arg-type]
    "a refusal that lies": raising(LyingRefusalError(StatusWord.OK, "lie")),
    "StopIteration": raising(StopIteration()),
    "recursion": recurse,
    "no memory": too_much,
    "a loop": loop,
    "a loop that catches": stubborn_loop,
    "a stop that it swallows": swallow_the_stop,
}


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


class LyingBytes(bytes):
    def __len__(self) -> int:
        return 0


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


# --- reaching for what is not its own: each is a denial, an event and the one status ---


def share_as(owner: object) -> Act:
    def act(applet: HostileApplet) -> object:
        applet.context.aid = owner  # type: ignore[assignment]
        applet.context.share("forged", applet.serve, CLIENT)
        return ResponseApdu()

    return act


def setting(name: str, value: object) -> Act:
    def act(applet: HostileApplet) -> object:
        setattr(applet.context, name, value)
        return ResponseApdu()

    return act


def asking(owner: Any, name: Any, data: Any = b"") -> Act:
    return lambda applet: ResponseApdu(applet.context.request(owner, name, data))


def sharing(name: Any, service: Any, to: Any) -> Act:
    def act(applet: HostileApplet) -> object:
        applet.context.share(name, service, to)
        return ResponseApdu()

    return act


def telling(event: Any) -> Act:
    def act(applet: HostileApplet) -> object:
        applet.context.emit(event)
        return ResponseApdu()

    return act


class LyingAid(Aid):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(FORBIDDEN_AID)


class LyingText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("forbidden")


DENIALS: dict[str, Act] = {
    "another's name, to share": share_as(JUKI),
    "another's name": setting("aid", FORBIDDEN_AID),
    "another memory": setting("memory", None),
    "a state of the card": setting("card", object()),
    "other options": setting("options", None),
    "other parameters": setting("parameters", {"privilege": "card"}),
    "a private part": setting("_grants", None),
    "a new attribute": setting("anything", 1),
    "a service of nobody": asking(Aid("F000000000"), SERVICE),
    "a service that is another's": asking(FORBIDDEN_AID, "forbidden"),
    "its own service, meant for another": asking(HOSTILE, SERVICE),
    "a service of the Juki application": asking(JUKI, SERVICE),
    "a lying name of an application": asking(LyingAid(FORBIDDEN_AID), "forbidden"),
    "a lying name of a service": asking(FORBIDDEN_AID, LyingText("forbidden")),
    "no name": asking(None, None),
    "no bytes": asking(FORBIDDEN_AID, "forbidden", 1 << 40),
    "sharing under no name": sharing(None, len, CLIENT),
    "sharing nothing": sharing("x", None, CLIENT),
    "sharing with everybody": sharing("x", len, LyingAid(CLIENT)),
    "a denial of another": telling(FirewallDenial(JUKI, "x", "y")),
    "an exchange": telling(Exchange(b"", b"")),
    "another's status": telling(SecurityStatusChanged(JUKI, "COUNTER", holds=True)),
    "no event": telling(object()),
}


@pytest.mark.parametrize("act", DENIALS.values(), ids=DENIALS)
def test_every_reach_is_denied_with_one_status_and_one_event(act: Act) -> None:
    card = world()
    HostileApplet.plan["process"] = act
    card.select(HOSTILE)
    assert card.send(ATTACK) == REFUSED
    assert [denial.aid for denial in card.denials] == [HOSTILE]
    assert not card.bugs
    card.check()


def test_what_is_granted_is_not_denied() -> None:
    card = world()
    card.select(HOSTILE)
    card.select(CLIENT)
    assert card.send(USE_SERVICE) == b"please\x90\x00"
    event = SecurityStatusChanged(HOSTILE, "own", holds=True)
    HostileApplet.plan["process"] = telling(event)
    card.select(HOSTILE)
    assert card.send(ATTACK) == b"\x90\x00"
    assert not card.denials


# --- what it has: its handles, also when it is not its turn ---


def test_a_handle_cannot_be_turned_to_another_partition() -> None:
    for name in ("name", "get", "_values", "_memory"):
        card = world(PersistentMemory(RamBackend()))

        def act(applet: HostileApplet, name: str = name) -> object:
            setattr(applet.context.memory, name, f"application {JUKI}")
            applet.context.memory.put_now("bait", b"mine")
            return ResponseApdu()

        HostileApplet.plan["process"] = act
        card.select(HOSTILE)
        assert card.send(ATTACK) == BUG
        card.card.environment.memory.recover()
        card.check()


def test_a_card_cannot_be_spoilt_through_values_and_keys_that_lie() -> None:
    class Key(str):
        __slots__ = ()

    for key, value in (("k", LyingBytes(b"x")), (Key("k"), b"x"), ("k", bytearray(1)), (1, b"")):
        for write in ("put", "put_now"):
            card = world()

            def act(a: HostileApplet, w: str = write, k: Any = key, v: Any = value) -> object:
                getattr(a.context.memory, w)(k, v)
                return ResponseApdu()

            HostileApplet.plan["process"] = act
            card.select(HOSTILE)
            assert card.send(ATTACK) == BUG
            assert not card.card.environment.memory.partition(f"application {HOSTILE}").keys()
            card.check()


def test_what_it_kept_is_worth_nothing_in_the_turn_of_another() -> None:
    card = world()
    card.select(HOSTILE)
    HostileApplet.kept[0].context.memory  # noqa: B018 - it is there, and will be used
    card.select(JUKI)

    def act(applet: HostileApplet) -> object:
        old, context, memory, state = HostileApplet.kept[:4]
        memory.put("late", b"mine")
        memory.put_now("now", b"mine")
        state.held["security"] = object()
        context.share("late", old.serve, CLIENT)
        return b"done"

    HostileApplet.plan["service"] = act
    card.select(CLIENT)
    assert card.send(USE_SERVICE) == b"done\x90\x00"
    assert card.card.environment.memory.partition(f"application {HOSTILE}").keys() == [
        "late",
        "now",
    ]
    card.check()


def test_outside_every_turn_it_writes_at_most_its_own() -> None:
    card = world()
    card.select(HOSTILE)
    card.select(JUKI)
    memory = HostileApplet.kept[2]
    with pytest.raises(Exception, match="outside a transaction"):
        memory.put("late", b"mine")
    memory.put_now("late", b"mine")
    card.check()


def test_a_huge_value_is_its_own_affair() -> None:
    card = world()

    def act(applet: HostileApplet) -> object:
        applet.context.memory.put("huge", bytes(30_000_000))
        raise ZeroDivisionError

    HostileApplet.plan["process"] = act
    card.select(HOSTILE)
    assert card.send(ATTACK) == BUG
    assert not HostileApplet.kept[2].keys(), "a command that fails leaves nothing"
    card.check()


def test_the_generator_of_the_card_does_not_show_its_state() -> None:
    card = world()
    seen: list[bytes] = []

    def act(applet: HostileApplet) -> object:
        seen.append(applet.context.random.state())
        return ResponseApdu(applet.context.random.take(8))

    HostileApplet.plan["process"] = act
    card.select(HOSTILE)
    assert len(card.send(ATTACK + b"\x00")) == 10
    assert seen == [b""]
    assert card.card.environment.random.state() != b""
    card.check()


def test_it_ends_no_session_but_its_own() -> None:
    card = world()
    forgotten: list[str] = []

    def end(applet: HostileApplet) -> object:
        applet.context.end_other_sessions()
        return ResponseApdu()

    assert card.send("0070000001") == b"\x02\x90\x00"
    card.send(bytes((2, 0xA4, 4, 0x0C, len(HOSTILE))) + HOSTILE)
    HostileApplet.plan["process"] = end
    HostileApplet.plan["forget"] = lambda _: forgotten.append("on channel 2")
    card.select(HOSTILE)
    assert card.send(ATTACK) == b"\x90\x00"
    assert forgotten == ["on channel 2"]
    card.check()


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_state_that_will_not_forget_keeps_no_counter_from_its_work(act: Act) -> None:
    card = world()
    assert card.send("0070000001") == b"\x02\x90\x00"
    card.send(bytes((2, 0xA4, 4, 0x0C, len(HOSTILE))) + HOSTILE)
    HostileApplet.plan["forget"] = act
    card.select(JUKI)
    card.terminal.authenticate(4)
    moved_out = CommandApdu(0x00, 0xDA, 0x00, 0xC1, b"\x01")
    assert card.terminal.protected(moved_out).status == 0x9000
    HostileApplet.plan.clear()
    assert card.send(bytes((2, 0xA4, 4, 0x0C, len(HOSTILE))) + HOSTILE) == b"\x90\x00"


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
    budgets = {entry.type_name: entry.budget for entry in world().card.applications}
    assert {name for name, budget in budgets.items() if budget is not None} == {
        "test-hostile",
        "test-accomplice",
    }
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
    seen: list[object] = []
    card.card.subscribe(seen.append)
    card.select(HOSTILE)
    HostileApplet.plan["messaging"] = swallow_the_stop
    seen.clear()
    card.select(JUKI)
    assert ApplicationSelected(0, JUKI, again=False) in seen
    card.check()

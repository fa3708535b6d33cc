"""An intruder gets nowhere: what it reaches for is denied, by a typed event and 6985.

The one status and the one event, whatever it was and wherever it was tried.
"""

from __future__ import annotations

import operator
from typing import Any, Final

import pytest

from jukicard import Card
from jukicard.apdu import Aid, ResponseApdu, StatusWord
from jukicard.errors import IsoError
from jukicard.memory import MemoryFailureError, MemorySnapshot
from jukicard.runtime.applet import BasicState
from jukicard.runtime.application import Application, ConfinedApplication
from jukicard.runtime.events import FirewallDenial, LifeCycleChanged, SecurityStatusChanged
from jukicard.runtime.kinds import applet_class
from jukicard.testing.applets import (
    FORBIDDEN_AID,
    SERVICE,
    ForbiddenApplet,
    ForbiddenReachedError,
)
from tests.support.applets.intruder import (
    ALLY,
    BUG,
    DENIED,
    INTRUDER,
    NEIGHBOUR,
    OK,
    Action,
    IntruderApplet,
    IntruderState,
    NeighbourApplet,
    arena,
    attempt,
    goes_on,
    intruded,
    polite,
    raises,
)
from tests.support.naive.terminal import JUKI

pytestmark = pytest.mark.usefixtures("both_ways")


class _Name(str):
    """A name that is everybody's."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("mine")


class _Anybody(Aid):
    """An identifier that is everybody's."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(bytes(ALLY))


def _set(name: str, value: Any) -> Action:
    return lambda applet, given: setattr(applet.context, name, value)


def _as(name: Any, owner: Any, data: Any = b"") -> Action:
    return lambda applet, given: applet.context.request(owner, name, data)


def _tell(event: Any) -> Action:
    return lambda applet, given: applet.context.emit(event)


def _share(name: Any, service: Any, to: Any) -> Action:
    return lambda applet, given: applet.context.share(name, service, to)


DENIALS: Final[dict[str, Action]] = {
    "a service for another": _as("mine", NEIGHBOUR),
    "the forbidden service": _as(SERVICE, FORBIDDEN_AID),
    "a service that is not": _as("nothing", NEIGHBOUR),
    "a service of nobody": _as("mine", ALLY),
    "its own service, meant for another": _as("help", INTRUDER),
    "a name that equals all": _as(_Name("x"), NEIGHBOUR),
    "an owner that equals all": _as("mine", _Anybody(NEIGHBOUR)),
    "an owner that is no AID": _as("mine", bytes(NEIGHBOUR)),
    "a name that is no text": _as(["mine"], NEIGHBOUR),
    "data that are no bytes": _as("mine", NEIGHBOUR, 1 << 40),
    "to be the ally": _set("aid", ALLY),
    "another's memory": _set("memory", None),
    "the state of the card": _set("card", object()),
    "its options": _set("options", None),
    "its parameters": _set("parameters", {}),
    "its randomness": _set("random", None),
    "its budget": _set("_budget", None),
    "its grants": _set("_grants", None),
    "a new attribute": _set("anything", 1),
    "to tell of another's denial": _tell(FirewallDenial(NEIGHBOUR, "x", "y")),
    "to tell of another's life": _tell(LifeCycleChanged(NEIGHBOUR, "x", "y")),
    "to tell of the card's life": _tell(LifeCycleChanged(None, "card", "suspended")),
    "to tell of another's status": _tell(SecurityStatusChanged(Aid(JUKI), "COUNTER", True)),
    "to tell what is no event": _tell("x"),
    "to share under a name that equals all": _share(_Name("x"), bytes, ALLY),
    "to share with everybody": _share("x", bytes, _Anybody(ALLY)),
    "to share what is no service": _share("x", None, ALLY),
}


@pytest.mark.parametrize("name", DENIALS)
@pytest.mark.parametrize("point", ["select", "process"])
def test_what_it_may_not_have_is_denied(name: str, point: str) -> None:
    with arena(intruded()) as there, attempt(point, DENIALS[name]):
        before = there.others()
        answer = there.select(INTRUDER)
        if point == "process":
            assert answer == OK
            answer = there.send("8010000000")
        assert answer == DENIED, name
        assert [denial.aid for denial in there.denials] == [INTRUDER]
        assert there.denials[0].what
        assert there.denials[0].reason
        assert not there.bugs
        refusal = there.card.last_refusal
        assert refusal is not None
        assert refusal.reason.startswith("firewall: ")
        assert there.others() == before
        goes_on(there)


def test_a_denial_swallowed_is_a_denial_still() -> None:
    """Catching it gives nothing: there is no value behind it."""
    got: list[Any] = []

    def try_all(applet: IntruderApplet, given: Any) -> ResponseApdu:
        for action in DENIALS.values():
            with pytest.raises(IsoError) as refused:
                got.append(action(applet, given))
            assert refused.value.status == StatusWord.CONDITIONS_NOT_SATISFIED
        return ResponseApdu()

    with arena(intruded()) as there, attempt("process", try_all):
        before = there.others()
        there.select(INTRUDER)
        assert there.send("8010000000") == OK
        assert got == []
        assert len(there.denials) == len(DENIALS)
        assert there.others() == before
        goes_on(there)


def test_what_it_sees_is_its_own() -> None:
    seen: dict[str, Any] = {}

    def look(applet: IntruderApplet, given: Any) -> ResponseApdu:
        context = applet.context
        seen.update(
            aid=context.aid, card=context.card, parameters=dict(context.parameters),
            keys=context.memory.keys(), items=context.memory.items(), state=context.random.state(),
            random=context.random.take(8), usable=context.card_usable,
        )  # fmt: skip
        return ResponseApdu(repr(context).encode())

    with arena(intruded()) as there, attempt("process", look):
        there.select(INTRUDER)
        assert there.send("8010000000") == f"<AppletContext {INTRUDER}>".encode() + OK
    assert seen["aid"] == INTRUDER
    assert seen["card"] is None
    assert seen["parameters"] == {"theirs": "given"}
    assert seen["items"] == [("content/2", b"evil")]
    assert seen["state"] == b"", "the generator's state tells everybody's keys"
    assert len(seen["random"]) == 8


def _forge_partition(how: str) -> Action:
    """Give its own handle the name of the Juki application's partition, and write."""

    def action(applet: IntruderApplet, given: Any) -> ResponseApdu:
        memory: Any = applet.context.memory
        memory.name = f"application {JUKI.hex().upper()}"
        if how == "now":
            memory.put_now("content/2", b"evil")
        memory.put("content/2", b"other")
        if how == "rollback":
            raise IsoError(StatusWord.FILE_NOT_FOUND, "and back")
        return ResponseApdu()

    return action


def _steal_getter(applet: IntruderApplet, given: Any) -> ResponseApdu:
    memory: Any = applet.context.memory
    memory.get = lambda key: b"evil"
    memory.put("content/2", b"other")
    return ResponseApdu()


def _put(key: Any, value: Any) -> Action:
    return lambda applet, given: applet.context.memory.put(key, value)


class _Bytes(bytes):
    """A value that says of itself what it likes."""

    def __len__(self) -> int:
        return 7


MEMORY: Final[dict[str, Action]] = {
    "another partition's name, commit": _forge_partition("commit"),
    "another partition's name, at once": _forge_partition("now"),
    "another partition's name, rollback": _forge_partition("rollback"),
    "another way to read": _steal_getter,
    "a value that is text": _put("key", "text"),
    "a value that can change": _put("key", bytearray(3)),
    "a value that lies": _put("key", _Bytes(b"x")),
    "a key that is none": _put(b"key", b""),
    "a key that equals all": _put(_Name("x"), b""),
    "a key that is not ASCII": _put("鍵", b""),
}


@pytest.mark.parametrize("name", MEMORY)
def test_its_memory_is_its_own(name: str) -> None:
    with arena(intruded()) as there:
        before = there.others()
        with attempt("process", MEMORY[name]):
            there.select(INTRUDER)
            assert there.send("8010000000") == BUG
        assert there.others() == before
        assert there.card.fork().snapshot() is not None
        there.card.power_on()
        assert there.others() == before
        kept = there.card.snapshot().export_with_keys()
        assert Card.restore(MemorySnapshot.from_bytes(kept)).profile == there.card.profile
        goes_on(there)


def test_a_command_that_failed_has_written_nothing() -> None:
    def write(applet: IntruderApplet, given: Any) -> ResponseApdu:
        applet.context.memory.put("half", b"done")
        raise SystemExit

    with arena(intruded()) as there, attempt("process", write):
        there.select(INTRUDER)
        assert there.send("8010000000") == BUG
        own = there.card.environment.memory.partition(f"application {INTRUDER}")
        assert own.keys() == ["content/2"]


def test_it_may_say_that_memory_failed_and_nothing_more_comes_of_it() -> None:
    with arena(intruded()) as there:
        with attempt("process", raises(lambda: MemoryFailureError("x"))):
            there.select(INTRUDER)
            assert there.send("8010000000") in (b"\x65\x81", BUG)
        goes_on(there)
        polite(there)


def test_options_and_parameters_cannot_be_changed() -> None:
    def change(applet: IntruderApplet, given: Any) -> ResponseApdu:
        options: Any = applet.context.options
        parameters: Any = applet.context.parameters
        for change in (
            lambda: setattr(options, "channels", 1),
            lambda: parameters.update(privilege="card"),
            lambda: operator.setitem(parameters, "privilege", "card"),
        ):
            with pytest.raises((AttributeError, TypeError)):
                change()
        return ResponseApdu()

    with arena(intruded()) as there, attempt("process", change):
        options = there.card.options
        there.select(INTRUDER)
        assert there.send("8010000000") == OK
        assert there.card.options == options
        found = there.card.applications.get(INTRUDER)
        assert isinstance(found, Application)
        assert not found.privileged
        assert found.placement.parameters == {"theirs": "given"}


def test_every_application_from_elsewhere_has_a_budget() -> None:
    with arena(intruded()) as there:
        confined = {
            app.type_name: isinstance(app, ConfinedApplication) for app in there.card.applications
        }
    ours = {
        name for name in confined if applet_class(name).__module__.startswith("jukicard.applets.")
    }
    assert ours == {"issuer-juki", "juki", "jpki"}
    trusted = ours | {NeighbourApplet.type_name, ForbiddenApplet.type_name}
    assert {name for name, is_confined in confined.items() if not is_confined} == trusted
    assert confined[IntruderApplet.type_name]


def _watched() -> tuple[Card, ForbiddenApplet]:
    card = Card.restore(intruded(), on_bug=lambda bug: None)
    card.power_on()
    return card, ForbiddenApplet.on(card)


@pytest.mark.usefixtures("forbidden_is_reached")
def test_the_forbidden_application_notices() -> None:
    """It is no use if it sees nothing: everything that can reach it does, and is told."""
    card, forbidden = _watched()
    forbidden.check()
    card.transmit(bytes.fromhex(f"00A4040C0A{FORBIDDEN_AID}"))
    with pytest.raises(ForbiddenReachedError, match="state was asked for"):
        forbidden.check()
    card, forbidden = _watched()
    with pytest.raises(IsoError):
        card.grants.call(FORBIDDEN_AID, FORBIDDEN_AID, SERVICE, b"")
    with pytest.raises(ForbiddenReachedError, match="service was used"):
        forbidden.check()
    card, forbidden = _watched()
    with card.environment.memory.transaction():
        forbidden.context.memory.put("bait", b"eaten")
    with pytest.raises(ForbiddenReachedError, match="memory has changed"):
        forbidden.check()


def test_the_intruder_can_be_polite() -> None:
    """Else every test above would pass for nothing."""
    with arena(intruded()) as there:
        polite(there)
        goes_on(there)
        assert not there.bugs
        assert not there.denials
        assert isinstance(there.card.applications.get(INTRUDER), Application)
        assert there.card.applications.entry(INTRUDER).after_issue is IntruderApplet.comes_later
        assert IntruderState.__mro__[1] is BasicState

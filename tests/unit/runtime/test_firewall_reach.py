"""A hostile application reaches for what is not its own: each time a denial, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.memory import PersistentMemory, RamBackend
from jukicard.runtime.events import (
    Exchange,
    FirewallDenial,
    SecurityStatusChanged,
)
from jukicard.runtime.firewall import DENIED
from jukicard.testing.applets import FORBIDDEN_AID
from tests.support.applets.hostile import (
    ATTACK,
    CLIENT,
    HOSTILE,
    SERVICE,
    USE_SERVICE,
    Act,
    HostileApplet,
    world,
)
from tests.support.applets.hostile_acts import ACTS, LyingBytes
from tests.support.naive.terminal import JUKI

BUG = b"\x6f\x00"
NO_ROOM = b"\x6a\x84"
REFUSED = DENIED.to_bytes(2, "big")


pytestmark = pytest.mark.usefixtures("few_steps")


# --- reaching for what is not its own: each is a denial, an event and the one status ---


def share_as(owner: object) -> Act:
    def act(applet: HostileApplet) -> object:
        applet.context.aid = owner  # type: ignore[assignment, misc]
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
    expected = NO_ROOM if HostileApplet.comes_later else BUG  # the quota ends it first
    assert card.send(ATTACK) == expected
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

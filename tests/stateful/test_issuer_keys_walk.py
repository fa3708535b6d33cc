"""The issuer domain's own key sets and two channels: card and rules agree in every state.

Keys come, are replaced and go, up to the eighth set and down to the last; a session is asked for,
opened and ended on either channel meanwhile. Wrong rules are planted, and noticed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import pytest

from jukicard import Card
from jukicard.apdu import Tlv
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.issuer_desk import ISSUED, ISSUER, put_key, session
from tests.support.naive.scp03_host import TEST_KEYS, Host
from tests.support.oracle.issuer_walk import Told, unexplained, walk
from tests.support.oracle.rules_issuer_keys import (
    GUARDS,
    HERE,
    OTHERS,
    THERE,
    Oracle,
    State,
    wrong_rules,
)
from tests.support.published.transcript import send

pytestmark = pytest.mark.xdist_group("issuer keys walk")

KeySet = tuple[bytes, bytes, bytes]
LOOK: Final = (f"PROVE @ {HERE}", f"PROVE @ {THERE}", "LOOK")
"""What is done after each command, to see what it has left."""


def keys_number(number: int) -> KeySet:
    """A key set that no other number has."""
    enc, mac, dek = (bytes([number, part] * 8) for part in (1, 2, 3))
    return enc, mac, dek


SENT: Final = {
    "STATUS": "80F28000024F00",
    "SUSPEND": "80F0807F",
    "RESUME": "80F0800F",
    "END": "80F080FF",
}
FULL: Final = (1, *range(3, 9))
"""Seven versions: one more is the eighth."""


@cache
def issued(versions: tuple[int, ...]) -> MemorySnapshot:
    card = Card.restore(ISSUED, on_bug=raise_bug)
    card.power_on()
    host = session(card)
    for version in versions:
        if version != 1:
            assert host.send(put_key(host, keys_number(version), version))[-4:] == "9000"
    return card.environment.memory.snapshot()


class Scene:
    """A card with three channels; on two of them is somebody who has the keys, as they are now."""

    def __init__(self, versions: tuple[int, ...]) -> None:
        self.card = Card.restore(issued(versions), on_bug=raise_bug)
        self.card.power_on()
        self.keys = {one: keys_number(one) for one in versions} | {1: TEST_KEYS}
        self.hosts: dict[str, Host] = {}
        self.asked: dict[str, Host] = {}
        self.made = 0x20
        for channel in (b"\1", b"\2"):
            assert self.card.transmit(bytes.fromhex("0070000001")) == channel + b"\x90\0"

    def do(self, command: str) -> int:
        """Do what a command of the rules stands for; the status."""
        if command == "LOOK":
            answer = send(self.card, "82CA00E000")
            if answer[-4:] != "9000":
                return int(answer[-4:], 16)
            told = Tlv.parse(bytes.fromhex(answer[:-4]))
            return sum(1 << version for version in {one.value[1] for one in told.children})
        verb, _, where = command.partition(" @ ")
        match verb.split():
            case ["ASK", version]:
                return self._ask(where, int(version))
            case ["PROVE", *how]:
                return self._prove(where, " ".join(how))
            case ["DELETE", version]:
                return self._delete(where, int(version))
            case [("STATUS" | "SUSPEND" | "RESUME" | "END")]:
                return self._manage(where, bytes.fromhex(SENT[verb]))
            case ["ADD", new]:
                return self._put(where, 0, int(new))
            case ["RENEW", old]:
                return self._put(where, int(old), int(old))
            case [old, "BECOMES", new]:
                return self._put(where, int(old), int(new))
            case _:
                return self._plain(where, verb)

    def _plain(self, where: str, verb: str) -> int:
        raws = {"SELECT": f"A4040C07{ISSUER}", "PLAIN": "CA005A00", "FETCH": "C0000000"}
        self._forget(where)
        return int(send(self.card, f"0{self._number(where)}{raws[verb]}")[-4:], 16)

    def _number(self, where: str) -> int:
        return (HERE, THERE).index(where)

    def _forget(self, where: str) -> None:
        self.hosts.pop(where, None)
        self.asked.pop(where, None)

    def _ask(self, where: str, version: int) -> int:
        """INITIALIZE UPDATE; the host checks the card's proof, by the keys that should be there."""
        self._forget(where)
        keys = self.keys.get(version or min(self.keys), TEST_KEYS)
        host = Host(self.card.transmit, keys, version=version, channel=self._number(where))
        status = int.from_bytes(host.initialize())
        if status == 0x9000:
            self.asked[where] = host
        return status

    def _prove(self, where: str, how: str) -> int:
        """EXTERNAL AUTHENTICATE, from a session that was not asked for too."""
        known = self.asked.get(where) or self.hosts.get(where)
        host = known or Host(self.card.transmit, channel=self._number(where))
        if known is None:
            host.session, host.proof = TEST_KEYS, bytes(8)
        host.level = 0x22 if how == "AT NO LEVEL" else 0x33
        if how == "WRONG":
            host.proof = bytes(8)
        self._forget(where)
        status = int.from_bytes(self.card.transmit(host.external()))
        if status == 0x9000:
            self.hosts[where] = host
        return status

    def _manage(self, where: str, raw: bytes) -> int:
        """What the issuer does, in the session when there is one."""
        self.asked.pop(where, None)
        host = self.hosts.get(where)
        if host is None:
            plain = bytes((raw[0] | self._number(where),)) + raw[1:]
            return int.from_bytes(self.card.transmit(plain)[-2:])
        status = int(host.send(raw)[-4:], 16)
        if status in (0x6882, 0x6982):
            self._forget(where)
        return status

    def _delete(self, where: str, version: int) -> int:
        status = self._manage(where, bytes.fromhex(f"80E4000003D201{version:02X}"))
        if status == 0x9000:
            del self.keys[version]
        return status

    def _put(self, where: str, old: int, new: int) -> int:
        self.made += 1
        made = keys_number(self.made)
        encrypting = self.hosts.get(where) or Host(bytes)
        status = self._manage(where, put_key(encrypting, made, new, old))
        if status == 0x9000:
            self.keys.pop(old, None)
            self.keys[new] = made
        return status


class Plan(NamedTuple):
    """From which key sets, and what is done on either channel."""

    versions: tuple[int, ...]
    here: tuple[str, ...]
    there: tuple[str, ...]

    @property
    def start(self) -> State:
        return State(frozenset(self.versions))

    @property
    def commands(self) -> tuple[str, ...]:
        here, there = ([f"{one} @ {at}" for one in verbs]
                       for at, verbs in ((HERE, self.here), (THERE, self.there)))  # fmt: skip
        return (*here, *there)


_IN: Final = ("ASK 0", "ASK 1", "ASK 2", "PROVE")
_LIFE: Final = ("SUSPEND", "RESUME", "END")
_EVERY: Final = (*(one for one in GUARDS if one not in _LIFE), *OTHERS)
_STATES: Final = ("ASK 1", "PROVE", "STATUS", *_LIFE, "RENEW 1", "PLAIN")
PLANS: Final = {
    "two channels": Plan((1,), tuple(one for one in _EVERY if "9" not in one), (*_IN, "STATUS")),
    "states of the card": Plan((1,), _STATES, _STATES),
    "as many as fit": Plan(FULL, tuple(one for one in _EVERY if one[-1] != "0"), ()),
}
LONG: Final = {
    "the issuer on both channels": Plan((1,), _EVERY, _EVERY),
    "as many as fit, two channels": Plan(FULL, _EVERY, (*_IN, "RENEW 1", "DELETE 2")),
}
"""What is walked in a soak only."""


@cache
def told(plan: Plan) -> Told[State]:
    return walk(Oracle(), plan.start, lambda: Scene(plan.versions), plan.commands, LOOK)


def unlike(oracle: Oracle, plan: Plan) -> list[str]:
    """What an oracle does not explain, the first of it."""
    return [*itertools.islice(unexplained(oracle, plan.start, told(plan), LOOK), 5)]


@pytest.mark.parametrize("name", PLANS)
def test_card_and_rules_agree_in_every_state(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    answers = told(PLANS[name])
    record_property("access states", len(answers))
    record_property("access checks", sum(len(found) for _, found in answers.values()) * 4)
    assert len(answers) > 20
    assert unlike(Oracle(), PLANS[name]) == []


def test_every_command_succeeds_and_is_refused_somewhere() -> None:
    found: dict[str, set[int]] = {}
    for plan in PLANS.values():
        for _, answers in told(plan).values():
            for command, answered in answers.items():
                found.setdefault(command.partition(" @ ")[0], set()).add(answered[0])
    never = {"PROVE WRONG", "PROVE AT NO LEVEL", "DELETE 0", "FETCH"}
    assert {verb for verb, statuses in found.items() if 0x9000 not in statuses} == never
    assert {verb for verb, statuses in found.items() if statuses == {0x9000}} == {
        "ASK 0", "SELECT", "PLAIN",
    }  # fmt: skip
    assert found.keys() == {*_EVERY, *_LIFE}


@pytest.mark.parametrize("rule", wrong_rules())
def test_a_wrong_rule_is_noticed(rule: str) -> None:
    assert any(unlike(wrong_rules()[rule], plan) for plan in PLANS.values()), rule


@pytest.mark.soak
@pytest.mark.parametrize("name", LONG)
def test_card_and_rules_agree_in_more_states(name: str) -> None:
    assert unlike(Oracle(), LONG[name]) == []
    assert len(told(LONG[name])) > 40

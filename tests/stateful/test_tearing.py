"""Every command of every application of every profile, with the power cut at each of its writes.

The invariants T1 to T9 are those of docs/tearing.md. The commands are read from the handler
tables, so one that nobody wrote scenarios for fails here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from jukicard.crypto.private import PrivateKey
from jukicard.environment import SeededRandom
from jukicard.kit import signing
from jukicard.kit.signing import KeyAlgorithm
from jukicard.memory import MemorySnapshot, SqliteBackend, create_card
from jukicard.memory.backend import Backend, Contents
from tests.support.applets.iso_applet import AID as ISO_AID
from tests.support.tearing.access import Subject
from tests.support.tearing.cuts import Scenario, tear
from tests.support.tearing.rig import Rig
from tests.support.tearing.worlds import (
    ISO_WORLD,
    LIFE_CYCLE,
    LIFE_CYCLE_WORLD,
    Command,
    all_commands,
    of_the_card_itself,
    scenarios,
    world,
)

COMMANDS = all_commands()
RecordProperty = Callable[[str, object], None]

make_private_key = signing.make_private_key


@functools.cache
def _made_once(algorithm: KeyAlgorithm) -> PrivateKey:
    return make_private_key(algorithm, SeededRandom("a new pair").take)


@pytest.fixture(autouse=True)
def one_key_pair_each() -> Iterator[None]:
    """Search for the primes of a new pair once: the suite asks when it is written, not which."""
    with mock.patch.object(
        signing, "make_private_key", lambda algorithm, random: _made_once(algorithm)
    ):
        yield


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command(command: Command, record_property: RecordProperty) -> None:
    cases = scenarios(command)
    assert cases, f"{command} has no scenario"
    assert any(not case.succeeds for case in cases), f"{command} is never refused"
    cuts = sum(tear(case, world(command.world)) for case in cases)
    record_property("cut points", cuts)


def test_most_commands_succeed_somewhere() -> None:
    """A command that no application lets through on any card would not have been tested."""
    reached: set[tuple[int, int]] = set()
    for command in COMMANDS:
        if any(case.succeeds for case in scenarios(command)):
            reached.add((command.cla, command.ins))
    missing = {(command.cla, command.ins) for command in COMMANDS} - reached
    assert missing <= NEVER_ALLOWED, missing


NEVER_ALLOWED = {(0x80, 0xAE)}
"""SET SESSION KEY."""


@pytest.mark.parametrize("name", sorted({command.world for command in COMMANDS}))
def test_the_card_itself(name: str, record_property: RecordProperty) -> None:
    here = world(name)
    rig = here.rig()
    subject = Subject(next(iter(rig.card.applications)).aid, rig)
    cuts = sum(tear(case, here) for case in of_the_card_itself(subject))
    assert cuts == 0, "nothing of this writes"


@pytest.mark.parametrize(
    ("command", "writes"),
    [("00 22", False), ("00 86", False), ("00 82", False), ("00 2A", True), ("00 20", True)],
)
def test_a_private_session_writes_no_more_than_its_commands_do(command: str, writes: bool) -> None:
    """PACE and what is proven in its session: nothing; certificates: the date, an authority."""
    juki = next(c for c in COMMANDS if str(c) == f"juki-v1 juki {command}")
    cases = [
        case
        for case in scenarios(juki)
        if "in a private session" in case.name or "PACE" in case.name
    ]
    assert any(case.succeeds for case in cases)
    assert any(not case.succeeds for case in cases)
    for case in cases:
        cuts = tear(case, world("juki-v1"))
        assert bool(cuts) is bool(case.changes or case.guess), case.name
        assert writes or not cuts, case.name


def test_a_chain_of_commands(record_property: RecordProperty) -> None:
    """A cut between two links, and at the write after the last: the file is whole, old or new."""
    here = world(ISO_WORLD)
    subject = Subject(ISO_AID, here.rig())
    place = subject.place(subject.tree.ef(0x2F01).content_key)

    def before(rig: Rig) -> None:
        subject.select(rig)
        rig.must("10D6810008" + "A5" * 8)

    scenario = Scenario(
        name="UPDATE BINARY in two links",
        before=before,
        act=lambda rig: rig.send("00D6810008" + "A6" * 8),
        changes=frozenset({place}),
    )
    cuts = tear(scenario, here)
    assert cuts == 2
    record_property("cut points", cuts)
    rig = here.rig()
    before(rig)
    rig.power_on()
    assert rig.memory.snapshot().contents() == here.contents, "half a chain was written"


@pytest.mark.parametrize(
    ("cla", "ins"),
    [
        *((0x00, ins) for ins in (0x20, 0x24, 0x2C, 0x82, 0xD6)),
        *((0x00, ins) for ins in LIFE_CYCLE),
    ],
)
def test_on_a_file(cla: int, ins: int, tmp_path: Path, record_property: RecordProperty) -> None:
    """The same over SQLite for what counts, suspends and writes."""
    made = 0

    def make(contents: Contents) -> Backend:
        nonlocal made
        made += 1
        path = tmp_path / "cards.juki"
        create_card(path, str(made), MemorySnapshot(contents))
        return SqliteBackend(path, str(made))

    cuts = 0
    for name in ("juki-v1", ISO_WORLD, LIFE_CYCLE_WORLD):
        commands = [c for c in COMMANDS if c.world == name and (c.cla, c.ins) == (cla, ins)]
        for command in commands:
            cases = [case for case in scenarios(command) if case.changes or case.guess]
            cuts += sum(tear(case, world(name), make) for case in cases[:4])
    assert cuts
    record_property("cut points", cuts)

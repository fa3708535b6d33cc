"""A process is killed at any instant: nothing is lost, nothing is twice, no second history."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select, text

from jukihost.clock import MovableClock
from jukihost.database import open_database
from jukihost.log import (
    Note,
    Outcome,
    StoredNodes,
    Use,
    Witness,
    append_use,
    check_since,
    create_log,
    end_day,
    have_witnessed,
    leaf_hash,
    prune_log,
    publish_log,
    root_of,
    sequence_log,
    verify_log,
)
from jukihost.log.stored import head_of
from jukihost.log.tables import entries, queue
from tests.support.host.databases import NOON
from tests.support.host.town import (
    CODES,
    LOG,
    LOG_KEY,
    ORIGIN,
    PSEUDONYMS,
    SEEN_BY,
    WITNESS,
    WITNESS_KEY,
)
from tests.support.soak import times

FORK: Final = multiprocessing.get_context("forkserver")
STEPS: Final = ("append", "sequence", "day", "publish", "witness", "prune")
KILLS: Final = times(20, soak=200)
LIFE: Final = timedelta(days=15 * 365)
"""How long it all lasts, so that uses come to the end of their term."""


def _works(address: str, state: Path, seed: int, tell: Pipe) -> None:
    """Do every step in turn, tell before each, and tell what is certain after it. Never ends."""
    drawn = random.Random(seed)
    clock = MovableClock(NOON + LIFE / KILLS * seed)
    prefecture = Witness(state, SEEN_BY, WITNESS, logs=[LOG_KEY])
    with open_database(address, clock=clock, terminal="counter-1") as database:

        def append() -> list[bytes]:
            with database.begin() as connection:
                uses = [
                    append_use(
                        connection,
                        PSEUDONYMS,
                        at=clock.now(),
                        operator="operator-1",
                        terminal="counter-1",
                        body="the town's counter",
                        purpose="p",
                        outcome=Outcome.DONE,
                        resident=code,
                    )
                    for code in drawn.sample(CODES, drawn.randint(1, 3))
                ]
            return [leaf_hash(bytes(use)) for use in uses]

        def witness() -> bytes:
            ask = lambda update: prefecture.cosign(update, clock.now())  # noqa: E731
            return bytes(have_witnessed(database, ask, WITNESS_KEY))

        work: dict[str, Any] = {
            "append": append,
            "sequence": lambda: sequence_log(database, most=2),
            "day": lambda: end_day(database) and None,
            "publish": lambda: bytes(publish_log(database, LOG)),
            "witness": witness,
            "prune": lambda: prune_log(database, compact=drawn.random() < 0.5) and None,
        }
        while True:
            clock.move(timedelta(minutes=1))
            for step in STEPS:
                for _ in range(drawn.randint(1, 4) if step == "append" else 1):
                    tell.send((step, None))
                    tell.send(("done", work[step]()))


class _Told:
    """What was certain to whoever worked: leaves that are durable, notes that were given away."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.notes: set[bytes] = set()

    def take(self, said: object) -> None:
        if isinstance(said, list):
            self.leaves += said
        elif isinstance(said, bytes):
            self.notes.add(said)


def _kill_at(address: str, state: Path, seed: int, told: _Told) -> str:
    """Start a process, and kill it within a step that the seed draws; return which."""
    drawn = random.Random(-seed)
    step, after = STEPS[seed % len(STEPS)], drawn.randint(1, 2)
    hear, tell = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_works, args=(address, state, seed, tell), daemon=True)
    process.start()
    tell.close()
    while after:
        assert hear.poll(60), f"nothing came for a minute, seed {seed}"
        what, said = hear.recv()
        told.take(said)
        after -= what == step
    time.sleep(drawn.uniform(0, 0.008))
    process.kill()
    process.join(60)
    try:
        while hear.poll(0):
            told.take(hear.recv()[1])
    except (EOFError, OSError):
        pass
    return step


def test_a_kill_at_any_instant_loses_nothing_and_forks_nothing(
    address: str, tmp_path: Path
) -> None:
    state = tmp_path / "witness.json"
    prefecture = Witness(state, SEEN_BY, WITNESS, logs=[LOG_KEY])
    prefecture.create()
    clock = MovableClock(NOON + LIFE)
    with (
        open_database(address, clock=MovableClock(NOON), terminal="counter-1") as database,
        database.begin() as connection,
    ):
        create_log(connection, ORIGIN)
    FORK.set_forkserver_preload([__name__, "jukihost.log.sequencing", "jukihost.log.verification"])
    told, killed = _Told(), Counter[str]()
    with open_database(address, clock=clock, terminal="office") as database:
        for seed in range(KILLS):
            killed[_kill_at(address, state, seed, told)] += 1
            size, root = prefecture.latest(ORIGIN)
            with database.read() as connection:
                assert head_of(connection).size >= size, seed
                assert not size or root_of(StoredNodes(connection), size) == root, seed
        assert set(killed) == set(STEPS)
        sequence_log(database)
        publish_log(database, LOG)
        ask = lambda update: prefecture.cosign(update, clock.now())  # noqa: E731
        have_witnessed(database, ask, WITNESS_KEY)
        found = verify_log(database, [LOG_KEY], known=[Note.parse(one) for one in told.notes])
        assert found.problems == ()
        assert found.pruned
        with database.read() as connection:
            for note in told.notes:
                check_since(connection, Note.parse(note), [LOG_KEY])
            nodes = StoredNodes(connection)
            leaves = Counter(nodes(0, index) for index in range(found.size))
            rows = connection.execute(select(entries.c.entry).order_by(entries.c.leaf_index))
            uses = [one for one in rows.scalars() if one.startswith(b"jukihost-use")]
            assert connection.execute(select(queue.c.id)).first() is None
            if database.dialect == "sqlite":
                assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert set(leaves.values()) == {1}
    assert len(told.leaves) > KILLS
    assert [one for one in told.leaves if one not in leaves] == []
    _follow_one_another([Use.parse(one) for one in uses])


def _follow_one_another(uses: list[Use]) -> None:
    last: dict[bytes, Use] = {}
    for use in uses:
        assert use.resident
        before = last.get(use.resident)
        if before:
            assert use.number > before.number
            if use.number == before.number + 1:
                assert use.before == leaf_hash(bytes(before))
        last[use.resident] = use

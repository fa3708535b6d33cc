"""The stored log of uses: sequencing, verification, proofs, disclosures; on PostgreSQL too.

    python -m benchmarks.uselog [--entries N] [--leaves N] [--no-server]

Its own target, `make bench-ledger`: it takes minutes, and a few hundred bytes of disk an entry.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from multiprocessing.synchronize import Event, Semaphore
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "host")]

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from sqlalchemy import insert, select  # noqa: E402

from benchmarks import interpreter  # noqa: E402
from jukihost import ResidentCode  # noqa: E402
from jukihost.database import Clock, Database, open_database, upgrade_database  # noqa: E402
from jukihost.log import (  # noqa: E402
    Disclosure,
    InclusionProof,
    NoteKey,
    Outcome,
    Policy,
    PseudonymKey,
    StoredNodes,
    Use,
    append_use,
    check_inclusion,
    create_log,
    disclose_stored,
    end_day,
    leaf_hash,
    prove_inclusion,
    prove_stored,
    publish_log,
    root_of,
    sequence_log,
    verify_log,
)
from jukihost.log.stored import TileWriter  # noqa: E402
from jukihost.log.tables import entries, queue, residents  # noqa: E402

ORIGIN: Final = "town.example/uses"
PSEUDONYMS: Final = PseudonymKey(bytes(range(64, 96)))
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CODE: Final = ResidentCode("12345678903")
MINE: Final = 100
"""How many entries of the log are of the resident who is told."""
RESIDENTS: Final = 100_000
PROCESSES: Final = 4
_PIECE: Final = 50_000


def main() -> int:
    """Measure; the exit code is 0 when it could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--leaves", type=int, default=10_000_000)
    parser.add_argument("--no-server", action="store_true", help="leave PostgreSQL out")
    arguments = parser.parse_args()
    print(interpreter.build())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        _file(Path(folder), arguments.entries)
        _proofs(Path(folder), arguments.leaves)
    if not arguments.no_server:
        for together in (1, 10):
            _server(max(together, min(arguments.entries // 100, 500 * together)), together)
    return 0


@contextmanager
def _new(address: str | Path) -> Iterator[Database]:
    upgrade_database(address)
    with open_database(address, clock=Clock(), terminal="counter-1") as database:
        with database.begin() as connection:
            create_log(connection, ORIGIN)
        yield database


def _timed(name: str, count: int, work: Callable[[], object], most: float | None = None) -> None:
    """Run a work once; tell its rate, or, where `most` seconds are allowed, the time of one."""
    begun, ran = time.perf_counter(), time.process_time()
    work()
    passed, ran = time.perf_counter() - begun, time.process_time() - ran
    if most is None:
        print(f"{name}: {count / ran:,.0f}/s by processor time, {count / passed:,.0f}/s as it was")
    else:
        each = (
            f"{1e3 * ran / count:.2f} ms by processor time, {1e3 * passed / count:.2f} ms as it was"
        )
        print(f"{name}: {each} (target {1e3 * most:g} ms)")


def _file(folder: Path, size: int) -> None:
    print(f"\n== a log of {size:,} entries in a file")
    with _new(folder / "terminal.db") as database:
        lasts: dict[bytes, tuple[int, bytes]] = {}
        for start in range(0, size, _PIECE):
            _queue(database, lasts, start, min(_PIECE, size - start))
            _timed("sequenced", min(_PIECE, size - start), lambda: sequence_log(database))
        end_day(database)
        publish_log(database, KEY)
        check = multiprocessing.get_context("spawn").Process(
            target=_verify, args=(str(folder / "terminal.db"), size)
        )
        check.start()
        check.join()
        assert check.exitcode == 0

        told: list[bytes] = []

        def disclose() -> None:
            with database.begin() as connection:
                one = disclose_stored(
                    connection, PSEUDONYMS, CODE,
                    at=database.clock.now(), operator="o", terminal="t", body="b",
                )  # fmt: skip
            told.append(bytes(one))

        _timed(f"disclosure of {MINE} entries", 1, disclose, most=1)
        _check(database, told[0], size)


def _check(database: Database, told: bytes, size: int) -> None:
    """Check the disclosure, and the proofs of some entries, as whoever receives them does."""
    log, drawn = Policy(NoteKey.of(ORIGIN, KEY)), random.Random(size)
    shown = Disclosure.parse(told, CODE).check(CODE, log)
    assert [use.number for use in shown.uses] == list(range(1, MINE + 1))
    assert shown.covered == MINE
    with database.read() as connection:
        for index in drawn.sample(range(size), 100):
            proof = InclusionProof.parse(str(prove_stored(connection, index)))
            found = select(entries.c.entry).where(entries.c.leaf_index == index)
            leaf = leaf_hash(connection.execute(found).scalar_one())
            assert proof.check(leaf, log).size == size + 1
            assert proof.index == index


def _verify(address: str, size: int) -> None:
    """Verify in a process of its own, and tell how much memory it took at most."""
    with open_database(address, clock=Clock(), terminal="auditor") as database:
        before, found, keys = _most_memory(), [], [NoteKey.of(ORIGIN, KEY)]
        _timed("verified", size, lambda: found.append(verify_log(database, keys)))
        print(f"of memory {_most_memory()} MB at most, {before} before it began")
    assert found[0].problems == ()
    assert found[0].size == size + 1


def _most_memory() -> int | str:
    """Return the most memory that this process has had, in MB, where Linux tells it."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), "?")


def _queue(
    database: Database, lasts: dict[bytes, tuple[int, bytes]], start: int, count: int
) -> None:
    """Queue uses as `append_use` writes them, in bulk, of a hundred thousand residents.

    The resident who is told has the first of the log's entries.
    """
    rows, at = [], database.clock.now()
    mine = PSEUDONYMS.resident(CODE)
    for number in range(start, start + count):
        resident = mine if number < MINE else sha256(b"%d" % (number % RESIDENTS)).digest()
        before = lasts.get(resident, (0, bytes(32)))
        use = Use(
            at=at, operator="operator-1", terminal="counter-1", body="the town's counter",
            purpose="copy of the record", outcome=Outcome.DONE, salt=secrets.token_bytes(32),
            card=bytes(32), resident=resident, number=before[0] + 1, before=before[1],
        )  # fmt: skip
        lasts[resident] = use.number, leaf_hash(bytes(use))
        rows.append({"entry": bytes(use), "resident": resident, "at": at})
    with database.begin() as connection:
        connection.execute(insert(queue), rows)
        if start == 0:
            last = {"resident": mine, "number": lasts[mine][0], "leaf": lasts[mine][1]}
            connection.execute(insert(residents).values(**last))


def _proofs(folder: Path, leaves: int) -> None:
    print(f"\n== a tree of {leaves:,} leaves in a file, without entries")
    with _new(folder / "tree.db") as database:
        for start in range(0, leaves, 1_000_000):
            with database.begin(durable=False) as connection:
                writer = TileWriter(connection, start)
                for number in range(start, min(start + 1_000_000, leaves)):
                    writer.append(number.to_bytes(32))
                writer.store()

        with database.read() as connection:
            root = root_of(StoredNodes(connection), leaves)

        def prove() -> None:
            index = secrets.randbelow(leaves)
            with database.read() as connection:
                path = prove_inclusion(StoredNodes(connection), index, leaves)
            check_inclusion(index.to_bytes(32), index, leaves, path, root)

        def prove_all() -> None:
            for _ in range(100):
                prove()

        _timed("inclusion proof", 100, prove_all, most=0.02)


def _server(each: int, together: int) -> None:
    from tests.support.host.postgresql import running

    each -= each % together
    print(f"\n== PostgreSQL, {PROCESSES} processes, {together} entries a transaction, fsync on")
    with running("fsync=on") as server, _new(server.make("log")) as database:
        start = multiprocessing.get_context("spawn")
        address, ready, go = server.address("log"), start.Semaphore(0), start.Event()
        work = [
            start.Process(
                target=_append, args=(address, one, each // together, together, ready, go)
            )
            for one in range(PROCESSES)
        ]
        for one in work:
            one.start()
        for _ in work:
            ready.acquire(timeout=60)
        begun, done = time.perf_counter(), 0
        go.set()
        while done < PROCESSES * each and time.perf_counter() - begun < 600:
            done += sequence_log(database)
            time.sleep(0.01)
        passed = time.perf_counter() - begun
        for one in work:
            one.join(60)
        assert done == PROCESSES * each
        print(f"queued to sequenced: {done / passed:,.0f}/s (target 2,000/s)")


def _append(
    address: str, which: int, times: int, together: int, ready: Semaphore, go: Event
) -> None:
    terminal = f"t{which}"
    with open_database(address, clock=Clock(), terminal=terminal) as database:
        with database.begin():
            pass
        ready.release()
        go.wait(60)
        for number in range(times):
            first = (number * together + which * 250) % (len(_CODES) - together)
            with database.begin() as connection:
                for code in _CODES[first : first + together]:
                    append_use(
                        connection, PSEUDONYMS, at=database.clock.now(), operator="operator-1",
                        terminal=terminal, body="the town's counter", purpose="copy of the record",
                        outcome=Outcome.DONE, resident=ResidentCode(code),
                    )  # fmt: skip


def _codes() -> Iterator[str]:
    for number in range(1_000_000_000, 1_000_001_000):
        for digit in range(10):
            try:
                yield ResidentCode(f"{number}{digit}").reveal()
            except ValueError:
                continue


_CODES: Final = list(_codes())


if __name__ == "__main__":
    sys.exit(main())

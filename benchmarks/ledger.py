"""The ledger of cards: a look-up by the card's number among a million, in a file and on a server.

    python -m benchmarks.ledger [--cards N] [--no-server]

Its own target, `make bench-ledger`: it takes minutes, and a few hundred bytes of disk a card.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "host")]

from sqlalchemy import insert  # noqa: E402

from benchmarks import interpreter  # noqa: E402
from jukihost.database import Clock, Database, open_database, upgrade_database  # noqa: E402
from jukihost.ledger import By, CardAct, Reason, cards_of, find_card, move_card  # noqa: E402
from jukihost.ledger.tables import cards  # noqa: E402

TARGET: Final = 0.005
"""The most seconds that a look-up by card may take in the median."""
LOOK_UPS: Final = 1_000
CHANGES: Final = 100
_PIECE: Final = 50_000


def main() -> int:
    """Measure; the exit code is 0 when it could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=1_000_000)
    parser.add_argument("--no-server", action="store_true", help="leave PostgreSQL out")
    arguments = parser.parse_args()
    print(interpreter.build())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        _measure("a file", str(Path(folder, "terminal.db")), arguments.cards)
    if not arguments.no_server:
        from tests.support.host.postgresql import running

        with running("fsync=on") as server:
            _measure("PostgreSQL", server.make("ledger"), arguments.cards)
    return 0


def _measure(where: str, address: str, count: int) -> None:
    upgrade_database(address)
    draw = random.Random(count)
    with open_database(address, clock=Clock(), terminal="counter-1") as database:
        begun = time.perf_counter()
        _fill(database, count)
        print(f"\n== {count:,} cards on {where}, entered in {time.perf_counter() - begun:.0f} s")

        def one() -> bytes:
            return _number(draw.randrange(count))

        _print("look-up by card", LOOK_UPS, lambda: _look_up(database, one()), TARGET)
        _print(
            "valid card of a holder",
            LOOK_UPS,
            lambda: _valid(database, draw.randrange(count)),
            None,
        )
        _print("a change, durable", CHANGES, lambda: _change(database, one()), None)


def _number(number: int) -> bytes:
    """Return a card's number that is not in the order of entering, as real ones are not."""
    return (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big")


def _fill(database: Database, count: int) -> None:
    plain = {
        "form": 1,
        "municipality": "13101",
        "issued": date(2014, 4, 1),
        "expires": date(2024, 3, 31),
        "state": "active",
        "version": 1,
        "receipt": 0,
        "receipt_intent": b"",
    }
    for start in range(0, count, _PIECE):
        rows = [
            {"number": _number(one), "holder": one, **plain}
            for one in range(start, min(start + _PIECE, count))
        ]
        with database.begin(durable=False) as connection:
            connection.execute(insert(cards), rows)


def _look_up(database: Database, number: bytes) -> None:
    with database.read() as connection:
        assert find_card(connection, number).number == number


def _valid(database: Database, holder: int) -> None:
    with database.read() as connection:
        assert len(cards_of(connection, holder, valid=True)) == 1


def _change(database: Database, number: bytes) -> None:
    by = By.at_terminal(database, "clerk-1")
    with database.begin() as connection:
        move_card(connection, find_card(connection, number), CardAct.CHANGE, Reason.PIN, by)


def _print(name: str, times: int, work: Callable[[], None], target: float | None) -> None:
    """Run a work often, and tell the median and the slowest of a hundred."""
    work()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    median, slow = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
    said = f" (target {1e3 * target:g} ms)" if target else ""
    print(f"{name}: {1e3 * median:.2f} ms in the median{said}, {1e3 * slow:.2f} at 99 %")


if __name__ == "__main__":
    sys.exit(main())

"""What the tests of the SQLite backend run in a process of its own: `other_process.py VERB PATH …`.

It says on standard output what it has done, one line each, only after it is done.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable

from jukicard.memory import PersistentMemory, SqliteBackend

WIDTH = 20
FILLER = bytes(600)


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


def write_until_killed(path: str, card_id: str) -> None:
    """Count up by `put_now`, and by transactions that change many values to the same number."""
    memory = PersistentMemory(SqliteBackend(path, card_id))
    one, two = memory.partition("one"), memory.partition("two")
    number = int(one.get("counter") or b"0")
    say("ready")
    while True:
        number += 1
        one.put_now("counter", b"%d" % number)
        say(f"counter {number}")
        with memory.transaction():
            for key in range(WIDTH):
                one.put(f"key {key}", b"%d " % number + FILLER)
                two.put(f"key {key}", b"%d " % number + FILLER)
        say(f"transaction {number}")


def write_times(path: str, card_id: str, times: str) -> None:
    """Write a card that nobody else writes, in competition for the file."""
    memory = PersistentMemory(SqliteBackend(path, card_id, timeout=60))
    for number in range(1, int(times) + 1):
        memory.partition("one").put_now("counter", b"%d" % number)
    memory.close()
    say("done")


def hold(path: str) -> None:
    """Lock the file until standard input ends."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    say("held")
    sys.stdin.read()
    connection.execute("ROLLBACK")


def keep_open(path: str, card_id: str) -> None:
    """Have the card open, without writing, until standard input ends."""
    backend = SqliteBackend(path, card_id)
    say("open")
    sys.stdin.read()
    backend.close()


def probe(path: str) -> None:
    """Say whether the file is locked against writing."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        say("locked")
    else:
        say("free")


VERBS: dict[str, Callable[..., None]] = {
    "write_until_killed": write_until_killed,
    "write_times": write_times,
    "hold": hold,
    "keep_open": keep_open,
    "probe": probe,
}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])

"""The SQLite backend when things go wrong: killed, disk full, locked, forked, two on one card."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jukicard.memory import (
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    SqliteBackend,
    create_card,
    create_cards,
    delete_card,
    list_cards,
)
from jukicard.memory.imagefile import ImageFile, create_file
from jukicard.memory.schema import SCHEMA
from tests.support import soak

OTHER = Path(__file__).with_name("other_process.py")
ROOT = Path(__file__).parents[3]
ROUNDS = soak.times(12, soak=600)


def other(*arguments: str) -> subprocess.Popen[str]:
    """Start the other process; it may be talked to and listened to."""
    return subprocess.Popen(
        [sys.executable, str(OTHER), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cards.sqlite"
    create_card(path, "card", MemorySnapshot({"one": {"x": b"1"}}))
    return path


def opened(path: Path, card_id: str = "card", timeout: float = 0.02) -> PersistentMemory:
    return PersistentMemory(SqliteBackend(path, card_id, timeout=timeout))


def file_of(memory: PersistentMemory) -> ImageFile:
    assert isinstance(memory._backend, SqliteBackend)
    assert memory._backend._file is not None
    return memory._backend._file


def kill_while_writing(path: Path, reports: int, seconds: float) -> tuple[int, int]:
    """Kill the writer some time after so many reports; return the last numbers it reported.

    Reports, not only seconds: on a busy machine a process may get nothing done in any given time.
    """
    with other("write_until_killed", str(path), "card") as process:
        assert line_of(process) == "ready"
        reported = [line_of(process).split() for _ in range(reports)]
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        assert process.stdout is not None
        reported += [line.split() for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    last = {word: int(number) for word, number in reported}
    return last.get("counter", 0), last.get("transaction", 0)


def numbers_in(memory: PersistentMemory) -> tuple[int, int]:
    """Return the counter and the number that the last whole transaction wrote 40 times."""
    one, two = memory.partition("one"), memory.partition("two")
    values = [value for key, value in [*one.items(), *two.items()] if key.startswith("key")]
    numbers = {int(value.split()[0]) for value in values} or {0}
    assert len(values) in {0, 40}, "half a transaction"
    assert len(numbers) == 1, "half a transaction"
    return int(one.get("counter") or b"0"), numbers.pop()


def test_what_was_reported_before_kill_9_is_there_and_nothing_is_half_written(path: Path) -> None:
    chance = random.Random(7816)
    before = (0, 0)
    for _ in range(ROUNDS):
        counted, transacted = kill_while_writing(
            path, chance.randrange(40), chance.uniform(0, 0.005)
        )
        assert [entry.card_id for entry in list_cards(path)] == ["card"]
        memory = opened(path)
        counter, number = numbers_in(memory)
        memory.close()
        assert counter >= max(before[0], counted), "a counter went back"
        assert number >= max(before[1], transacted), "a transaction was lost"
        assert counter <= max(before[0], counted) + 1, "a write that was never asked for"
        # The writer counts, then transacts, then counts again: what it had not yet done before
        # the first transaction of this round is the only gap there may be.
        gap = {counter, counter - 1} if counter > before[0] + 1 else {counter, before[1]}
        assert number in gap, "a later write without the one before"
        before = (counter, number)
    assert before[1] > ROUNDS, "each round asks for some twenty reports"


@pytest.fixture
def cut_short(path: Path, tmp_path: Path) -> Path:
    """A copy of an image and its journal from the middle of a write that grows the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE value SET value = x'32'")
    connection.executemany(
        "INSERT INTO value VALUES (1, 'one', ?, ?)", [(f"k{n}", bytes(900)) for n in range(300)]
    )
    copy = tmp_path / "copy.sqlite"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-journal", f"{copy}-journal")
    connection.execute("ROLLBACK")
    connection.close()
    assert copy.stat().st_size > path.stat().st_size, "part of it has reached the file"
    return copy


def test_a_write_that_was_cut_short_is_undone_when_the_card_is_opened(cut_short: Path) -> None:
    memory = opened(cut_short)
    assert memory.snapshot() == MemorySnapshot({"one": {"x": b"1"}})
    memory.close()


def test_a_write_that_was_cut_short_is_undone_even_by_listing(cut_short: Path) -> None:
    assert [entry.card_id for entry in list_cards(cut_short)] == ["card"]


def test_a_file_whose_making_was_cut_short_is_made_again(path: Path, tmp_path: Path) -> None:
    """Killed after the first page was written: it is there, and a journal that says to undo it."""
    half, copy = tmp_path / "half", tmp_path / "copy"
    copy.write_bytes(path.read_bytes()[:4096])
    connection = sqlite3.connect(half, isolation_level=None)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.executemany(
        "INSERT INTO value VALUES (1, 'one', ?, ?)", [(f"k{n}", bytes(900)) for n in range(300)]
    )
    shutil.copy(f"{half}-journal", f"{copy}-journal")
    connection.execute("ROLLBACK")
    connection.close()
    create_card(copy, "card")
    assert [entry.card_id for entry in list_cards(copy)] == ["card"]


def assert_refused_and_unchanged(memory: PersistentMemory, message: str) -> None:
    """Neither a put_now nor a transaction lands, in RAM or in the file, and both say why."""
    before = memory.snapshot()
    large = bytes(2_000_000)
    with pytest.raises(MemoryFailureError, match=message):
        memory.partition("one").put_now("x", large)
    memory.begin()
    memory.partition("one").delete("x")
    memory.partition("two").put("y", large)
    with pytest.raises(MemoryFailureError, match=message):
        memory.commit()
    assert memory.snapshot() == before
    memory.recover()
    assert memory.snapshot() == before


def assert_writable(memory: PersistentMemory) -> None:
    with memory.transaction():
        memory.partition("one").put("x", b"written")
    memory.recover()
    assert memory.partition("one").get("x") == b"written"
    memory.close()


def test_a_full_disk_changes_nothing(path: Path) -> None:
    memory = opened(path)
    file = file_of(memory)
    pages = file._connection.execute("PRAGMA page_count").fetchone()[0]
    file._connection.execute(f"PRAGMA max_page_count = {pages}")
    assert_refused_and_unchanged(memory, "the disk is full: make room")
    file._connection.execute(f"PRAGMA max_page_count = {pages + 100}")
    assert_writable(memory)


def test_a_write_that_the_system_refuses_changes_nothing(path: Path) -> None:
    memory = opened(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 8192, hard))
    try:
        assert_refused_and_unchanged(memory, "nothing was changed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_writable(memory)


def test_a_file_locked_by_another_process_changes_nothing(path: Path) -> None:
    memory = opened(path)
    before = memory.snapshot()
    with other("hold", str(path)) as process:
        assert line_of(process) == "held"
        with pytest.raises(MemoryFailureError, match="another process is writing to it: try again"):
            memory.partition("one").put_now("x", b"2")
        with pytest.raises(MemoryFailureError, match="another process"), memory.transaction():
            memory.partition("one").put("x", b"2")
        assert memory.snapshot() == before
        process.communicate()
    assert_writable(memory)


def test_a_file_deleted_from_under_the_card_is_noticed_by_the_next_opening(path: Path) -> None:
    memory = opened(path)
    path.unlink()
    create_card(path, "card", MemorySnapshot({"one": {"x": b"another file"}}))
    again = opened(path)
    assert again.partition("one").get("x") == b"another file"
    again.close()
    memory.close()


def test_two_processes_write_their_own_cards_in_one_file(path: Path) -> None:
    create_cards(path, [(name, MemorySnapshot({})) for name in ("left", "right")])
    processes = [other("write_times", str(path), name, "100") for name in ("left", "right")]
    for process in processes:
        with process:
            assert line_of(process) == "done"
    for name in ("left", "right"):
        memory = opened(path, name)
        assert memory.partition("one").get("counter") == b"100"
        memory.close()


def test_a_second_process_on_one_card_cannot_raise_its_counters(path: Path) -> None:
    memory = opened(path, timeout=5)
    with other("write_times", str(path), "card", "3") as process:
        assert line_of(process) == "done"
    for _ in range(2):
        with pytest.raises(MemoryFailureError, match="power it on again"):
            memory.partition("one").put_now("counter", b"0")
    with pytest.raises(MemoryFailureError, match="power it on again"), memory.transaction():
        memory.partition("one").put("x", b"2")
    memory.recover()
    assert memory.partition("one").get("counter") == b"3"
    assert_writable(memory)


def test_looking_at_a_file_does_not_drop_the_locks_of_a_write_in_this_process(path: Path) -> None:
    memory = opened(path)
    file = file_of(memory)

    with file.transaction("IMMEDIATE"):
        list_cards(path)
        create_file(path, timeout=0)
        ImageFile.open(path, timeout=0).release()
        with other("probe", str(path)) as process:
            assert line_of(process) == "locked"
    with other("probe", str(path)) as process:
        assert line_of(process) == "free"
    memory.close()


def test_threads_with_cards_of_their_own_may_share_a_file(path: Path) -> None:
    names = [f"card {n}" for n in range(4)]
    create_cards(path, [(name, MemorySnapshot({})) for name in names])

    def write(name: str) -> None:
        memory = opened(path, name, timeout=60)
        for number in range(1, 51):
            memory.partition("one").put_now("counter", b"%d" % number)
        memory.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        memory = opened(path, name)
        assert memory.partition("one").get("counter") == b"50"
        memory.close()


def test_a_card_opened_before_a_fork_is_not_written_after_it(path: Path) -> None:
    memory = opened(path)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            memory.partition("one").put_now("x", b"from the child")
        except MemoryFailureError as error:
            code = 0 if "open it again" in str(error) else 2
            opened(path).close()
            memory.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert_writable(memory)


def test_a_card_deleted_while_it_is_open_refuses_to_write(path: Path) -> None:
    memory = opened(path)
    delete_card(path, "card")
    with pytest.raises(MemoryFailureError, match="changed or deleted"):
        memory.partition("one").put_now("x", b"2")
    memory.close()

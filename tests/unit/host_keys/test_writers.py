"""Interrupted and rival writers of the key store: the old file or the new one, nothing lost."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jukihost.keys import SoftwareCustody, files
from jukihost.keys.custody import KeyExists
from jukihost.keys.envelope import KeyStoreError
from jukihost.keys.files import lock_path
from jukihost.keys.software import StoreBusy, StoreUnsafe
from jukihost.outputs import replace_file
from tests.support.interrupts import at_every_line
from tests.unit.host_keys.store import CHEAP, MASTER, again, phrase


class _PowerLoss(BaseException):
    """The process ends here."""


_STEPS = ["open", "write", "fsync", "close", "replace"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), _PowerLoss()], ids=["error", "power loss"]
)
@pytest.mark.parametrize("step", _STEPS)
def test_an_interrupted_write_keeps_the_old_file(
    custody: SoftwareCustody, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    """Every call of the operating system fails once, the first time and each time after that."""
    custody.import_key("COUNTER", 1, MASTER)
    old = custody.inventory()
    calls = 0
    while True:
        calls += 1
        assert calls < 20
        with monkeypatch.context() as patch:
            patch.setattr(os, step, _fail_at(getattr(os, step), calls, error))
            patch.setattr(os, "unlink", _fail_at(os.unlink, 1 if calls % 2 else 99, error))
            try:
                custody.rotate("COUNTER")
                break
            except (KeyStoreError, _PowerLoss):
                pass
        found = again(custody.path).inventory()
        # Only what came after the replacement may have failed with the new file in place.
        assert found[:1] == old
        if len(found) == 2:
            break
        assert custody.inventory() == old
    assert len(again(custody.path).inventory()) == 2
    assert calls > 1


def _fail_at(function: Callable[..., Any], number: int, error: BaseException) -> Callable[..., Any]:
    calls = 0

    def wrapper(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        return function(*args, **options)

    return wrapper


def test_a_write_in_small_pieces_is_complete(
    custody: SoftwareCustody, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    custody.generate("COUNTER")
    monkeypatch.undo()
    assert again(custody.path).inventory() == custody.inventory()


def test_the_new_file_is_on_disk_before_it_takes_the_old_ones_place(
    custody: SoftwareCustody, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noting(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def note(*args: Any) -> Any:
            order.append(step)
            return call(*args)

        return note

    for step in ("write", "fsync", "replace"):
        monkeypatch.setattr(os, step, noting(step, getattr(os, step)))
    custody.generate("COUNTER")
    assert order == ["write", "fsync", "replace", "fsync"]


def test_two_writers_lose_nothing(custody: SoftwareCustody) -> None:
    other = again(custody.path)
    custody.generate("COUNTER")
    other.generate("SUSPEND")
    custody.generate("MOVE_IN")
    assert {info.system for info in custody.inventory()} == {"COUNTER", "SUSPEND", "MOVE_IN"}
    with pytest.raises(KeyExists):
        other.generate("MOVE_IN")
    other.refresh()
    assert other.inventory() == custody.inventory()
    assert custody.rotate("SUSPEND").version == 2
    assert other.rotate("SUSPEND").version == 3


def test_many_threads_lose_nothing(custody: SoftwareCustody) -> None:
    custody.generate("COUNTER")
    stores = [again(custody.path) for _ in range(4)]

    def work(store: SoftwareCustody) -> None:
        for _ in range(5):
            store.rotate("COUNTER")

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [info.version for info in again(custody.path).inventory()] == list(range(1, 22))


def _rotate_in_another_process(path: str) -> None:
    store = SoftwareCustody(path, phrase, cost=CHEAP)
    store.open()
    for _ in range(5):
        store.rotate("COUNTER")


def test_many_processes_lose_nothing(custody: SoftwareCustody) -> None:
    custody.generate("COUNTER")
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_rotate_in_another_process, args=(str(custody.path),))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [info.version for info in again(custody.path).inventory()] == list(range(1, 12))


# --- who may make a writer wait ---


@contextmanager
def held(path: Path, flags: int = os.O_RDONLY) -> Iterator[None]:
    """Another program holds a lock on what it could open."""
    descriptor = os.open(path, flags)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def test_what_others_can_open_stops_no_writer(custody: SoftwareCustody) -> None:
    """Everything but the lock itself, which only the owner can open, may be locked by anybody."""
    custody.generate("COUNTER")
    folder = custody.path.parent
    for path in (folder, *folder.iterdir()):
        if path == lock_path(custody.path):
            assert path.stat().st_mode & 0o777 == 0o600
            continue
        with held(path):
            custody.rotate("COUNTER")
    assert custody.newest_version("COUNTER") == 3


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.generate("COUNTER"),
        lambda store: store.import_key("COUNTER", 1, MASTER),
        lambda store: store.rotate("SUSPEND"),
        lambda store: store.delete("SUSPEND", 1),
        lambda store: store.change_passphrase(lambda: "another long one"),
    ],
)
def test_a_writer_waits_a_bounded_time_and_says_why(
    custody: SoftwareCustody,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[SoftwareCustody], object],
) -> None:
    custody.generate("SUSPEND")
    before = custody.path.read_bytes()
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.1)
    with held(lock_path(custody.path)), pytest.raises(StoreBusy, match="another program"):
        write(custody)
    assert custody.path.read_bytes() == before
    write(custody)


def test_a_lock_that_was_left_open_to_others_is_closed_to_them(custody: SoftwareCustody) -> None:
    lock_path(custody.path).chmod(0o666)
    custody.generate("COUNTER")
    assert lock_path(custody.path).stat().st_mode & 0o777 == 0o600


def test_a_lock_of_somebody_else_is_refused(
    custody: SoftwareCustody, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = custody.path.read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreUnsafe, match="lock"):
        custody.generate("COUNTER")
    assert custody.path.read_bytes() == before


@pytest.mark.parametrize("make", ["link", "directory", "fifo"])
def test_a_lock_that_is_no_file_is_refused(custody: SoftwareCustody, make: str) -> None:
    lock = lock_path(custody.path)
    lock.unlink()
    elsewhere = lock.with_name("elsewhere")
    if make == "link":
        lock.symlink_to(elsewhere)
    elif make == "directory":
        lock.mkdir()
    else:
        os.mkfifo(lock)
    with pytest.raises(KeyStoreError):
        custody.generate("COUNTER")
    assert not elsewhere.exists()


def test_ctrl_c_at_every_line_of_a_write_leaves_the_old_file_or_the_new_one_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store"
    path.write_bytes(b"old")
    instants = 0
    for number in at_every_line(("jukihost/outputs.py",), lambda: replace_file(path, b"new")):
        instants = number
        assert [found.name for found in tmp_path.iterdir()] == ["store"], f"left at line {number}"
        assert path.read_bytes() in (b"old", b"new")
        path.write_bytes(b"old")
    assert instants > 15

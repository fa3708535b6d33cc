"""The card's command line waits for no lock without a bound, tells of it, and ends on Ctrl-C."""

from __future__ import annotations

import contextlib
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard import issue_card
from jukicard.memory import (
    ImageError,
    ImageProblem,
    MemoryFailureError,
    PersistentMemory,
    SqliteBackend,
    create_card,
)
from jukicard.memory.imagefile import ImageFile
from jukihost.transport.tcp import TcpConnection
from tests.support.interop.commands import Command
from tests.support.soak import times
from tests.support.stalls import Within

BOUND = 0.4
SELECT_JUKI = bytes.fromhex("00A4040C0AD3921000310001010401")
SELECT_PIN = bytes.fromhex("00A4020C02001C")
WRONG_PIN = bytes.fromhex("002000800430303030")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    create_card(path, "card", issue_card("juki-v1", seed=1).environment.memory.snapshot())
    return path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes to the file: a connection of SQLite's that knows nothing of ours."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_opening_a_locked_file_has_a_bound(image: Path) -> None:
    with locked(image), pytest.raises(ImageError, match="locked") as caught, Within(BOUND):
        SqliteBackend(image, "card", timeout=BOUND)
    assert caught.value.problem is ImageProblem.LOCKED
    SqliteBackend(image, "card").close()


def test_a_write_to_a_locked_file_has_a_bound_and_so_has_its_end(image: Path) -> None:
    backend = SqliteBackend(image, "card", timeout=BOUND)
    memory = PersistentMemory(backend)
    with locked(image):
        with pytest.raises(MemoryFailureError, match="another process"), Within(BOUND):
            memory.partition("one").put_now("x", b"1")
        with Within(0.05):
            memory.close()
    SqliteBackend(image, "card").close()


def test_who_lets_go_in_time_is_waited_for(image: Path) -> None:
    held = threading.Event()

    def hold() -> None:
        with locked(image):
            held.set()
            time.sleep(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    backend = SqliteBackend(image, "card", timeout=60)
    PersistentMemory(backend).partition("one").put_now("x", b"1")
    backend.close()
    holder.join(60)


def test_waiting_for_a_file_is_told_once(
    image: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukicard.memory.patient._TELL_AFTER", 0.1)
    with (
        locked(image),
        caplog.at_level(logging.WARNING, "jukicard.memory"),
        contextlib.suppress(ImageError),
    ):
        SqliteBackend(image, "card", timeout=BOUND)
    assert [record.getMessage() for record in caplog.records] == [
        f"waiting 0.4 s for another program that is writing to {image}"
    ]


def test_cards_of_one_file_wait_for_each_other_so_long(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukicard.memory.imagefile._TURN", 0.1)
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        with file.transaction("IMMEDIATE"):
            begun.set()
            over.wait(60)

    with ImageFile.open(image, timeout=BOUND) as file:
        thread = threading.Thread(target=write)
        thread.start()
        assert begun.wait(60)
        with (
            pytest.raises(MemoryFailureError, match="another card of this program"),
            Within(BOUND + 0.1),
            file.transaction("IMMEDIATE"),
        ):
            pass
        over.set()
        thread.join(60)


def test_a_file_that_is_being_written_is_left_open_at_the_end(image: Path) -> None:
    begun, over = threading.Event(), threading.Event()
    file = ImageFile.open(image, timeout=BOUND)

    def write() -> None:
        with file.transaction("IMMEDIATE"):
            begun.set()
            over.wait(60)

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(60)
    with Within(0.05):
        file.release()
    over.set()
    thread.join(60)
    with ImageFile.open(image, timeout=BOUND) as again:
        assert again is file
    with ImageFile.open(image, timeout=BOUND) as another:
        assert another is not file


@pytest.mark.parametrize("arguments", [["inspect"], ["serve", "--tcp", "127.0.0.1", "--image"]])
def test_the_command_line_says_what_it_waits_for_and_ends_at_once(
    arguments: list[str], image: Path
) -> None:
    with locked(image), Command("jukicard", *arguments, str(image)) as command:
        waiting = f"waiting 5 s for another program that is writing to {image}"
        assert command.line() == waiting
        # `serve` is told to end by Ctrl-C
        command.interrupted(code=0 if arguments[0] == "serve" else 130)


def test_a_served_card_that_waits_for_its_file_does_not_hold_up_the_end(image: Path) -> None:
    with Command(
        "jukicard", "serve", "--tcp", "127.0.0.1", "--control", "--image", str(image)
    ) as command:
        assert command.process.stdout is not None
        listening = command.process.stdout.readline()
        port = int(listening.rpartition(":")[2])
        with TcpConnection("127.0.0.1", port) as connection:
            for one in (SELECT_JUKI, SELECT_PIN):
                assert connection.transmit(one) == b"\x90\x00"
            with locked(image):
                thread = threading.Thread(target=_suppressed, args=(connection, WRONG_PIN))
                thread.start()
                time.sleep(0.5)
                command.interrupted(code=0)
                thread.join(60)


def _suppressed(connection: TcpConnection, command: bytes) -> None:
    with contextlib.suppress(Exception):
        connection.transmit(command)


COMMANDS = {
    "new": ["new", "--seed", "1", "{folder}/new.juki"],
    "inspect": ["inspect", "{folder}/card.juki", "--send", "00A4040C0AD3921000310001010401"],
    "serve": ["serve", "--tcp", "127.0.0.1", "--image", "{folder}/card.juki"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_at_random_instants(name: str, image: Path) -> None:
    """Whatever the instant, it ends at once, in words, and a card's file is whole or not there."""
    draw = random.Random(8)
    for _ in range(times(3, soak=100)):
        new = image.with_name("new.juki")
        new.unlink(missing_ok=True)
        arguments = [word.format(folder=image.parent) for word in COMMANDS[name]]
        with Command("jukicard", *arguments) as command:
            time.sleep(draw.uniform(0.0, 0.6))
            command.interrupted_whenever(code=0 if name == "serve" else 130)
        for path in (image, new):
            if path.exists():
                SqliteBackend(path, "card").close()
        assert [found.name for found in image.parent.iterdir() if found not in (image, new)] == []

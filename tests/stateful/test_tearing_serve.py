"""`jukicard serve` killed with SIGKILL in the middle of PIN guesses: none of them is free.

When exactly the signal arrives nobody knows; what is checked holds whenever it does.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard import issue_card
from jukicard.applets.juki.files import PIN
from jukicard.applets.names import JUKI as AID
from jukicard.memory import PersistentMemory, SqliteBackend, create_card
from jukihost.errors import CardError
from jukihost.transport.tcp import TcpConnection
from tests.support import soak

ROOT = Path(__file__).parents[2]
SELECT = bytes.fromhex(f"00A4040C0A{AID}")
SELECT_PIN = bytes.fromhex(f"00A4020C02{PIN:04X}")
WRONG, RIGHT = bytes.fromhex("002000800439393939"), bytes.fromhex("002000800431323334")
FULL = 3
KILLS = soak.times(6, soak=120)
RIGHT_KILLS = soak.times(3, soak=60)
LONGEST = 0.008
"""Of the time between a guess and the kill, in seconds."""


def delays(known: tuple[float, ...], count: int) -> list[float]:
    """So many times between a guess and the kill: the known ones, then drawn from a seed."""
    drawn = random.Random(count)
    return [*known, *(drawn.uniform(0, LONGEST) for _ in range(count - len(known)))]


class Served:
    """A `jukicard serve` process and a connection to its card, with the PIN's EF selected."""

    def __init__(self, image: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jukicard", "serve", "--image", image, "--tcp", "127.0.0.1"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"listening at 127\.0\.0\.1:(\d+)", line)
        assert found, line
        self.card = TcpConnection("127.0.0.1", int(found[1]), timeout=60)
        self.card.open()
        assert self.card.transmit(SELECT) == b"\x90\x00"
        assert self.card.transmit(SELECT_PIN) == b"\x90\x00"

    def guess(self, value: bytes) -> str:
        """Return the answer, empty when the card died before it gave one."""
        try:
            return self.card.transmit(value).hex().upper()
        except CardError:
            return ""

    def kill(self) -> None:
        """Kill the process and wait until it is gone."""
        self.process.kill()
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.card.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file with one card, all of whose tries are left."""
    path = tmp_path / "card.juki"
    create_card(path, "card", issue_card("juki-v1", seed=1, pin="1234").snapshot())
    return path


def tries_left(image: Path) -> int:
    """Return what the file says, read as the next power-on would."""
    backend = SqliteBackend(image, "card")
    try:
        raw = PersistentMemory(backend).partition(f"application {AID}").get(f"tries/{PIN:04X}")
    finally:
        backend.close()
    assert raw is not None
    return raw[0]


def test_an_answered_guess_is_paid_for(image: Path, record_property: Callable[..., None]) -> None:
    """Killed as soon as the answer is there: the counter in the file says what was answered."""
    for left in (2, 1, 0):
        served = Served(image)
        assert served.guess(WRONG) == f"63C{left}"
        served.kill()
        assert tries_left(image) == left
    served = Served(image)
    assert served.guess(RIGHT) == "6984", "blocked, whatever is tried"
    served.kill()
    assert tries_left(image) == 0
    record_property("cut points", 4)


@pytest.mark.parametrize("delay", delays((0.0, 0.0005, 0.001, 0.002, 0.004, LONGEST), KILLS))
def test_killed_in_the_middle_of_a_guess(
    image: Path, delay: float, record_property: Callable[..., None]
) -> None:
    """No kill gives a try back; an answer that came out has cost one."""
    before, rounds = FULL, 0
    while before and rounds < 5:
        served = Served(image)
        killer = threading.Timer(delay, served.process.kill)
        killer.start()
        answer = served.guess(WRONG)
        killer.join()
        served.kill()
        after = tries_left(image)
        assert after in (before, before - 1)
        assert not answer or (answer, after) == (f"63C{before - 1}", before - 1)
        before, rounds = after, rounds + 1
    record_property("cut points", rounds)


@pytest.mark.parametrize("delay", delays((0.0, 0.001, 0.004), RIGHT_KILLS))
def test_killed_in_the_middle_of_the_right_pin(
    image: Path, delay: float, record_property: Callable[..., None]
) -> None:
    """The counter is full, or lower by the one try that the cut cost; never higher."""
    served = Served(image)
    assert served.guess(WRONG) == "63C2"
    killer = threading.Timer(delay, served.process.kill)
    killer.start()
    answer = served.guess(RIGHT)
    killer.join()
    served.kill()
    assert tries_left(image) in (FULL - 2, FULL - 1, FULL)
    assert not answer or (answer, tries_left(image)) == ("9000", FULL)
    record_property("cut points", 1)

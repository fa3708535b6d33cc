"""A served card that cannot be written: the operator is told why, once, and when it works again."""

from __future__ import annotations

import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from jukicard import issue_card
from jukicard.cli import main
from tests.support.rest import rest_of

_POWER_ON: Final = b"\x01" + bytes(4)
_SELECT: Final = "00A404000AD392100031000101040100"
_WRONG_PIN: Final = "0020009C0439393939"


class Served:
    """A card in a file, served to us without a trace."""

    def __init__(self, path: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jukicard", "serve", "--image", str(path)),
                *("--tcp", "127.0.0.1:0", "--control", *options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        port = int(self.line().rpartition(":")[2])
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(b"JUKITCP1" + _POWER_ON)
        self._take(8)
        self._answer()
        assert self.line().endswith(f"is in the reader at 127.0.0.1:{port}")
        assert self.send(_SELECT)[-2:] == b"\x90\x00"

    def send(self, command: str) -> bytes:
        raw = bytes.fromhex(command)
        self.socket.sendall(b"\x03" + len(raw).to_bytes(4, "big") + raw)
        return self._answer()

    def _answer(self) -> bytes:
        return self._take(int.from_bytes(self._take(5)[1:], "big"))

    def _take(self, size: int) -> bytes:
        return self.socket.recv(size, socket.MSG_WAITALL)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def limit(self, size: int) -> None:
        """Let no file of the process grow beyond this, as on a full disk."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def end(self) -> str:
        """Take the card away; return what was said until then."""
        self.socket.close()
        return rest_of(self.process, "quit\n")[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    assert main(["new", "--seed", "1", str(path)]) == 0
    return path


@pytest.fixture
def served(path: Path) -> Iterator[Served]:
    served = Served(path)
    yield served
    served.process.send_signal(signal.SIGKILL)
    rest_of(served.process)
    served.socket.close()


def test_a_full_disk_is_told_once_and_so_is_its_end(served: Served, path: Path) -> None:
    served.limit(1)
    assert {served.send(_WRONG_PIN) for _ in range(3)} == {b"\x65\x81"}
    served.limit(resource.RLIM_INFINITY)
    assert served.send(_WRONG_PIN) == b"\x63\xc2"
    served.limit(1)
    assert served.send(_WRONG_PIN) == b"\x65\x81"
    said = served.end().splitlines()
    assert [line for line in said if "gone" not in line] == [
        said[0],
        "slot 0: the card is written again",
        said[0],
    ]
    assert said[0].startswith(
        f"slot 0: the card cannot be written: nothing was changed in {path}, "
    )


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_taken_away_is_told_once(
    served: Served, path: Path, replaced: bool
) -> None:
    path.unlink()
    if replaced:
        assert main(["new", "--seed", "2", str(path)]) == 0
    before = path.read_bytes() if replaced else b""
    assert {served.send(_WRONG_PIN) for _ in range(3)} == {b"\x65\x81"}
    said = served.end()
    assert said.count("cannot be written") == 1
    assert "the file was replaced or removed" in said
    assert (path.read_bytes() if replaced else b"") == before


def test_reasons_are_in_good_english() -> None:
    """Down to the last try: of one thing, one is said."""
    card = issue_card("juki-v1", seed=1)
    card.power_on()
    card.transmit(bytes.fromhex(_SELECT))
    reasons = []
    for _ in range(4):
        card.transmit(bytes.fromhex(_WRONG_PIN))
        assert card.last_refusal is not None
        reasons.append(card.last_refusal.reason)
    assert "1 try left" in reasons[1]
    assert not re.search(r"\b1 (tries|bytes|records)\b", " ".join(reasons))


def test_a_card_that_is_damaged_while_it_is_served_is_told_to_the_operator_alone(
    served: Served, path: Path
) -> None:
    """At its next power on, and not to whoever is connected: the sentence names the file."""
    change = "UPDATE value SET value = x'FF' WHERE key = 'tries/001C'"
    with sqlite3.connect(path) as other:
        other.execute(change)
    other.close()
    served.socket.sendall(_POWER_ON)
    answer = served._answer()
    assert answer.startswith(b"the card failed: ImageError at ")
    assert str(path).encode() not in answer
    assert served.line() == (
        f"slot 0: the card failed: {path} is damaged (card 'card' is not what was last written): "
        "use another copy of it; its power is off"
    )
    served.socket.sendall(b"\x03" + len(bytes(5)).to_bytes(4, "big") + bytes(5))
    assert served._answer() == b"the card has no power"
    assert "Traceback" not in served.end()

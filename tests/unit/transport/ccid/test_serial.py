"""The serial line of a CCID reader, driven by hand: frames, echo, noise, time, a closed line."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jukicard import Card, issue_card
from jukicard.transport import SlotState, slot
from jukicard.transport.ccid import serial
from jukicard.transport.ccid.models import GEMPC_PINPAD
from jukicard.transport.ccid.place import (
    Claim,
    LineRefused,
    LinkedLine,
    link_of,
    reader_entry,
    write_entry,
)
from jukicard.transport.ccid.serial import SerialReader
from tests.support.readers.ccid_driver import message
from tests.support.readers.serial_line import NAK, Line, frame
from tests.support.readers.statuses import Statuses
from tests.unit.transport.ccid.test_reader import Echo


@pytest.fixture
def card() -> Card:
    return issue_card("juki-v1", seed=1)


@pytest.fixture
def told() -> Statuses:
    return Statuses()


@pytest.fixture
def reader(card: Card, tmp_path: Path, told: Statuses) -> Iterator[SerialReader]:
    with SerialReader(card, str(tmp_path / "desk"), on_status=told) as reader:
        yield reader


@pytest.fixture
def line(reader: SerialReader) -> Iterator[Line]:
    line = Line(reader.link)
    yield line
    line.close()


def exchange(line: Line, sent: bytes, size: int) -> str:
    """Send a message; return the answer without its frame, after the echo has been checked."""
    line.write(frame(sent))
    assert line.read(len(sent) + 3) == frame(sent).hex().upper()
    whole = bytes.fromhex(line.read(size + 3))
    assert frame(whole[2:-1]) == whole
    return whole[2:-1].hex().upper()


POLL = message(0x65, seq=9)
PRESENT = "81000000000009010000"


def wait_for(what: str, reached: object) -> None:
    until = time.monotonic() + 60
    while not (reached() if callable(reached) else reached):
        assert time.monotonic() < until, what
        time.sleep(0.01)


def test_a_frame_is_echoed_and_answered(line: Line, told: Statuses) -> None:
    assert exchange(line, message(0x62), 19) == "80090000000000000000" + "3BE000FF8131FE4514"
    assert exchange(line, message(0x6B, "02"), 24)[:2] == "83"
    assert SlotState.CONNECTED in [status.state for status in told.told]


@pytest.mark.parametrize(
    "noise",
    ["FF" * 500, "03", "0315", "0306" + "65" + "FF" * 20, "030765", "00" * 4000],
    ids=["no frame", "one byte", "half a NAK", "no length", "a wrong byte", "much"],
)
def test_after_any_noise_a_driver_that_waits_is_answered(line: Line, noise: str) -> None:
    line.write(bytes.fromhex(noise))
    until = time.monotonic() + 60
    while line.read(3, 2.5) and time.monotonic() < until:
        pass
    assert exchange(line, POLL, 10) == PRESENT


def test_a_damaged_frame_is_refused_and_the_last_answer_comes_again(line: Line) -> None:
    line.write(frame(POLL)[:-1] + b"\xff")
    assert line.read(3) == NAK
    assert exchange(line, POLL, 10) == PRESENT
    line.write(bytes.fromhex(NAK))
    assert line.read(13) == frame(bytes.fromhex(PRESENT)).hex().upper()


def test_a_frame_in_pieces_is_one_and_two_at_once_are_two(line: Line) -> None:
    for byte in frame(POLL):
        line.write(bytes((byte,)))
    assert line.read(26)[-26:] == frame(bytes.fromhex(PRESENT)).hex().upper()
    line.write(frame(POLL) * 2)
    assert line.read(52).count("0306" + PRESENT) == 2


def test_a_closed_line_takes_the_cards_power_and_the_next_driver_finds_the_card(
    reader: SerialReader, told: Statuses
) -> None:
    for _ in range(3):
        line = Line(reader.link)
        assert exchange(line, message(0x62), 19).startswith("80")
        line.write(b"\x03\x06\x6f")  # it leaves in the middle of a frame
        line.close()
        wait_for("power off", lambda: not reader.slots[0].powered)
        wait_for("no driver", lambda: not reader.slots[0].connected)
    assert [status.state for status in told.told].count(SlotState.LOST) == 3


@pytest.mark.parametrize("opening", [5.0, 0.0], ids=["at once", "later"])
def test_a_driver_that_leaves_at_once_is_told_of_with_what_to_do(
    reader: SerialReader, told: Statuses, monkeypatch: pytest.MonkeyPatch, opening: float
) -> None:
    monkeypatch.setattr(serial, "_OPENING", opening)
    line = Line(reader.link)
    exchange(line, POLL, 10)
    line.close()
    wait_for("it has left", lambda: told.told[-1].state is SlotState.LOST)
    detail = told.told[-1].detail
    assert detail.startswith("the driver closed the line")
    assert detail.endswith("restart it") == bool(opening)


def test_movement_is_told_to_a_driver_that_asked(line: Line, reader: SerialReader) -> None:
    assert exchange(line, message(0x6B, "010101"), 10)[:2] == "83"
    card = reader.slots[0].remove()
    assert line.read(2) == "5002"
    assert exchange(line, POLL, 10) == "81000000000009020000"
    reader.slots[0].insert(card)
    assert line.read(2) == "5003"
    assert exchange(line, POLL, 10) == PRESENT


class Slow(Echo):
    def transmit(self, command: bytes, /) -> bytes:
        time.sleep(1.3)
        return b"\x90\x00"


def test_a_card_that_works_asks_for_time_after_the_echo(tmp_path: Path) -> None:
    with SerialReader(Slow(), str(tmp_path / "slow"), on_status=Statuses()) as reader:
        line = Line(reader.link)
        exchange(line, message(0x62), 19)
        exchange(line, message(0x6B, "1F02"), 10)
        sent = message(0x6F, "0084000008")
        line.write(frame(sent))
        assert line.read(18) == frame(sent).hex().upper()
        assert line.read(1) == "80"
        assert "9000" in line.read(16)
        assert line.exchange(sent)[10:] == b"\x90\x00"
        line.close()


class ResetAtLength(Echo):
    """A warm reset takes until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()

    def reset(self) -> bytes:
        self.entered.set()
        assert self.gate.wait(60)
        return super().reset()


@pytest.mark.parametrize("closing", [False, True], ids=["next driver", "end"])
def test_a_driver_may_leave_while_the_card_is_reset_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closing: bool
) -> None:
    monkeypatch.setattr(slot, "WORKING_SECONDS", 0.3)
    card, told = ResetAtLength(), Statuses()
    with SerialReader(card, str(tmp_path / "desk"), on_status=told) as reader:
        line = Line(reader.link)
        exchange(line, message(0x62), 19)
        by_hand = threading.Thread(target=reader.slots[0].reset)
        by_hand.start()
        assert card.entered.wait(60)
        line.close()
        lost = lambda: SlotState.LOST in [status.state for status in told.told]  # noqa: E731
        wait_for("the driver is gone", lost)
        if closing:
            reader.close()
            assert not os.path.lexists(reader.link)
        assert reader.slots[0].powered
        card.gate.set()
        by_hand.join(60)
        wait_for("power off", lambda: not reader.slots[0].powered)
        if not closing:
            line = Line(reader.link)
            assert exchange(line, message(0x62), 19).startswith("80")
            line.close()
    assert not os.path.lexists(reader.link)


def test_the_strings_of_a_pin_pad_are_echoed_as_a_header(tmp_path: Path) -> None:
    with SerialReader(
        None, str(tmp_path / "pad"), model=GEMPC_PINPAD, on_status=Statuses()
    ) as reader:
        line = Line(reader.link)
        line.write(frame(message(0x6B, "B2A000" + "41" * 162)))
        assert line.read(13) == frame(message(0x6B)).hex().upper()
        assert line.read(13).startswith("030683")
        line.close()


def test_a_driver_that_reads_nothing_holds_up_nobody(line: Line, reader: SerialReader) -> None:
    begun = time.monotonic()
    for _ in range(300):
        if select.select([], [line.fd], [], 0.1)[1]:
            os.write(line.fd, frame(POLL) * 10)
    reader.close()
    assert time.monotonic() - begun < 40
    assert not os.path.lexists(reader.link)


def test_the_link_is_made_once_and_goes_with_the_reader(tmp_path: Path, card: Card) -> None:
    path = tmp_path / "desk"
    path.symlink_to(tmp_path / "nowhere")  # what a killed reader left
    with (
        SerialReader(card, str(path), on_status=Statuses()) as reader,
        pytest.raises(LineRefused, match="a reader of that name runs"),
    ):
        SerialReader(None, reader.link).start()
    assert not os.path.lexists(path)
    path.write_text("mine")
    with pytest.raises(LineRefused, match="no link"):
        SerialReader(None, str(path)).start()
    assert path.read_text() == "mine"
    with pytest.raises(LineRefused, match="a folder that is there"):
        SerialReader(None, str(tmp_path / "no" / "desk")).start()


def killed(claim: Claim, line: str) -> None:
    """Leave a link and the file beside it as a reader does that is killed."""
    claim.take()
    claim.link_to(line)
    os.close(claim._file)


def test_a_killed_readers_link_is_replaced_though_its_line_is_anothers_by_now(
    tmp_path: Path,
) -> None:
    """A pseudo-terminal that is opened later gets the number of one that is gone."""
    link = tmp_path / "desk"
    others, slave = os.openpty()
    killed(Claim(str(link)), os.ttyname(slave))
    assert link.exists()
    with SerialReader(None, str(link), on_status=Statuses()):
        assert os.readlink(link) != os.ttyname(slave)
    assert not list(tmp_path.iterdir())
    os.close(others)
    os.close(slave)


def test_a_link_that_somebody_made_stays_also_beside_a_file_that_was_left(tmp_path: Path) -> None:
    link = tmp_path / "desk"
    killed(Claim(str(link)), "/dev/pts/1")
    link.unlink()
    link.symlink_to("/dev/null")
    with pytest.raises(LineRefused, match="leads to /dev/null, where no reader led it"):
        SerialReader(None, str(link)).start()
    assert os.readlink(link) == "/dev/null"


def test_of_readers_that_start_at_once_one_gets_the_name(tmp_path: Path) -> None:
    claims = [Claim(str(tmp_path / "desk")) for _ in range(8)]
    together = threading.Barrier(len(claims))
    holders: list[int] = []
    most: list[int] = []

    def come_and_go(claim: Claim) -> None:
        together.wait(60)
        for _ in range(200):
            try:
                claim.take()
            except LineRefused:
                continue
            holders.append(1)
            most.append(len(holders))
            claim.link_to("/dev/pts/1")
            os.unlink(claim.link)
            holders.pop()
            claim.leave()

    threads = [threading.Thread(target=come_and_go, args=(claim,)) for claim in claims]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most
    assert set(most) == {1}
    assert not list(tmp_path.iterdir())


def a_link(path: Path) -> None:
    path.symlink_to(path.parent / "mine")


@pytest.mark.parametrize("make", [a_link, os.mkfifo, Path.mkdir])
def test_what_is_no_file_of_a_claim_is_refused_and_stays(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    link = tmp_path / "desk"
    make(tmp_path / ".desk.lock")
    with pytest.raises(LineRefused, match=r"\.desk\.lock (is no file of a reader|cannot be made)"):
        SerialReader(None, str(link)).start()
    assert [path.name for path in tmp_path.iterdir()] == [".desk.lock"]


def test_a_claim_is_left_once_by_whatever_threads_leave_it(tmp_path: Path) -> None:
    for _ in range(50):
        claim = Claim(str(tmp_path / "desk"))
        claim.take()
        threads = [threading.Thread(target=claim.leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a b", "/tmp/a:b/desk", "x" * 41, "/tmp/", 'a"b'])
def test_a_name_that_no_driver_takes_is_refused(name: str) -> None:
    with pytest.raises(LineRefused, match="no name for a reader"):
        link_of(name)


def test_the_entry_is_written_once_and_overwrites_nothing(tmp_path: Path) -> None:
    link = link_of(str(tmp_path / "desk"))
    entry = reader_entry("desk", link, "GemPCTwin", 1)
    assert f"DEVICENAME {link}:GemPCTwin\n" in entry
    path = write_entry(str(tmp_path), link, entry)
    assert path.read_text() == entry
    assert write_entry(str(tmp_path), link, entry) == path
    with pytest.raises(LineRefused, match="says something else"):
        write_entry(str(tmp_path), link, entry + "#")
    with pytest.raises(LineRefused, match=r"/etc/reader\.conf\.d"):
        write_entry(str(tmp_path / "no"), link, entry)


def test_where_there_are_no_pseudo_terminals_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "openpty")
    with pytest.raises(LineRefused, match="over TCP or to vpcd instead"):
        LinkedLine(str(tmp_path / "reader")).open()

"""The table of faults in docs/transports.md, row by row, over a reader that runs on its line.

Before each fault the card's application is selected and one try of its PIN used; after it the
memory is the same, and a PIN still has the two tries that were left.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from jukicard import Card, ContactCard, atr_variant, issue_card
from jukicard.cli import main
from jukicard.transport.ccid import ExchangeLevel
from jukicard.transport.ccid.serial import SerialReader
from tests.support import soak
from tests.support.readers.ccid_driver import lrc, message
from tests.support.readers.serial_line import NAK, Line, frame
from tests.support.readers.statuses import Statuses

SELECT = "00A4040C0AD3921000310001010401"
SELECT_PIN = "00A4020C02001C"
TRIES = "00200080"
WRONG = "002000800439393939"
POLL = message(0x65)
OTHER = "00B0000010"
GARBAGE = random.Random(11)


class Desk:
    """A reader that runs, with a card of which one try was used, and the driver's end of its line.

    The card offers T=0 and T=1; it is set up by short APDUs, as `level` says it goes on.
    """

    def __init__(self, folder: Path, contact: type[ContactCard] = ContactCard) -> None:
        self.card = issue_card(
            "juki-v1", seed=1, options=lambda o: replace(o, atr=atr_variant(o.atr, (0, 1)))
        )
        self.serial = SerialReader(
            self.card, str(folder / "desk"), contact=contact, on_status=Statuses()
        )
        self.serial.start()
        self.line = Line(self.serial.link)
        self.begin()
        self.memory = self.card.snapshot().export_with_keys()

    def begin(self) -> None:
        self.level(ExchangeLevel.SHORT)
        self.send(message(0x62))
        assert self.apdu(SELECT) == self.apdu(SELECT_PIN) == "9000"
        if self.apdu(TRIES) == "63C3":
            assert self.apdu(WRONG) == "63C2"

    def level(self, level: ExchangeLevel) -> None:
        self.serial.reader.level = level

    def send(self, sent: bytes) -> bytes:
        return self.line.exchange(sent)

    def apdu(self, command: str) -> str:
        return self.send(message(0x6F, command))[10:].hex().upper()

    def is_as_before(self) -> bool:
        """Whether the application is still selected."""
        self.level(ExchangeLevel.SHORT)
        return self.apdu(TRIES) == "63C2"

    def noise(self) -> str:
        """Return all that comes until the reader waits for nothing any more."""
        said, until = "", time.monotonic() + 30
        while (more := self.line.read(4096, 0.1)) or self.serial._frames.half:
            assert time.monotonic() < until
            said += more
        return said

    def close(self) -> None:
        self.line.close()
        self.serial.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


class Row(NamedTuple):
    fault: str
    answer: str
    card: str

    @property
    def errors(self) -> set[int]:
        """The values of bError in the answer."""
        before = self.answer.partition("`")[0]
        return {int(code, 16) for code in re.findall(r"\b[0-9A-F]{2}\b", before)}


def table() -> dict[str, Row]:
    page = Path(__file__).parents[4] / "docs" / "transports.md"
    rows = page.read_text(encoding="utf-8").partition("| fault | answer (bStatus, bError) |")[2]
    lines = rows.partition("\n\n")[0].splitlines()[2:]
    return {row.fault: row for row in (Row(*line.strip("| ").split(" | ")) for line in lines)}


TABLE = table()


def row(start: str) -> Row:
    """Return the row of a fault by its first words."""
    [found] = [row for fault, row in TABLE.items() if fault.startswith(start)]
    return found


def refused(desk: Desk, fault: Row, sent: bytes, icc: int = 0) -> None:
    """Send a message; the answer is what the row says, with the card as it was told to be."""
    answer = desk.send(sent)
    assert fault.answer.startswith("failed")
    absent = fault.answer.startswith("failed and absent")
    assert answer[7] == 0x40 | (2 if absent else icc)
    assert answer[8] in fault.errors
    assert answer[5:7] == sent[5:7]


def unhurt(desk: Desk) -> None:
    """The memory is the same, and whoever begins anew has two tries."""
    assert desk.card.snapshot().export_with_keys() == desk.memory
    desk.begin()
    assert desk.apdu(TRIES) == "63C2"


HALVES = {
    "half a message": POLL[:3],
    "dwLength too large": message(0x6F, OTHER)[:1] + b"\x06" + message(0x6F, OTHER)[2:],
    "dwLength too small": message(0x6F, OTHER)[:1] + b"\x04" + message(0x6F, OTHER)[2:],
    "dwLength 4 GiB": b"\x6f\xff\xff\xff\xff" + bytes(5),
    "too long": message(0x6F, "00" * 262),
}


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_a_message_of_the_wrong_length(desk: Desk, sent: bytes) -> None:
    fault = row("half a message")
    answer = desk.serial.reader.handle(sent)
    assert (answer[7], {answer[8]}) == (0x40, fault.errors)
    assert NAK in fault.answer.replace(" ", "")
    desk.line.write(frame(sent))
    said = desk.noise()
    assert said == NAK * (len(said) // 6) != ""
    assert desk.is_as_before()
    unhurt(desk)


REFUSED: list[tuple[str, str, bytes]] = [
    ("another slot", "a slot that", message(0x65, slot=1)),
    ("slot 255", "a slot that", message(0x6F, OTHER, slot=255)),
    ("no message", "an unknown", message(0x00)),
    ("an answer", "an unknown", message(0x80)),
    ("T0APDU", "an unknown", message(0x6A, fields="030000")),
    ("Mechanical", "an unknown", message(0x71, fields="010000")),
    ("Escape", "an unknown", message(0x6B, "FFFF")),
    ("Secure", "an unknown", message(0x69, "00")),
    ("voltage", "a field", message(0x62, fields="040000")),
    ("protocol", "a field", message(0x61, "00", fields="020000")),
    ("clock", "a field", message(0x6E, fields="020000")),
]


@pytest.mark.parametrize(("start", "sent"), [f[1:] for f in REFUSED], ids=[f[0] for f in REFUSED])
def test_a_message_that_is_refused(desk: Desk, start: str, sent: bytes) -> None:
    fault = row(start)
    refused(desk, fault, sent)
    assert fault.card == "as before"
    assert desk.is_as_before()
    unhurt(desk)


def test_the_level_of_a_chain_is_a_field(desk: Desk) -> None:
    desk.level(ExchangeLevel.EXTENDED)
    refused(desk, row("a field"), message(0x6F, OTHER, "000400"))
    assert desk.is_as_before()


def test_a_sequence_number_out_of_turn(desk: Desk) -> None:
    fault = row("a sequence number")
    for number in (200, 3, 3, 0, 255):
        assert desk.send(message(0x65, seq=number))[6:9] == bytes((number, 0, 0))
    assert fault.card == "as before"
    assert desk.is_as_before()
    unhurt(desk)


def test_a_card_without_power(desk: Desk) -> None:
    fault = row("a message for a card without power")
    desk.send(message(0x63))
    for sent in (message(0x6F, OTHER), message(0x61, "1100000A00"), message(0x6C), message(0x6D)):
        refused(desk, fault, sent, icc=1)
    unhurt(desk)


def test_a_card_that_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Card, command: bytes, /) -> bytes:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken:
        broken.setattr(Card, "transmit", fail)
        for _ in range(2):
            refused(desk, row("a message for a card without power"), message(0x6F, OTHER), icc=1)
    unhurt(desk)


@pytest.mark.parametrize("sent", ["00", "00A404", SELECT[:-2], WRONG + "00"])
def test_what_is_no_tpdu(desk: Desk, sent: str) -> None:
    fault = row("no TPDU")
    desk.level(ExchangeLevel.TPDU)
    desk.send(message(0x62))
    refused(desk, fault, message(0x6F, sent))
    assert "no whole command reached it" in fault.card
    unhurt(desk)


class Babbling(ContactCard):
    """Says what is no procedure byte."""

    babbles = False

    def exchange(self, data: bytes) -> bytes:
        return b"\x55" if self.babbles else super().exchange(data)


def test_an_answer_that_no_procedure_byte_fits(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Babbling)
    try:
        desk.level(ExchangeLevel.TPDU)
        desk.send(message(0x62))
        Babbling.babbles = True
        answer = desk.send(message(0x6F, WRONG))
        Babbling.babbles = False
        assert (answer[7], answer[8]) == (0x40, 0xF4)
        assert answer[8] in row("no TPDU").errors
        unhurt(desk)
    finally:
        desk.close()


@pytest.mark.parametrize(
    "sent", ["FF11119E", "FF1111FE", "FF0200", "FF12", "FF02FD", lrc("000005" + OTHER)]
)
def test_pps_that_is_refused_and_blocks_of_another_protocol(desk: Desk, sent: str) -> None:
    fault = row("PPS that is refused")
    desk.level(ExchangeLevel.TPDU)
    desk.send(message(0x62))
    if sent.startswith("00"):
        desk.send(message(0x61, "11100045002000", "010000"))  # the driver means T=1, the card T=0
    refused(desk, fault, message(0x6F, sent))
    unhurt(desk)


@pytest.mark.parametrize("level", ["02", "03", "10"])
def test_a_chain_that_was_not_begun(desk: Desk, level: str) -> None:
    desk.level(ExchangeLevel.EXTENDED)
    data = "" if level == "10" else OTHER
    refused(desk, row("a chain"), message(0x6F, data, f"00{level}00"))
    assert desk.is_as_before()
    unhurt(desk)


def test_a_chain_longer_than_any_command(desk: Desk) -> None:
    fault = row("a chain")
    desk.level(ExchangeLevel.EXTENDED)
    desk.send(message(0x6F, "00" * 261, "000100"))
    whole = 65_544 // 261 - 1
    for _ in range(whole):
        assert desk.send(message(0x6F, "00" * 261, "000300"))[7] == 0
    refused(desk, fault, message(0x6F, "00" * 261, "000300"))
    refused(desk, fault, message(0x6F, OTHER, "000200"))  # it is dropped
    assert desk.is_as_before()
    unhurt(desk)


NOISE = {
    "random bytes": GARBAGE.randbytes(200).replace(b"\x03", b"\x04"),
    "random bytes after a beginning": b"\x03\x06\x6f" + GARBAGE.randbytes(100),
    "a damaged frame": frame(message(0x6F, WRONG))[:-1] + b"\xff",
    "half a frame": frame(message(0x6F, WRONG))[:-2],
    "one byte": b"\x03",
}


@pytest.mark.parametrize("sent", NOISE.values(), ids=NOISE)
def test_noise_on_the_line(desk: Desk, sent: bytes) -> None:
    fault = row("random bytes")
    desk.line.write(sent)
    said = desk.noise()
    assert fault.answer.startswith("`03 15 16`")
    assert said == NAK * (len(said) // 6) != ""
    assert desk.is_as_before()
    unhurt(desk)


def test_whatever_is_sent_the_reader_goes_on(desk: Desk) -> None:
    """Random bytes, random messages in frames that are right, and frames that were cut."""
    rng, kinds = random.Random("frames"), (*range(0x61, 0x74), 0x00, 0xFF)
    for _ in range(soak.times(100, soak=5_000)):
        body, head = rng.randbytes(rng.randrange(40)), rng.randbytes(5)
        told = len(body).to_bytes(4, "little") if rng.random() < 0.9 else head[:4]
        sent = frame(bytes((rng.choice(kinds),)) + told + head + body)
        if rng.random() < 0.05:
            sent = sent[: rng.randrange(len(sent))]
        desk.line.write(sent if rng.random() < 0.9 else body)
        desk.line.read(4096, 0.005)
    desk.noise()
    desk.send(message(0x63))
    unhurt(desk)


def test_answers_that_nobody_reads(desk: Desk) -> None:
    fault = row("a driver that leaves")
    begun = time.monotonic()
    for _ in range(400):
        desk.line.write(frame(message(0x6F, TRIES)))
    desk.noise()
    assert fault.answer.startswith("none")
    assert time.monotonic() - begun < 60
    assert desk.is_as_before()
    unhurt(desk)


def reached(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("half", [b"", frame(message(0x6F, WRONG))[:-3]], ids=["idle", "half"])
def test_the_line_is_closed(desk: Desk, half: bytes) -> None:
    fault = row("the line is closed")
    desk.line.write(half)
    desk.line.close()
    slot = desk.serial.slots[0]
    reached(lambda: not slot.powered)
    assert fault.card == "loses its power"
    desk.line = Line(desk.serial.link)
    assert desk.send(POLL)[7] == 1
    unhurt(desk)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    assert main(["new", "--seed", "1", str(path)]) == 0
    return path


@pytest.fixture
def served(tmp_path: Path, image: Path) -> Iterator[subprocess.Popen[str]]:
    process = serving(tmp_path / "desk", image)
    yield process
    process.kill()
    process.communicate(timeout=60)


def serving(link: Path, image: Path) -> subprocess.Popen[str]:
    """Run `jukicard serve --ccid` with the card in a file until its reader is there."""
    (link.parent / "driver").touch()
    where = ("--ccid", str(link), "--ccid-driver", str(link.parent / "driver"))
    process = subprocess.Popen(
        [sys.executable, "-m", "jukicard", "serve", "--control", "--image", str(image), *where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "waiting for pcscd" in process.stdout.readline()
    return process


def use_a_try(line: Line, left: str) -> None:
    """Power the card, use a try of its PIN; `left` are left then."""
    line.exchange(message(0x6B, "1F02"))
    line.exchange(message(0x62))
    for select in (SELECT, SELECT_PIN):
        assert line.exchange(message(0x6F, select))[10:] == b"\x90\x00"
    assert line.exchange(message(0x6F, WRONG))[10:].hex().upper() == left


def test_a_process_that_stands_still(served: subprocess.Popen[str], tmp_path: Path) -> None:
    fault = row("the reader's process stands still")
    line = Line(str(tmp_path / "desk"))
    use_a_try(line, "63C2")
    served.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, served.pid, os.WSTOPPED | os.WNOWAIT)
    sent = message(0x6F, TRIES)
    line.write(frame(sent))
    assert line.read(1, 1.0) == ""
    assert fault.answer.startswith("none")
    served.send_signal(signal.SIGCONT)
    assert line.read(len(sent) + 3) == frame(sent).hex().upper()
    assert "63C2" in line.read(15)
    line.close()


def test_a_process_that_is_killed(
    served: subprocess.Popen[str], tmp_path: Path, image: Path
) -> None:
    fault = row("the reader's process is killed")
    link = tmp_path / "desk"
    line = Line(str(link))
    use_a_try(line, "63C2")
    line.write(frame(message(0x6F, WRONG))[:-3])
    served.kill()
    served.wait(60)
    line.close()
    assert link.is_symlink()
    assert fault.answer.startswith("none: the link stays")
    assert "in a file it stays" in fault.card
    again = serving(link, image)
    try:
        line = Line(str(link))
        use_a_try(line, "63C1")
        line.close()
    finally:
        again.kill()
        again.communicate(timeout=60)


def test_every_row_has_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    begun = {*re.findall(r'\brow\("([^"]+)"\)', source), *(f[1] for f in REFUSED)}
    assert {row(start).fault for start in begun} == set(TABLE)
    assert len(TABLE) > 10

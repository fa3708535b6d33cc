"""A PIN typed on a reader's pad, through the unmodified libccid: PC/SC part 10, then jukihost.

The reader is a GemPCPinPad on its line, the pad a script. Whatever is typed, no digit of it is in
what pcscd and libccid log at their most talkative, in what the host traces, or in the card's trace.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from jukicard import (
    Card,
    CardPort,
    ContactCard,
    PinPad,
    T1Card,
    Trace,
    TracedCard,
    atr_variant,
    issue_card,
)
from jukicard.testing import ScriptedKeypad, Typing
from jukicard.transport.ccid.models import GEMPC_PINPAD
from jukicard.transport.ccid.place import reader_entry
from jukicard.transport.ccid.serial import SerialReader
from jukihost import JpkiKey
from jukihost.signing.raw import verify_raw
from tests.support.host import operators, shops
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.missing import require
from tests.support.interop.pad_holder import HASTY, PAD, PATIENCE, Holder, Step

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
GET_FEATURES = 0x42000000 + 3400
VERIFY, MODIFY = 6, 7
PIN, NEW, PASSWORD = "7391", "8264", "739182640517"
NAME = "Pad"
SELECT_JPKI, SELECT_PIN = "00A4040C0AD392F000260100000001", "00A4020C020018"
TEMPLATE = "00 20 00 80"
ROOT = Path(__file__).parents[2]


class Slow(T1Card):
    """A card that does to a command with a PIN in it what the driver's pad functions do not expect.

    waits: how often it asks for more time. damaged: whether that block arrives damaged, once.
    """

    waits, damaged = 0, False

    def __init__(self, card: CardPort) -> None:
        super().__init__(card, wait=lambda command: self.waits if _has_pin(command) else 0)

    def receive(self, raw: bytes) -> bytes:
        if Slow.damaged and _has_pin(raw[3:-1]):
            Slow.damaged = False
            return super().receive(raw[:-1] + bytes((raw[-1] ^ 1,)))
        return super().receive(raw)


def _has_pin(command: bytes) -> bool:
    return len(command) > 5 and command[1] in (0x20, 0x24)


class Desk:
    """The reader, its pad, and the programs in front of it."""

    def __init__(self, reader: SerialReader, pad: ScriptedKeypad, daemon: CcidDaemon) -> None:
        self.slot = reader.slots[0]
        self.pad = pad
        self.daemon = daemon
        self.reader = daemon.readers[0]
        self.terminal = daemon.terminal
        self.holder = Holder(daemon.socket)
        self.card_trace: list[str] = []

    def insert(self, card: Card) -> None:
        trace = Trace(write=self.card_trace.append)
        self.slot.insert(TracedCard(card, trace))
        self.terminal.wait_for(self.reader, present=True)

    def remove(self) -> None:
        if self.slot.occupied:
            self.slot.remove()
        self.terminal.wait_for(self.reader, present=False)

    def types(self, *entries: Typing | str) -> None:
        self.pad.type(*entries)

    def send(self, command: str) -> str:
        return self.terminal.transmit(bytes.fromhex(command)).hex().upper()

    def ask(self, feature: int, structure: bytes) -> str:
        """Do one of part 10's requests by the code that the driver names."""
        told = self.terminal.control(GET_FEATURES)
        codes = {tag: code for tag, _, code in struct.iter_unpack(">BBI", told)}
        return self.terminal.control(codes[feature], structure).hex().upper()

    def verify(self, *entries: Typing | str) -> str:
        self.types(*entries)
        return self.ask(VERIFY, verification(_seconds(entries)))

    def modify(self, *entries: Typing | str) -> str:
        self.types(*entries)
        return self.ask(MODIFY, modification(_seconds(entries)))

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jukihost", *arguments, "--reader", NAME],
            cwd=ROOT,
            env={**os.environ, "PCSCLITE_CSOCK_NAME": self.daemon.socket},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def _seconds(entries: tuple[Typing | str, ...]) -> int:
    """How long the reader waits: a second only for a holder who types nothing."""
    return 1 if "" in entries else PATIENCE


def verification(seconds: int = PATIENCE, least: int = 4) -> bytes:
    """PIN_VERIFY_STRUCTURE (PC/SC part 10, 2.5.2): four digits as ASCII behind VERIFY."""
    apdu = bytes.fromhex("0020008000")
    head = struct.pack("<BBBBB", seconds, seconds, 0x82, 0, 0)
    return head + struct.pack("<BBBBHB3sI", 4, least, 2, 1, 0x0409, 0, b"", len(apdu)) + apdu


def modification(seconds: int) -> bytes:
    """PIN_MODIFY_STRUCTURE (2.5.3): a new PIN, entered twice, behind CHANGE REFERENCE DATA."""
    apdu = bytes.fromhex("0024018000")
    head = struct.pack("<BBBBBBB", seconds, seconds, 0x82, 0, 0, 0, 0)
    rest = struct.pack("<HBBBH3s3sI", 0x0404, 1, 2, 2, 0x0409, b"\1\2\0", b"", len(apdu))
    return head + rest + apdu


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require("reader driver", missing_parts())
    folder = tmp_path_factory.mktemp("pad")
    link, pad = str(folder / "line"), ScriptedKeypad()
    contact = partial(ContactCard, t1=Slow)
    entry = reader_entry(NAME, link, GEMPC_PINPAD.name)
    with (
        SerialReader(
            None,
            link,
            model=GEMPC_PINPAD,
            secure=PinPad(pad, indexes=GEMPC_PINPAD.indexes),
            contact=contact,
        ) as reader,
        CcidDaemon(
            folder, {NAME: entry}, said="--debug --apdu", LIBCCID_ifdLogLevel="15"
        ) as daemon,
    ):
        made = Desk(reader, pad, daemon)
        yield made
        made.holder.close()


@pytest.fixture(autouse=True)
def no_digit(desk: Desk, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After every test: what was logged and traced says that PINs were typed, and none of them."""
    caplog.set_level(logging.DEBUG)
    yield
    Slow.waits, Slow.damaged = 0, False
    desk.terminal.disconnect()
    desk.remove()
    assert TEMPLATE in desk.daemon.log, "the driver logs what it sends"
    host, card = "\n".join(desk.holder.trace), "\n".join(desk.card_trace)
    assert "SELECT" in card
    for digits in (PIN, NEW, PASSWORD):
        for form in (digits.encode().hex(" "), digits.encode().hex()):
            for said in (desk.daemon.log, host, card, caplog.text):
                assert form.upper() not in said.upper()
    assert PASSWORD not in desk.daemon.log + host + card + caplog.text


def jpki(*protocols: int) -> Card:
    return issue_card(
        "mynumber",
        seed=1,
        pins={"authentication": PIN, "signature": PASSWORD, "juki": PIN},
        options=lambda o: replace(o, atr=atr_variant(o.atr, protocols)) if protocols else o,
    )


def begin(desk: Desk, protocol: int) -> None:
    """Put a card in that speaks this protocol, and select the PIN of its authentication key."""
    desk.insert(jpki(protocol))
    assert desk.terminal.connect(desk.reader)[0] == protocol
    assert desk.send(SELECT_JPKI) == desk.send(SELECT_PIN) == "9000"


@pytest.mark.parametrize("protocol", [0, 1])
def test_verify(desk: Desk, protocol: int) -> None:
    begin(desk, protocol)
    for typed, answer, left in (
        (f"{PIN}#", "9000", 3),
        ("0000#", "63C2", 2),
        ("", "6400", 2),
        ("73!", "6401", 2),
        ("739#", "6403", 2),
        ("73910#", "6403", 2),
        ("73*00<<7391#", "9000", 3),
        ("0000#", "63C2", 2),
        ("0000#", "63C1", 1),
        (Typing("0000#", after=0.6), "63C0", 0),
        (f"{PIN}#", "6984", 0),
    ):
        assert desk.verify(typed) == answer
        assert desk.send("00200080") == f"63C{left}"
    asked = len(desk.pad.prompts)
    assert desk.ask(VERIFY, verification(least=5)) == "6B80"
    assert len(desk.pad.prompts) == asked, "nobody is asked for what cannot be"


@pytest.mark.parametrize("protocol", [0, 1])
def test_modify(desk: Desk, protocol: int) -> None:
    begin(desk, protocol)
    new = f"{NEW}#"
    assert desk.modify(new, new) == "6982", "not without the present one"
    assert desk.verify(f"{PIN}#") == "9000"
    for typed, answer in (
        ((new, "0000#"), "6402"),
        ((new, ""), "6400"),
        ((new, "!"), "6401"),
        (("82#",), "6403"),
        ((new, new), "9000"),
    ):
        assert desk.modify(*typed) == answer
        assert desk.pad.prompts[-1].message == ["Enter new PIN", "Confirm new PIN"][len(typed) - 1]
    assert desk.verify(f"{PIN}#") == "63C2"
    assert desk.verify(new) == "9000"
    for answer in ("63C2", "63C1", "63C0", "6984"):
        assert desk.verify("0000#") == answer
    assert desk.modify(new, new) == "6982"


def test_jukihost_verifies_changes_and_tells_what_went_wrong(desk: Desk) -> None:
    desk.insert(jpki())
    steps: list[tuple[tuple[Typing | str, ...], str, str, str]] = [
        (("0000#",), "verify_pin", "PinRejected", "2 tries left"),
        ((f"{PIN}#",), "verify_pin", "NoneType", "None"),
        (("",), "verify_pin", "PadTimedOut", "6400 of the reader"),
        (("73!",), "verify_pin", "PadCancelled", "6401 of the reader"),
        (("739#",), "verify_pin", "PadWrongLength", "6403 of the reader"),
        ((f"{NEW}#", "0000#"), "change_pin", "PadEntriesDiffer", "6402 of the reader"),
        ((f"{NEW}#", f"{NEW}#"), "change_pin", "NoneType", "None"),
        ((f"{PASSWORD}#",), "verify_password", "NoneType", "None"),
        ((f"{PIN}#",), "verify_pin", "PinRejected", "2 tries left"),
        ((f"{NEW}#",), "verify_pin", "NoneType", "None"),
        (("0000#",), "verify_pin", "PinRejected", "2 tries left"),
        (("0000#",), "verify_pin", "PinRejected", "1 try left"),
        (("0000#",), "verify_pin", "PinBlocked", ""),
        ((f"{NEW}#",), "verify_pin", "PinBlocked", ""),
    ]
    for typed, *_ in steps:
        desk.types(*typed)
    calls = ((name, HASTY if typed == ("",) else PAD) for typed, name, *_ in steps)
    done = desk.holder.at(NAME, "JpkiSession", *calls)
    assert [step.outcome for step in done] == [outcome for *_, outcome, _ in steps]
    for step, (*_, words) in zip(done, steps, strict=True):
        assert words in step.words


@pytest.mark.parametrize(("waits", "known"), [(0, True), (1, True), (2, False), (3, False)])
def test_what_the_driver_says_of_a_card_that_takes_long(
    desk: Desk, waits: int, known: bool
) -> None:
    """libccid answers one request for time; two give success and the byte 01."""
    Slow.waits = waits
    desk.insert(jpki())
    desk.types("0000#")
    steps = ("verify_pin", PAD), ("pin_retries", JpkiKey.AUTHENTICATION)
    [step, left] = desk.holder.at(NAME, "JpkiSession", *steps)
    assert step.outcome == ("PinRejected" if known else "PadOutcomeUnknown")
    assert left.words == "2"
    assert f"2 tries left{'' if known else ' now'}" in step.words


def test_a_block_that_is_asked_for_again_is_unknown_and_used_no_try(desk: Desk) -> None:
    Slow.damaged = True
    desk.insert(jpki())
    desk.types(f"{PIN}#")
    [step] = desk.holder.at(NAME, "JpkiSession", ("verify_pin", PAD))
    assert step == Step("PadOutcomeUnknown", step.words)
    assert "0 bytes" in step.words
    assert "3 tries left now" in step.words


def test_a_card_that_is_pulled_ends_the_entry(desk: Desk) -> None:
    desk.insert(jpki())
    desk.types(Typing(f"{PIN}#", after=PATIENCE - 2))
    asked = len(desk.pad.prompts)

    def pull() -> None:
        while len(desk.pad.prompts) == asked:
            time.sleep(0.01)
        desk.slot.remove()

    puller = threading.Thread(target=pull, daemon=True)
    puller.start()
    [step] = desk.holder.at(NAME, "JpkiSession", ("verify_pin", PAD))
    puller.join(60)
    assert step.outcome == "PadOutcomeUnknown"
    assert desk.pad.outcomes[-1] == "ended"
    time.sleep(0.5)  # pcscd looks every 0.4 s: a card that comes sooner it never sees


def test_the_command_line(desk: Desk, tmp_path: Path) -> None:
    letter, out = tmp_path / "letter", tmp_path / "signed"
    letter.write_text("letter")
    desk.insert(jpki())
    desk.types("0000#", f"{PIN}#", f"{PASSWORD}#")
    wrong = desk.cli("pin", "verify", "--pad")
    assert (wrong.returncode, "2 tries left" in wrong.stderr) == (1, True)
    assert desk.cli("pin", "verify", "--pad", "--trace").returncode == 0
    signed = desk.cli(
        "jpki", "sign", str(letter), "--out", str(out), "--form", "raw", "--pad", "--trace"
    )
    assert signed.returncode == 0, signed.stderr
    assert len(out.read_bytes()) == 256
    desk.holder.trace.append(signed.stderr)


def test_a_holder_logs_on_at_the_counter_and_types_on_the_reader(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The procedure of the counter with a reader of this project and the unmodified driver."""
    later = date(2016, 4, 1)
    monkeypatch.setattr(shops, "BEHIND", shops.BEHIND - (later - shops.TODAY))
    monkeypatch.setattr(operators, "MADE", later - timedelta(days=1))
    challenge, script = tmp_path / "drawn", tmp_path / "said.jsonl"
    challenge.write_bytes(b"challenge")
    script.write_text(
        json.dumps({"secret": operators.PASSWORD}) + '\n{"pad": true, "use": "authentication"}' * 2
    )
    with (
        shops.town_files(tmp_path) as folder,
        shops.opened_shop(folder / "shop", profile="mynumber") as shop,
        shops.served(shop.clerk.card) as operator,
    ):
        desk.insert(shop.counter.card)
        desk.types("0000#", "1234#")
        done = desk.cli(
            "counter", "log-on", "--challenge", str(challenge), "--office", str(shop.office),
            "--operator-tcp", f"127.0.0.1:{operator}", "--script", str(script), "--json",
        )  # fmt: skip
        desk.remove()
    assert done.returncode == 0, done.stdout + done.stderr
    *before, last = (json.loads(line) for line in done.stdout.splitlines())
    assert [one["step"] for one in before].count("pad") == 2
    result = last["result"]
    certificate = x509.load_der_x509_certificate(bytes.fromhex(result["certificate"]))
    verify_raw(certificate, b"challenge", bytes.fromhex(result["signature"]))
    assert b"1234".hex(" ") not in desk.daemon.log

"""Five USB readers, hardware to the unmodified libccid: TPDU, PIN pad, APDU, contactless.

Its libusb is the tests' own (tests/support/usb/libusb.c), its readers are in this process. What a
card answers through driver and reader is what its twin answers directly.
"""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from jukicard import Card, issue_card
from jukicard.transport import CardPort
from jukicard.transport.contactless import Contactless, ContactlessPort
from jukihost.transport.pcsc.connection import PcscConnection
from tests.interop.test_tpdu_sessions import SESSION
from tests.support.interop.missing import require
from tests.support.interop.terminal import ScardError, Terminal
from tests.support.readers.echo_card import EchoCard
from tests.support.usb.desk import UsbDesk, missing_parts
from tests.support.usb.models import CONTACTLESS, EXTENDED, MODELS, PIN_PAD, SHORT, TPDU, UsbModel

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")
CERTIFICATE = bytes.fromhex("00A4020C02000A")
ALL = bytes.fromhex("00B00000000000")
UID = bytes.fromhex("08112233")
SHORTEST = 4  # what PC/SC takes for a command
LONGEST_SHORT = 261
GET_FEATURES = 0x42000000 + 3400
VERIFY, MODIFY = 6, 7


@pytest.fixture
def desk(usb_session: UsbDesk) -> UsbDesk:
    return usb_session


def issued(model: UsbModel, profile: str = "juki-v1") -> Card:
    return issue_card(profile, seed=1, pin="1234", contactless=model is CONTACTLESS)


def in_front(model: UsbModel, card: Card) -> CardPort:
    return ContactlessPort(card, Contactless(uid=UID)) if model is CONTACTLESS else card


def carried(model: UsbModel, command: bytes) -> bool:
    """Tell whether a reader of that level takes a command: short ones have one byte of length."""
    extended = len(command) > LONGEST_SHORT or (len(command) > 5 and command[4] == 0)
    return len(command) >= SHORTEST and not (model is SHORT and extended)


@pytest.mark.parametrize("profile", ["juki-v1", "mynumber"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_session_is_the_card_itself(desk: UsbDesk, model: UsbModel, profile: str) -> None:
    card = issued(model, profile)
    twin = card.fork()
    with desk.holding(model, in_front(model, card)) as terminal:
        protocol, atr = terminal.connect(desk.name(model))
        assert (protocol, atr) == (1, twin.power_on())
        commands = [bytes.fromhex(command) for command in SESSION]
        sent = [command for command in commands if carried(model, command)]
        assert len(sent) > 40
        for command in sent:
            assert terminal.transmit(command).hex() == twin.transmit(command).hex(), command.hex()
    twin.power_off()
    assert card.snapshot().export_with_keys() == twin.snapshot().export_with_keys()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_certificate_is_read_in_parts_and_at_once(desk: UsbDesk, model: UsbModel) -> None:
    card = issued(model, "mynumber")
    twin = card.fork()
    twin.power_on()
    with desk.holding(model, in_front(model, card)) as terminal:
        terminal.connect(desk.name(model))
        for command in (JPKI, CERTIFICATE):
            assert terminal.transmit(command) == twin.transmit(command) == b"\x90\x00"
        whole = twin.transmit(ALL)
        assert len(whole) > 1_000
        parts = b""
        while (answer := terminal.transmit(b"\x00\xb0" + len(parts).to_bytes(2) + b"\0"))[:-2]:
            parts += answer[:-2]
            if len(answer) < 258:
                break
        assert parts == whole[:-2]
        if model is SHORT:
            with pytest.raises(ScardError):
                terminal.transmit(ALL)
        else:
            assert terminal.transmit(ALL) == whole


@pytest.mark.parametrize("model", [EXTENDED, CONTACTLESS], ids=lambda model: model.name)
def test_commands_and_answers_of_any_length_go_through(desk: UsbDesk, model: UsbModel) -> None:
    """One reader takes 271 bytes at once, so that both are chains; the other takes all."""
    with desk.holding(model, EchoCard()) as terminal:
        terminal.connect(desk.name(model))
        for size in (0, 1, 250, 251, 252, 253, 260, 261, 262, 522, 523, 5_000, 65_000):
            command = bytes.fromhex("0010000000") + size.to_bytes(2) + bytes(size)
            assert terminal.transmit(command) == command + b"\x90\x00", size
            asked = terminal.transmit(b"\xb0" + size.to_bytes(3) + b"\0")
            assert asked == bytes(size) + b"\x90\x00", size


def test_class_ff_is_the_readers_where_there_is_no_contact(desk: UsbDesk) -> None:
    ask = bytes.fromhex("FFCA000000")
    for model, answer in ((CONTACTLESS, UID + b"\x90\x00"), (EXTENDED, b"\x6e\x00")):
        with desk.holding(model, in_front(model, issued(model))) as terminal:
            terminal.connect(desk.name(model))
            assert terminal.transmit(ask) == answer


def test_the_host_library_asks_the_contactless_reader_for_the_uid(usb: UsbDesk) -> None:
    usb.insert(CONTACTLESS, in_front(CONTACTLESS, issued(CONTACTLESS)))
    try:
        with PcscConnection(usb.name(CONTACTLESS)) as connection:
            assert connection.uid() == UID
    finally:
        usb.remove(CONTACTLESS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_card_that_is_pulled_is_missed_and_the_next_one_found(
    desk: UsbDesk, model: UsbModel
) -> None:
    slot, card = desk.readers[model].slot, issued(model)
    with desk.holding(model, in_front(model, card)) as terminal:
        terminal.connect(desk.name(model))
        slot.remove()
        terminal.wait_for(desk.name(model), present=False)
        with pytest.raises(ScardError) as removed:
            terminal.transmit(JPKI)
        assert str(removed.value) == "80100069"  # SCARD_W_REMOVED_CARD
        terminal.disconnect()
        slot.insert(in_front(model, card))
        assert terminal.wait_for(desk.name(model), present=True) == card.atr
        assert terminal.connect(desk.name(model)) == (1, card.atr)
        assert terminal.transmit(JPKI) == b"\x90\x00"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_opensc_sees_reader_and_card(desk: UsbDesk, model: UsbModel) -> None:
    name, card = desk.name(model), issued(model)

    def opensc(*words: str) -> str:
        done = subprocess.run(
            ["opensc-tool", "--reader", name, *words],
            env={
                **os.environ,
                "PCSCLITE_CSOCK_NAME": desk.daemon.socket,
                "OPENSC_CONF": "/dev/null",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    with desk.holding(model, in_front(model, card)):
        assert opensc("--atr").replace(":", "").strip().upper() == card.atr.hex().upper()
        assert "SW1=0x90, SW2=0x00" in opensc("--send-apdu", JPKI.hex())
        listed = [line for line in opensc("--list-readers").splitlines() if name in line]
        assert [("PIN pad" in line, " Yes " in line) for line in listed] == [
            (model is PIN_PAD, True)
        ]


def features(terminal: Terminal) -> dict[int, int]:
    """Read the answer to CM_IOCTL_GET_FEATURE_REQUEST (PC/SC part 10, 2.2)."""
    told = terminal.control(GET_FEATURES)
    return {tag: code for tag, _, code in struct.iter_unpack(">BBI", told)}


def verify_structure(apdu: bytes) -> bytes:
    """PIN_VERIFY_STRUCTURE of a PIN of 4 digits, ASCII, appended (PC/SC part 10, 2.5.2)."""
    return struct.pack("<BBBBBHBBHB3sI", 5, 5, 0x82, 0, 0, 0x0404, 2, 1, 0x0409, 0, b"", 5) + apdu


def test_a_pin_is_typed_at_the_pad(desk: UsbDesk) -> None:
    select, verify = bytes.fromhex("00A4020C020018"), bytes.fromhex("0020008000")
    with desk.holding(PIN_PAD, issued(PIN_PAD, "mynumber")) as terminal:
        terminal.connect(desk.name(PIN_PAD))
        for command in (JPKI, select):
            assert terminal.transmit(command) == b"\x90\x00"
        code = features(terminal)[VERIFY]
        desk.pad.type("1234#", "9999#", "12!", "1234#")
        for answer in ("9000", "63C2", "6401", "9000"):
            assert terminal.control(code, verify_structure(verify)).hex().upper() == answer


def test_only_the_reader_with_a_pad_says_that_it_has_one(desk: UsbDesk) -> None:
    for model in (TPDU, PIN_PAD, EXTENDED):
        with desk.holding(model, issued(model)) as terminal:
            terminal.connect(desk.name(model))
            assert ({VERIFY, MODIFY} <= set(features(terminal))) == (model is PIN_PAD)


def test_a_reader_that_is_pulled_out_leaves_the_others_alone(tmp_path: Path) -> None:
    require("reader driver", missing_parts())
    with UsbDesk(tmp_path) as desk, desk.holding(TPDU, issued(TPDU)) as terminal:
        desk.readers[SHORT].slot.insert(issued(SHORT))
        terminal.wait_for(desk.name(SHORT), present=True)
        terminal.connect(desk.name(SHORT))
        desk.readers[SHORT].unplug()
        terminal.wait_for(desk.name(SHORT), present=False)
        with pytest.raises(ScardError) as gone:
            terminal.transmit(JPKI)
        assert str(gone.value) == "80100069"  # SCARD_W_REMOVED_CARD
        terminal.disconnect()
        with pytest.raises(ScardError) as gone:
            terminal.connect(desk.name(SHORT))
        assert str(gone.value) == "8010000C"  # SCARD_E_NO_SMARTCARD
        terminal.connect(desk.name(TPDU))
        assert terminal.transmit(JPKI) == b"\x90\x00"

"""Strangers' programs and this project's own through libccid, as through a reader on the desk.

Nothing of the driver is changed; models, levels and protocols come in pairs, so that each is met.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from jukicard import Card, CardOptions, atr_variant, issue_card
from jukicard.apdu.atr import Atr
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.tpdu import T0Card
from jukihost.channel import build_channel
from jukihost.errors import PinRejected
from jukihost.models import Purpose
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.cards.jpki_terminal import PASSWORD, PIN
from tests.support.host.custody import PublicMasters
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.ccidreader import SHORT_APDU, CcidReaders
from tests.support.interop.clients import Desk
from tests.support.interop.missing import require

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
CODE = "12345678903"
MESSAGE = b"what is signed"
SHA256_INFO = bytes.fromhex("3031300D060960864801650304020105000420")
SIGN, SIGNED, GET_RESPONSE = (bytes.fromhex(text) for text in ("802A0080", "6100", "00C0"))
SELECT = {  # the application with the PINs, and the file of one
    "juki-v1": ("00A4040C0AD3921000310001010401", "00A4020C02001C"),
    "mynumber": ("00A4040C0AD392F000260100000001", "00A4020C020018"),
}


PROTOCOLS: dict[tuple[str, int], dict[str, tuple[int, ...]]] = {
    ("GemPCTwin", 0): {"juki-v1": (0,), "mynumber": (1,)},
    ("GemPCTwin", SHORT_APDU): {"juki-v1": (1,), "mynumber": (0, 1)},
    ("GemPCPinPad", 0): {"juki-v1": (0, 1), "mynumber": (0,)},
}
"""For each reader and its driver's options, what a card in it offers."""


class Desktop(NamedTuple):
    """A reader with a card in it, where this process looks for readers."""

    readers: CcidReaders
    name: str
    card: Card
    protocols: tuple[int, ...]


@pytest.fixture(
    scope="module", params=PROTOCOLS, ids=lambda key: key[0] + ("-APDU" if key[1] else "-TPDU")
)
def kind(request: pytest.FixtureRequest) -> tuple[str, int]:
    kind: tuple[str, int] = request.param
    return kind


@pytest.fixture(scope="module")
def readers(
    kind: tuple[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CcidReaders]:
    require("reader driver", missing_parts())
    with CcidReaders(tmp_path_factory.mktemp("ccid"), *kind).running() as running:
        yield running


@pytest.fixture
def desktop(
    request: pytest.FixtureRequest, readers: CcidReaders, kind: tuple[str, int]
) -> Iterator[Desktop]:
    """A card of the test's profile, with the speed of its kind and the protocols of the table."""
    protocols = PROTOCOLS[kind][request.param]

    def offering(options: CardOptions) -> CardOptions:
        speed = Atr.parse(options.atr).interface_bytes.get("TA1")
        return replace(options, atr=atr_variant(options.atr, protocols, speed=speed))

    card = issue_card(request.param, seed=1, code=CODE, on_bug=raise_bug, options=offering)
    with readers.door():
        yield Desktop(readers, readers.insert(card), card, protocols)


def of(*profiles: str) -> pytest.MarkDecorator:
    """Run a test with cards of these profiles, in each reader."""
    return pytest.mark.parametrize("desktop", profiles, indirect=True)


@of("juki-v1", "mynumber")
def test_opensc_tool_powers_the_card_and_sends_commands(desktop: Desktop, tmp_path: Path) -> None:
    desk = Desk(desktop.readers, tmp_path)
    assert desktop.name in desk.ask("opensc-tool", "--list-readers")
    atr = (
        desk.ask("opensc-tool", "--reader", desktop.name, "--atr").strip().replace(":", "").upper()
    )
    assert atr == desktop.card.atr.hex().upper()
    application, pin = SELECT[desktop.card.profile]
    sent = ("--card-driver", "default", "-s", application, "-s", pin)
    said = desk.ask("opensc-tool", "--reader", desktop.name, *sent)
    assert said.count("SW1=0x90, SW2=0x00") == 2


@of("juki-v1", "mynumber")
def test_a_terminal_of_its_own_speaks_the_protocol_that_the_card_offers(desktop: Desktop) -> None:
    terminal = desktop.readers.daemon.terminal
    protocol, atr = terminal.connect(desktop.name)
    assert atr == desktop.card.atr
    assert protocol in desktop.protocols
    select = bytes.fromhex(SELECT[desktop.card.profile][0])
    try:
        for _ in range(2):
            assert terminal.transmit(select) == b"\x90\x00"
            terminal.power_cycle()
    finally:
        terminal.disconnect()


@of("juki-v1")
def test_the_code_is_read_by_the_terminals_library(desktop: Desktop) -> None:
    with PcscConnection(desktop.name) as connection, JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.MOVE_IN, PublicMasters())
        with pytest.raises(PinRejected) as refused:
            juki.verify_pin("9999")
        assert refused.value.retries_left == 2
        juki.verify_pin("1234")
        assert juki.pin_retries() == 3
        assert juki.read_code().reveal() == CODE


@of("mynumber")
def test_a_signature_is_made_by_the_terminals_library(desktop: Desktop) -> None:
    with PcscConnection(desktop.name) as connection, JpkiSession(build_channel(connection)) as jpki:
        with pytest.raises(PinRejected) as refused:
            jpki.verify_pin("9999")
        assert refused.value.retries_left == 2
        jpki.verify_pin(PIN)
        key = jpki.signing_key(JpkiKey.AUTHENTICATION)
        signature = key.sign(SHA256_INFO + hashlib.sha256(MESSAGE).digest())
    key.public_key.verify(signature, MESSAGE, PKCS1v15(), SHA256())


@of("mynumber")
def test_opensc_finds_the_objects_and_tests_each_key(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over T=0 its JPKI driver (0.23) leaves every signature on the card, and takes none for one.

    A newer OpenSC that asks for it shows here: then both protocols have the same to say.
    """
    wire, feed = list[tuple[bytes, bytes]](), T0Card.feed

    def overheard(view: T0Card, raw: bytes) -> bytes:
        wire.append((raw, feed(view, raw)))
        return wire[-1][1]

    monkeypatch.setattr(T0Card, "feed", overheard)
    desk = Desk(desktop.readers, tmp_path)
    desk.need("pkcs11-tool")
    for slot, pin in (("0", PIN), ("1", PASSWORD)):
        login = ("pkcs11-tool", "--slot-index", slot, "--login", "--pin", pin)
        assert "Private Key Object" in desk.ask(*login, "--list-objects")
        wire.clear()
        said = desk.ask(*login, "--test")
        if desktop.protocols == (0,):
            assert "SHA256-RSA-PKCS: ERR: verification failed" in said
            signed = [number for number, (_, answer) in enumerate(wire) if answer == SIGNED]
            assert all(wire[number - 1][0].startswith(SIGN) for number in signed)
            assert len(signed) >= 5  # one for each mechanism
            assert not [raw for raw, _ in wire if raw.startswith(GET_RESPONSE)]
        else:
            assert "SHA256-RSA-PKCS: OK" in said
            assert said.rstrip().endswith("No errors")


def test_the_command_serves_it_and_pcscd_comes_and_goes(tmp_path: Path) -> None:
    require("reader driver", missing_parts())
    link, conf = tmp_path / "desk", tmp_path / "conf"
    conf.mkdir()
    where = ("--ccid", str(link), "--write-reader-conf", str(conf))
    select = bytes.fromhex(SELECT["juki-v1"][0])
    with serving(*where, "juki-v1:1") as (served, entry):
        assert served.stdin is not None
        for name in ("first", "again"):
            (tmp_path / name).mkdir()
            with CcidDaemon(tmp_path / name, {"desk": entry}) as daemon:
                [reader] = daemon.readers
                daemon.terminal.wait_for(reader, present=True)
                daemon.terminal.connect(reader)
                assert daemon.terminal.transmit(select) == b"\x90\x00"
                daemon.terminal.disconnect()
                for command in ("remove", "insert"):
                    served.stdin.write(f"{command}\n")
                    served.stdin.flush()
                    daemon.terminal.wait_for(reader, present=command == "insert")
        said, _ = served.communicate("quit\n", timeout=60)
    assert said.count("juki-v1:1 is in the reader at") >= 2
    assert said.count("the driver closed the line") >= 2
    assert served.returncode == 0
    assert not list(conf.iterdir())
    assert not link.is_symlink()


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `jukicard serve`; yield it, and the entry for pcscd once it is written."""
    with subprocess.Popen(
        [sys.executable, "-m", "jukicard", "serve", "--control", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as served:
        try:
            assert served.stdout is not None
            for line in served.stdout:
                if "tells pcscd where it is" in line:
                    break
            yield served, Path(line.split(" ")[0]).read_text()
        finally:
            served.kill()

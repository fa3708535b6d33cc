"""One session, told once, over every way to a card: in-process, vpcd without a daemon, TCP, PC/SC.

PC/SC comes three times: to vpcd's virtual reader, and to two that libccid takes for hardware, on a
serial line and, contactless, on USB. Whatever a transport may add or lose would show here as a
difference between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from jukicard import Card, Printed, issue_card
from jukicard.apdu.trace import DumpWriter, TraceLevel
from jukicard.transport.contactless import as_found
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.errors import PinBlocked, PinRejected, TransportError
from jukihost.models import Purpose
from jukihost.sessions.juki import JukiSession
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.host.certificates import CHIP_KEY, identity, trust
from tests.support.host.custody import PublicMasters
from tests.support.interop.rigs import LocalRig, PcscRig, Rig, TcpRig, VpcdListeningRig, VpcdRig
from tests.support.usb.desk import UsbDesk
from tests.support.usb.models import CONTACTLESS

ATR = bytes.fromhex("3BE000FF8131FE4514")
BEGIN_PACE = "> 0022C1A4"
GET_UID, DONE = bytes.fromhex("FFCA000000"), bytes.fromhex("9000")


class UsbRig:
    """A contactless reader on USB."""

    def __init__(self, desk: UsbDesk, stack: ExitStack) -> None:
        self.desk = desk
        self.connection: Connection = PcscConnection(desk.name(CONTACTLESS))
        stack.callback(self.remove)

    def insert(self, card: Card) -> None:
        self.desk.insert(CONTACTLESS, as_found(card))

    def remove(self) -> None:
        self.desk.remove(CONTACTLESS)


PCSC = pytest.param("pcsc", marks=[pytest.mark.interop, pytest.mark.xdist_group("pcscd")])
CCID, USB = (
    pytest.param(name, marks=[pytest.mark.interop, pytest.mark.xdist_group("ccid")])
    for name in ("ccid", "usb-contactless")
)


@pytest.fixture(params=["local", "tcp", "vpcd", "vpcd-listening", PCSC, CCID, USB])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        make: dict[str, Callable[[], Rig]] = {
            "local": LocalRig,
            "tcp": lambda: TcpRig(stack),
            "vpcd": lambda: VpcdRig(stack),
            "vpcd-listening": lambda: VpcdListeningRig(stack),
            "pcsc": lambda: PcscRig(request.getfixturevalue("pcscd")),
            "ccid": lambda: PcscRig(request.getfixturevalue("ccid")),
            "usb-contactless": lambda: UsbRig(request.getfixturevalue("usb"), stack),
        }
        yield make[request.param]()


@pytest.fixture
def card() -> Card:
    return issue_card("juki-v1", seed=1, pin="1234")


def tries(connection: Connection) -> int:
    with JukiSession(build_channel(connection)) as juki:
        return juki.pin_retries()


def test_wrong_pins_block_and_stay_blocked_after_reinsertion(rig: Rig, card: Card) -> None:
    rig.insert(card)
    with rig.connection as connection:
        assert connection.atr == ATR
        with JukiSession(build_channel(connection)) as juki:
            assert juki.pin_retries() == 3
            for left in (2, 1, 0):
                with pytest.raises((PinRejected, PinBlocked)) as refused:
                    juki.verify_pin("9999")
                if isinstance(refused.value, PinRejected):
                    assert refused.value.retries_left == left
                assert juki.pin_retries() == left
            with pytest.raises(PinBlocked):
                juki.verify_pin("1234")
    rig.remove()
    rig.insert(card)
    with rig.connection as connection:
        assert tries(connection) == 0
        with JukiSession(build_channel(connection)) as juki, pytest.raises(PinBlocked):
            juki.verify_pin("1234")


def test_the_right_pin_gives_the_tries_back(rig: Rig, card: Card) -> None:
    rig.insert(card)
    with rig.connection as connection, JukiSession(build_channel(connection)) as juki:
        with pytest.raises(PinRejected):
            juki.verify_pin("9999")
        juki.verify_pin("1234")
        assert juki.pin_retries() == 3


@pytest.mark.parametrize(
    ("contactless", "private", "by_certificate"),
    [(False, False, False), (False, True, False), (True, True, False), (True, True, True)],
    ids=["contact", "contact-private", "contactless-private", "contactless-private-certificate"],
)
def test_the_code_is_read_everywhere(
    rig: Rig, contactless: bool, private: bool, by_certificate: bool
) -> None:
    code = "12345678903"
    card = issue_card(
        "juki-v1",
        seed=1,
        code=code,
        contactless=contactless,
        printed=Printed(access_number="123456"),
    )
    trust(card)
    rig.insert(card)
    wire: list[str] = []
    observer = DumpWriter(wire.append, TraceLevel.HEADERS)
    with (
        rig.connection as connection,
        JukiSession(build_channel(connection, observer=observer)) as juki,
    ):
        assert (connection.atr != ATR) == contactless
        uid = connection.transmit(GET_UID)  # where the reader's end is vpcd's or has contacts: 6E00
        assert uid.endswith(DONE) == (contactless and isinstance(rig, LocalRig | TcpRig | UsbRig))
        if private:
            juki.begin_private("123456")
        if by_certificate:
            juki.authenticate_by_certificate(identity(Purpose.MOVE_IN), CHIP_KEY)
        else:
            juki.authenticate(Purpose.MOVE_IN, PublicMasters())
        juki.verify_pin("1234")
        assert juki.read_code().reveal() == code
    assert any(line.startswith(BEGIN_PACE) for line in wire) == private


def test_a_reset_is_a_reset(rig: Rig, card: Card) -> None:
    rig.insert(card)
    with rig.connection as connection:
        assert tries(connection) == 3
        before = connection.transmit(bytes.fromhex("00A4020C02001C"))
        assert connection.reset() == ATR == connection.atr
        after = connection.transmit(bytes.fromhex("00A4020C02001C"))
        assert before == bytes.fromhex("9000")
        assert after != before  # no application is selected any more
        assert tries(connection) == 3


def test_a_pulled_card_is_an_error_and_the_next_one_needs_open(rig: Rig, card: Card) -> None:
    rig.insert(card)
    with rig.connection as connection:
        assert tries(connection) == 3
        rig.remove()
        # jukicard's own reader raises its own error: it knows nothing of the host's.
        with pytest.raises((TransportError, ConnectionError)):
            connection.transmit(bytes.fromhex("00A4020C02001C"))
    rig.insert(issue_card("juki-v1", seed=2, pin="1234"))
    with rig.connection as connection:
        assert tries(connection) == 3


@pytest.mark.parametrize("size", [3, 4, 5, 255, 256, 4_000, 32_767])
def test_the_same_bytes_get_the_same_answer_everywhere(rig: Rig, card: Card, size: int) -> None:
    """Malformed and over-long commands too."""
    command = bytes.fromhex("00A404000AD392100031000101040100")[:size].ljust(size, b"\x55")
    twin = card.fork()
    twin.power_on()
    rig.insert(card)
    with rig.connection as connection:
        assert connection.transmit(command) == twin.transmit(command)

"""Whoever uses the card after a session must not go on with what was proven in it.

Every session type, every secret; contact and contactless; in the process, over TCP and PC/SC; on
the basic channel and on a further one; and however the session ends.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from datetime import date
from pathlib import Path

import pytest

from jukicard import PROFILES, Card, Placement, issue_card
from jukicard.apdu import Aid, CommandApdu, Ins
from jukicard.apdu.trace import Trace
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import draw_person
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukihost.channel import ApduChannel, build_channel, open_logical_channel
from jukihost.connection import Connection
from jukihost.conversation.secrets import BirthPin, NumberB
from jukihost.conversation.session import AppletSession
from jukihost.errors import CardError, ConnectionNotOpen, PinRejected
from jukihost.keys import PublishedKeys
from jukihost.models import OperatorPurpose, Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.municipal import MunicipalSession
from jukihost.sessions.operator import OperatorSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from jukihost.transport.pcsc.connection import AtClose, PcscConnection
from jukihost.transport.tcp import TcpConnection
from tests.support.elsewhere import LOANS, install_distribution
from tests.support.host.custody import PublicMasters
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.sessions import shipped_sessions
from tests.support.readers.statuses import Statuses

ISSUED = date(2024, 4, 1)
PERSON = draw_person(SeededRandom("holder"), issued=ISSUED, foreign=False, variants=True)
SNAPSHOTS = {
    contactless: issue_card(
        with_forbidden(PROFILES["mynumber"]),
        seed=3,
        person=PERSON,
        issued=ISSUED,
        contactless=contactless,
    ).snapshot()
    for contactless in (False, True)
}


def number_b() -> NumberB:
    with LocalReader(Card.restore(SNAPSHOTS[False])) as connection:
        expires = CommonSession(build_channel(connection)).open().record().expires
    return NumberB.of_face(PERSON.birth, expires.year, PERSON.security_code)


@dataclasses.dataclass(frozen=True)
class Secret:
    """How something is proven to a session, and the EF in which the card has it."""

    session: type[AppletSession]
    method: str
    value: object
    ef: int


SECRETS = [
    Secret(JukiSession, "verify_pin", "1234", 0x1C),
    Secret(JpkiSession, "verify_password", "ABC123", JpkiKey.SIGNATURE.ef_pin),
    Secret(JpkiSession, "verify_pin", "1234", JpkiKey.AUTHENTICATION.ef_pin),
    Secret(TextSession, "verify_pin", "1234", 0x11),
    Secret(TextSession, "verify_number_a", PERSON.individual_number, 0x14),
    Secret(TextSession, "verify_number_b", number_b(), 0x15),
    Secret(SurfaceSession, "verify_birth", BirthPin.of_date(PERSON.birth), 0x11),
    Secret(SurfaceSession, "verify_number_a", PERSON.individual_number, 0x13),
    Secret(SurfaceSession, "verify_number_b", number_b(), 0x12),
    Secret(CommonSession, "verify_pin", "1234", 0x1C),
]
BY_NAME = [
    pytest.param(secret, id=f"{secret.session.__name__}.{secret.method}") for secret in SECRETS
]
PIN = SECRETS[2]
OPERATORS = Secret(OperatorSession, "verify_password", "operator-1", OperatorSession.PASSWORD)
TOWNS = Secret(MunicipalSession, "verify_pin", "2222", 0x11)
"""What other cards than a resident's, as it is issued, have to prove."""


class Loans(MunicipalSession):
    """The session with the application that `LOANS` declares."""

    AID = Aid("F04C4F414E53")
    PIN = 0x0011


def test_every_way_to_prove_something_is_here() -> None:
    shipped = shipped_sessions()
    assert len(shipped) >= 5
    methods = {
        (kind, name)
        for kind in shipped
        for name, _ in inspect.getmembers(kind, callable)
        if name.startswith("verify")
    }
    assert {(secret.session, secret.method) for secret in [*SECRETS, OPERATORS, TOWNS]} == methods


# --- what the next program could do ---


def verified(card: Card) -> bool:
    """Tell whether a PIN or system is still proven on any channel of the card."""
    pipeline = card._pipeline
    if pipeline is None:
        return False
    states = [channel.state for channel in pipeline.channels.open_channels]
    return any(
        state is not None and (state.security.verified or state.security.authenticated)
        for state in states
    )


def prove(session: AppletSession, secret: Secret) -> None:
    getattr(session, secret.method)(secret.value)


def power(card: Card) -> Callable[[int], object]:
    """What a reader does to a card, by the numbers of PC/SC."""

    def act(disposition: int) -> None:
        if disposition == 1:
            card.reset()
        else:
            card.power_off()
            card.power_on()

    return act


def in_reader(card: Card) -> FakeScard:
    card.power_on()
    reader = FakeReader("reader", card.atr, answer=card.transmit, power=power(card))
    return FakeScard([reader])


WAYS = ["local", "tcp", "pcsc", "pcsc, left powered"]


def connected(way: str, card: Card, stack: ExitStack) -> Connection:
    if way == "local":
        return stack.enter_context(LocalReader(card))
    if way == "tcp":
        server = stack.enter_context(TcpServer(card, on_status=Statuses()))
        return stack.enter_context(TcpConnection(server.host, server.port))
    at_close = AtClose.LEAVE if "left" in way else AtClose.POWER_OFF
    return stack.enter_context(PcscConnection(scard=in_reader(card), at_close=at_close))


@pytest.fixture(params=[False, True], ids=["contact", "contactless"])
def card(request: pytest.FixtureRequest) -> Card:
    return Card.restore(SNAPSHOTS[request.param])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", BY_NAME)
def test_nothing_stays_verified(card: Card, stack: ExitStack, way: str, secret: Secret) -> None:
    channel = build_channel(connected(way, card, stack))
    with secret.session(channel) as session:
        prove(session, secret)
        assert verified(card)
    assert not verified(card)
    # and the program itself can go on, with the same session and with another
    with secret.session(channel) as session:
        prove(session, secret)
    with CommonSession(channel) as common:
        common.record()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("contactless", [False, True])
def test_nothing_stays_verified_by_an_operator(
    stack: ExitStack, way: str, contactless: bool
) -> None:
    profile = with_forbidden(PROFILES["operator"])
    card = issue_card(profile, seed=3, contactless=contactless)
    channel = build_channel(connected(way, card, stack))
    for _ in range(2):
        with OperatorSession(channel) as session:
            session.authenticate(OperatorPurpose.OPERATOR_LOGIN, PublishedKeys())
            prove(session, OPERATORS)
            assert verified(card)
        assert not verified(card)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("contactless", [False, True])
def test_nothing_stays_verified_in_a_town_s_application(
    stack: ExitStack, way: str, contactless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_distribution(
        monkeypatch, tmp_path, name="city-loans", kind="loans", module="city_loans", source=LOANS
    )
    monkeypatch.delitem(sys.modules, "city_loans", raising=False)
    town = Placement(Loans.AID, "loans")
    card = issue_card(
        "mynumber", seed=3, contactless=contactless, applications=[town], pins={"loans": "2222"}
    )
    channel = build_channel(connected(way, card, stack))
    for _ in range(2):
        with Loans(channel) as session:
            prove(session, TOWNS)
            assert verified(card)
        assert not verified(card)


@pytest.mark.parametrize("logical", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_next_program_cannot_sign(card: Card, stack: ExitStack, way: str, logical: bool) -> None:
    """Byte by byte what another program would send, without the host's sessions."""
    connection = connected(way, card, stack)
    channel: ApduChannel = build_channel(connection)
    if logical:
        channel = stack.enter_context(open_logical_channel(channel))
    with JpkiSession(channel) as jpki:
        jpki.verify_pin("1234")
        jpki.sign(JpkiKey.AUTHENTICATION, b"data")
    cla = "01" if logical else "00"
    for command in (f"{cla}A4040C0AD392F000260100000001", f"{cla}A4020C020017"):
        assert connection.transmit(bytes.fromhex(command)) == b"\x90\x00"
    sign = f"8{cla[1]}2A00800464617461" + "00"
    assert connection.transmit(bytes.fromhex(sign)) == bytes.fromhex("6982")


@pytest.mark.parametrize("secret", BY_NAME)
def test_closing_without_a_block_is_the_same(card: Card, stack: ExitStack, secret: Secret) -> None:
    channel = build_channel(connected("pcsc", card, stack))
    session = secret.session(channel).open()
    prove(session, secret)
    session.close()
    assert not verified(card)
    session.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_inside_ends_it_as_well(card: Card, stack: ExitStack, way: str) -> None:
    channel = build_channel(connected(way, card, stack))

    def interrupted() -> None:
        with JpkiSession(channel) as jpki:
            jpki.verify_pin("1234")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not verified(card)


@pytest.mark.parametrize("way", WAYS)
def test_right_pin_after_a_wrong_one(card: Card, stack: ExitStack, way: str) -> None:
    channel = build_channel(connected(way, card, stack))
    with JpkiSession(channel) as jpki:
        jpki.verify_pin("1234")
        with pytest.raises(PinRejected):
            jpki.verify_password("WRONG1")
    assert not verified(card)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_system_has_proven_ends_too(card: Card, stack: ExitStack, way: str) -> None:
    channel = build_channel(connected(way, card, stack))
    with JukiSession(channel) as juki:
        juki.authenticate(Purpose.COUNTER, PublicMasters())
        juki.verify_pin("1234")
        juki.change_pin("5678")
        assert verified(card)
    assert not verified(card)


def test_an_answer_that_was_lost_may_have_been_yes(card: Card) -> None:
    """The card took the PIN, and the answer did not arrive: the session counts it as proven."""
    connection = Losing(card)
    with LocalReader(card) as reader:
        connection.reader = reader
        with pytest.raises(CardError), JpkiSession(build_channel(connection)) as jpki:
            jpki.verify_pin("1234")
        assert connection.lost
        assert not verified(card)


class Losing:
    """A connection on which the answer to VERIFY gets lost."""

    description, atr, lost = "losing", b"\x3b\x00", False
    reader: LocalReader

    def __init__(self, card: Card) -> None:
        self.card = card

    def open(self) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> bytes:
        return self.reader.reset()

    def transmit(self, command: bytes) -> bytes:
        answer = self.reader.transmit(command)
        if command[1] == Ins.VERIFY and len(command) > 4:
            assert verified(self.card)
            self.lost = True
            raise ConnectionError("lost on the way")
        return answer

    def __enter__(self) -> Losing:
        return self

    def __exit__(self, *_: object) -> None: ...


# --- nothing for nothing ---


def test_session_that_proved_nothing_sends_nothing_at_its_end(card: Card) -> None:
    trace = Trace()
    with LocalReader(card) as connection:
        with JpkiSession(build_channel(connection, observer=trace)) as jpki:
            jpki.pin_retries(JpkiKey.SIGNATURE)
            sent = len(trace.lines)
        assert len(trace.lines) == sent


def test_the_end_shows_in_the_trace(card: Card) -> None:
    trace = Trace()
    with LocalReader(card) as connection:
        with JpkiSession(build_channel(connection, observer=trace)) as jpki:
            jpki.verify_pin("1234")
            sent = len(trace.lines)
        end = trace.lines[sent:]
    assert "SELECT" in end[0]
    assert card.atr.hex().upper() in "".join(end).replace(" ", "")


# --- other programs ---


def test_other_programs_wait_until_it_is_forgotten(card: Card) -> None:
    scard = in_reader(card)
    seen: list[bool] = []
    end = scard.SCardEndTransaction

    def watched(handle: FakeReader, disposition: int) -> int:
        seen.append(verified(card))
        return end(handle, disposition)

    scard.SCardEndTransaction = watched  # type: ignore[method-assign,assignment]
    with PcscConnection(scard=scard, at_close=AtClose.LEAVE) as connection:
        with JpkiSession(build_channel(connection)) as jpki:
            jpki.verify_pin("1234")
        assert seen == [False]
        assert scard.held == 0


def test_reset_waits_for_the_outermost_session(card: Card) -> None:
    """A reset would take the other session's channel; it is owed until that one ends."""
    scard = in_reader(card)
    with PcscConnection(scard=scard) as connection:
        channel = build_channel(connection)
        with open_logical_channel(channel) as other, TextSession(other) as text:
            text.verify_pin("1234")
            with JpkiSession(channel) as jpki:
                jpki.verify_pin("1234")
            assert ("SCardReconnect", 2, 3, 2) not in scard.calls
            assert text.my_number().reveal() == PERSON.individual_number
        assert ("SCardReconnect", 2, 3, 2) in scard.calls
        assert scard.held == 0
        assert not verified(card)


@pytest.mark.parametrize("at_close", AtClose)
def test_card_that_cannot_be_reset_loses_its_power(card: Card, at_close: AtClose) -> None:
    scard = in_reader(card)
    gone = [0x80100017] * 9
    with PcscConnection(scard=scard, at_close=at_close) as connection:
        with JpkiSession(build_channel(connection)) as jpki:
            jpki.verify_pin("1234")
            scard.fail["SCardReconnect"] = gone
        assert ("SCardEndTransaction", 2) in scard.calls
        assert ("SCardDisconnect", 2) in scard.calls
        assert (scard.held, scard.connected) == (0, 0)
        assert not verified(card)
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(b"\0\xb0\0\0\0")


def test_without_a_transaction_too(card: Card) -> None:
    scard = in_reader(card)
    with PcscConnection(scard=scard, at_close=AtClose.LEAVE) as connection:
        jpki = JpkiSession(build_channel(connection)).open()
        jpki.verify_pin("1234")
        scard.fail["SCardReconnect"] = [0x80100017]
        jpki.close()
        assert ("SCardDisconnect", 2) in scard.calls
        assert not verified(card)


@pytest.mark.parametrize("way", ["local", "tcp"])
def test_connection_that_cannot_reset_is_closed(card: Card, stack: ExitStack, way: str) -> None:
    connection = connected(way, card, stack)

    def refuse() -> bytes:
        raise CardError("no reset here")

    connection.reset = refuse  # type: ignore[method-assign]
    with JpkiSession(build_channel(connection)) as jpki:
        jpki.verify_pin("1234")
    assert not verified(card)
    with pytest.raises((CardError, ConnectionError)):
        connection.transmit(b"\0\xb0\0\0\0")


# --- a card that is gone ---


@pytest.mark.parametrize("code", [0x80100069, 0x80100017, 0x80100003, 0x80100068, 0x8010001E])
@pytest.mark.parametrize("end", ["SCardReconnect", "SCardEndTransaction", "SCardStatus"])
def test_gone_over_pcsc(card: Card, code: int, end: str) -> None:
    """Leaving never fails, whatever PC/SC says; what happened inside is what is told."""
    scard = in_reader(card)
    with PcscConnection(scard=scard) as connection:
        for failing in (nullcontext(), pytest.raises(RuntimeError, match="inside")):
            with failing, JpkiSession(build_channel(connection)) as jpki:
                jpki.verify_pin("1234")
                scard.fail = {"SCardTransmit": [code] * 9, end: [code] * 9}
                if not isinstance(failing, nullcontext):
                    raise RuntimeError("inside")
            assert scard.held == 0
            scard.fail = {}
            connection.reconnect()
    assert (scard.held, scard.connected, scard.contexts) == (0, 0, 0)


def test_gone_from_the_reader(card: Card) -> None:
    reader = LocalReader(card)
    with reader, JpkiSession(build_channel(reader)) as jpki:
        jpki.verify_pin("1234")
        reader.remove()
    assert not verified(card)


def test_gone_from_a_server(card: Card, stack: ExitStack) -> None:
    server = stack.enter_context(TcpServer(card, on_status=Statuses()))
    with (
        TcpConnection(server.host, server.port) as connection,
        JpkiSession(build_channel(connection)) as jpki,
    ):
        jpki.verify_pin("1234")
        server.remove()
    assert not verified(card)


# --- cards with nowhere else to go ---


def test_logical_channel_with_nowhere_to_go_is_closed(card: Card) -> None:
    """No other application may be selected: then the channel itself ends."""
    with LocalReader(card) as connection:
        inner = build_channel(connection)
        other = open_logical_channel(inner)
        original = inner.transmit

        def only_jpki(command: CommandApdu) -> object:
            if command.ins == Ins.SELECT and command.p1 == 4 and command.data != JpkiSession.AID:
                command = command.replace(data=b"\xf0\x00\x00\x00\x01")
            return original(command)

        inner.transmit = only_jpki  # type: ignore[method-assign,assignment]
        with JpkiSession(other) as jpki:
            jpki.verify_pin("1234")
        assert other.closed
        assert not verified(card)

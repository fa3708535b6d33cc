"""The counter at the applications of the card's face: it authenticates, and unblocks for a holder.

Every application that has a PIN or number, every one of them, with the software card.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from jukicard import Card, issue_card
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import draw_person
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel, open_logical_channel
from jukihost.conversation.refusals import PinNotVerified, TerminalNotAuthenticated
from jukihost.conversation.secrets import BirthPin, NumberB
from jukihost.conversation.secured import SecuredSession
from jukihost.errors import (
    AuthenticationRejected,
    CardError,
    PinBlocked,
    PinFormatError,
    PinRejected,
    ReferenceNotFound,
)
from jukihost.models import Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession, SignatureVariant
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.municipal import MunicipalSession
from jukihost.sessions.operator import OperatorSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from tests.support.host.custody import PublicMasters
from tests.support.host.sessions import shipped_sessions

ISSUED = date(2024, 4, 1)
PERSON = draw_person(SeededRandom("holder"), issued=ISSUED, foreign=False, variants=True)
SNAPSHOT = issue_card("mynumber", seed=3, person=PERSON, issued=ISSUED).snapshot()


def number_b() -> NumberB:
    with LocalReader(Card.restore(SNAPSHOT)) as connection:
        expires = CommonSession(build_channel(connection)).open().record().expires
    return NumberB.of_face(PERSON.birth, expires.year, PERSON.security_code)


@dataclasses.dataclass(frozen=True)
class Unblocking:
    """A PIN or number: how it is verified, asked for and unblocked; new and impossible values."""

    session: type[SecuredSession]
    name: str
    tries: int
    right: object
    wrong: object
    new: str = ""
    bad: str = ""
    retries: Callable[[SecuredSession], int] | None = None

    def verify(self, session: SecuredSession, value: object) -> None:
        getattr(session, f"verify_{self.name}")(value)

    def unblock(self, session: SecuredSession, *new: str) -> None:
        getattr(session, f"unblock_{self.name}")(*new)

    def left(self, session: SecuredSession) -> int:
        if self.retries is not None:
            return self.retries(session)
        name = "birth_pin" if self.name == "birth" else self.name
        found = getattr(session, f"{name}_retries")()
        assert isinstance(found, int)
        return found


def of_key(key: JpkiKey) -> Callable[[SecuredSession], int]:
    def left(session: SecuredSession) -> int:
        assert isinstance(session, JpkiSession)
        return session.pin_retries(key)

    return left


OTHER_B = NumberB.of_face(date(1911, 1, 1), 2000, "0000")
BIRTH = BirthPin.of_date(PERSON.birth)
OTHER_BIRTH = BirthPin.of_date(date(1911, 1, 1))
NUMBER = PERSON.individual_number
OTHER_NUMBER = "123456789018"
ALL = [
    Unblocking(
        JpkiSession,
        "password",
        5,
        "ABC123",
        "ZZZ999",
        "NEW456",
        "NODIGIT",
        of_key(JpkiKey.SIGNATURE),
    ),
    Unblocking(JpkiSession, "pin", 3, "1234", "9999", "5678", "56", of_key(JpkiKey.AUTHENTICATION)),
    Unblocking(TextSession, "pin", 3, "1234", "9999", "5678", "567A"),
    Unblocking(TextSession, "number_a", 10, NUMBER, OTHER_NUMBER),
    Unblocking(TextSession, "number_b", 10, number_b(), OTHER_B),
    Unblocking(SurfaceSession, "birth", 10, BIRTH, OTHER_BIRTH),
    Unblocking(SurfaceSession, "number_a", 10, NUMBER, OTHER_NUMBER),
    Unblocking(SurfaceSession, "number_b", 10, number_b(), OTHER_B),
    Unblocking(CommonSession, "pin", 3, "1234", "9999", "5678", "56789"),
    Unblocking(JukiSession, "pin", 3, "1234", "9999", "5678", "56789"),
]
ON_OTHER_CARDS = {(OperatorSession, "password"), (MunicipalSession, "pin")}
"""What no resident's card has as it is issued: tests/unit/host_against_card/test_operator.py and
tests/examples unblock these."""
each = pytest.mark.parametrize(
    "what", [pytest.param(what, id=f"{what.session.__name__}.{what.name}") for what in ALL]
)


def test_every_secret_that_is_verified_can_be_unblocked() -> None:
    shipped = {
        (kind, name.removeprefix("verify_"))
        for kind in shipped_sessions()
        for name in dir(kind)
        if name.startswith("verify_")
    }
    assert {(what.session, what.name) for what in ALL} | ON_OTHER_CARDS == shipped


class Counted(LocalReader):
    """A reader that counts what is sent."""

    sent = 0

    def transmit(self, command: bytes) -> bytes:
        self.sent += 1
        return super().transmit(command)


@contextmanager
def opened(
    kind: type[SecuredSession], card: Card | None = None
) -> Iterator[tuple[SecuredSession, Counted]]:
    reader = Counted(card or Card.restore(SNAPSHOT))
    with reader, kind(build_channel(reader)) as session:
        yield session, reader


def block(what: Unblocking, session: SecuredSession) -> None:
    for left in reversed(range(what.tries)):
        with pytest.raises(PinRejected if left else PinBlocked):
            what.verify(session, what.wrong)
    assert what.left(session) == 0
    with pytest.raises(PinBlocked):
        what.verify(session, what.right)


@each
def test_the_counter_gives_the_tries_back(what: Unblocking) -> None:
    with opened(what.session) as (session, _):
        block(what, session)
        session.authenticate(Purpose.COUNTER, PublicMasters())
        assert session.purposes == {Purpose.COUNTER}
        what.unblock(session)
        assert what.left(session) == what.tries
        what.verify(session, what.right)


@each
def test_nobody_else_does_and_nothing_is_sent(what: Unblocking) -> None:
    card = Card.restore(SNAPSHOT)
    with opened(what.session, card) as (session, connection):
        before = connection.sent
        with pytest.raises(TerminalNotAuthenticated):
            what.unblock(session)
        assert connection.sent == before
        session.authenticate(Purpose.COUNTER, PublicMasters())
        session.open()  # the session of the counter is over
        assert not session.authenticated
        before = connection.sent
        with pytest.raises(TerminalNotAuthenticated):
            what.unblock(session)
        assert connection.sent == before
    with opened(what.session, card) as (session, _):
        assert what.left(session) == what.tries


@each
def test_a_new_value_where_there_can_be_one(what: Unblocking) -> None:
    card = Card.restore(SNAPSHOT)
    with opened(what.session, card) as (session, connection):
        block(what, session)
        session.authenticate(Purpose.COUNTER, PublicMasters())
        if not what.new:
            with pytest.raises(TypeError):
                what.unblock(session, "123456")
            return
        before = connection.sent
        with pytest.raises(PinFormatError):
            what.unblock(session, what.bad)
        assert connection.sent == before
        what.unblock(session, what.new)
        with pytest.raises(PinRejected):
            what.verify(session, what.right)
        what.verify(session, what.new)
    with opened(what.session, card) as (session, _):
        assert what.left(session) == what.tries
        what.verify(session, what.new)


APPLICATIONS = [JpkiSession, TextSession, SurfaceSession, CommonSession]
every_application = pytest.mark.parametrize("kind", APPLICATIONS)


@every_application
def test_wrong_keys_and_other_purposes_are_refused(kind: type[SecuredSession]) -> None:
    with opened(kind) as (session, _):
        with pytest.raises(AuthenticationRejected):
            session.authenticate(Purpose.COUNTER, PublicMasters(others=bytes(15) + b"\x01"))
        assert not session.authenticated
        for purpose in Purpose:
            if purpose is not Purpose.COUNTER:
                with pytest.raises(ReferenceNotFound):
                    session.authenticate(purpose, PublicMasters())
                assert session.purposes == frozenset()
        session.authenticate(Purpose.COUNTER, PublicMasters())
        assert session.authenticated


@every_application
def test_it_works_on_a_further_logical_channel(kind: type[SecuredSession]) -> None:
    what = next(what for what in ALL if what.session is kind)
    with (
        LocalReader(Card.restore(SNAPSHOT)) as reader,
        open_logical_channel(build_channel(reader)) as channel,
        kind(channel) as session,
    ):
        session.authenticate(Purpose.COUNTER, PublicMasters())
        what.unblock(session)
        what.verify(session, what.right)


@every_application
def test_what_is_verified_inside_ends_with_the_session(kind: type[SecuredSession]) -> None:
    what = next(what for what in ALL if what.session is kind)
    with LocalReader(Card.restore(SNAPSHOT)) as reader:
        with kind(build_channel(reader)) as session:
            session.authenticate(Purpose.COUNTER, PublicMasters())
            what.verify(session, what.right)
        with kind(build_channel(reader)) as session:
            assert not session.authenticated
            if isinstance(session, JpkiSession):
                with pytest.raises(PinNotVerified):
                    session.certificate(JpkiKey.SIGNATURE)


@pytest.mark.parametrize("further", [False, True])
def test_signing_and_reading_go_on_inside_the_counter_s_session(further: bool) -> None:
    """Certificates and signatures are longer than one protected answer."""
    with ExitStack() as stack:
        plain = build_channel(stack.enter_context(LocalReader(Card.restore(SNAPSHOT))))
        channel = stack.enter_context(open_logical_channel(plain)) if further else plain
        session = stack.enter_context(JpkiSession(channel))
        session.authenticate(Purpose.COUNTER, PublicMasters())
        session.verify_password("ABC123")
        key = session.signing_key(JpkiKey.SIGNATURE)
        signature = session.sign(JpkiKey.SIGNATURE, b"a document", SignatureVariant.HASHED)
        key.public_key.verify(signature, b"a document", PKCS1v15(), hashes.SHA256())
        assert session.authenticated


def test_a_session_that_broke_says_nothing_in_plain() -> None:
    with opened(JpkiSession) as (session, connection):
        assert isinstance(session, JpkiSession)
        session.authenticate(Purpose.COUNTER, PublicMasters())
        connection.transmit(bytes.fromhex("00B0860001"))  # another program, in plain
        with pytest.raises(CardError):
            session.verify_pin("1234")
        before = connection.sent
        with pytest.raises(CardError):
            session.verify_pin("1234")
        with pytest.raises(TerminalNotAuthenticated):
            session.unblock_pin()
        assert connection.sent == before

"""A system reads and verifies the card's certificate, then both prove themselves to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from jukicard import Card, CardKeys, Printed, issue_card
from jukicard.apdu import CommandApdu, Ins, Tlv
from jukicard.kit.features.certificates import Certificates
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukihost.authentication.eac import TerminalIdentity
from jukihost.channel import build_channel, open_logical_channel
from jukihost.crypto.cardcertificate import (
    CardCertificateError,
    CardCertificateExpired,
    CardCertificateForged,
    CardIssuerUnknown,
    ForeignCardCertificate,
    NoCardCertificate,
    NotACardCertificate,
)
from jukihost.crypto.cvc import CvCertificate
from jukihost.crypto.signatures import ecdsa_signer
from jukihost.errors import CardError, CardNotAuthentic, CardSuspended, ConnectionNotOpen
from jukihost.models import Purpose, ResidentCode
from jukihost.sessions.juki import JukiSession
from tests.support.cards.card_certificates import (
    CARD_DRAFT,
    CERTIFICATE,
    ISSUER_DRAFT,
    LONG,
    NUMBER,
    OTHER_NUMBER,
)
from tests.support.cards.eac_desk import (
    CHIP_KEY,
    DV_DRAFT,
    ROOT_DRAFT,
    SYSTEM_DRAFT,
    SYSTEM_KEY,
    TERMINAL_TYPE,
    certificate,
    der,
)
from tests.support.host.custody import PublicMasters
from tests.support.naive.cvc_writer import key

CODE = ResidentCode("12345678903")
ACCESS_NUMBER = "271828"
ON = date(2025, 12, 31)
ROOTS = [CvCertificate.parse(certificate(ISSUER_DRAFT))]
DRAFTS = DV_DRAFT, SYSTEM_DRAFT.with_(mask=b"\x1f")
IDENTITY = TerminalIdentity(
    tuple(CvCertificate.parse(certificate(draft)) for draft in DRAFTS), ecdsa_signer(SYSTEM_KEY)
)


def issued(
    raw: bytes | None = CERTIFICATE, *, chip_key: bytes = der(CHIP_KEY), number: bytes = NUMBER
) -> Card:
    return issue_card(
        seed=1,
        code=CODE.reveal(),
        on_bug=raise_bug,
        keys=CardKeys(
            trust_anchors=[certificate(ROOT_DRAFT)], chip_key=chip_key, chip_certificate=raw
        ),
        printed=Printed(card_number=number, access_number=ACCESS_NUMBER),
    )


def holding(raw: bytes, *, chip_key: bytes = der(CHIP_KEY), number: bytes = NUMBER) -> Card:
    """A card that was made by somebody who checks nothing, with any data object as certificate."""
    card = issued(None, chip_key=chip_key, number=number)
    found = card.applications.get(JukiSession.AID)
    assert found is not None
    assert isinstance(found.applet, Certificates)
    with card.environment.memory.transaction():
        found.applet.files.put_data_object(found.applet.tree.root, 0x7F21, Tlv.parse(raw).value)
    return card


@contextmanager
def session(card: Card, *, private: bool = False) -> Iterator[JukiSession]:
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        if private:
            juki.begin_private(ACCESS_NUMBER)
        yield juki


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("raw", [CERTIFICATE, LONG])
def test_a_system_that_trusts_the_issuer_only(raw: bytes, private: bool) -> None:
    with session(issued(raw), private=private) as juki:
        assert juki.card_certificate().encode() == raw
        found = juki.verified_card_key(ROOTS, ON)
        assert found == CHIP_KEY.public_key()
        assert juki.private is private, "reading it ends nothing"
        juki.authenticate_by_certificate(IDENTITY, found)
        assert juki.purposes == set(Purpose)
        juki.verify_pin("1234")
        assert juki.read_code() == CODE


def test_inside_a_session_it_is_heard_by_nobody() -> None:
    heard = bytearray()

    class Listener:
        def command(self, raw: bytes) -> None:
            heard.extend(raw)

        def response(self, raw: bytes) -> None:
            heard.extend(raw)

        def reset(self, atr: bytes) -> None:
            pass

    with LocalReader(issued()) as connection:
        with JukiSession(build_channel(connection, observer=Listener())) as juki:
            juki.begin_private(ACCESS_NUMBER)
            found = juki.verified_card_key(ROOTS, ON)
            juki.authenticate_by_certificate(IDENTITY, found)
            assert juki.verified_card_key(ROOTS, ON) == found, "and once more, under the purpose"
        for told in (CARD_DRAFT.holder, NUMBER, ISSUER_DRAFT.holder):
            assert told not in heard
        with JukiSession(build_channel(connection, observer=Listener())) as juki:
            juki.card_certificate()
        assert CARD_DRAFT.holder in heard


def test_it_is_asked_for_in_one_command() -> None:
    sent: list[CommandApdu] = []

    class Listener:
        def command(self, raw: bytes) -> None:
            sent.append(CommandApdu.parse(raw))

        def response(self, raw: bytes) -> None:
            pass

        def reset(self, atr: bytes) -> None:
            pass

    with LocalReader(issued(LONG)) as connection:
        channel = build_channel(connection, observer=Listener())
        with JukiSession(channel) as juki:
            juki.card_certificate()
    asked = [command for command in sent if command.ins == Ins.GET_DATA]
    assert [command.encode() for command in asked] == [bytes.fromhex("00CA7F2100")]
    assert [command.ins for command in sent[2:]] == [0xC0] * (len(sent) - 2)


def test_on_a_logical_channel() -> None:
    with LocalReader(issued(LONG)) as connection:
        channel = build_channel(connection)
        with open_logical_channel(channel) as other, JukiSession(other) as juki:
            juki.authenticate_by_certificate(IDENTITY, juki.verified_card_key(ROOTS, ON))
            assert juki.card_info().municipality


REFUSALS: dict[str, tuple[Callable[[], Card], type[CardCertificateError]]] = {
    "none": (lambda: issued(None), NoCardCertificate),
    "expired": (
        lambda: issued(certificate(CARD_DRAFT.with_(expires="251230"))),
        CardCertificateExpired,
    ),
    "not yet": (
        lambda: issued(certificate(CARD_DRAFT.with_(effective="260101"))),
        CardCertificateExpired,
    ),
    "copied from another card": (
        lambda: holding(CERTIFICATE, number=OTHER_NUMBER),
        ForeignCardCertificate,
    ),
    "forged": (
        lambda: issued(certificate(CARD_DRAFT.with_(signer=key(99)))),
        CardCertificateForged,
    ),
    "of a forger's own issuer": (
        lambda: issued(certificate(CARD_DRAFT.with_(issuer=b"JPCARDS00009", signer=key(99)))),
        CardIssuerUnknown,
    ),
    "a system's": (
        lambda: holding(certificate(CARD_DRAFT.with_(terminal_type=TERMINAL_TYPE))),
        NotACardCertificate,
    ),
    "the issuer's own": (lambda: holding(certificate(ISSUER_DRAFT)), NotACardCertificate),
    "malformed": (lambda: holding(b"\x7f\x21\x02\x7f\x4e"), NotACardCertificate),
}


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_believed(name: str, private: bool) -> None:
    """Each with its own type, a text that says what to do, and the session as it was."""
    make, kind = REFUSALS[name]
    with session(make(), private=private) as juki:
        with pytest.raises(CardCertificateError) as caught:
            juki.verified_card_key(ROOTS, ON)
        assert type(caught.value) is kind
        assert isinstance(caught.value, CardError)
        assert str(caught.value)
        assert not juki.authenticated
        assert juki.private is private
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        juki.verify_pin("1234")
        assert juki.read_code() == CODE


def test_a_copy_of_all_that_can_be_read() -> None:
    """Number and certificate are public: the copy is found out when it has to use the key."""
    copy = holding(CERTIFICATE, chip_key=der(key(99)))
    with session(copy) as juki:
        found = juki.verified_card_key(ROOTS, ON)
        with pytest.raises(CardNotAuthentic, match="may be a copy"):
            juki.authenticate_by_certificate(IDENTITY, found)
        assert not juki.authenticated


def test_a_suspended_card() -> None:
    card = issued()
    with session(card) as juki:
        juki.authenticate(Purpose.SUSPEND, PublicMasters())
        juki.suspend()
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        with JukiSession(channel, allow_suspended=True) as juki, pytest.raises(CardSuspended):
            juki.verified_card_key(ROOTS, ON)


def test_before_the_session_is_open() -> None:
    with LocalReader(issued()) as connection:
        juki = JukiSession(build_channel(connection))
        for act in (juki.card_certificate, lambda: juki.verified_card_key(ROOTS, ON)):
            with pytest.raises(ConnectionNotOpen):
                act()

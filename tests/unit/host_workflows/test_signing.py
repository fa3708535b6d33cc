"""Signing and logging in at the counter: what the ledger has stopped does not sign."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from jukihost.channel import build_channel
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardError, PinBlocked
from jukihost.ledger import Reason, follow_card
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.signing.raw import verify_raw
from jukihost.workflows import (
    Cancelled,
    CardStopped,
    Impossible,
    Paper,
    PinUse,
    Presented,
    PresentedBy,
    SignatureForm,
    Signed,
    log_on,
    sign_document,
    suspend_by_telephone,
    unblock_pin,
)
from tests.support.host.authority import certified
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.pki import blank_pdf
from tests.support.host.residents import CALLED

PASSWORD = "PASSWORD9"
PIN = "8642"
IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))
SECRET = "何某と何某の契約"
DOCUMENT = SECRET.encode()


def with_secret(counter: Counter, use: PinUse, value: str) -> None:
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(value)), hand, IN_PERSON, use)


def signed(
    counter: Counter, document: bytes, form: SignatureForm, *typed: str, agrees: bool = True
) -> Signed:
    desk = counter.desk(talk=Clerk(*typed or (PASSWORD,), agrees=agrees))
    with counter.on_desk() as (hand, _):
        return sign_document(desk, hand, document, form)


def certificate(counter: Counter) -> x509.Certificate:
    with Reader(counter.card) as reader, JpkiSession(build_channel(reader)) as jpki:
        jpki.verify_password(PASSWORD)
        return jpki.certificate(JpkiKey.SIGNATURE)


def test_a_document_is_signed_in_every_form_and_nothing_of_it_is_in_the_log(
    counter: Counter,
) -> None:
    with_secret(counter, PinUse.SIGNATURE, PASSWORD)
    raw = signed(counter, DOCUMENT, SignatureForm.RAW)
    verify_raw(certificate(counter), DOCUMENT, raw.content)
    cms = signed(counter, DOCUMENT, SignatureForm.CMS)
    assert certificate(counter) in pkcs7.load_der_pkcs7_certificates(cms.content)
    pdf = blank_pdf()
    in_pdf = signed(counter, pdf, SignatureForm.PDF)
    assert in_pdf.content.startswith(pdf)
    assert b"/ByteRange" in in_pdf.content[len(pdf) :]
    xml = signed(counter, f"<a>{SECRET}</a>".encode(), SignatureForm.XML)
    assert b"SignatureValue" in xml.content
    assert SECRET in xml.content.decode()
    told = [one for one in counter.told() if one[0] == "sign"]
    assert told == [("sign", "done", form.value) for form in SignatureForm]
    assert SECRET not in repr(raw) + repr(xml) + repr(counter.uses())


def test_a_card_or_certificate_that_was_stopped_does_not_sign(counter: Counter) -> None:
    with_secret(counter, PinUse.SIGNATURE, PASSWORD)
    certified(counter, 5)
    signed(counter, DOCUMENT, SignatureForm.RAW)
    with counter.database.begin() as connection:
        follow_card(connection, counter.number, Reason.NAME_CHANGED, counter.clock.now())
    with pytest.raises(Impossible, match="revoked"):
        signed(counter, DOCUMENT, SignatureForm.RAW)
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    with pytest.raises(CardStopped):
        signed(counter, DOCUMENT, SignatureForm.RAW)


def test_a_new_certificate_signs_though_the_one_before_was_revoked(counter: Counter) -> None:
    with_secret(counter, PinUse.SIGNATURE, PASSWORD)
    certified(counter, 5)
    certified(counter, 6)
    signed(counter, DOCUMENT, SignatureForm.RAW)


@pytest.mark.parametrize(
    ("typed", "agrees", "error"),
    [(("WRONG123",) * 5, True, PinBlocked), (("WRONG123",) * 5, False, Cancelled)],
)
def test_who_does_not_know_the_password_does_not_sign(
    counter: Counter, typed: tuple[str, ...], agrees: bool, error: type[CardError]
) -> None:
    with_secret(counter, PinUse.SIGNATURE, PASSWORD)
    with pytest.raises(error):
        signed(counter, DOCUMENT, SignatureForm.RAW, *typed, agrees=agrees)
    assert counter.told()[-1][:2] == ("sign", "refused")


def test_nobody_signs_for_another(counter: Counter) -> None:
    with_secret(counter, PinUse.SIGNATURE, PASSWORD)
    for by in PresentedBy:
        if by is PresentedBy.HOLDER:
            continue
        presented = Presented(by, frozenset(Paper))
        desk = counter.desk(talk=Clerk(PASSWORD))
        with counter.on_desk() as (hand, _), pytest.raises(Impossible):
            sign_document(desk, hand, DOCUMENT, SignatureForm.RAW, presented)


def test_a_card_pulled_while_it_signs_is_a_failed_use_and_nothing_is_sent_again(
    counter: Counter,
) -> None:
    with_secret(counter, PinUse.SIGNATURE, PASSWORD)
    at = 0
    while True:
        before = len(counter.told())
        with counter.on_desk() as (hand, reader):
            reader.pull(at, acts=True)
            clerk = Clerk(PASSWORD, puts_back=True)
            try:
                sign_document(counter.desk(talk=clerk), hand, DOCUMENT, SignatureForm.RAW)
                outcome = "done"
            except CardError:
                outcome = "failed"
            ended = reader.exchanges <= at
        assert [one[1] for one in counter.told()[before:]] == [outcome]
        assert counter.undecided() == 0
        if ended:
            assert outcome == "done"
            break
        at += 1
    assert at > 10


def test_a_my_number_card_answers_a_challenge(database: Database, clock: MovableClock) -> None:
    clock.put(datetime(2016, 4, 1, 3, tzinfo=UTC))
    counter = Counter(database, clock, profile="mynumber")
    with_secret(counter, PinUse.AUTHENTICATION, PIN)
    with counter.on_desk() as (hand, _):
        answer = log_on(counter.desk(talk=Clerk(PIN)), hand, b"challenge")
    verify_raw(x509.load_der_x509_certificate(answer.certificate), b"challenge", answer.signature)
    assert counter.told()[-1] == ("authenticate", "done", "")


def test_a_juki_card_has_no_key_to_log_in_with(counter: Counter) -> None:
    with counter.on_desk() as (hand, _), pytest.raises(Impossible, match="no key of this kind"):
        log_on(counter.desk(talk=Clerk(PIN)), hand, b"challenge")

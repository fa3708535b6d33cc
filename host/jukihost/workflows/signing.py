"""Signing and logging in with the keys in the card, at the counter: the holder types the secret.

The ledger is asked first: a card that was stopped, and a certificate that is on hold or revoked, do
not sign. Nothing of what is signed is written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from jukihost.channel import build_channel
from jukihost.conversation.refusals import NoKeyPair
from jukihost.conversation.secrets import Pin, SignaturePassword
from jukihost.errors import AppletNotFound, FileNotFound
from jukihost.ledger import (
    CertificateState,
    LedgerCard,
    certificates_of,
    uncertain_purposes,
)
from jukihost.pinpad import PinPad
from jukihost.sessions.jpki import CardSigningKey, JpkiKey, JpkiSession
from jukihost.signing.cms import sign_cms
from jukihost.signing.pdf import sign_pdf
from jukihost.signing.raw import sign_raw
from jukihost.signing.xmldsig import sign_xml
from jukihost.workflows.asking import PinUse, Step, takes_typed, verify_secret
from jukihost.workflows.cards import meet
from jukihost.workflows.errors import Impossible, OtherCard, PinUncertain
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.identifying import WITH_CARD
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task


class SignatureForm(StrEnum):
    """What a signature is put into."""

    RAW = "raw"
    """RSASSA-PKCS1-v1_5 with SHA-256, and no container."""
    CMS = "cms"
    """Beside the document, with the certificates."""
    PDF = "pdf"
    """In the document."""
    XML = "xml"
    """In the document's root."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, or its signature: see `SignatureForm`; nothing of it shows in the repr."""

    card: bytes
    form: SignatureForm
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoggedOn:
    """The answer to a challenge: a signature, and the certificate, in DER, of the key."""

    card: bytes
    signature: bytes = field(repr=False)
    certificate: bytes = field(repr=False)


_MAKES: Final[Mapping[SignatureForm, Callable[[bytes, CardSigningKey], bytes]]] = {
    SignatureForm.RAW: lambda document, key: sign_raw(key, document),
    SignatureForm.CMS: lambda document, key: sign_cms(key, document),
    SignatureForm.PDF: sign_pdf,
    SignatureForm.XML: sign_xml,
}


def sign_document(
    desk: Desk,
    hand: CardAtDesk,
    document: bytes,
    form: SignatureForm,
    presented: Presented = WITH_CARD,
) -> Signed:
    """Have the card sign a document with the signature key; the holder types the password.

    Impossible where card or certificate is stopped, or there is none; PinBlocked, PinUncertain,
    Cancelled, SigningError, PdfNotSignable.
    """
    with Procedure(desk, Task.SIGN) as run:
        run.remark(form.value)
        with _proven(run, hand, presented, JpkiKey.SIGNATURE) as (card, jpki):
            key = jpki.signing_key(JpkiKey.SIGNATURE)
            content = _MAKES[form](document, key)
        with run.finish():
            pass
        desk.talk.progress(Step.DONE)
    return Signed(card.number, form, content)


def log_on(
    desk: Desk, hand: CardAtDesk, challenge: bytes, presented: Presented = WITH_CARD
) -> LoggedOn:
    """Have the card answer a challenge with the authentication key (利用者証明).

    The holder types the PIN. challenge: whatever the other side drew; it is hashed with SHA-256. A
    Juki card has no such key: Impossible. Errors as those of `sign_document`.
    """
    with Procedure(desk, Task.AUTHENTICATE) as run:
        with _proven(run, hand, presented, JpkiKey.AUTHENTICATION) as (card, jpki):
            key = jpki.signing_key(JpkiKey.AUTHENTICATION)
            signature = sign_raw(key, challenge)
        with run.finish():
            pass
        desk.talk.progress(Step.DONE)
    return LoggedOn(card.number, signature, key.certificate.public_bytes(Encoding.DER))


_USES: Final = {
    JpkiKey.SIGNATURE: PinUse.SIGNATURE,
    JpkiKey.AUTHENTICATION: PinUse.AUTHENTICATION,
}


@contextmanager
def _proven(
    run: Procedure, hand: CardAtDesk, presented: Presented, key: JpkiKey
) -> Iterator[tuple[LedgerCard, JpkiSession]]:
    """Give a card that may sign, and a session in which the holder has typed the key's secret."""
    desk, use = run.desk, _USES[key]
    with hand.session(desk, allow_suspended=True) as juki:
        card = meet(run, hand, juki)
    with desk.database.read() as connection:
        certificates = certificates_of(connection, card.number)
        unknown = uncertain_purposes(connection, card.number)
    check_who_came(run, card.holder, presented)
    current = [one for one in certificates if one.use == use.value]
    if current and not any(one.state is CertificateState.VALID for one in current):
        raise Impossible(
            "the certificate is on hold or revoked; a new one is issued at the counter"
        )
    if any(purpose.endswith(f" {use.value}") for purpose in unknown):
        raise PinUncertain
    try:
        with JpkiSession(build_channel(hand.connection)) as jpki:
            if jpki.card_number() != hand.number:
                raise OtherCard
            desk.talk.progress(Step.PIN)
            _prove(run, jpki, key)
            yield card, jpki
    except (AppletNotFound, FileNotFound, NoKeyPair):
        raise Impossible(
            "this card has no key of this kind; a Juki card signs, and no more"
        ) from None


def _prove(run: Procedure, jpki: JpkiSession, key: JpkiKey) -> None:
    def verify(typed: str | PinPad) -> None:
        if key is JpkiKey.SIGNATURE:
            jpki.verify_password(typed)
        else:
            jpki.verify_pin(typed)

    pad = takes_typed(jpki, SignaturePassword if key is JpkiKey.SIGNATURE else Pin)
    verify_secret(run.desk.talk, _USES[key], lambda: jpki.pin_retries(key), verify, pad=pad)

"""The operator application: who works at a terminal, a password, and a log-in that is signed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from jukicard.apdu import Aid, CommandApdu, Ins, Tlv, TlvError
from jukihost.conversation import pinfile
from jukihost.conversation.protection import under_purpose
from jukihost.conversation.refusals import (
    NoCertificate,
    PasswordBlocked,
    PasswordRejected,
    PinNotVerified,
    PurposeNotEntitled,
)
from jukihost.conversation.secrets import OperatorPassword
from jukihost.conversation.secured import SecuredSession
from jukihost.crypto.foreign import CertificateUnreadable, load_certificate
from jukihost.errors import (
    CardError,
    CardNotAuthentic,
    ConditionsNotSatisfied,
    PinBlocked,
    PinRejected,
    ProtocolError,
    SecurityStatusNotSatisfied,
    StatusError,
)
from jukihost.models import OperatorPurpose

EF_IDENTITY: Final = 0x0001
EF_CERTIFICATE: Final = 0x0002
EF_AUTHORITY: Final = 0x0003
EF_KEY: Final = 0x001A
DATE: Final = 0xC2
LAST_DAY: Final = 0xC3
_CHALLENGE_BYTES: Final = 32
_CONTEXT: Final = b"jukihost operator log-in\0"
"""What is signed begins with this: a log-in is good for nothing else."""
_HALF: Final = 32
"""Bytes of each half of a signature with P-256."""


class Checks(Protocol):
    """What tells whether a certificate is to be trusted: a `Trust`, or one's own."""

    def check(self, certificate: x509.Certificate) -> object:
        """Return when it is; raise when it is not."""


class OperatorBlocked(PasswordBlocked):
    """No try is left for the operator's password."""

    advice = "who holds the key of ADMIN unlocks it; this office's own terminals do not"


class OperatorNotEntitled(PurposeNotEntitled):
    """The terminal's purpose does not include this."""

    advice = "unlocking needs the key of ADMIN, logging in that of OPERATOR_LOGIN"


class DateBehind(ConditionsNotSatisfied):
    """The card has seen a later day than this terminal's."""

    what = "the card has already seen a later day"
    advice = "set this terminal's clock; who holds the key of ADMIN takes back a wrong day"


class PasswordExpired(CardError):
    """The password was right and is over: `last_day` was its last."""

    def __init__(self, last_day: date) -> None:
        super().__init__(last_day)
        self.last_day = last_day

    def __str__(self) -> str:
        return f"the password was valid until {self.last_day}; change it, then log in"


class NotThisOperator(CardError):
    """The card's certificate names another operator than the card does."""


@dataclass(frozen=True, slots=True)
class OperatorIdentity:
    """Who the card says the operator is; `municipality` has five digits (JIS X 0401 and 0402)."""

    identifier: str
    municipality: str


@dataclass(frozen=True, slots=True)
class OperatorLogin:
    """An operator who has logged in: proven by password, signature and certificate.

    `challenge` was drawn by this terminal for this log-in; `signature` (r || s) is over what
    `signed_challenge` makes of it: what a log keeps, so that others can check it.
    """

    identity: OperatorIdentity
    certificate: x509.Certificate = field(repr=False)
    password_until: date
    challenge: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def signed_challenge(card_number: bytes, challenge: bytes) -> bytes:
    """Return the SHA-256 hash that a card signs to log in: of a context, card and challenge."""
    return hashlib.sha256(_CONTEXT + card_number + challenge).digest()


class OperatorSession(SecuredSession):
    """A conversation with the operator application::

        with OperatorSession(channel) as session:
            session.authenticate(OperatorPurpose.OPERATOR_LOGIN, custody)
            operator = session.log_in(password, trust, today=Clock().today())

    All but the card's number, the password's tries and the authority's certificate is
    TerminalNotAuthenticated before `authenticate`, with nothing sent: no password goes in plain,
    and none to a card that has not proven itself.
    """

    AID: ClassVar[Aid] = Aid("F04F50455241544F5201")
    PASSWORD: ClassVar[int] = 0x001B

    def explain(self, refusal: StatusError) -> StatusError:
        """Return what a refusal means here: a password, a purpose."""
        kind: type[StatusError] | None = None
        if isinstance(refusal, PinRejected):
            kind = PasswordRejected
        elif isinstance(refusal, PinBlocked):
            kind = OperatorBlocked
        elif isinstance(refusal, SecurityStatusNotSatisfied):
            needs_password = {Ins.PERFORM_SECURITY_OPERATION, Ins.CHANGE_REFERENCE_DATA}
            admins = OperatorPurpose.ADMIN in self.purposes
            signs = refusal.ins == Ins.PERFORM_SECURITY_OPERATION
            missing = refusal.ins in needs_password and not (signs and admins)
            kind = PinNotVerified if missing else OperatorNotEntitled
        return refusal if kind is None else kind(refusal.status, refusal.ins)

    # --- what anybody may ask ---

    def password_retries(self) -> int:
        """Return how many tries the password has left, 0 when it is blocked; costs no try."""
        return pinfile.retries_left(self, self.PASSWORD)

    def authority_certificate(self) -> x509.Certificate:
        """Return the certificate of who certified the operator's key, as the card states it.

        NoCertificate, ProtocolError.
        """
        return self._certificate(EF_AUTHORITY)

    # --- what a terminal may ask that has authenticated ---

    @under_purpose(Ins.READ_BINARY)
    def identity(self) -> OperatorIdentity:
        """Return who the operator is. TerminalNotAuthenticated, ProtocolError."""
        try:
            template = Tlv.parse(self.read_object(EF_IDENTITY))
            found = {tlv.tag: tlv.value for tlv in Tlv.parse_all(template.value)}
            texts = [found[tag].decode("ascii") for tag in (0xDF21, 0xDF22)]
        except (TlvError, KeyError, UnicodeDecodeError):
            raise ProtocolError("the card does not say who its operator is") from None
        if template.tag != 0xFF20 or not all(text.isprintable() and text for text in texts):
            raise ProtocolError("the card does not say who its operator is")
        return OperatorIdentity(*texts)

    @under_purpose(Ins.READ_BINARY)
    def certificate(self) -> x509.Certificate:
        """Return the certificate of the operator's key. NoCertificate, ProtocolError."""
        return self._certificate(EF_CERTIFICATE)

    @under_purpose(Ins.GET_DATA)
    def card_date(self) -> date:
        """Return the newest day that the card was told."""
        return self._day(DATE)

    @under_purpose(Ins.GET_DATA)
    def password_until(self) -> date:
        """Return the last day of the password."""
        return self._day(LAST_DAY)

    @under_purpose(Ins.PUT_DATA)
    def tell_date(self, today: date) -> None:
        """Tell the card what day it is. DateBehind: it has seen a later one."""
        day = f"{today:%Y%m%d}".rjust(8, "0").encode()
        try:
            self.ask(CommandApdu(0x00, Ins.PUT_DATA, 0x00, DATE, day))
        except ConditionsNotSatisfied as refusal:
            raise DateBehind(refusal.status, refusal.ins) from None

    # --- the operator ---

    @under_purpose(Ins.VERIFY)
    def verify_password(self, password: OperatorPassword | str) -> None:
        """Verify the password; one that is over is verified too.

        PinFormatError before anything is sent; PasswordRejected with the tries left,
        OperatorBlocked.
        """
        pinfile.verify(self, self.PASSWORD, OperatorPassword.of(password).encode())

    @under_purpose(Ins.CHANGE_REFERENCE_DATA)
    def change_password(
        self, present: OperatorPassword | str, new: OperatorPassword | str, *, today: date
    ) -> date:
        """Replace the password and return the last day of the new one.

        PinFormatError for a new one that no terminal takes (see `OperatorPassword.check_new`),
        before anything is sent; DateBehind, PasswordRejected, OperatorBlocked.
        """
        before, after = OperatorPassword.of(present), OperatorPassword.of(new)
        after.check_new(before)
        self.tell_date(today)
        self.verify_password(before)
        pinfile.change(self, self.PASSWORD, after.encode())
        return self.password_until()

    @under_purpose(Ins.PERFORM_SECURITY_OPERATION)
    def log_in(
        self, password: OperatorPassword | str, trust: Checks, *, today: date
    ) -> OperatorLogin:
        """Log an operator in, after `authenticate` for OPERATOR_LOGIN.

        The card is told the day, the password verified, and a challenge that was drawn here signed
        with a key whose certificate `trust` takes and that names this operator.

        PinFormatError before anything is sent; DateBehind, PasswordRejected, OperatorBlocked,
        PasswordExpired; what `trust` raises; NotThisOperator, CardNotAuthentic; OperatorNotEntitled
        with the key of ADMIN.
        """
        encoded = OperatorPassword.of(password)
        self.tell_date(today)
        self.verify_password(encoded)
        until = self.password_until()
        if today > until:
            raise PasswordExpired(until)
        identity, certificate = self.identity(), self.certificate()
        trust.check(certificate)
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if [name.value for name in names] != [identity.identifier]:
            raise NotThisOperator("the certificate on the card is another operator's")
        challenge = os.urandom(_CHALLENGE_BYTES)
        digest = signed_challenge(self.card_number(), challenge)
        signature = self._sign(digest, until)
        check_login(certificate, digest, signature)
        return OperatorLogin(identity, certificate, until, challenge, signature)

    def _sign(self, digest: bytes, until: date) -> bytes:
        self.select_file(EF_KEY)
        # P1 = 02: the data is a SHA-256 hash; P2 = 80: the key in the selected EF
        command = CommandApdu(0x80, Ins.PERFORM_SECURITY_OPERATION, 0x02, 0x80, digest, 256)
        try:
            return self.ask(command).data
        except ConditionsNotSatisfied:
            raise PasswordExpired(until) from None

    # --- the administrator (purpose ADMIN) ---

    def unlock(self, new: OperatorPassword | str | None = None) -> None:
        """Give the password its tries back, and a new value unless it is to stay.

        After `authenticate` for ADMIN; TerminalNotAuthenticated, OperatorNotEntitled for who is not
        ADMIN, PinFormatError.
        """
        encoded = None
        if new is not None:
            password = OperatorPassword.of(new)
            password.check_new()
            encoded = password.encode()
        self._unblock(self.PASSWORD, encoded)

    # --- how it is read ---

    def _certificate(self, identifier: int) -> x509.Certificate:
        raw = self.read_object(identifier)
        if not raw:
            raise NoCertificate("the operator card holds no such certificate; ADMIN writes it")
        try:
            return load_certificate(raw)
        except CertificateUnreadable as error:
            raise ProtocolError(
                f"the certificate in the card is malformed: {error.why}; have the card checked"
            ) from None

    def _day(self, tag: int) -> date:
        raw = self.get_data(tag)
        try:
            if len(raw) != 8 or not raw.isdigit():
                raise ValueError
            return date(int(raw[:4]), int(raw[4:6]), int(raw[6:]))
        except ValueError:
            raise ProtocolError(f"the card's data object {tag:02X} is no day") from None


def check_login(certificate: x509.Certificate, digest: bytes, signature: bytes) -> None:
    """Check the signature (r || s) of a log-in with the certificate's key, one of P-256.

    digest: as `signed_challenge` makes it. CardNotAuthentic.
    """
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CardNotAuthentic("the certificate's key is none of P-256, as operators' keys are")
    if len(signature) != 2 * _HALF:
        raise CardNotAuthentic("the card's signature is malformed")
    r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
    try:
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        raise CardNotAuthentic(
            "the card does not hold the key of its certificate; do not let anybody in with it"
        ) from None

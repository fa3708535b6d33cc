"""The Juki application (住基AP): who may use the card for what, its dates, the resident code."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable
from datetime import date
from enum import Enum
from functools import reduce
from typing import ClassVar, Final, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec

from jukicard.apdu import Aid, CommandApdu, Ins, ResponseApdu, StatusWord, Tlv
from jukihost.authentication import pace
from jukihost.authentication.eac import TerminalIdentity, establish
from jukihost.channel import ApduChannel
from jukihost.conversation import pinfile
from jukihost.conversation.holder import WithPin
from jukihost.conversation.jukifiles import (
    INFO_LIMIT,
    encode_card_info,
    encode_code,
    parse_card_info,
    parse_code,
)
from jukihost.conversation.protection import Protection, Silent, under_purpose
from jukihost.conversation.receipts import (
    RECEIPT,
    KeepsReceipts,
    Receipt,
    answered,
)
from jukihost.conversation.refusals import (
    HolderMovedOut,
    OnlyTheCounter,
    PinNotVerified,
    PrivacyNotOffered,
    PurposeNotEntitled,
    TerminalNotAuthenticated,
    WrongAccessNumber,
)
from jukihost.conversation.secrets import AccessNumber, Pin
from jukihost.crypto.cardcertificate import (
    NoCardCertificate,
    parse_card_certificate,
    verify_card_certificate,
)
from jukihost.crypto.curves import BRAINPOOL_P256R1, curve_of, point_of
from jukihost.crypto.cvc import CvCertificate
from jukihost.crypto.signatures import CertificateError
from jukihost.errors import (
    AuthenticationRejected,
    CardError,
    CardSuspended,
    ConditionsNotSatisfied,
    ProtocolError,
    ReferenceNotFound,
    ReferenceNotUsable,
    SecurityStatusNotSatisfied,
    StatusError,
)
from jukihost.keys import KeyCustody
from jukihost.models import CardInfo, CardState, Purpose, Residence, ResidentCode
from jukihost.pinpad import PinPad

EF_CODE: Final = 0x0002
EF_CARD_INFO: Final = 0x0003

LIFE_CYCLE: Final = 0x8A
RESIDENCE: Final = 0xC1
CHIP_CERTIFICATE: Final = 0x7F21

TERMINAL_TYPE: Final = bytes.fromhex("88370101")
"""What kind of rights a system's certificate names: purpose n is bit n - 1 of its mask."""

ACCESS_NUMBER: Final = pace.PaceParameters(BRAINPOOL_P256R1, 2)
"""How a card knows its access number: by the reference 2, for PACE on this curve."""

_WHOLE_CARD: Final = bytes.fromhex("3F00")
_NEEDS_PIN: Final = frozenset({Ins.READ_RECORD, Ins.CHANGE_REFERENCE_DATA})
_FREE: Final = frozenset({Ins.SELECT, Ins.VERIFY, Ins.GET_DATA})
"""What may be sent without a purpose; every other command waits for a secure session."""
_AFTER_MOVING_OUT: Final = frozenset({Purpose.MOVE_IN, Purpose.COUNTER})
"""What a card still serves whose holder has moved out."""
_Value = TypeVar("_Value", bound=Enum)


class JukiSession(WithPin, KeepsReceipts):
    """A conversation with the Juki application::

        with JukiSession(channel) as juki:
            juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, custody)
            juki.verify_pin(pin)
            code = juki.read_code()

    In this order: an authentication forgets everything proven before it, the PIN too. From then on
    secure messaging protects every command, until the session closes or authenticates again.

    What the card keeps under a purpose is not asked of a card that has not proven itself: without
    a live secure session all of it is TerminalNotAuthenticated, before anything is sent. Free are
    the card's number and states and the PIN's tries, whose answers nobody vouches for then, and
    `verify_pin`.

    Through the air `begin_private` may come first: then nothing of all this is said in plain, now
    and later. Whatever ends the private session and the purpose's that follows it, the next command
    is PrivateSessionOver, with nothing sent, until `begin_private` or `open` is called again.
    """

    AID: ClassVar[Aid] = Aid("D3921000310001010401")
    PIN: ClassVar[int] = 0x001C

    def __init__(self, channel: ApduChannel, *, allow_suspended: bool = False) -> None:
        super().__init__(channel, allow_suspended=allow_suspended)
        self._private: Protection | None = None
        self._nothing_in_plain = False
        self._card_identifier = b""
        self._verified = False

    # --- opening and closing ---

    def open(self) -> Self:
        """Select the application. AppletNotFound, CardSuspended, CardTerminated."""
        self._nothing_in_plain = False
        return super().open()

    def close(self) -> None:
        """End the conversation on both sides, and forget its session keys. Never fails."""
        self._nothing_in_plain = False
        super().close()

    def explain(self, refusal: StatusError) -> StatusError:
        """Return what a refusal means here: what is missing, or that the card is suspended."""
        kind: type[StatusError] | None = None
        if isinstance(refusal, ConditionsNotSatisfied) and self.suspended:
            kind = OnlyTheCounter if self._allow_suspended else CardSuspended
        elif isinstance(refusal, SecurityStatusNotSatisfied):
            kind = self._missing(refusal.ins)
        return refusal if kind is None else kind(refusal.status, refusal.ins)

    def _missing(self, ins: int) -> type[StatusError]:
        if not self.authenticated:
            return TerminalNotAuthenticated
        if ins in _NEEDS_PIN and not self._verified:
            return PinNotVerified
        return PurposeNotEntitled

    # --- nothing under a purpose without one ---

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send a command and return its answer; TerminalNotAuthenticated unless anybody may."""
        if command.ins not in _FREE:
            self.require_authenticated(command.ins)
        return super().transmit(command)

    def select_file(self, identifier: int) -> None:
        """Select an EF; all but the PIN's lie under a purpose. TerminalNotAuthenticated."""
        if identifier != self.PIN:
            self.require_authenticated(Ins.SELECT)
        super().select_file(identifier)

    # --- what anybody may ask ---

    def card_state(self) -> CardState:
        """Return where in its life the card is."""
        return _value_of(CardState, self.get_data(LIFE_CYCLE))

    def residence(self) -> Residence:
        """Return whether the holder still lives where the card belongs."""
        return _value_of(Residence, self.get_data(RESIDENCE))

    def card_certificate(self) -> CvCertificate:
        """Return the certificate of the card's key, as the card states it: nothing is verified.

        NoCardCertificate, NotACardCertificate.
        """
        try:
            content = self.get_data(CHIP_CERTIFICATE)
        except ReferenceNotFound:
            raise NoCardCertificate(
                "the card holds no certificate of its key; authenticate with a shared key instead"
            ) from None
        return parse_card_certificate(Tlv(CHIP_CERTIFICATE, content).encode())

    def verified_card_key(
        self, roots: Iterable[CvCertificate], on: date
    ) -> ec.EllipticCurvePublicKey:
        """Return the card's public key, once its certificate has been verified.

        `roots` are the root certificates of the issuers of cards that this terminal trusts, `on` is
        today. The certificate must be of the card with this card's number. CardCertificateError:
        NoCardCertificate, NotACardCertificate, CardIssuerUnknown, CardCertificateForged,
        CardCertificateExpired, ForeignCardCertificate.
        """
        certificate = self.card_certificate()
        number = self.card_number()
        return verify_card_certificate(certificate, roots, card_number=number, on=on)

    # --- authentication ---

    @property
    def private(self) -> bool:
        """Whether a live session that `begin_private` opened protects what is sent."""
        return self._private is not None and self._private.protects(self.channel)

    def begin_private(self, number: AccessNumber | str) -> None:
        """Open a session with the number on the card (PACE), before anything else is said.

        For the contactless interface: whoever listens learns neither the card's number nor the
        system's certificates nor the PIN. It proves no purpose; `authenticate` or
        `authenticate_by_certificate` goes on in it, once: for a second purpose call this again.

        PinFormatError before anything is sent; WrongAccessNumber (costs no try), PrivacyNotOffered
        when the card has no number, CardNotAuthentic when it does not know it, CardSuspended. After
        any of them, too, nothing is sent in plain until `open`: who means to go on without privacy
        says so.
        """
        self.check_open()
        self._nothing_in_plain = True
        if not (self.private or self.authenticated):
            self._forget()  # from here on, even if the number is none
        encoded = AccessNumber.of(number).encode()
        self._forget()
        self._proven = True
        try:
            result = pace.authenticate(self._plain, ACCESS_NUMBER, encoded)
        except AuthenticationRejected as refusal:
            raise WrongAccessNumber(refusal.status, refusal.ins) from None
        except ReferenceNotFound as refusal:
            raise PrivacyNotOffered(refusal.status, refusal.ins) from None
        except StatusError as refusal:
            raise self.explain(refusal) from None
        self._private = Protection(self._plain, result.channel.session)
        self._card_identifier = result.card_identifier
        self._channel = self._private.channel

    def authenticate_by_certificate(
        self, identity: TerminalIdentity, card_key: ec.EllipticCurvePublicKey
    ) -> None:
        """Authenticate by the system's certificate instead of a shared key, for all its purposes.

        `card_key` is the card's public key as `verified_card_key` returns it, or one whose
        authenticity the caller has checked in another way.
        CertificateError for a certificate of another kind (nothing is sent then); StatusError when
        the card refuses, CardNotAuthentic when it does not hold the key; HolderMovedOut when none
        of the certificate's purposes is left on this card.
        """
        purposes = purposes_of(identity)
        curve = curve_of(card_key)
        self._begin()
        identifier = self._card_identifier if self.private else self.card_number()
        self._proven = True
        with self._authentication():
            channel = establish(
                self.channel, identity, identifier, curve.encode(point_of(card_key)), curve
            )
        self._enter(channel, purposes)
        if self._has_moved_out():  # the card takes the certificate, and gives less than it names
            self._purposes = purposes & _AFTER_MOVING_OUT
            if not self._purposes:
                self._forget()
                raise HolderMovedOut(StatusWord.REFERENCE_DATA_NOT_USABLE, Ins.GENERAL_AUTHENTICATE)

    def _begin(self) -> None:
        """Leave what was proven before; a private session, in which nothing is, goes on."""
        if not self.private:
            self._forget()

    def _forget(self) -> None:
        """Leave secure messaging, a private session too."""
        self._verified = False
        if self._private is not None:
            self._private.session.end("the terminal left it")
            self._private = None
        super()._forget()

    def _unprotected(self) -> ApduChannel:
        """Return what is spoken through without a session; nothing, once privacy was wanted."""
        return Silent(self._plain) if self._nothing_in_plain else self._plain

    def _not_authenticated(self, refusal: StatusError) -> StatusError:
        if isinstance(refusal, ReferenceNotUsable) and self._has_moved_out():
            return HolderMovedOut(refusal.status, refusal.ins)
        return self.explain(refusal)

    def _has_moved_out(self) -> bool:
        try:
            return self.residence() is Residence.MOVED_OUT
        except CardError:  # a card that does not say, or a session that is over
            return False

    # --- the holder ---

    def verify_pin(self, pin: Pin | str | PinPad) -> None:
        """Verify the holder's PIN.

        Outside a secure session too, as the card allows: the PIN goes over the wire in plain then,
        and the answer is that of a card that has proven nothing. PinFormatError before anything is
        sent; PinRejected with the tries left, PinBlocked. `PinPad()` has it typed on the reader,
        outside a secure session only: PadError, PadOutcomeUnknown, PadNotUsable, NotOffered.
        """
        encoded = Pin.entered(pin)
        self._verified = False
        pinfile.verify(self, self.PIN, encoded)
        self._verified = True

    @under_purpose(Ins.CHANGE_REFERENCE_DATA)
    def change_pin(self, new: Pin | str, *, old: Pin | str | None = None) -> None:
        """Set a new PIN, after `verify_pin` or, with `old`, together with it.

        The cards' own way is the first, P1 = 01; the second is the ISO form, P1 = 00, for cards
        that have only that. TerminalNotAuthenticated, PinFormatError, PinNotVerified, PinRejected,
        PinBlocked.
        """
        encoded = Pin.of(new).encode()
        if old is None:
            pinfile.change(self, self.PIN, encoded)
        else:
            pinfile.exchange(self, self.PIN, Pin.of(old).encode(), encoded)

    def change_pin_once(
        self, new: Pin | str, intent: bytes | None = None, *, custody: KeyCustody | None = None
    ) -> Receipt | None:
        """Set a new PIN for purpose COUNTER, after `verify_pin`, so that a cut is decided.

        Return the card's receipt of it, None from a card that keeps none. The PIN is sent once:
        where its answer is lost, ChangeInterrupted has the change that `settle` decides later. That
        is PIN_UNCERTAIN on a card that keeps no receipts. Else as `change_pin` and `begin_change`.
        """
        Pin.of(new).encode()  # before anything is told
        change = self.begin_change(intent, of_pin=True, custody=custody)
        with answered(change):
            self.change_pin(new)
        with answered(change):
            return self.confirm(change, custody)

    # --- contents ---

    @under_purpose(Ins.READ_BINARY)
    def card_info(self) -> CardInfo:
        """Return EF 0003: municipality, form, issue and expiry date.

        TerminalNotAuthenticated, ProtocolError when it is malformed.
        """
        return parse_card_info(self.read_binary(EF_CARD_INFO, INFO_LIMIT))

    @under_purpose(Ins.READ_RECORD)
    def read_code(self) -> ResidentCode:
        """Return the resident record code (住民票コード), record 1 of EF 0002.

        TerminalNotAuthenticated, PinNotVerified, PurposeNotEntitled; ProtocolError when it is
        malformed.
        """
        return parse_code(self.read_record(EF_CODE, 1))

    # --- the counter (purpose COUNTER; TerminalNotAuthenticated, PurposeNotEntitled) ---

    @under_purpose(Ins.UPDATE_RECORD)
    def write_code(self, code: ResidentCode) -> None:
        """Replace the resident record code, after the resident had it changed."""
        self.select_file(EF_CODE)
        # ISO/IEC 7816-4:2020, 11.4: UPDATE RECORD, P2 = 04, the record with number P1
        self.ask(CommandApdu(0x00, Ins.UPDATE_RECORD, 1, 0x04, encode_code(code)))

    @under_purpose(Ins.UPDATE_BINARY)
    def update_card_data(self, info: CardInfo) -> None:
        """Replace EF 0003: municipality, form and dates. ValueError for what cannot be."""
        content = encode_card_info(info)
        self.select_file(EF_CARD_INFO)
        self.ask(CommandApdu(0x00, Ins.UPDATE_BINARY, 0, 0, content))

    @under_purpose(Ins.PUT_DATA)
    def move_out(self) -> None:
        """Note that the holder has moved out: only the move-in procedure works after that."""
        self._set_residence(Residence.MOVED_OUT)

    @under_purpose(Ins.PUT_DATA)
    def move_in(self) -> None:
        """Note that the holder lives where the card belongs; every purpose works again."""
        self._set_residence(Residence.RESIDENT)

    @under_purpose(Ins.PUT_DATA)
    def continue_use(self, municipality: str) -> CardInfo:
        """Let the card go on in another municipality (継続利用); return its new data.

        `municipality` is the five-digit code of JIS X 0401 and JIS X 0402; ValueError. The data is
        written first: when the card is pulled out in between, doing it again finishes it.
        """
        info = dataclasses.replace(self.card_info(), municipality=municipality)
        self.update_card_data(info)
        self.move_in()
        return info

    def _put_receipt(self, value: bytes) -> None:
        self.ask(CommandApdu(0x00, Ins.PUT_DATA, RECEIPT >> 8, RECEIPT & 0xFF, value))

    def _set_residence(self, residence: Residence) -> None:
        # ISO/IEC 7816-4:2020, 11.5: PUT DATA, P1-P2 the tag, the data its value
        self.ask(
            CommandApdu(
                0x00, Ins.PUT_DATA, RESIDENCE >> 8, RESIDENCE & 0xFF, bytes((residence.value,))
            )
        )

    # --- life cycle (purpose COUNTER, for suspension SUSPEND as well) ---

    @under_purpose(Ins.DEACTIVATE_FILE)
    def suspend(self) -> None:
        """Suspend the card: it answers its state, lets the counter authenticate, and no more."""
        # ISO/IEC 7816-9:2017, DEACTIVATE FILE; the master file stands for the card
        self.ask(CommandApdu(0x00, Ins.DEACTIVATE_FILE, 0, 0, _WHOLE_CARD))
        self._suspended = True

    @under_purpose(Ins.ACTIVATE_FILE)
    def resume(self) -> None:
        """End a suspension; the session was opened with `allow_suspended`."""
        self.ask(CommandApdu(0x00, Ins.ACTIVATE_FILE, 0, 0, _WHOLE_CARD))
        self._suspended = False

    @under_purpose(Ins.TERMINATE_CARD_USAGE)
    def terminate(self) -> None:
        """End the card for good and close the session. Nothing brings it back."""
        # ISO/IEC 7816-9:2017, TERMINATE CARD USAGE
        self.ask(CommandApdu(0x00, Ins.TERMINATE_CARD_USAGE, 0, 0))
        self.close()


def purposes_of(identity: TerminalIdentity) -> frozenset[Purpose]:
    """Return the purposes that every certificate of a chain grants. CertificateError for none."""
    masks = []
    for certificate in identity.chain:
        if certificate.authorization.oid != TERMINAL_TYPE:
            raise CertificateError("the certificate is for another kind of terminal")
        masks.append(int.from_bytes(certificate.authorization.mask, "big"))
    granted = reduce(operator.and_, masks)
    purposes = frozenset(purpose for purpose in Purpose if granted >> (purpose - 1) & 1)
    if not purposes:
        raise CertificateError("the certificate grants no purpose of the Juki application")
    return purposes


def _value_of(kind: type[_Value], raw: bytes) -> _Value:
    """Read a one-byte data object. ProtocolError for a value that is none."""
    try:
        [value] = raw
        return kind(value)
    except ValueError:
        raise ProtocolError(f"the card states no {kind.__name__} that is known") from None

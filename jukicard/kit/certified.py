"""Authentication by certificate: a system proves a role, and no secret is shared with the card.

The chain of card verifiable certificates, terminal authentication and chip authentication in the
order of docs/card.md; what is proven opens the same rights that keys open. PACE may come first.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.authentication.chip import OBJECT_IDENTIFIERS, ChipAuthentication
from jukicard.authentication.terminal import AuthenticatedTerminal, TerminalAuthentication
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.cvc import (
    Authorization,
    Certificate,
    CertificateError,
    Holder,
    trust_anchor,
)
from jukicard.crypto.private import load_private_key
from jukicard.errors import IsoError
from jukicard.kit import commands
from jukicard.kit.fileapplet import Handler
from jukicard.kit.privacy import AccessPasswords, PaceDialogue, PrivateSession
from jukicard.kit.secured import SECURITY_COMMANDS, SecuredApplet, SecuredState
from jukicard.memory import Partition
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.events import SecurityStatusChanged
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder

TERMINAL_TYPE: Final = bytes.fromhex("88370101")
"""The type of terminal that certificates for the Juki card speak of: 2.999.1.1, an arc set aside
for examples (ITU-T X.660)."""
_ANCHOR: Final = "anchor/"
_DATE: Final = "date"
_CHIP_KEY: Final = "chip key"
_CHALLENGE: Final = 8
_DYNAMIC_DATA: Final = 0x7C
_CHIP_AUTHENTICATION: Final = 0x80


class TrustStore:
    """What an application trusts: authorities, the newest date it has seen, the chip's own key."""

    __slots__ = ("_memory",)

    def __init__(self, memory: Partition) -> None:
        self._memory = memory

    def anchors(self) -> Iterator[Holder]:
        """Yield the authorities whose certificates are accepted."""
        for key, raw in self._memory.items():
            if key.startswith(_ANCHOR):
                size = 2 + int.from_bytes(raw[:2], "big")
                yield trust_anchor(Certificate.parse_content(raw[size:]), raw[2:size])

    def add_anchor(self, holder: Holder) -> None:
        """Trust an authority from now on, with the rights that were left of its own."""
        mask = holder.authorization.mask
        self._memory.put(
            f"{_ANCHOR}{holder.reference.hex().upper()}",
            len(mask).to_bytes(2, "big") + mask + holder.certificate.content,
        )

    @property
    def date(self) -> datetime.date:
        """The card's date: the newest effective date of an accepted certificate."""
        raw = self._memory.get(_DATE)
        return datetime.date.min if raw is None else datetime.date.fromisoformat(raw.decode())

    def set_date(self, date: datetime.date) -> None:
        """Move the card's date."""
        self._memory.put(_DATE, date.isoformat().encode())

    def set_chip_key(self, der: bytes) -> None:
        """Give the chip its key pair of an elliptic curve, PKCS #8; ValueError for another."""
        if not isinstance(load_private_key(der), EcPrivateKey):
            raise ValueError("the chip's key is one of an elliptic curve")
        self._memory.put(_CHIP_KEY, der)

    def chip_key(self) -> EcPrivateKey | None:
        """Return the chip's key, None when it has none."""
        raw = self._memory.get(_CHIP_KEY)
        key = None if raw is None else load_private_key(raw)
        return key if isinstance(key, EcPrivateKey) else None


class CertifiedState(SecuredState):
    """Adds the attempt that is under way, the terminal it has proven, PACE and its session."""

    __slots__ = ("attempt", "chip", "pace", "private", "terminal")

    def __init__(self, applet: CertifiedApplet) -> None:
        super().__init__(applet)
        self.attempt: TerminalAuthentication | None = None
        self.terminal: AuthenticatedTerminal | None = None
        self.chip: bytes = b""
        self.pace: PaceDialogue | None = None
        self.private: PrivateSession | None = None

    def forget(self) -> None:
        """Drop all that was proven, and every step towards more."""
        super().forget()
        self.attempt = None
        self.terminal = None
        self.chip = b""
        self.pace = None
        self.private = None

    def begin_private(self, session: PrivateSession) -> None:
        """Go on in a session that PACE has opened, with nothing proven."""
        self.forget()
        self.private, self.messaging = session, session.messaging

    def forget_proofs(self) -> None:
        """Drop all that was proven, but stay in the session of PACE if this is one."""
        private = self.private
        self.forget()
        if private is not None:
            self.begin_private(private)


class CertifiedApplet(SecuredApplet):
    """Adds authentication by certificate; `role_bits` says which bit of a role grants what.

    Closed by default: without a trust anchor in its memory no certificate is accepted, without a
    password there is no PACE. `terminal_type` is the one that its systems' certificates speak of.
    """

    role_bits: ClassVar[Mapping[int, str]] = {}
    terminal_type: ClassVar[bytes] = TERMINAL_TYPE

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.trust = TrustStore(context.memory)
        self.passwords = AccessPasswords(context.memory)

    def new_state(self) -> CertifiedState:
        """Return a state in which nothing is proven and no attempt is under way."""
        return CertifiedState(self)

    def select(self, command: CommandApdu, state: Any) -> ResponseApdu:
        """SELECT, which ends PACE half done as any other command does."""
        state.pace = None
        return super().select(command, state)

    def card_identifier(self) -> bytes:
        """Return ID.IC, what a system's signature is bound to; an application must say it."""
        raise NotImplementedError

    def manage_security_environment(
        self, command: CommandApdu, state: CertifiedState
    ) -> ResponseApdu:
        """MSE: SET, the steps between the others."""
        parsed = commands.parse_manage_security_environment(command)
        match parsed:
            case commands.SetKey():
                self.keys.find(parsed.key)
                state.named_key = parsed.key
            case commands.SetCertificateIssuer():
                self._attempt(state, fresh=True).select_issuer(parsed.reference)
            case commands.SetTerminal():
                self._attempt(state).select_terminal(
                    parsed.reference, parsed.algorithm, parsed.ephemeral
                )
            case commands.SetChip():
                self._set_chip(parsed.algorithm, state)
            case commands.SetPassword():
                self._begin_pace(parsed, state)
        return ResponseApdu()

    def _begin_pace(self, wanted: commands.SetPassword, state: CertifiedState) -> None:
        dialogue = PaceDialogue(self.passwords.get(), wanted)
        if state.messaging is not None:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, "PACE comes before any session")
        state.pace = dialogue

    def _attempt(self, state: CertifiedState, *, fresh: bool = False) -> TerminalAuthentication:
        if state.attempt is None:
            if not fresh:
                raise IsoError(
                    StatusWord.CONDITIONS_NOT_SATISFIED, "no certificate was verified before"
                )
            state.attempt = TerminalAuthentication(self.trust.anchors(), self.trust.date)
        # another channel may have moved the card's date since the last step
        state.attempt.today = max(state.attempt.today, self.trust.date)
        return state.attempt

    def _set_chip(self, algorithm: bytes, state: CertifiedState) -> None:
        if algorithm not in OBJECT_IDENTIFIERS:
            raise IsoError(StatusWord.INCORRECT_DATA, "no such protocol of chip authentication")
        if state.terminal is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "chip authentication comes after terminal authentication",
            )
        state.chip = algorithm

    def verify_certificate(self, command: CommandApdu, state: CertifiedState) -> ResponseApdu:
        """PSO: VERIFY CERTIFICATE: one link of the chain; dates and link certificates are kept."""
        parsed = commands.parse_verify_certificate(command)
        attempt = self._attempt(state)
        known = len(attempt.renewed)
        attempt.verify_certificate(parsed.content)
        if attempt.today > self.trust.date:
            self.trust.set_date(attempt.today)
        for holder in attempt.renewed[known:]:
            self.trust.add_anchor(holder)
        return ResponseApdu()

    def authenticate_externally(self, command: CommandApdu, state: CertifiedState) -> ResponseApdu:
        """MUTUAL AUTHENTICATE with an Le field, without one EXTERNAL AUTHENTICATE by signature."""
        if command.ne:
            return self.mutual_authenticate(command, state)
        challenge, state.challenge = state.challenge, b""
        if not (self.context.card_usable and self.files.is_activated(self.tree.root)):
            # the same instruction as MUTUAL AUTHENTICATE, which resumes: this one does not
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "EXTERNAL AUTHENTICATE: card or application is not in use",
            )
        parsed = commands.parse_external_authenticate(command)
        if len(challenge) != _CHALLENGE:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "EXTERNAL AUTHENTICATE: no challenge of 8 bytes was just given",
            )
        attempt = self._attempt(state)
        if not attempt.ready:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "EXTERNAL AUTHENTICATE: no terminal was set"
            )
        private = state.private
        identifier = self.card_identifier() if private is None else private.identifier
        state.forget_proofs()
        proven = attempt.authenticate(parsed.signature, identifier, challenge)
        if proven.authorization.terminal_type != self.terminal_type:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "the certificate is for another type of terminal",
            )
        state.terminal = proven
        return ResponseApdu()

    def general_authenticate(self, command: CommandApdu, state: CertifiedState) -> ResponseApdu:
        """GENERAL AUTHENTICATE: chip authentication, or one step of PACE."""
        dialogue, state.pace = state.pace, None  # over, unless this is its next step
        parsed = commands.parse_general_authenticate(command)
        if parsed.tag == _CHIP_AUTHENTICATION:
            return self._prove_chip(parsed.value, state)
        if dialogue is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "GENERAL AUTHENTICATE: no PACE is under way"
            )
        state.forget()
        objects = [dialogue.answer(parsed, command.cla.chained, self.context.random.take)]
        if dialogue.session is None:
            state.pace = dialogue
        else:
            state.begin_private(dialogue.session)
            if dialogue.limit is not None:  # the terminal goes on with certificates
                objects += self._authorities()
        return ResponseApdu(Tlv(_DYNAMIC_DATA, objects).encode())

    def _prove_chip(self, point: bytes, state: CertifiedState) -> ResponseApdu:
        """Chip authentication: the card proves its key, a session starts, rights are given."""
        terminal, algorithm, key = state.terminal, state.chip, self.trust.chip_key()
        if terminal is None or not algorithm or key is None or terminal.expires < self.trust.date:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "GENERAL AUTHENTICATE: no valid terminal, or no protocol, was set before",
            )
        limit = None if state.private is None else state.private.limit
        state.forget_proofs()
        chip = ChipAuthentication(key, algorithm)
        answer = chip.answer(point, terminal.ephemeral, self.context.random.take)
        state.forget()
        for right in self._rights(terminal.authorization, limit):
            state.security.authenticated.add(right)
            self.context.emit(SecurityStatusChanged(self.context.aid, right, holds=True))
        state.messaging = Iso7816Session.start(answer.keys)
        return ResponseApdu(answer.encode())

    def _rights(self, chain: Authorization, limit: Authorization | None) -> Iterator[str]:
        """Yield the rights that the whole chain gives and that the application grants now."""
        authorization = chain if limit is None else chain.limited_by(limit)
        for bit, right in self.role_bits.items():
            if authorization.grants(bit) and self.grants_now(right):
                yield right

    def _authorities(self) -> Iterator[Tlv]:
        """Yield the names of the newest trust anchor and of the one before (TR-03110-3, B.1)."""
        newest = sorted(self.trust.anchors(), key=lambda anchor: anchor.effective, reverse=True)
        for tag, anchor in zip((0x87, 0x88), newest, strict=False):
            yield Tlv(tag, anchor.reference)

    def process(self, command: CommandApdu, state: Any) -> ResponseApdu:
        """Answer a command; what a certificate does not fulfil becomes its status word.

        PACE is a dialogue without pauses: any other command that comes here ends it.
        """
        if command.ins != Ins.GENERAL_AUTHENTICATE or not command.cla.interindustry:
            state.pace = None
        try:
            return super().process(command, state)
        except CertificateError as error:
            state.attempt = state.terminal = None
            raise IsoError(error.status, f"certificate: {error}") from None
        except OutOfOrder as error:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, str(error)) from None
        except AuthenticationFailed:
            state.attempt = state.terminal = None
            raise IsoError(
                StatusWord.AUTHENTICATION_FAILED, f"{ins_label(command.ins)}: nothing was proven"
            ) from None


CERTIFICATE_COMMANDS: Final[Mapping[int, Handler]] = {
    **SECURITY_COMMANDS,
    Ins.MANAGE_SECURITY_ENVIRONMENT: CertifiedApplet.manage_security_environment,
    Ins.PERFORM_SECURITY_OPERATION: CertifiedApplet.verify_certificate,
    Ins.MUTUAL_AUTHENTICATE: CertifiedApplet.authenticate_externally,
    Ins.GENERAL_AUTHENTICATE: CertifiedApplet.general_authenticate,
}
"""Authentication by key and by certificate, and the life cycle."""

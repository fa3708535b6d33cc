"""Authentication by certificate: a system proves a role, and no secret is shared with the card.

The chain of card verifiable certificates, terminal authentication and chip authentication in the
order of docs/card.md; what is proven opens the same rights that keys open. PACE may come first.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.authentication.chip import OBJECT_IDENTIFIERS, ChipAuthentication
from jukicard.authentication.terminal import AuthenticatedTerminal, TerminalAuthentication
from jukicard.crypto.cvc import Authorization, CertificateError
from jukicard.errors import IsoError
from jukicard.kit import commands
from jukicard.kit.features.environment import Environments, environment, nothing_proven, step
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.privacy import PrivacyState
from jukicard.kit.fileapplet import Dialogue
from jukicard.kit.trust import CHIP_KEY, TrustStore
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.events import SecurityStatusChanged
from jukicard.runtime.handlers import command
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

TERMINAL_TYPE: Final = bytes.fromhex("88370101")
"""The type of terminal that certificates for the Juki card speak of: 2.999.1.1, an arc set aside
for examples (ITU-T X.660)."""
_CHALLENGE: Final = 8


class CertificateState(KeyState, PrivacyState):
    """Adds the attempt that is under way, the terminal it has proven, and chip authentication's
    algorithm; it may all go on in a session that PACE has opened.
    """

    attempt: TerminalAuthentication | None = None
    terminal: AuthenticatedTerminal | None = None
    chip: bytes = b""

    @contextmanager
    def judging(self, ins: Ins) -> Iterator[None]:
        """Turn what a certificate or a proof does not fulfil into its status word, in `with`.

        An attempt is over with it, but for what merely came out of order.
        """
        try:
            yield
        except CertificateError as error:
            self.attempt = self.terminal = None
            raise IsoError(error.status, f"certificate: {error}") from None
        except OutOfOrder as error:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, str(error)) from None
        except AuthenticationFailed:
            self.attempt = self.terminal = None
            raise nothing_proven(ins) from None


WithCertificates = TypeVar("WithCertificates", bound=CertificateState)


class Certificates(Keys[WithCertificates], Environments[WithCertificates]):
    """Systems that authenticate by certificate, beside those that do by key.

    `role_bits` says which bit of a role grants which right, `terminal_type` is the type of terminal
    that the certificates must speak of. `trust` keeps authorities, the card's date and the chip's
    key: without an authority no certificate is accepted.
    """

    role_bits: ClassVar[Mapping[int, str]] = {}
    terminal_type: ClassVar[bytes] = TERMINAL_TYPE

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.trust = TrustStore(context.memory, context.end_proofs)

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse authorities, a date or a chip's key that cannot be, too. ValueError."""
        super().check_kept(memory, parameters)
        TrustStore(memory).check_kept()

    def personalise(self, order: Order) -> None:
        """Write whose systems are let in by certificate, and the chip's own key, too."""
        super().personalise(order)
        for anchor in order.trust_anchors:
            self.trust.add_anchor(anchor)
        if order.chip_key is not None:
            self.trust.set_chip_key(order.chip_key)

    @abstractmethod
    def card_identifier(self) -> bytes:
        """Return ID.IC, what a system's signature is bound to."""

    @environment(commands.SetCertificateIssuer)
    def select_issuer(self, wanted: commands.SetCertificateIssuer, state: WithCertificates) -> None:
        """Name whose key verifies the next certificate."""
        with state.judging(Ins.MANAGE_SECURITY_ENVIRONMENT):
            self._attempt(state, fresh=True).select_issuer(wanted.reference)

    @environment(commands.SetTerminal)
    def select_terminal(self, wanted: commands.SetTerminal, state: WithCertificates) -> None:
        """Name the terminal that will sign, and the key it will go on with."""
        with state.judging(Ins.MANAGE_SECURITY_ENVIRONMENT):
            self._attempt(state).select_terminal(
                wanted.reference, wanted.algorithm, wanted.ephemeral
            )

    @environment(commands.SetChip)
    def select_chip(self, wanted: commands.SetChip, state: WithCertificates) -> None:
        """Name the protocol in which the chip proves its key."""
        if wanted.algorithm not in OBJECT_IDENTIFIERS:
            raise IsoError(StatusWord.INCORRECT_DATA, "no such protocol of chip authentication")
        if state.terminal is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "chip authentication comes after terminal authentication",
            )
        state.chip = wanted.algorithm

    def _attempt(self, state: WithCertificates, *, fresh: bool = False) -> TerminalAuthentication:
        if state.attempt is None:
            if not fresh:
                raise IsoError(
                    StatusWord.CONDITIONS_NOT_SATISFIED, "no certificate was verified before"
                )
            state.attempt = TerminalAuthentication(self.trust.anchors(), self.trust.date)
        # another channel may have moved the card's date since the last step
        state.attempt.today = max(state.attempt.today, self.trust.date)
        return state.attempt

    @command(Ins.PERFORM_SECURITY_OPERATION)
    def verify_certificate(self, command: CommandApdu, state: WithCertificates) -> ResponseApdu:
        """PSO: VERIFY CERTIFICATE: one link of the chain; dates and link certificates are kept."""
        parsed = commands.parse_verify_certificate(command)
        attempt = self._attempt(state)
        known = len(attempt.renewed)
        with state.judging(Ins.PERFORM_SECURITY_OPERATION):
            attempt.verify_certificate(parsed.content)
        if attempt.today > self.trust.date:
            self.trust.set_date(attempt.today)
        for holder in attempt.renewed[known:]:
            self.trust.add_anchor(holder)
        return ResponseApdu()

    def mutual_authenticate(self, command: CommandApdu, state: WithCertificates) -> ResponseApdu:
        """MUTUAL AUTHENTICATE with an Le field, without one EXTERNAL AUTHENTICATE by signature."""
        if command.ne:
            return super().mutual_authenticate(command, state)
        return self.authenticate_externally(command, state)

    def authenticate_externally(
        self, command: CommandApdu, state: WithCertificates
    ) -> ResponseApdu:
        """EXTERNAL AUTHENTICATE: the terminal that was named signs the challenge."""
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
        with state.judging(Ins.MUTUAL_AUTHENTICATE):
            proven = attempt.authenticate(parsed.signature, identifier, challenge)
        if proven.authorization.terminal_type != self.terminal_type:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "the certificate is for another type of terminal",
            )
        state.terminal = proven
        return ResponseApdu()

    @step(0x80)
    def prove_chip(
        self,
        parsed: commands.GeneralAuthenticate,
        dialogue: Dialogue | None,
        state: WithCertificates,
    ) -> ResponseApdu:
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
        with state.judging(Ins.GENERAL_AUTHENTICATE):
            answer = chip.answer(parsed.value, terminal.ephemeral, self.context.random.take)
        state.forget()
        for right in self._rights(terminal.authorization, limit):
            state.security.authenticated.add(right)
            self.context.emit(SecurityStatusChanged(self.context.aid, right, holds=True))
        state.security.rests_on = frozenset({CHIP_KEY})
        state.messaging = Iso7816Session.start(answer.keys)
        return ResponseApdu(answer.encode())

    def _rights(self, chain: Authorization, limit: Authorization | None) -> Iterator[str]:
        """Yield the rights that the whole chain gives and that the application grants now."""
        authorization = chain if limit is None else chain.limited_by(limit)
        for bit, right in self.role_bits.items():
            if authorization.grants(bit) and self.grants_now(right):
                yield right

    def authorities(self) -> Iterator[Tlv]:
        """Yield the names of the newest trust anchor and of the one before (TR-03110-3, B.1)."""
        newest = sorted(self.trust.anchors(), key=lambda anchor: anchor.effective, reverse=True)
        for tag, anchor in zip((0x87, 0x88), newest, strict=False):
            yield Tlv(tag, anchor.reference)

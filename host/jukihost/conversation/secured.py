"""What sessions share in whose application systems authenticate themselves, the counter above all.

docs/card.md, sections 3 and 6: one protocol, in each application with keys of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from typing import ClassVar, Final, Self

from jukicard.apdu import Ins
from jukihost.authentication import authenticate
from jukihost.channel import SHORT_DATA, ApduChannel
from jukihost.conversation import pinfile
from jukihost.conversation.protection import Protection, under_purpose
from jukihost.conversation.refusals import ForeignCard, TerminalNotAuthenticated
from jukihost.conversation.session import AppletSession
from jukihost.errors import AuthenticationRejected, ProtocolError, StatusError
from jukihost.keys import KeyCustody
from jukihost.keys.custody import CARD_NUMBER_BYTES
from jukihost.keys.versions import versions_to_try
from jukihost.securemessaging import SecureChannel, SecureMessagingSession

CARD_NUMBER: Final = 0x5A


class ProtectedSession(AppletSession):
    """A conversation that a secure session may protect: who derives from this says what opens it.

    The secure session lasts until the conversation closes or another one takes its place.
    """

    _UNAUTHENTICATED: ClassVar[type[TerminalNotAuthenticated]] = TerminalNotAuthenticated
    """What is raised, with nothing sent, where a secure session is needed and none is alive."""

    def __init__(self, channel: ApduChannel, *, allow_suspended: bool = False) -> None:
        super().__init__(channel, allow_suspended=allow_suspended)
        self._plain = channel
        self._secure: Protection | None = None

    def open(self) -> Self:
        """Select the application. AppletNotFound, CardSuspended, CardTerminated."""
        self._forget()
        return super().open()

    def close(self) -> None:
        """End the conversation on both sides, and forget its session keys. Never fails."""
        self._forget()
        super().close()

    @property
    def authenticated(self) -> bool:
        """Whether a live secure session protects what is sent."""
        return self._secure is not None and self._secure.protects(self.channel)

    @property
    def short_data(self) -> int:
        """The most data, in bytes, of a command with short length fields as it goes now."""
        return SHORT_DATA if self._secure is None else self._secure.session.short_data

    def require_authenticated(self, ins: int) -> None:
        """TerminalNotAuthenticated, with nothing sent, unless a live secure session is there."""
        self.check_open()
        if not self.authenticated:
            raise self._UNAUTHENTICATED.before_sending(ins)

    def card_number(self) -> bytes:
        """Return the card's number, 8 bytes: it makes the card's keys its own."""
        number = self.get_data(CARD_NUMBER)
        if len(number) != CARD_NUMBER_BYTES:
            raise ProtocolError(f"the card number has {len(number)} bytes, not {CARD_NUMBER_BYTES}")
        return number

    def _begin(self) -> None:
        """Leave what was proven before."""
        self._forget()

    @contextmanager
    def _authentication(self) -> Iterator[None]:
        """Explain what the card refuses; a session in which this failed is over on both sides."""
        try:
            yield
        except StatusError as refusal:
            explained = self._not_authenticated(refusal)  # it may ask, so before the session ends
            self._forget()
            raise explained from None
        except BaseException:
            self._forget()
            raise

    def _protect(self, session: SecureMessagingSession) -> None:
        """Speak under this session from here on."""
        self._forget()
        self._secure = Protection(self._plain, session)
        self._channel = self._secure.channel

    def _forget(self) -> None:
        """Leave secure messaging: the card forgets what was proven, and so does this side."""
        if self._secure is not None:
            self._secure.session.end("the terminal left it")
            self._secure = None
        self._channel = self._unprotected()

    def _unprotected(self) -> ApduChannel:
        """Return what is spoken through without a secure session."""
        return self._plain

    def _not_authenticated(self, refusal: StatusError) -> StatusError:
        """Return what it means that the card refused an authentication."""
        return self.explain(refusal)


class SecuredSession(ProtectedSession):
    """A conversation in which the terminal can prove a purpose; secure messaging follows then.

    An authentication forgets everything proven before it, a PIN too. The secure session lasts
    until the conversation closes or authenticates again. A session for an application of one's own
    derives from this class, says its `AID`, and sends with `ask`.
    """

    def __init__(self, channel: ApduChannel, *, allow_suspended: bool = False) -> None:
        super().__init__(channel, allow_suspended=allow_suspended)
        self._purposes: frozenset[IntEnum] = frozenset()

    @property
    def purposes(self) -> frozenset[IntEnum]:
        """What the terminal is authenticated for; empty before that and after the session."""
        return self._purposes if self.authenticated else frozenset()

    def authenticate(
        self,
        purpose: IntEnum,
        custody: KeyCustody,
        *,
        version: int | None = None,
        floor: int | None = None,
    ) -> int:
        """Let card and terminal prove themselves to each other for one purpose.

        A purpose is a member of `Purpose`, or of an `IntEnum` of one's own for an application of
        one's own: its name is that of the system in the custody, its value the key's reference.
        The card's keys come from `custody`, of the master's `version` that the card was made with;
        without one the newest is tried, then older ones down to `floor` (see `versions_to_try`); in
        a private session the newest alone, since a refusal ends it.
        Return the version that the card has. UnknownKey; ReferenceNotFound when the application has
        no key for the purpose, AuthenticationRejected when the card does not take the keys
        (ForeignCard when it takes those of no version), CardNotAuthentic when the terminal does not
        take the card; HolderMovedOut, CardSuspended.
        """
        self._begin()
        newest, *older = (
            (version,)
            if version is not None
            else versions_to_try(custody, purpose.name, floor=floor)
        )
        number = self.card_number()
        try:
            return self._prove(purpose, custody, number, newest)
        except AuthenticationRejected as refusal:
            if not older or self.channel is not self._plain:
                raise
            refused = refusal
        for one in older:
            with suppress(AuthenticationRejected):
                return self._prove(purpose, custody, number, one)
        raise ForeignCard(refused.status, refused.ins)

    def _prove(self, purpose: IntEnum, custody: KeyCustody, number: bytes, version: int) -> int:
        keys = custody.derive_card_keys(purpose.name, number, self.AID, version)
        self._proven = True
        with self._authentication():
            channel = authenticate(self.channel, purpose, keys)
        self._enter(channel, {purpose})
        return version

    def _enter(self, channel: SecureChannel, purposes: Iterable[IntEnum]) -> None:
        self._protect(channel.session)
        self._purposes = frozenset(purposes)

    def _forget(self) -> None:
        self._purposes = frozenset()
        super()._forget()

    # --- the counter ---

    @under_purpose(Ins.RESET_RETRY_COUNTER)
    def _unblock(self, identifier: int, new: bytes | None = None) -> None:
        """Give the PIN in an EF its tries back, and a new value unless it is None.

        Purpose COUNTER; TerminalNotAuthenticated before anything is sent.
        """
        pinfile.reset(self, identifier, new)

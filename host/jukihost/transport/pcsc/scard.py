"""The thin typed face of pyscard's `smartcard.scard`: its error numbers become typed errors here.

pyscard is imported when PC/SC is first used, not before: it is an optional extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from jukihost.errors import (
    AnswerTimeout,
    CardBusy,
    CardMute,
    CardRemoved,
    CardReset,
    NoCard,
    NoReader,
    PcscUnavailable,
    ReaderGone,
    ServiceNotRunning,
    TransportError,
)

# PC/SC part 5, and winscard.h of pcsc-lite and Windows, which agree on all of these.
SCOPE_USER: Final = 0
SHARE_SHARED: Final = 2
PROTOCOL_T0: Final = 1
PROTOCOL_T1: Final = 2
LEAVE_CARD, RESET_CARD, UNPOWER_CARD = 0, 1, 2
STATE_UNAWARE, STATE_PRESENT = 0x0000, 0x0020
WITHOUT_POWER: Final = frozenset((0x0004, 0x000C))
"""The states of pcsc-lite for a card that is there, or held fast, and has no power.

Windows numbers its states otherwise: 4 is a card whose protocol is open, which no connected one is.
"""
TIMEOUT: Final = 0x8010000A
UNKNOWN_READER: Final = 0x80100009
NO_SERVICE: Final = 0x8010001D
SERVICE_STOPPED: Final = 0x8010001E
NO_READERS_AVAILABLE: Final = 0x8010002E

_NO_SERVICE: Final = (
    PcscUnavailable,
    "the PC/SC service pcscd is not running; start it, for "
    "example with `sudo systemctl start pcscd`",
)
_DENIED: Final = (
    PcscUnavailable,
    "this user may not use the PC/SC service; have the administrator allow it (polkit)",
)
_GONE: Final = (ReaderGone, "the reader or the PC/SC service is gone; plug it in and reconnect")
_MUTE: Final = (CardMute, "the card does not answer; turn it round, clean it, or try another one")
_CUT: Final = (CardMute, "the exchange with the card failed on the way; put it in again")
_BUSY: Final = (CardBusy, "another program holds the card for itself; close it and try again")

ERRORS: Final[Mapping[int, tuple[type[TransportError], str]]] = {
    0x80100003: _GONE,  # SCARD_E_INVALID_HANDLE, also after a restart of pcscd
    UNKNOWN_READER: (NoReader, "no reader of this name is attached; see `jukihost readers`"),
    TIMEOUT: (AnswerTimeout, "the time limit passed; try again"),
    0x8010000B: _BUSY,  # SCARD_E_SHARING_VIOLATION
    0x8010000C: (NoCard, "no card is in the reader; put one in"),
    0x8010000F: _MUTE,  # SCARD_E_PROTO_MISMATCH
    0x80100010: _GONE,  # SCARD_E_NOT_READY
    0x80100013: _CUT,  # SCARD_F_COMM_ERROR
    0x80100016: _CUT,  # SCARD_E_NOT_TRANSACTED
    0x80100017: _GONE,  # SCARD_E_READER_UNAVAILABLE
    NO_SERVICE: _NO_SERVICE,
    SERVICE_STOPPED: _NO_SERVICE,
    0x80100027: _DENIED,  # SCARD_E_NO_ACCESS
    NO_READERS_AVAILABLE: (NoReader, "no reader is attached; plug one in"),
    0x8010002F: _CUT,  # SCARD_E_COMM_DATA_LOST
    0x80100031: _BUSY,  # SCARD_E_SERVER_TOO_BUSY
    0x80100065: _MUTE,  # SCARD_W_UNSUPPORTED_CARD
    0x80100066: _MUTE,  # SCARD_W_UNRESPONSIVE_CARD
    0x80100067: (CardReset, "the card was powered off; reconnect, select and verify again"),
    0x80100068: (CardReset, "another program reset the card; reconnect, select and verify again"),
    0x80100069: (CardRemoved, "the card was pulled out; put it back and reconnect"),
    0x8010006A: _DENIED,  # SCARD_W_SECURITY_VIOLATION
}
"""What the codes of PC/SC mean here: the error, what happened, and what to do."""


class Scard(Protocol):
    """The functions of `smartcard.scard` that are used here; each result begins with its code."""

    def SCardEstablishContext(self, scope: int, /) -> tuple[int, Any]:
        """Open a context."""

    def SCardReleaseContext(self, context: Any, /) -> int:
        """Close a context."""

    def SCardListReaders(
        self,
        context: Any,
        groups: Sequence[str],
        /,
    ) -> tuple[int, Sequence[str]]:
        """Return the readers' names."""

    def SCardGetStatusChange(
        self,
        context: Any,
        timeout: int,
        states: Sequence[tuple[str, int]],
        /,
    ) -> tuple[int, Sequence[tuple[str, int, Sequence[int]]]]:
        """Return name, state and ATR of each reader; the time limit is in milliseconds."""

    def SCardConnect(
        self,
        context: Any,
        reader: str,
        share: int,
        protocols: int,
        /,
    ) -> tuple[int, Any, int]:
        """Return a card's handle and the protocol it speaks."""

    def SCardReconnect(
        self,
        card: Any,
        share: int,
        protocols: int,
        initialization: int,
        /,
    ) -> tuple[int, int]:
        """Take a card again, as it is or reset; return the protocol it speaks."""

    def SCardDisconnect(self, card: Any, disposition: int, /) -> int:
        """Let go of a card."""

    def SCardStatus(self, card: Any, /) -> tuple[int, str, int, int, Sequence[int]]:
        """Return reader, state, protocol and ATR."""

    def SCardBeginTransaction(self, card: Any, /) -> int:
        """Keep other programs away."""

    def SCardEndTransaction(self, card: Any, disposition: int, /) -> int:
        """Let other programs in again."""

    def SCARD_CTL_CODE(self, number: int, /) -> int:
        """Return the system's control code of a request."""

    def SCardControl(
        self, card: Any, code: int, data: Sequence[int], /
    ) -> tuple[int, Sequence[int]]:
        """Send a request to the reader and return its answer."""

    def SCardTransmit(
        self,
        card: Any,
        protocol: int,
        command: Sequence[int],
        /,
    ) -> tuple[int, Sequence[int]]:
        """Send a command and return the answer."""


def load_scard() -> Scard:
    """Import pyscard. PcscUnavailable says how to install it."""
    try:
        from smartcard import scard
    except ImportError as error:
        raise PcscUnavailable(
            "readers need pyscard, which is not installed; run `pip install 'jukicard[pcsc]'` "
            "(in a clone of the project '.[pcsc]')"
        ) from error
    module: Scard = scard
    return module


def code_of(result: int) -> int:
    """Return the 32-bit code of a result; pyscard gives it with or without sign."""
    return result & 0xFFFFFFFF


def expect_success(result: int, doing: str) -> None:
    """Raise the typed error for a result that is not SCARD_S_SUCCESS; `doing` names the call."""
    code = code_of(result)
    if code == 0:
        return
    kind, text = ERRORS.get(code, (TransportError, "the PC/SC service refused; reconnect"))
    raise kind(f"{text} ({doing}: {code:08X})")


def expect_service(result: int, doing: str) -> None:
    """Do what `expect_success` does for calls that begin: ServiceNotRunning where it may yet."""
    try:
        expect_success(result, doing)
    except PcscUnavailable as error:
        if code_of(result) in (NO_SERVICE, SERVICE_STOPPED):
            raise ServiceNotRunning(str(error)) from None
        raise

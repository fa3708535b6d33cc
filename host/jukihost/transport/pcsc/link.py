"""One context of PC/SC with the card in it, owned by one thread that makes all its calls.

A call that nobody waits for any more keeps its thread until PC/SC returns it; then what it holds is
closed there. Until that is done nobody else of this process begins another one with the same
reader: a hundred failures while a reader is held are one waiting thread, and none afterwards.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import Any, Final, TypeVar

from jukihost.models import Reader
from jukihost.transport.pcsc import scard as pcsc
from jukihost.transport.pcsc.features import (
    GET_FEATURE_REQUEST,
    NO_FEATURES,
    ReaderFeatures,
    look_up,
)
from jukihost.transport.pcsc.lane import Lane, new_socket, open_sockets
from jukihost.transport.pcsc.readers import look, to_bytes
from jukihost.transport.pcsc.scard import Scard, code_of, expect_service, expect_success
from jukihost.waiting import TELL_AFTER, Caller, Left

T = TypeVar("T")
Tell = Callable[[], None]

_EITHER: Final = pcsc.PROTOCOL_T0 | pcsc.PROTOCOL_T1
_TURN: Final = 1.0  # seconds to wait for another thread's context; then without a direct lane
_establishing = threading.Lock()
_leaving = threading.Lock()
_left: Final[dict[tuple[int, str], list[Left]]] = {}


class Link:
    """A context, perhaps a card in it, and the thread that they belong to.

    Every method but `close` blocks as PC/SC does and is to be given to `call`.
    """

    def __init__(self, scard: Scard) -> None:
        self.scard = scard
        self.context: Any = None
        self.card: Any = None
        self.reader = ""
        self.protocol = 0
        self.atr = b""
        self.lane: Lane | None = None
        self.features: ReaderFeatures | None = None
        """What the reader can do, once it was asked."""
        self.used = False
        """Whether a command was sent: what was not used need not forget anything."""
        self._caller = Caller("pcsc")

    @property
    def busy(self) -> bool:
        """Whether a call has not returned: nothing but `close` may be done any more."""
        return self._caller.busy or (self.lane is not None and self.lane.cut)

    def call(self, work: Callable[[], T], seconds: float, tell: Tell) -> T:
        """Have `work` done by the thread; Late, and see `Caller.call`."""
        return self._caller.call(work, seconds, tell)

    def establish(self, tell: Tell) -> None:
        """Make the context; `tell` is for the direct lane, see `Lane`. TransportError."""
        alone = _establishing.acquire(timeout=_TURN)
        try:
            before = open_sockets() if alone else None
            result, context = self.scard.SCardEstablishContext(pcsc.SCOPE_USER)
            expect_service(result, "SCardEstablishContext")
            self.context = context
            ours = new_socket(before)
            self.lane = None if ours is None else Lane(ours, tell)
        finally:
            if alone:
                _establishing.release()

    def look(self) -> tuple[Reader, ...]:
        """Return all readers as they are now. TransportError."""
        return look(self.scard, self.context)

    def connect(self, reader: str) -> None:
        """Take the card in a reader, shared with other programs. TransportError."""
        result, card, protocol = self.scard.SCardConnect(
            self.context, reader, pcsc.SHARE_SHARED, _EITHER
        )
        expect_success(result, "SCardConnect")
        self.card, self.reader, self.protocol = card, reader, protocol
        self._read_status()

    def reconnect(self, initialization: int) -> None:
        """Take the card again, as it is, or after a reset. TransportError."""
        result, protocol = self.scard.SCardReconnect(
            self.card, pcsc.SHARE_SHARED, _EITHER, initialization
        )
        expect_success(result, "SCardReconnect")
        self.protocol = protocol
        state = self._read_status()
        if initialization == pcsc.LEAVE_CARD and state in pcsc.WITHOUT_POWER:
            # Only a connect gives power by itself: a card left as it is would never answer.
            self.reconnect(pcsc.UNPOWER_CARD)

    def read_features(self) -> ReaderFeatures:
        """Return what the reader can do; it is asked once. TransportError, ProtocolError."""
        if self.features is None:
            self.features = look_up(
                partial(self._ask, NO_FEATURES), self.scard.SCARD_CTL_CODE(GET_FEATURE_REQUEST)
            )
        return self.features

    def control(self, code: int, data: bytes) -> bytes:
        """Send a request to the reader itself and return its answer. TransportError."""
        return self._ask(frozenset(), code, data)

    def _ask(self, silent: Set[int], code: int, data: bytes) -> bytes:
        """Send a request; empty when PC/SC answers one of the `silent` codes."""
        result, answer = self.scard.SCardControl(self.card, code, list(data))
        if code_of(result) in silent:
            return b""
        expect_success(result, "SCardControl")
        return to_bytes(answer)

    def begin(self) -> None:
        """Begin a transaction. TransportError."""
        expect_success(self.scard.SCardBeginTransaction(self.card), "SCardBeginTransaction")

    def end(self, disposition: int) -> None:
        """End it. Its result says nothing new: a card that is gone is held by nobody."""
        self.scard.SCardEndTransaction(self.card, disposition)

    def close(self, disposition: int, seconds: float, tell: Tell) -> None:
        """Let go of card and context within `seconds`; what takes longer is done later."""
        if self.lane is not None:
            self.lane.rest()
        if self.busy and not self.used:
            disposition = pcsc.LEAVE_CARD  # later, and there is nothing that it has to forget
        left = self._caller.end(partial(self._release, disposition))
        if left is not None:
            _leave(_key(self.scard, self.reader), left)
            _await([left], seconds, tell)

    def _release(self, disposition: int) -> None:
        cut = self.lane is not None and self.lane.cut
        if self.card is not None:
            self.scard.SCardDisconnect(self.card, disposition)
        if self.context is not None:
            self.scard.SCardReleaseContext(self.context)
        if self.lane is not None:
            self.lane.close()
        if cut and disposition == pcsc.UNPOWER_CARD:
            _take_power(self.scard, self.reader)

    def _read_status(self) -> int:
        """Note the ATR and return the card's state."""
        result, _, state, _, atr = self.scard.SCardStatus(self.card)
        expect_success(result, "SCardStatus")
        self.atr = to_bytes(atr)
        return state & 0xFFFF  # pcsc-lite counts the reader's events in the upper half


def wait_for_left(scard: Scard, reader: str, seconds: float, tell: Tell) -> bool:
    """Wait until what was left to itself with a reader is done; tell whether it is."""
    with _leaving:
        found = [left for left in _left.get(_key(scard, reader), ()) if not left.done]
    return _await(found, seconds, tell)


def _key(scard: Scard, reader: str) -> tuple[int, str]:
    return id(scard), reader  # what is still to be done keeps the module alive


def _leave(key: tuple[int, str], left: Left) -> None:
    """Remember what others are to wait for; forget what is done."""
    with _leaving:
        for known in list(_left):
            _left[known] = [one for one in _left[known] if not one.done]
            if not _left[known]:
                del _left[known]
        _left.setdefault(key, []).append(left)


def _await(found: Sequence[Left], seconds: float, tell: Tell) -> bool:
    """Wait until all of it is done, at most `seconds`; tell whether it is."""
    deadline = time.monotonic() + seconds
    told = False
    for left in found:
        if not left.wait(min(seconds, TELL_AFTER)):
            if seconds > TELL_AFTER and not told:
                told = True
                tell()
            left.wait(deadline - time.monotonic())
    return all(left.done for left in found)


def _take_power(scard: Scard, reader: str) -> None:
    """Take a card's power through a context of its own, as soon as others let it."""
    result, context = scard.SCardEstablishContext(pcsc.SCOPE_USER)
    if code_of(result):
        return
    result, card, _ = scard.SCardConnect(context, reader, pcsc.SHARE_SHARED, _EITHER)
    if not code_of(result):
        scard.SCardDisconnect(card, pcsc.UNPOWER_CARD)
    scard.SCardReleaseContext(context)


def _start_anew() -> None:
    """A forked process has no threads but one, and nothing was left to itself by it."""
    global _establishing, _leaving
    _establishing, _leaving = threading.Lock(), threading.Lock()
    _left.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)

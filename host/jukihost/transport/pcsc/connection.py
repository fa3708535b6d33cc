"""Cards in real readers, contact or contactless, through PC/SC.

The thin layer of pyscard is used, without its threads and observers. Where the reader has a pad
(PC/SC part 10), the holder may type a PIN on it, which then is never in this computer.

PC/SC waits without limit while another program holds the card. Here every call has a bound, tells
what it waits for, and ends at once when it is interrupted; see `waiting` and `lane` for how.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from functools import partial
from typing import Any, Final, TypeVar

from jukihost.errors import (
    CardHeldHere,
    CardRemovedOrMute,
    NoCard,
    NoReader,
    TransportError,
)
from jukihost.models import Reader
from jukihost.pinpad import PadEntry
from jukihost.transport.base import BaseConnection, OnWait, check_length, not_open
from jukihost.transport.pcsc import holders, scard as pcsc
from jukihost.transport.pcsc.features import ReaderFeatures
from jukihost.transport.pcsc.lane import Lane
from jukihost.transport.pcsc.link import Link, wait_for_left
from jukihost.transport.pcsc.pinstructures import fit, pin_structure
from jukihost.transport.pcsc.readers import choose, fitting_readers, to_bytes
from jukihost.transport.pcsc.scard import Scard, expect_success, load_scard
from jukihost.transport.pcsc.waits import (
    ANSWER,
    OTHERS,
    SERVICE,
    TYPING,
    awaited_after,
    late,
    service_hangs,
)
from jukihost.waiting import Late

T = TypeVar("T")

MAX_COMMAND: Final = 65_544
"""The longest command APDU in bytes."""
_SLICE: Final = 0.25  # seconds between two looks at the readers
_AT_ONCE: Final = 0.05  # seconds that closing may take after an interrupt


class AtClose(Enum):
    """What happens to the card when the connection closes."""

    POWER_OFF = pcsc.UNPOWER_CARD
    """Nobody can go on with a PIN that was verified here; other programs have to reconnect."""
    LEAVE = pcsc.LEAVE_CARD
    """Nothing: for who only looked and verified nothing."""


class PcscConnection(BaseConnection):
    """A card in a PC/SC reader, shared with other programs except within `transaction`.

    `reader` is an index of `list_readers`, a name, or a part of one; None takes the only card that
    is there. `open` waits up to `wait` seconds for service, reader and card.

    Whatever is asked of PC/SC is answered within `timeout` seconds, or the connection is of no use
    any more: CardBusyOrSilent while others may hold the card, AnswerTimeout within a transaction
    of its own. What it held is closed in the background, as soon as PC/SC returns it. `on_wait` is
    called with what is waited for, when something is (perhaps in another thread).
    """

    def __init__(
        self,
        reader: int | str | None = None,
        *,
        wait: float = 0.0,
        timeout: float = 30.0,
        at_close: AtClose = AtClose.POWER_OFF,
        on_wait: OnWait | None = None,
        scard: Scard | None = None,
    ) -> None:
        """`scard` stands for the module `smartcard.scard`, which is loaded by `open` otherwise."""
        self._wanted = reader
        self._wait = wait
        self._timeout = timeout
        self._at_close = at_close
        self._on_wait = on_wait
        self._scard = scard
        self._link: Link | None = None
        self._forgotten: weakref.finalize[..., Any] | None = None
        self._depth = 0
        self._proven = False

    @property
    def description(self) -> str:
        """The reader's name, or what was asked for while it is not open."""
        reader = "" if self._link is None else self._link.reader
        return reader or f"reader {'any' if self._wanted is None else self._wanted}"

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card. ConnectionNotOpen."""
        return self._live().atr

    def open(self) -> None:
        """Find reader and card and connect to it.

        PcscUnavailable, NoReader (none, or several that fit), NoCard, CardBusy (CardHeldHere when
        this thread holds it itself), CardMute.
        """
        if self._link is not None:
            holders.refuse_second(self._link.scard, self._link.reader, self)
        self.close()
        deadline = time.monotonic() + self._wait
        told = False
        while True:
            seconds = max(self._timeout, deadline - time.monotonic())
            over = time.monotonic() + seconds
            try:
                self._attempt(seconds)
                return
            except TransportError as error:
                left, awaited = deadline - time.monotonic(), awaited_after(error)
                useless = left <= 0 or awaited is None
                if useless or type(error) not in {NoReader, NoCard}:
                    self._shut(max(_AT_ONCE, over - time.monotonic()))
                if useless or awaited is None:
                    raise
            except BaseException:
                self._shut(_AT_ONCE)
                raise
            if not told:
                told = True
                self._tell(awaited, self._wait)
            time.sleep(min(_SLICE, left))

    def close(self) -> None:
        """Let go of the card, which is powered off unless told otherwise, see `AtClose`.

        While another program holds it that takes up to `timeout`, and then goes on by itself.
        """
        self._shut(self._timeout)

    def _close_at_once(self) -> None:
        self._shut(_AT_ONCE)

    def card_present(self) -> bool:
        """Whether a card is in the reader, open or not; nothing reaches the card.

        PcscUnavailable, NoReader where none fits.
        """
        fitting = fitting_readers(list_readers(self._scard, timeout=self._timeout), self._wanted)
        return any(reader.card_present for reader in fitting)

    def transmit(self, command: bytes) -> bytes:
        """Send one command of 2 to 65544 bytes and return the answer.

        CardReset when another program reset the card, CardRemoved, ReaderGone: see `reconnect`.
        CardMute, CardRemovedOrMute: the card failed. CardBusyOrSilent, AnswerTimeout: the
        connection is closed.
        """
        link = self._link
        if link is None or link.card is None:
            raise not_open()
        check_length(command, MAX_COMMAND)
        if self._depth == 0:
            holders.refuse_second(link.scard, link.reader, self)
        link.used = True
        sent = as_tpdu(command) if link.protocol == pcsc.PROTOCOL_T0 else command
        result, answer = self._send(link, link.lane, list(sent))
        if result:
            expect_success(result, "SCardTransmit")
        if not answer:  # what pcscd says when the card is pulled out, or fails, while it works
            raise CardRemovedOrMute(
                "the card was pulled out, or stopped without an answer; put it back and reconnect"
            )
        return to_bytes(answer)

    def features(self) -> ReaderFeatures:
        """Return what the reader can do, asked once a connection; nothing reaches the card.

        A driver that knows no features has none. TransportError, ProtocolError.
        """
        link = self._live()
        return link.features or self._call(link, link.read_features, self._what_for())

    def pin_entry(self, entry: PadEntry) -> Callable[[bytes], bytes]:
        """Return what has an entry typed on the reader's pad and sent; nothing is sent before.

        It takes the header of the card's command and returns the driver's answer, which may be no
        status. NotOffered when the reader has no pad for it; TransportError.
        """
        code, fitting = fit(entry, self.features(), self.description)
        return partial(self._have_typed, code, fitting)

    def _have_typed(self, code: int, entry: PadEntry, header: bytes) -> bytes:
        link = self._live()
        if self._depth == 0:
            holders.refuse_second(link.scard, link.reader, self)
        link.used = True
        work = partial(link.control, code, pin_structure(entry, header))
        # each entry has its time, the driver gives the reader ten seconds more
        seconds = self._timeout + 10 + entry.pad.timeout * (2 if entry.new else 1)
        return self._call(link, work, TYPING, seconds=seconds)

    def reset(self) -> bytes:
        """Reset the card (warm, for every program) and return the new ATR."""
        return self._reconnect(pcsc.RESET_CARD)

    def reconnect(self) -> bytes:
        """Go on after CardReset, CardRemoved or ReaderGone; return the ATR.

        The card keeps its power, or is given it where another program took it; nothing that was
        selected or verified may be relied on.
        """
        if self._card is not None:
            try:
                return self._reconnect(pcsc.LEAVE_CARD)
            except CardHeldHere:
                raise
            except TransportError:
                if self._card is None:  # nobody answered in time, and nobody would now
                    raise
                self.close()
        self.open()
        return self.atr

    def forget(self) -> bytes | None:
        """Take the card's power and give it again, so that it forgets what was proven to it.

        Not a warm reset: contactless cards keep verified PINs over that. Inside more than one
        transaction it waits for the end of the outermost one, and None is returned. TransportError:
        the power is taken when the transaction ends, and the connection closed.
        """
        self._proven = True
        if self._depth > 1:
            return None
        try:
            atr = self._reconnect(pcsc.UNPOWER_CARD)
        except TransportError:
            if self._depth == 0:
                self.close()
            raise
        self._proven = False
        return atr

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep other programs away from the card; waits until they let go. May be nested.

        CardReset when another program reset the card since the last command, CardBusyOrSilent.
        """
        if self._depth == 0:
            self._begin(self._live(), self._timeout)
        self._depth += 1
        try:
            yield
        finally:
            if self._depth == 1:
                self._let_in()
            self._depth -= 1

    def _let_in(self) -> None:
        """Let other programs at the card, once it has forgotten what it must."""
        if self._proven:
            with suppress(TransportError):
                self.forget()
        if self._link is not None and self._link.card is not None:
            disposition = pcsc.UNPOWER_CARD if self._proven else pcsc.LEAVE_CARD
            with suppress(TransportError):
                self._call(self._link, partial(self._link.end, disposition), ANSWER)
        holders.let_go(self)
        if self._proven:
            self.close()

    def _module(self) -> Scard:
        if self._scard is None:
            self._scard = load_scard()
        return self._scard

    @property
    def _card(self) -> Any:
        return None if self._link is None else self._link.card

    def _live(self) -> Link:
        if self._link is None or self._link.card is None:
            raise not_open()
        return self._link

    def _send(self, link: Link, lane: Lane | None, sent: list[int]) -> tuple[int, Any]:
        """Transmit, directly where that can be ended, else by the link's own thread."""
        transmit = link.scard.SCardTransmit
        if lane is not None:
            try:
                answer = lane.run(self._timeout, transmit, link.card, link.protocol, sent)
            except BaseException:
                self._leave_if_busy(link)
                raise
            if lane.cut:
                error = late(self._timeout, alone=self._depth > 0)
                self._abandon()
                raise error
            if answer is not None:
                return answer
        send = partial(transmit, link.card, link.protocol, sent)
        return self._call(link, send, self._what_for())

    def _attempt(self, seconds: float) -> None:
        """Connect to the card, if it is there; wait for others that have it, at most `seconds`."""
        hangs = partial(service_hangs, self._timeout)
        if self._link is None:
            self._await_left("", self._timeout, SERVICE)
            self._link = Link(self._module())
            # not __del__, in which an interrupt would be lost
            self._forgotten = weakref.finalize(self, _close_later, self._link)
            self._forgotten.atexit = False
            establish = partial(self._link.establish, _weakly(self))
            self._call(self._link, establish, SERVICE, otherwise=hangs)
        link = self._link
        reader = choose(self._call(link, link.look, SERVICE, otherwise=hangs), self._wanted)
        holders.refuse_second(link.scard, reader, self)
        begun = time.monotonic()
        self._await_left(reader, seconds, OTHERS)
        link.reader = reader
        left = seconds - (time.monotonic() - begun)
        held = partial(late, seconds, alone=False)
        connect = partial(link.connect, reader)
        self._call(link, connect, OTHERS, seconds=left, otherwise=held)
        if self._depth:
            self._begin(link, self._timeout)

    def _begin(self, link: Link, seconds: float) -> None:
        holders.refuse_second(link.scard, link.reader, self)
        held = partial(late, seconds, alone=False)
        self._call(link, link.begin, OTHERS, seconds=seconds, otherwise=held)
        holders.hold(link.scard, link.reader, self)

    def _reconnect(self, initialization: int) -> bytes:
        link = self._live()
        holders.refuse_second(link.scard, link.reader, self)
        self._call(link, partial(link.reconnect, initialization), self._what_for())
        return link.atr

    def _call(
        self,
        link: Link,
        work: Callable[[], T],
        what_for: str,
        *,
        seconds: float | None = None,
        otherwise: Callable[[], TransportError] | None = None,
    ) -> T:
        """Have the link's thread do it; when it does not return, the connection is dead."""
        seconds = self._timeout if seconds is None else seconds
        try:
            return link.call(work, seconds, partial(self._tell, what_for, seconds))
        except Late:
            alone = self._depth > 0
            error = late(seconds, alone=alone) if otherwise is None else otherwise()
            self._abandon()
            raise error from None
        except BaseException:
            self._leave_if_busy(link)
            raise

    def _await_left(self, reader: str, seconds: float, what_for: str) -> None:
        """Wait for what this program left to itself with a reader, before there is more of it."""
        if not wait_for_left(
            self._module(), reader, seconds, partial(self._tell, what_for, seconds)
        ):
            raise late(seconds, alone=False) if reader else service_hangs(seconds)

    def _leave_if_busy(self, link: Link) -> None:
        if link.busy and self._link is link:
            self._abandon()

    def _abandon(self) -> None:
        """Leave the connection as it is to its thread, which closes it when it can."""
        self._shut(0.0)

    def _shut(self, seconds: float) -> None:
        link, self._link = self._link, None
        if self._forgotten is not None:
            self._forgotten.detach()
        proven, self._proven = self._proven, False
        holders.let_go(self)
        if link is None:
            return
        disposition = AtClose.POWER_OFF if proven else self._at_close
        with suppress(CardHeldHere):
            holders.refuse_second(link.scard, link.reader, self)
            link.close(disposition.value, seconds, partial(self._tell, OTHERS, seconds))
            return
        link.close(disposition.value, 0.0, lambda: None)

    def _what_for(self) -> str:
        return ANSWER if self._depth else f"{ANSWER}, or {OTHERS}"


def _close_later(link: Link) -> None:
    """Close what nobody has closed: the connection that had it is no more."""
    link.close(pcsc.UNPOWER_CARD, 0.0, _nobody)


def _weakly(connection: PcscConnection) -> Callable[[], None]:
    """Return what tells of a long exchange, and does not keep the connection alive."""
    known = weakref.ref(connection)

    def tell() -> None:
        alive = known()
        if alive is not None:
            alive._tell(alive._what_for(), alive._timeout)

    return tell


def list_readers(scard: Scard | None = None, *, timeout: float = 30.0) -> tuple[Reader, ...]:
    """Return the readers that are attached, with the ATR of the card in each; perhaps none.

    PcscUnavailable without pyscard or pcscd, or when it does not answer in `timeout` seconds.
    """
    link = Link(scard or load_scard())
    seconds = timeout
    try:
        link.call(partial(link.establish, _nobody), timeout, _nobody)
        return link.call(link.look, timeout, _nobody)
    except Late:
        seconds = 0.0
        raise service_hangs(timeout) from None
    except BaseException as error:
        seconds = timeout if isinstance(error, Exception) else _AT_ONCE
        raise
    finally:
        link.close(pcsc.LEAVE_CARD, seconds, _nobody)


def _nobody() -> None:
    """Tell nobody."""


def as_tpdu(command: bytes) -> bytes:
    """Return a short command as T=0 carries it: P3 always there, no Le behind data.

    ISO/IEC 7816-3:2006, 12.2.2 and 12.2.5. What a card then has to say beyond 9000 it announces
    with 61XX. Extended commands pass as they are: whether they can be carried is the reader's
    matter.
    """
    if len(command) == 4:
        return command + b"\0"
    if len(command) > 6 and command[4] and len(command) == 6 + command[4]:
        return command[:-1]
    return command

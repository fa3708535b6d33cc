"""Cards in real readers, contact or contactless, through PC/SC.

The thin layer of pyscard is used, without its threads and observers. PIN pads (PC/SC part 10) are
not used: a PIN is typed on the terminal's keyboard.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Final

from jukihost.errors import CardRemoved, NoCard, NoReader, ProtocolError, TransportError
from jukihost.models import Reader
from jukihost.transport import scard as pcsc
from jukihost.transport.base import BaseConnection, check_length, not_open
from jukihost.transport.scard import Scard, code_of, expect_success, load_scard

MAX_COMMAND: Final = 65_544
"""The longest command APDU in bytes."""
_EITHER: Final = pcsc.PROTOCOL_T0 | pcsc.PROTOCOL_T1
_SLICE: Final = 0.25  # seconds between two looks at the readers; an interrupt is seen this soon


class AtClose(Enum):
    """What happens to the card when the connection closes."""

    POWER_OFF = pcsc.UNPOWER_CARD
    """Nobody can go on with a PIN that was verified here; other programs have to reconnect."""
    LEAVE = pcsc.LEAVE_CARD
    """Nothing: for who only looked and verified nothing."""


class PcscConnection(BaseConnection):
    """A card in a PC/SC reader, shared with other programs except within `transaction`.

    `reader` is an index of `list_readers`, a name, or a part of one; None takes the only card that
    is there. `open` waits up to `wait` seconds for reader and card, and calls `on_wait` once, with
    what it waits for, when it has to.
    """

    def __init__(
        self,
        reader: int | str | None = None,
        *,
        wait: float = 0.0,
        at_close: AtClose = AtClose.POWER_OFF,
        on_wait: Callable[[str], None] | None = None,
        scard: Scard | None = None,
    ) -> None:
        """`scard` stands for the module `smartcard.scard`, which is loaded by `open` otherwise."""
        self._wanted = reader
        self._wait = wait
        self._at_close = at_close
        self._on_wait = on_wait
        self._scard = scard
        self._context: Any = None
        self._card: Any = None
        self._reader = ""
        self._protocol = 0
        self._atr = b""
        self._depth = 0
        self._proven = False

    @property
    def description(self) -> str:
        """The reader's name, or what was asked for while it is not open."""
        return self._reader or f"reader {'any' if self._wanted is None else self._wanted}"

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card. ConnectionNotOpen."""
        self._live()
        return self._atr

    def open(self) -> None:
        """Find reader and card and connect to it.

        PcscUnavailable, NoReader (none, or several that fit), NoCard, CardBusy, CardMute.
        """
        self.close()
        scard = self._module()
        result, self._context = scard.SCardEstablishContext(pcsc.SCOPE_USER)
        if code_of(result):
            self._context = None
        expect_success(result, "SCardEstablishContext")
        try:
            self._connect(scard, self._find(scard))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the card, which is powered off unless told otherwise, see `AtClose`."""
        card, self._card = self._card, None
        context, self._context = self._context, None
        proven, self._proven = self._proven, False
        self._reader, self._atr = "", b""
        if card is not None:
            at_close = AtClose.POWER_OFF if proven else self._at_close
            self._module().SCardDisconnect(card, at_close.value)
        if context is not None:
            self._module().SCardReleaseContext(context)

    def transmit(self, command: bytes) -> bytes:
        """Send one command of 2 to 65544 bytes and return the answer.

        CardReset when another program reset the card, CardRemoved, ReaderGone: see `reconnect`.
        """
        card = self._live()
        check_length(command, MAX_COMMAND)
        sent = as_tpdu(command) if self._protocol == pcsc.PROTOCOL_T0 else command
        result, answer = self._module().SCardTransmit(card, self._protocol, list(sent))
        expect_success(result, "SCardTransmit")
        if not answer:  # what pcscd says when the card is pulled out while it works
            raise CardRemoved("the card was pulled out; put it back and reconnect")
        return _to_bytes(answer)

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
            except TransportError:
                self.close()
        self.open()
        return self._atr

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

        CardReset when another program reset the card since the last command.
        """
        if self._depth == 0:
            self._begin()
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
        if self._card is not None:
            # Its result says nothing new: a card that is gone is held by nobody.
            self._module().SCardEndTransaction(
                self._card, pcsc.UNPOWER_CARD if self._proven else pcsc.LEAVE_CARD
            )
        if self._proven:
            self.close()

    def _module(self) -> Scard:
        if self._scard is None:
            self._scard = load_scard()
        return self._scard

    def _live(self) -> Any:
        if self._card is None:
            raise not_open()
        return self._card

    def _begin(self) -> None:
        expect_success(self._module().SCardBeginTransaction(self._live()), "SCardBeginTransaction")

    def _connect(self, scard: Scard, reader: str) -> None:
        result, card, protocol = scard.SCardConnect(
            self._context, reader, pcsc.SHARE_SHARED, _EITHER
        )
        expect_success(result, "SCardConnect")
        self._card, self._reader, self._protocol = card, reader, protocol
        self._read_status(scard)
        if self._depth:
            self._begin()

    def _reconnect(self, initialization: int) -> bytes:
        scard = self._module()
        result, protocol = scard.SCardReconnect(
            self._live(), pcsc.SHARE_SHARED, _EITHER, initialization
        )
        expect_success(result, "SCardReconnect")
        self._protocol = protocol
        state = self._read_status(scard)
        if initialization == pcsc.LEAVE_CARD and state in pcsc.WITHOUT_POWER:
            # Only a connect gives power by itself: a card left as it is would never answer.
            return self._reconnect(pcsc.UNPOWER_CARD)
        return self._atr

    def _read_status(self, scard: Scard) -> int:
        """Note the ATR and return the card's state."""
        result, _, state, _, atr = scard.SCardStatus(self._card)
        expect_success(result, "SCardStatus")
        self._atr = _to_bytes(atr)
        return state & 0xFFFF  # pcsc-lite counts the reader's events in the upper half

    def _find(self, scard: Scard) -> str:
        """Return the name of the one reader with a card to take, waiting for it if allowed."""
        deadline = time.monotonic() + self._wait
        told = False
        while True:
            present = _look(scard, self._context)
            try:
                return _choose(present, self._wanted)
            except (NoCard, NoReader) as missing:
                left = deadline - time.monotonic()
                if left <= 0 or isinstance(missing, AmbiguousReader):
                    raise
                if self._on_wait is not None and not told:
                    self._on_wait("a reader" if isinstance(missing, NoReader) else "a card")
                    told = True
            time.sleep(min(_SLICE, left))


class AmbiguousReader(NoReader):
    """More than one reader fits; waiting would not help."""


def list_readers(scard: Scard | None = None) -> tuple[Reader, ...]:
    """Return the readers that are attached, with the ATR of the card in each; perhaps none.

    PcscUnavailable without pyscard or pcscd.
    """
    module = scard or load_scard()
    result, context = module.SCardEstablishContext(pcsc.SCOPE_USER)
    expect_success(result, "SCardEstablishContext")
    try:
        return _look(module, context)
    finally:
        module.SCardReleaseContext(context)


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


def _look(scard: Scard, context: Any) -> tuple[Reader, ...]:
    """Return all readers as they are now."""
    result, names = scard.SCardListReaders(context, [])
    if code_of(result) == pcsc.NO_READERS_AVAILABLE or (not code_of(result) and not names):
        return ()
    expect_success(result, "SCardListReaders")
    result, states = scard.SCardGetStatusChange(
        context, 0, [(name, pcsc.STATE_UNAWARE) for name in names]
    )
    if code_of(result) == pcsc.UNKNOWN_READER:  # unplugged between the two calls
        return ()
    expect_success(result, "SCardGetStatusChange")
    return tuple(
        _reader(index, name, state, atr) for index, (name, state, atr) in enumerate(states)
    )


def _reader(index: int, name: str, state: int, atr: Sequence[int]) -> Reader:
    present = bool(state & pcsc.STATE_PRESENT)
    return Reader(index, name, present, _to_bytes(atr) if present and atr else None)


def _choose(readers: Sequence[Reader], wanted: int | str | None) -> str:
    """Return the name of the one reader to use. NoReader, AmbiguousReader, NoCard."""
    fitting = _fitting(readers, wanted)
    if not fitting:
        raise NoReader(
            "no reader is attached; plug one in"
            if not readers
            else f"no reader fits {wanted!r}; attached: {_names(readers)}"
        )
    if wanted is not None and len(fitting) > 1:
        raise AmbiguousReader(
            f"{wanted!r} fits several readers, name one exactly: {_names(fitting)}"
        )
    with_card = [reader for reader in fitting if reader.card_present]
    if not with_card:
        raise NoCard(f"no card is in {_names(fitting)}; put one in")
    if len(with_card) > 1:
        raise AmbiguousReader(
            f"cards are in several readers, name the one to use: {_names(with_card)}"
        )
    return with_card[0].name


def _fitting(readers: Sequence[Reader], wanted: int | str | None) -> list[Reader]:
    """Readers by index, by exact name, or by a part of the name in either case of letters."""
    if wanted is None:
        return list(readers)
    if isinstance(wanted, int):
        return [reader for reader in readers if reader.index == wanted]
    exact = [reader for reader in readers if reader.name == wanted]
    part = wanted.casefold()
    return exact or [reader for reader in readers if part and part in reader.name.casefold()]


def _names(readers: Sequence[Reader]) -> str:
    return ", ".join(f"{reader.index}: {reader.name}" for reader in readers)


def _to_bytes(values: Sequence[int]) -> bytes:
    try:
        return bytes(values)
    except ValueError:
        raise ProtocolError("the PC/SC service returned what are no bytes") from None

"""A kiosk: the holder types the PIN and is shown the resident record code.

Written from the manual alone, as a town's supplier would.
"""

from __future__ import annotations

from collections.abc import Callable

from jukihost import (
    ApduChannel,
    BaseConnection,
    CardError,
    CardSuspended,
    CardTerminated,
    CommandApdu,
    HolderMovedOut,
    Ins,
    JukiSession,
    NoCard,
    PinBlocked,
    PinFormatError,
    PinNotVerified,
    PinRejected,
    PublishedKeys,
    Purpose,
    TerminalNotAuthenticated,
    Tlv,
    build_channel,
)

WELCOME = "enter your PIN"
THANKS = "thank you"
WRONG = "wrong PIN, tries left: {}"
FORM = "a PIN is four digits"
BLOCKED = "the PIN is blocked: go to the counter"
OUT_OF_USE = "the card is out of use: go to the counter"
NO_CARD = "put your card in"
PIN_FIRST = "enter your PIN first"
NOT_SERVED = "the counter serves you"
FAILED = "it did not work: take the card out and put it in again"


class Kiosk:
    """What stands in the hall; each method returns what the screen shows, as `said` does."""

    def __init__(self, connection: BaseConnection) -> None:
        self.said = NO_CARD
        self._connection = connection
        self._channel: ApduChannel | None = None
        self._juki: JukiSession | None = None

    def put_in(self) -> str:
        """A card was put in."""
        self._close()
        try:
            self._connection.reconnect()
            self._channel = build_channel(self._connection)
            self._juki = JukiSession(self._channel).open()
        except (CardSuspended, CardTerminated):
            return self._close(OUT_OF_USE)
        except CardError:
            return self._close(FAILED)
        return self._show(WELCOME)

    def enter_pin(self, typed: str) -> str:
        """The holder has typed a PIN."""
        return self._do(lambda juki: self._verify(juki, typed))

    def show_code(self) -> str:
        """The holder wants to see the resident record code."""
        return self._do(lambda juki: juki.read_code().reveal())

    def card_number(self) -> str:
        """The number of the card, for the receipt."""
        return self._do(lambda _: self._number())

    def finish(self) -> str:
        """The holder is done; the card may stay in."""
        return self.put_in()

    def take_out(self) -> str:
        """The card was taken out."""
        return self._close(NO_CARD)

    def _verify(self, juki: JukiSession, typed: str) -> str:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
        juki.verify_pin(typed)
        return THANKS

    def _number(self) -> str:
        assert self._channel is not None
        answer = self._channel.transmit(CommandApdu(0x00, Ins.GET_DATA, 0x00, 0x5A, ne=256))
        return Tlv.parse(answer.data).value.hex().upper()

    def _do(self, work: Callable[[JukiSession], str]) -> str:
        if self._juki is None:
            return self.said if self.said in (OUT_OF_USE, FAILED) else self._show(NO_CARD)
        try:
            return self._show(work(self._juki))
        except PinFormatError:
            return self._show(FORM)
        except PinRejected as refusal:
            return self._show(WRONG.format(refusal.retries_left))
        except PinBlocked:
            return self._show(BLOCKED)
        except (PinNotVerified, TerminalNotAuthenticated):
            return self._show(PIN_FIRST)
        except HolderMovedOut:
            return self._show(NOT_SERVED)
        except NoCard:
            return self._close(NO_CARD)
        except CardError:
            return self._close(FAILED)

    def _close(self, said: str = NO_CARD) -> str:
        if self._juki is not None:
            self._juki.close()
        self._juki = self._channel = None
        return self._show(said)

    def _show(self, said: str) -> str:
        self.said = said
        return said

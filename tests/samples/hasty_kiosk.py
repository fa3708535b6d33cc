"""The kiosk as somebody in a hurry would write it: eight bugs, planted, each under its name."""

from __future__ import annotations

from jukihost import (
    BaseConnection,
    CardError,
    JukiSession,
    PinBlocked,
    PinRejected,
    PublishedKeys,
    Purpose,
    SecureMessagingError,
    build_channel,
)
from tests.samples.kiosk import FAILED, THANKS, WELCOME, WRONG, Kiosk


class HastyKiosk(Kiosk):
    """Does what the kiosk does, as long as nothing happens."""

    def __init__(self, connection: BaseConnection) -> None:
        super().__init__(connection)
        self._code = ""

    def put_in(self) -> str:
        self._connection.reconnect()
        self._channel = build_channel(self._connection)
        self._juki = JukiSession(self._channel, allow_suspended=True).open()
        # no answer to suspension: it is not looked at
        return self._show(WELCOME)

    def enter_pin(self, typed: str) -> str:
        assert self._juki is not None
        said = FAILED
        for _ in range(3):  # retry loop that blocks the card: it might be the reader
            try:
                # PIN sent before authentication: in plain
                self._juki.verify_pin(typed)
                self._juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
                self._juki.verify_pin(typed)
                return self._show(THANKS)
            except SecureMessagingError:
                return self._show(THANKS)  # MAC not checked: the status was good
            except (PinRejected, PinBlocked):
                said = WRONG.format(0)  # 63C0 taken for a wrong PIN
            except CardError:
                pass
        return self._show(said)

    def show_code(self) -> str:
        if not self._code:  # code cached after removal
            self._code = super().show_code()
        return self._show(self._code)

    def card_number(self) -> str:
        # wrong Le handling: a number has eight bytes, and 6CXX is not looked at
        answer = self._connection.transmit(bytes.fromhex("00CA005A08"))
        return self._show(answer[2:-2].hex().upper())

    def finish(self) -> str:
        return self._show(WELCOME)  # session leaked to the next holder: it stays open

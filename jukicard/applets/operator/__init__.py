"""The operator application: who works at a terminal, a password, and a key that signs a log-in."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.applets.names import OPERATOR as AID
from jukicard.applets.operator.commands import day_of, encode_day, parse_day
from jukicard.applets.operator.files import (
    ADMIN,
    CARD_RULES,
    CARD_STATE,
    DATE,
    LAST_DAY,
    PASSWORD,
    TREE,
)
from jukicard.errors import IsoError
from jukicard.filesystem.commands import parse_get_data, parse_put_data
from jukicard.filesystem.files import EfNode
from jukicard.filesystem.operations import data
from jukicard.kit.commands import ChangeReferenceData, parse_reset_retry_counter
from jukicard.kit.features.files import Files
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.pins import Pins
from jukicard.kit.features.signing import Signing
from jukicard.kit.pin import PinFile

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

__all__ = ["AID", "PASSWORD_DAYS", "OperatorApplet"]

PASSWORD_DAYS: Final = 90
"""How many days a password is valid, from the card's date on the day it is set."""


class OperatorApplet(
    Files[KeyState],
    Pins[KeyState],
    Keys[KeyState],
    LifeCycle[KeyState],
    Signing[KeyState],
):
    """Identity, password and key of an operator; docs/card.md says who may read and change what.

    The card has no clock. Its date is the newest day that a proven terminal has told it; a password
    that is over by that date can be verified and changed, and nothing is signed after it.
    """

    type_name = "operator"
    tree = TREE
    card_rules = CARD_RULES

    def prepare(self, order: Order) -> None:
        """Write the day it is made as the card's date, too."""
        super().personalise(order)
        self.set_date(order.issued)

    def personalise(self, order: Order) -> None:
        """Write identity, key pair, certificates and password, too."""
        from jukicard.applets.operator.personalisation import personalise

        self.prepare(order)
        personalise(self, order)

    @property
    def date(self) -> datetime.date:
        """The card's date."""
        return self._day(DATE)

    @property
    def last_day(self) -> datetime.date:
        """The last day of the password."""
        return self._day(LAST_DAY)

    def _day(self, tag: int) -> datetime.date:
        return day_of(self.files.data_object(TREE.root, tag) or b"") or datetime.date.min

    def set_date(self, day: datetime.date) -> None:
        """Set the card's date."""
        self.files.put_data_object(TREE.root, DATE, encode_day(day))

    def renew_password(self) -> None:
        """Let the password be valid from the card's date on."""
        days = min(PASSWORD_DAYS, (datetime.date.max - self.date).days)
        last = self.date + datetime.timedelta(days)
        self.files.put_data_object(TREE.root, LAST_DAY, encode_day(last))

    def get_data(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
        """GET DATA: card number and state; in a session the card's date, and the password's end."""
        parsed = parse_get_data(command)
        if parsed.tags == (CARD_STATE,) and not parsed.tagged:
            lifecycle = bytes((self.context.card_state.byte,))
            return ResponseApdu(Tlv(CARD_STATE, lifecycle).encode())
        return ResponseApdu(data.get_data(self.files, state, parsed))

    def put_data(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
        """PUT DATA: a terminal tells the card what day it is; only ADMIN takes it back (6985)."""
        parsed = parse_put_data(command)
        day, before = parse_day(parsed), self.date
        data.put_data(self.files, state, parsed)
        if day < before and ADMIN not in state.security.authenticated:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"PUT DATA of {DATE:X}: the card has seen a later day; only ADMIN takes it back",
            )
        return ResponseApdu()

    def change_pin(self, parsed: ChangeReferenceData, state: KeyState, name: str) -> ResponseApdu:
        """Set a new password, which is valid from the card's date on."""
        answer = super().change_pin(parsed, state, name)
        self.renew_password()
        return answer

    def reset_retry_counter(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
        """RESET RETRY COUNTER: a new value is valid from the card's date on, the old one is not."""
        answer = super().reset_retry_counter(command, state)
        if parse_reset_retry_counter(command).with_new:
            self.renew_password()
        return answer

    def store(self, file: int, value: bytes) -> None:
        """Write contents as the issuer asks; a password is valid from the card's date on."""
        super().store(file, value)
        if file == PASSWORD:
            self.renew_password()

    def unblock(self, file: int) -> None:
        """Give a key all its tries again, for the issuer; 6985 for the password, ADMIN's alone."""
        if file == PASSWORD:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "RESET RETRY COUNTER: only ADMIN unlocks an operator's password",
            )
        super().unblock(file)

    def compute_signature(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
        """COMPUTE DIGITAL SIGNATURE: 6985 for whose password is over, who is told no other way."""
        if PASSWORD in state.security.verified and self.date > self.last_day:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "COMPUTE DIGITAL SIGNATURE: the password is over; change it first",
            )
        return super().compute_signature(command, state)

    def describe_pin(self, ef: EfNode, spec: PinFile) -> str:
        """Say how long the password is valid, too."""
        said = super().describe_pin(ef, spec)
        if self.files.value(ef) is None:
            return f"{said}, never set; the card's date is {self.date}"
        return f"{said}, valid until {self.last_day}, the card's date is {self.date}"

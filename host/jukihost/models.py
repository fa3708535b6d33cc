"""What the sessions hand out: typed, frozen results, with nothing personal in their repr."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum

from jukicard.apdu import Aid


class Awaited(str):
    """What is waited for, in words for people ("a card"), and for how many seconds at most."""

    seconds: float

    def __new__(cls, what: str, seconds: float) -> Awaited:
        """Take the words and the seconds."""
        awaited = super().__new__(cls, what)
        awaited.seconds = seconds
        return awaited


@dataclass(frozen=True, slots=True)
class Reader:
    """A PC/SC reader: its place in the list, its name, and the card in it (`atr`, else None)."""

    index: int
    name: str
    card_present: bool
    atr: bytes | None


class ApplicationState(Enum):
    """What an application answers when it is selected."""

    PRESENT = "present"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    ABSENT = "absent"
    FAILING = "failing"
    """The card says neither that it has the application nor that it has not."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application this library knows, and whether the card has it."""

    name: str
    title: str
    aid: Aid
    state: ApplicationState


class CardForm(Enum):
    """The face of a Juki card (様式第一, 様式第二)."""

    NAME_ONLY = 1
    WITH_PHOTO = 2


@dataclass(frozen=True, slots=True)
class CardInfo:
    """EF 0003 of the Juki application: about the card, not about its holder.

    `municipality` is the five-digit code of JIS X 0401 and JIS X 0402.
    """

    municipality: str
    form: CardForm
    issued: date
    expires: date

    def expired(self, today: date) -> bool:
        """Tell whether the card's last day has passed."""
        return today > self.expires


class Sex(Enum):
    """The sex in an official record (JIS X 0303)."""

    MALE = 1
    FEMALE = 2
    NOT_APPLICABLE = 9


class Purpose(IntEnum):
    """The systems that may use the Juki application, by the number of their key in it."""

    RESIDENT_IDENTIFICATION = 1
    """Confirming who the holder is (本人確認)."""
    WIDE_AREA_ISSUANCE = 2
    """A copy of the resident record in any municipality (広域交付)."""
    MOVE_IN = 3
    """The special notification of moving in (転入届の特例)."""
    COUNTER = 4
    """The issuing counter: PINs, contents, life cycle."""
    SUSPEND = 5
    """Suspension of a card reported lost (一時停止)."""


class OperatorPurpose(IntEnum):
    """The systems that may use an operator card, by the number of their key in it."""

    OPERATOR_LOGIN = 6
    """A terminal at which operators log in."""
    ADMIN = 7
    """Who unlocks operator cards; no ward's terminal is."""


class CardState(Enum):
    """The life cycle of the Juki application, as the card states it."""

    ACTIVE = 0x05
    SUSPENDED = 0x04
    TERMINATED = 0x0C


class Residence(Enum):
    """Whether the holder still lives where the card belongs."""

    RESIDENT = 0x00
    MOVED_OUT = 0x01


class ResidentCode:
    """A resident record code (住民票コード): 11 digits, the last one a check digit.

    The digits show only through `reveal`, never in repr, str or an error.
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        """Check and keep the digits; ValueError when they are no resident record code."""
        if not (len(digits) == 11 and digits.isascii() and digits.isdigit()):
            raise ValueError("a resident record code has 11 digits")
        if check_digit(digits[:10]) != int(digits[10]):
            raise ValueError("the check digit of the resident record code is wrong")
        self._digits = digits

    def reveal(self) -> str:
        """Return the 11 digits: only for who has the right to see them."""
        return self._digits

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResidentCode):
            return NotImplemented
        return hmac.compare_digest(self._digits, other._digits)

    def __hash__(self) -> int:
        return hash(self._digits)

    def __repr__(self) -> str:
        return "<ResidentCode ***********>"


def check_digit(body: str) -> int:
    """Return the check digit of the first ten digits of a resident record code.

    Ministerial notice 436 of 2002 (総務省告示第436号): weights 2 to 7 and again 2 to 5 from the
    right, modulo 11. ValueError when `body` is not ten digits.
    """
    if not (len(body) == 10 and body.isascii() and body.isdigit()):
        raise ValueError("the body of a resident record code has ten digits")
    weights = (2, 3, 4, 5, 6, 7, 2, 3, 4, 5)
    total = sum(int(digit) * weight for digit, weight in zip(reversed(body), weights, strict=True))
    rest = total % 11
    return 0 if rest <= 1 else 11 - rest

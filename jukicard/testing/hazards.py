"""What happens to cards: pulled, mute, late, damaged, disturbed by others; each of it one line.

    >>> from jukicard import LocalReader, issue_card
    >>> from jukicard.testing import HazardousCard, Pulled
    >>> reader = LocalReader(HazardousCard(issue_card(seed=1), Pulled(at=3)))  # at exchange 3

A hazard is a value: it says what happens and when, keeps nothing, and is compared and printed as a
dataclass. What it does it does on the card's own side, so that a terminal meets it over every
connection, as the error that PC/SC would make of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.cla import ClassByte
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.environment import SeededRandom
from jukicard.transport import CardFault, CardInUse, CardNotPresent, CardPort, CardWasReset

LONGEST_DELAY: Final = 60.0
"""The longest that a card is late, in seconds."""
_MAC_OBJECT: Final = b"\x8e\x08"
_MAC_END: Final = 12
"""DO 8E with its eight bytes, and the status behind it, end a protected answer."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """What may happen to a card, and when: the common type of all, which by itself does nothing.

    at: the number of the exchange it happens at, from 1, counted from where the hazard was set and
        among those that `ins` and `mid_chain` leave. ValueError below 1.
    ins: count commands with this instruction only.
    mid_chain: count the links of command chains only, all but the last (class byte bit 5).
    """

    at: int = 1
    _: KW_ONLY
    ins: int | None = None
    mid_chain: bool = False

    lasts: ClassVar[bool] = False
    """Whether an error that it raised is raised again at every exchange, until the card starts."""

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        if self.at < 1:
            raise ValueError(f"the first exchange is number 1, there is none with number {self.at}")
        if self.repeats is not None and self.repeats < 1:
            raise ValueError("times is 1 or more, or None for: until the card is reset")

    @property
    def repeats(self) -> int | None:
        """At how many exchanges in a row it happens; None: until the card is reset."""
        return 1

    def counts(self, command: bytes) -> bool:
        """Tell whether a command is one of those that are counted."""
        if self.ins is not None and command[1:2] != bytes((self.ins,)):
            return False
        return not self.mid_chain or (bool(command) and ClassByte(command[0]).chained)

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Have it happen to one exchange: return the answer the terminal gets, or raise."""
        return card.transmit(command)


@dataclass(frozen=True, slots=True)
class Pulled(Hazard):
    """The card is pulled out, and stays out until `HazardousCard.put_back`.

    done: the card has executed the command; only its answer does not arrive.
    """

    done: bool = field(default=False, kw_only=True)
    lasts = True

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Take the card's power and say that there is no card."""
        if self.done:
            card.transmit(command)
        card.power_off()
        raise CardNotPresent("the card was pulled out")


@dataclass(frozen=True, slots=True)
class Mute(Hazard):
    """The card gives no answer, to this command and all later ones, until it is started again.

    done: the card has executed the command; only its answer does not arrive.
    """

    done: bool = field(default=False, kw_only=True)
    lasts = True

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Say that no answer came."""
        if self.done:
            card.transmit(command)
        raise CardFault("the card does not answer")


@dataclass(frozen=True, slots=True)
class Delayed(Hazard):
    """The answer comes late: by `seconds`, at most 60 (ValueError).

    A connection that waits for less has given up by then; one in the same process waits for all.
    """

    seconds: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        if not 0 <= self.seconds <= LONGEST_DELAY:
            raise ValueError(f"a card is late by 0 to {LONGEST_DELAY:.0f} seconds")

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Answer late."""
        time.sleep(self.seconds)
        return card.transmit(command)


@dataclass(frozen=True, slots=True)
class MoreTime(Hazard):
    """The card asks the reader for more time, `requests` times, and then answers.

    On a line (`T0Card`, `T1Card`, a card in a field, given `HazardousCard.waits` as their `wait`)
    these are NULL bytes or S(WTX) blocks. A terminal sees that the answer takes `seconds` longer,
    at most 60 (ValueError).
    """

    requests: int = field(default=1, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        if self.requests < 1:
            raise ValueError("a card asks for more time once or more often")
        if not 0 <= self.seconds <= LONGEST_DELAY:
            raise ValueError(f"a card takes 0 to {LONGEST_DELAY:.0f} seconds longer")

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Take the time, then answer."""
        time.sleep(self.seconds)
        return card.transmit(command)


@dataclass(frozen=True, slots=True)
class StatusInstead(Hazard):
    """The card answers this status word, plain and without data, instead of its own answer.

    status: the status word, 0000 to FFFF; 6F00 unless told.
    times: at how many exchanges in a row, None: until the card is reset.
    done: the card has executed the command all the same.
    """

    status: int = field(default=0x6F00, kw_only=True)
    times: int | None = field(default=1, kw_only=True)
    done: bool = field(default=False, kw_only=True)

    @property
    def repeats(self) -> int | None:
        """At how many exchanges in a row; None: until the card is reset."""
        return self.times

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        StatusWord(self.status)

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Answer with the status alone."""
        if self.done:
            card.transmit(command)
        return self.status.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class OnProtected(Hazard):
    """A hazard to protected answers: commands under secure messaging are counted only.

    That of ISO/IEC 7816-4, whose MAC is an object of its own: an answer of SCP03 does not show
    whether it has one, and passes as it is.
    """

    def counts(self, command: bytes) -> bool:
        """Tell whether a command is protected, and one of those that are counted."""
        secure = bool(command) and ClassByte(command[0]).secure
        return secure and Hazard.counts(self, command)

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Change the MAC of the answer, where it has one."""
        answer = card.transmit(command)
        at = len(answer) - _MAC_END
        return self.changed(answer, at) if answer[at : at + 2] == _MAC_OBJECT else answer

    def changed(self, answer: bytes, at: int) -> bytes:
        """Return the answer with another MAC; its data object begins at `at`."""
        return answer


@dataclass(frozen=True, slots=True)
class CorruptedMac(OnProtected):
    """One bit of the answer's MAC arrives wrong: `bit`, 0 to 63, counted from its end."""

    bit: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        if not 0 <= self.bit < 64:
            raise ValueError("a MAC has the bits 0 to 63")

    def changed(self, answer: bytes, at: int) -> bytes:
        """Return the answer with that bit turned."""
        mac = int.from_bytes(answer[at + 2 : -2], "big") ^ 1 << self.bit
        return answer[: at + 2] + mac.to_bytes(8, "big") + answer[-2:]


@dataclass(frozen=True, slots=True)
class StrippedMac(OnProtected):
    """The MAC is gone from a protected answer; all else is there."""

    def changed(self, answer: bytes, at: int) -> bytes:
        """Return the answer without its data object 8E."""
        return answer[:at] + answer[-2:]


@dataclass(frozen=True, slots=True)
class Truncated(Hazard):
    """Only the first `keep` bytes of the answer arrive; 1 unless told, so that not even a status
    does.
    """

    keep: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        if self.keep < 0:
            raise ValueError("keep is a number of bytes, 0 or more")

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Answer in part."""
        return card.transmit(command)[: self.keep]


@dataclass(frozen=True, slots=True)
class ResetByOther(Hazard):
    """Another program resets the card before the command; nothing gets through until one's own."""

    lasts = True

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Reset the card and say so."""
        card.reset()
        raise CardWasReset("another program has reset the card")


@dataclass(frozen=True, slots=True)
class SelectedByOther(Hazard):
    """Another program selects an application before the command, and nobody is told.

    name: its AID, 5 to 16 bytes; the signature application unless told.
    """

    name: bytes = field(default=bytes.fromhex("D392F000260100000001"), kw_only=True)

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        Aid(self.name)

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Select it on the basic channel, then pass the command on."""
        card.transmit(CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, self.name).encode())
        return card.transmit(command)


@dataclass(frozen=True, slots=True)
class InUse(Hazard):
    """Another program holds the card for itself (a sharing violation); nothing reaches the card.

    times: for how many exchanges in a row, None: until the card is reset.
    """

    times: int | None = field(default=1, kw_only=True)

    @property
    def repeats(self) -> int | None:
        """At how many exchanges in a row; None: until the card is reset."""
        return self.times

    def meet(self, command: bytes, card: CardPort) -> bytes:
        """Say that another has the card."""
        raise CardInUse("another program has the card")


@dataclass(frozen=True, slots=True)
class PowerCut(Hazard):
    """The power goes at a write to the card's memory: the `at`-th from where the hazard was set.

    landed: this write has just landed; otherwise it has just not. `ins` and `mid_chain` mean
    nothing here (ValueError).
    """

    landed: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """ValueError for what cannot happen."""
        Hazard.__post_init__(self)
        if self.ins is not None or self.mid_chain:
            raise ValueError("a power cut counts writes, not commands: leave ins and mid_chain out")

    def counts(self, command: bytes) -> bool:
        """No command counts: the memory does the counting."""
        return False


HAZARDS: Final[tuple[Callable[..., Hazard], ...]] = (
    Pulled,
    Mute,
    Delayed,
    MoreTime,
    StatusInstead,
    CorruptedMac,
    StrippedMac,
    Truncated,
    ResetByOther,
    SelectedByOther,
    InUse,
    PowerCut,
)
"""Every kind of hazard."""


def draw_hazards(seed: int | str | bytes, count: int = 1, *, latest: int = 20) -> list[Hazard]:
    """Return `count` hazards of a seed, at exchange or write 1 to `latest`; late ones left out."""
    random = SeededRandom(seed)
    kinds = [kind for kind in HAZARDS if kind is not Delayed]

    def below(limit: int) -> int:
        return int.from_bytes(random.take(8), "big") % limit

    return [kinds[below(len(kinds))](at=1 + below(latest)) for _ in range(count)]

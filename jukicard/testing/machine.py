"""A machine for hypothesis that drives a terminal of yours against cards, and a model of both.

    class Kiosk(machine.Driver):
        def start(self, reader): self.app = MyKiosk(reader)
        def put_in(self): return told(self.app.card_in())
        ...

    TestKiosk = machine.machine_for(Kiosk)

Cards of two people come and go in every state, PINs right and wrong are typed, cards are pulled and
disturbed. What the terminal says must be what the model says, and whatever happens: no PIN leaves
it twice or in plain, no try is used that nobody typed, nobody is shown another's code. Needs
hypothesis, which this distribution does not bring along.
"""

from __future__ import annotations

import unittest
from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, ClassVar, Final, NamedTuple

from hypothesis import note, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jukicard.apdu.ins import Ins
from jukicard.environment import SeededRandom
from jukicard.synthetic.codes import draw_resident_code
from jukicard.testing.hazards import Hazard
from jukicard.testing.states import card_in, today_in
from jukicard.testing.strategies import hazards
from jukicard.testing.undertest import CardInTest
from jukicard.transport.inprocess import LocalReader

TRIES: Final = 3
_CODES: Final = tuple(draw_resident_code(SeededRandom(holder)) for holder in (1, 2))
_PINS: Final = ("1234", "5678")
_WRONG: Final = "0000"
_STATES: Final = ("issued", "one_try_left", "pin_blocked", "suspended", "terminated", "moved_out")
_TRIES_LEFT: Final = {"one_try_left": 1, "pin_blocked": 0}


class Said(Enum):
    """What a terminal may tell whoever stands before it."""

    DONE = "done"
    WRONG_PIN = "the PIN was wrong"
    PIN_BLOCKED = "the PIN is blocked"
    OUT_OF_USE = "the card is suspended or ended"
    NO_CARD = "there is no card"
    PIN_FIRST = "the PIN has to come first"
    REFUSED = "this card is not served"
    FAILED = "it did not work; try again, or put the card in again"


class Told(NamedTuple):
    """What a terminal has told: `tries` with a wrong PIN, `code` where it shows one."""

    said: Said
    tries: int | None = None
    code: str | None = None


class Driver(ABC):
    """How the machine works your terminal; each method returns what the terminal told."""

    @abstractmethod
    def start(self, reader: LocalReader) -> None:
        """Start a terminal, anew, before this reader; it opens it when a card is put in."""

    @abstractmethod
    def put_in(self) -> Told:
        """A card has been put in: DONE, OUT_OF_USE, FAILED."""

    @abstractmethod
    def take_out(self) -> None:
        """The card has been taken out."""

    @abstractmethod
    def enter_pin(self, pin: str) -> Told:
        """The holder types a PIN: DONE, WRONG_PIN, PIN_BLOCKED, OUT_OF_USE, NO_CARD, FAILED."""

    @abstractmethod
    def show_code(self) -> Told:
        """The holder's resident record code is asked for: DONE with it, PIN_FIRST, REFUSED, ..."""

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """The terminal is switched off."""


class TerminalWrong(AssertionError):
    """The terminal did what it must not; the text says what, and what was said with the card."""


class Model:
    """What must be true of the card in the reader, as far as the terminal has to know it."""

    def __init__(self, holder: int, state: str) -> None:
        self.holder = holder
        self.state = state
        self.tries = _TRIES_LEFT.get(state, TRIES)
        self.verified = False
        self.usable = state not in ("suspended", "terminated")

    def put_in(self) -> Told:
        """Return what is told when the card comes."""
        return Told(Said.DONE if self.usable else Said.OUT_OF_USE)

    def enter_pin(self, pin: str) -> Told:
        """Return what is told of a PIN, and remember what it did."""
        if not self.usable:
            return Told(Said.OUT_OF_USE)
        self.verified = False
        if not self.tries:
            return Told(Said.PIN_BLOCKED)
        if pin == _PINS[self.holder]:
            self.tries, self.verified = TRIES, True
            return Told(Said.DONE)
        self.tries -= 1
        return Told(Said.WRONG_PIN, self.tries) if self.tries else Told(Said.PIN_BLOCKED)

    def show_code(self) -> Told:
        """Return what is told when the code is asked for."""
        if not self.usable:
            return Told(Said.OUT_OF_USE)
        if not self.verified:
            return Told(Said.PIN_FIRST)
        if self.state == "moved_out":
            return Told(Said.REFUSED)
        return Told(Said.DONE, code=_CODES[self.holder])


class TerminalMachine(RuleBasedStateMachine):
    """The machine; `machine_for` makes one for a driver, its `TestCase` is what pytest runs.

    armed: something will happen to the card in the reader. disturbed: it has happened; until the
    card is taken out the terminal may tell that anything failed, and only what must never happen is
    looked for.
    """

    driver: ClassVar[type[Driver]]
    profile: ClassVar[str] = "juki-v1"

    @initialize()
    def begin(self) -> None:
        """Switch the terminal on."""
        self.reader = LocalReader()
        self.card: CardInTest | None = None
        self.model: Model | None = None
        self.armed = self.disturbed = False
        self.terminal = self.driver()
        self.terminal.start(self.reader)

    # -- what people do ----------------------------------------------------------------------------

    @precondition(lambda self: self.card is None)
    @rule(holder=st.integers(0, 1), state=st.sampled_from(_STATES))
    def put_in(self, holder: int, state: str) -> None:
        """Somebody puts a card in."""
        card = card_in(
            state, profile=self.profile, seed=holder + 1, pin=_PINS[holder], code=_CODES[holder]
        )
        self.card = CardInTest(card, today=today_in(state), state=state, seed=holder + 1)
        self.card.expected.no_pin_in_plain()
        self.model, self.armed, self.disturbed = Model(holder, state), False, False
        self.reader.insert(self.card)
        self._compare("put_in", self.model.put_in(), self.terminal.put_in())

    @precondition(lambda self: self.card is not None)
    @rule()
    def take_out(self) -> None:
        """The holder takes the card out."""
        self.reader.remove()
        self.terminal.take_out()
        self._leave()

    @precondition(lambda self: self.card is not None)
    @rule(right=st.booleans())
    def enter_pin(self, right: bool) -> None:
        """The holder types a PIN."""
        model, card = self._here()
        before, sent = self._tries(card), len(card.expected.sent)
        told = self.terminal.enter_pin(_PINS[model.holder] if right else _WRONG)
        expected = model.enter_pin(_PINS[model.holder] if right else _WRONG)
        used = sum(one.ins == Ins.VERIFY and one.with_data for one in card.expected.sent[sent:])
        self._must(used <= 1, f"one PIN was typed, and the terminal sent {used}")
        if self.disturbed or self._has_happened():
            after = self._tries(card)
            self._must(right or told.said is not Said.DONE, "a wrong PIN was taken as right")
            fewer = None not in (after, before) and int(after or 0) < int(before or 0) - 1
            self._must(not fewer, "more tries are gone than PINs were typed")
            model.tries, model.verified = int(after or 0), False
        elif self._refuses(told):
            model.tries, model.verified = int(before or 0), False
        else:
            self._compare("enter_pin", expected, told)

    @precondition(lambda self: self.card is not None)
    @rule()
    def show_code(self) -> None:
        """The holder's code is asked for."""
        model, _ = self._here()
        told = self.terminal.show_code()
        self._compare("show_code", model.show_code(), told)

    @precondition(lambda self: self.card is None)
    @rule(what=st.sampled_from(("pin", "code")))
    def without_a_card(self, what: str) -> None:
        """Somebody works the terminal with no card in."""
        told = self.terminal.enter_pin(_WRONG) if what == "pin" else self.terminal.show_code()
        self._must(told.said is Said.NO_CARD, f"there was no card, and the terminal told {told}")

    @precondition(lambda self: self.card is not None and not self.armed)
    @rule(hazard=hazards(latest=6))
    def disturb(self, hazard: Hazard) -> None:
        """Something will happen to the card."""
        _, card = self._here()
        card.hazard(hazard)
        self.armed = True

    # -- what must be ------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        """The PIN was never in plain, and the card counts as the model does."""
        if self.card is None or self.model is None:
            return
        problems = self.card.expected.problems()
        self._must(not problems, "; ".join(problems))
        tries = self._tries(self.card)
        if tries is not None and not self.disturbed and not self._has_happened():
            should = self.model.tries
            self._must(tries == should, f"the card has {tries} tries left, not {should}")

    def teardown(self) -> None:
        """Switch the terminal off; what was said goes into hypothesis's report of a failure."""
        if hasattr(self, "terminal"):
            self.terminal.close()
        if getattr(self, "card", None) is not None:
            self._leave()

    def _leave(self) -> None:
        _, card = self._here()
        note(card.report())
        card.close()
        self.card = self.model = None

    def _here(self) -> tuple[Model, CardInTest]:
        if self.model is None or self.card is None:
            raise RuntimeError("no card is in the reader: the rule has no precondition")
        return self.model, self.card

    def _has_happened(self) -> bool:
        self.disturbed |= self.card is not None and bool(self.card.happened)
        return self.disturbed

    def _tries(self, card: CardInTest) -> int | None:
        told = card.state.get("PIN")
        if told is None:
            return None
        return 0 if told == "blocked" else int(told.rpartition(" ")[2])

    def _refuses(self, told: Told) -> bool:
        """Tell whether a terminal does not serve somebody who moved out, at whatever step."""
        model, _ = self._here()
        return model.state == "moved_out" and told == Told(Said.REFUSED)

    def _compare(self, did: str, expected: Told, told: Told) -> None:
        model, _ = self._here()
        foreign = told.code not in (None, _CODES[model.holder])
        self._must(not foreign, "the terminal shows the code of another holder")
        if not self._has_happened():
            self._must(
                self._refuses(told) or told == expected,
                f"after {did} the terminal told {told}, not {expected}",
            )
        elif told.code is not None:
            gives = model.usable and model.state != "moved_out"
            self._must(gives, "the terminal shows a code that the card does not give")

    def _must(self, condition: bool, problem: str) -> None:
        if not condition:
            said = self.card.report() if self.card is not None else ""
            raise TerminalWrong(f"{problem}\n{said}")


def machine_for(driver: type[Driver], *, profile: str = "juki-v1") -> type[unittest.TestCase]:
    """Return the test case for a terminal: what pytest collects under a name of yours."""
    named = {"driver": driver, "profile": profile}
    made: Any = type(f"{driver.__name__}Machine", (TerminalMachine,), named)
    case: type[unittest.TestCase] = made.TestCase
    return case

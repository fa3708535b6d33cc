"""Any order of terminal operations on a Juki card, against a model of who may do what when.

The model is the contract's table of rights; the session and the emulator were written apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from jukicard import PROFILES, Card, issue_card
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.conversation.refusals import (
    HolderMovedOut,
    PinNotVerified,
    PurposeNotEntitled,
    TerminalNotAuthenticated,
)
from jukihost.errors import (
    AuthenticationRejected,
    CardSuspended,
    PinBlocked,
    PinRejected,
    StatusError,
)
from jukihost.models import CardState, Purpose, Residence, ResidentCode, check_digit
from jukihost.sessions.juki import JukiSession
from tests.support import soak
from tests.support.host.custody import PublicMasters

PINS = st.sampled_from(["1234", "5678", "0000"])
CODES = st.integers(0, 9_999_999_999).map(
    lambda number: ResidentCode(f"{number:010}{check_digit(f'{number:010}')}")
)
TOWNS = st.sampled_from(["13221", "27140", "01100"])
TRIES = 3
SNAPSHOT = issue_card(
    with_forbidden(PROFILES["juki-v1"]), seed=1, code="12345678903", municipality="13221"
).snapshot()
GOOD, BAD = PublicMasters(), PublicMasters(others=b"\1" * 16)


def authenticated(machine: JukiMachine) -> bool:
    """The rules of what is done in a session need one; `try_without_purpose` has the others."""
    return machine.purpose is not None


class JukiMachine(RuleBasedStateMachine):
    """One card, one terminal that opens and closes sessions as it likes."""

    @initialize()
    def begin(self) -> None:
        self.reader = LocalReader(Card.restore(SNAPSHOT))
        self.reader.open()
        self.pin, self.tries = "1234", TRIES
        self.code, self.town = ResidentCode("12345678903"), "13221"
        self.moved_out = self.suspended = False
        self.juki = self.new_session()

    def new_session(self) -> JukiSession:
        self.purpose: Purpose | None = None
        self.verified = False
        return JukiSession(build_channel(self.reader), allow_suspended=True).open()

    def refused(self, *, right: bool, pin: bool = False) -> type[StatusError] | None:
        """What the contract says to an operation that needs `right` and perhaps the PIN."""
        if self.purpose is None:  # the terminal itself says so, whatever the card's state
            return TerminalNotAuthenticated
        if self.suspended:
            return CardSuspended
        if pin and not self.verified:
            return PinNotVerified
        return None if right else PurposeNotEntitled

    def attempt(self, act: Callable[[], object], refusal: type[StatusError] | None) -> bool:
        """Do it and compare with what the model says; tell whether it was done."""
        if refusal is None:
            act()
            return True
        with pytest.raises(refusal):
            act()
        return False

    @property
    def counter(self) -> bool:
        return self.purpose is Purpose.COUNTER

    # --- sessions ---

    @rule()
    def start_again(self) -> None:
        self.reader.reset()
        self.juki = self.new_session()

    @rule(
        purpose=st.sampled_from([*Purpose, Purpose.COUNTER, Purpose.COUNTER]),
        good=st.sampled_from([True, True, True, False]),
    )
    def authenticate(self, purpose: Purpose, good: bool) -> None:
        refusal: type[StatusError] | None = None if good else AuthenticationRejected
        if self.suspended and purpose is not Purpose.COUNTER:
            refusal = CardSuspended
        elif self.moved_out and purpose not in (Purpose.MOVE_IN, Purpose.COUNTER):
            refusal = HolderMovedOut
        self.purpose, self.verified = None, False
        custody = GOOD if good else BAD
        if self.attempt(lambda: self.juki.authenticate(purpose, custody), refusal):
            self.purpose = purpose

    @rule(pin=PINS)
    def verify(self, pin: str) -> None:
        refusal: type[StatusError] | None = None
        if self.suspended:
            refusal = CardSuspended
        elif self.tries == 0:
            refusal = PinBlocked
        elif pin != self.pin:
            self.tries -= 1
            refusal = PinRejected if self.tries else PinBlocked
        self.verified = self.attempt(lambda: self.juki.verify_pin(pin), refusal)
        if self.verified:
            self.tries = TRIES

    @rule(purpose=st.sampled_from([*Purpose, Purpose.COUNTER]))
    def log_in(self, purpose: Purpose) -> None:
        self.authenticate(purpose, good=True)
        self.verify(self.pin)

    @precondition(lambda self: self.purpose is None)
    @rule(
        act=st.sampled_from(
            [
                lambda juki: juki.read_code(),
                lambda juki: juki.card_info(),
                lambda juki: juki.change_pin("5678"),
                lambda juki: juki.unblock_pin(),
                lambda juki: juki.write_code(ResidentCode("12345678903")),
                lambda juki: juki.move_out(),
                lambda juki: juki.continue_use("27140"),
                lambda juki: juki.suspend(),
            ]
        )
    )
    def try_without_purpose(self, act: Callable[[JukiSession], object]) -> None:
        self.attempt(lambda: act(self.juki), self.refused(right=True))

    # --- what is done in them ---

    @precondition(authenticated)
    @rule(new=PINS)
    def change_pin(self, new: str) -> None:
        if self.attempt(lambda: self.juki.change_pin(new), self.refused(right=True, pin=True)):
            self.pin = new

    @precondition(authenticated)
    @rule(new=st.none() | PINS)
    def unblock(self, new: str | None) -> None:
        if self.attempt(lambda: self.juki.unblock_pin(new), self.refused(right=self.counter)):
            self.tries, self.pin = TRIES, new or self.pin
            # A PIN that was given a new value is not the one that was verified.
            self.forget_verification()

    def forget_verification(self) -> None:
        self.juki = self.new_session()

    @precondition(authenticated)
    @rule()
    def read_code(self) -> None:
        refusal = self.refused(right=self.purpose is not Purpose.SUSPEND, pin=True)
        self.attempt(lambda: self.compare(self.juki.read_code(), self.code), refusal)

    @precondition(authenticated)
    @rule()
    def read_info(self) -> None:
        self.attempt(
            lambda: self.compare(self.juki.card_info().municipality, self.town),
            self.refused(right=True),
        )

    @staticmethod
    def compare(found: object, expected: object) -> None:
        assert found == expected

    @precondition(authenticated)
    @rule(code=CODES)
    def write_code(self, code: ResidentCode) -> None:
        if self.attempt(lambda: self.juki.write_code(code), self.refused(right=self.counter)):
            self.code = code

    @precondition(authenticated)
    @rule(town=TOWNS)
    def update(self, town: str) -> None:
        def act() -> None:
            info = dataclasses.replace(self.juki.card_info(), municipality=town)
            self.juki.update_card_data(info)

        if self.attempt(act, self.refused(right=self.counter)):
            self.town = town

    @precondition(authenticated)
    @rule()
    def move_out(self) -> None:
        if self.attempt(self.juki.move_out, self.refused(right=self.counter)):
            self.moved_out = True

    @precondition(authenticated)
    @rule(town=TOWNS)
    def continue_use(self, town: str) -> None:
        if self.attempt(lambda: self.juki.continue_use(town), self.refused(right=self.counter)):
            self.town, self.moved_out = town, False

    @precondition(authenticated)
    @rule()
    def suspend(self) -> None:
        right = self.purpose in (Purpose.SUSPEND, Purpose.COUNTER)
        if self.attempt(self.juki.suspend, self.refused(right=right)):
            self.suspended = True

    @precondition(lambda self: authenticated(self) and self.suspended)
    @rule()
    def resume(self) -> None:
        if self.attempt(self.juki.resume, None if self.counter else PurposeNotEntitled):
            self.suspended = False

    # --- always ---

    @invariant()
    def state_is_what_it_is(self) -> None:
        state = CardState.SUSPENDED if self.suspended else CardState.ACTIVE
        assert self.juki.card_state() is state
        assert self.juki.purposes == (frozenset() if self.purpose is None else {self.purpose})
        if not self.suspended:
            residence = Residence.MOVED_OUT if self.moved_out else Residence.RESIDENT
            assert self.juki.residence() is residence
            assert self.juki.pin_retries() == self.tries


TestJukiMachine = JukiMachine.TestCase
TestJukiMachine.settings = settings(
    max_examples=soak.times(80, soak=2_000), stateful_step_count=40, deadline=None
)

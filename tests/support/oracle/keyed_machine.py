"""Long random conversations on three channels: an application, its issuer, any day, any points.

The walks see every short way; this looks for what takes many steps, with all commands at once.
"""

from __future__ import annotations

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.support.oracle.conversation import Conversation
from tests.support.oracle.keyed_commands import KeyedPlayer, day_of
from tests.support.oracle.keyed_model import MOST_POINTS, State
from tests.support.oracle.keyed_mutants import Walks
from tests.support.oracle.keyed_walk import PLANS, plans_of
from tests.support.oracle.rules import Command, Level, Life
from tests.support.oracle.rules_keyed import ISSUERS

_CHANNELS = st.sampled_from((0, 1, 1, 2))
_DAYS = st.integers(0, 400)
_POINTS = st.integers(0, MOST_POINTS)
_LIVES = {"ACTIVATED": Life.ACTIVE, "DEACTIVATED": Life.SUSPENDED, "TERMINATED": Life.ENDED}


def run_conversations(walks: Walks, *, examples: int, steps: int) -> None:
    """Hold so many conversations of so many steps; AssertionError when card and oracle differ."""
    rules = walks.rules
    known = {one for name in plans_of(rules) for one in PLANS[name](rules).commands}
    commands = st.sampled_from(sorted(known))
    stage = walks.stage()

    class Machine(RuleBasedStateMachine):
        """One card, one terminal, one issuer and the oracle beside them."""

        talk: Conversation

        @initialize()
        def start(self) -> None:
            self.talk = stage.go_on(stage.start)
            self.send(Command("open", 1))

        def send(self, command: Command) -> None:
            if self.talk.send(command) == 0x9000:
                player = self.talk.player
                assert isinstance(player, KeyedPlayer)
                check_told(command, self.talk.state, player.answered)

        @rule(command=commands, channel=_CHANNELS)
        def say(self, command: Command, channel: int) -> None:
            """Anything at all; the issuer stays on channel 0."""
            issuers = command.do.startswith(ISSUERS)
            self.send(command if issuers else command._replace(channel=channel))

        @rule(reference=st.sampled_from(rules.purposes), channel=_CHANNELS, pin=st.integers(0, 1))
        def enter(self, reference: int, channel: int, pin: int) -> None:
            """What a terminal does first: select, be asked, prove itself, have the PIN typed."""
            for command in (
                Command("select", 1),
                Command("get challenge"),
                Command("authenticate", reference),
                Command("verify", pin, Level.ENC),
            ):
                self.send(command._replace(channel=channel))

        @rule(channel=_CHANNELS, day=_DAYS)
        def tell_day(self, channel: int, day: int) -> None:
            if "put day" in rules.table:
                for do in ("put day", "get day", "get last day"):
                    self.send(Command(do, day if do == "put day" else 0, Level.ENC, channel))

        @rule(channel=_CHANNELS, points=_POINTS, do=st.sampled_from(("credit", "debit")))
        def book(self, channel: int, points: int, do: str) -> None:
            if do in rules.table:
                self.send(Command(do, points, Level.ENC, channel))
                for read in ("read points", "read log"):
                    self.send(Command(read, 0, Level.ENC, channel))

        @rule()
        def take_another_card(self) -> None:
            """One that was ended says nothing new."""
            if self.talk.state.life is Life.ENDED:
                self.start()

        @invariant()
        def the_card_says_its_state(self) -> None:
            """Not over the wire, which would be a command: to whoever holds the emulator."""
            if hasattr(self, "talk"):
                assert _LIVES[self.talk.player.card.state.now.name] is self.talk.state.life

    run_state_machine_as_test(
        Machine, settings=settings(max_examples=examples, stateful_step_count=steps)
    )


def check_told(command: Command, state: State, data: bytes) -> None:
    """Compare what the card told with what the rules keep; AssertionError."""
    match command.do:
        case "read points" | "read log":
            assert int.from_bytes(data[-2:]) == state.points
        case "credit" | "debit":
            assert int.from_bytes(data[5:7]) == command.arg
            assert int.from_bytes(data[7:]) == state.points
        case "get day":
            assert data == b"\xc2\x08" + day_of(state.date)
        case "get last day":
            assert data == b"\xc3\x08" + day_of(state.last_day)
        case _:
            pass

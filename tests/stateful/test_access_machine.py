"""Long random conversations on three channels: card and oracle never part ways.

The walks see every short way; this looks for what takes many steps, with all commands at once.
"""

from __future__ import annotations

from functools import cache

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jukicard.memory import MemorySnapshot
from tests.support.cards.juki_desk import desk, issued
from tests.support.oracle.access_walk import PLANS
from tests.support.oracle.juki_commands import Player
from tests.support.oracle.rules import COUNTER, Command, Level, Life, Oracle, State

COMMANDS = sorted({command for plan in PLANS.values() for command in plan().commands})
channels = st.sampled_from((0, 0, 0, 1, 2))
levels = st.sampled_from(Level)


@cache
def snapshot() -> MemorySnapshot:
    return issued()


class Conversation(RuleBasedStateMachine):
    """One card, one terminal and the oracle beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.player = Player(desk(snapshot(), select=False))
        self.oracle = Oracle()
        self.state = State()

    def send(self, command: Command) -> None:
        expected, self.state = self.oracle.step(self.state, command)
        answered = self.player.status(command)
        assert answered == expected, f"{command}: {answered:04X}, not {expected:04X}"

    @initialize()
    def start(self) -> None:
        self.send(Command("select", 1))

    @rule(command=st.sampled_from(COMMANDS), channel=channels)
    def say(self, command: Command, channel: int) -> None:
        """Anything at all."""
        self.send(command._replace(channel=channel))

    @rule(reference=st.integers(1, 5), channel=channels, secure=st.booleans())
    def enter(self, reference: int, channel: int, secure: bool) -> None:
        """What a system does first: select, be asked, prove itself."""
        open_session = self.state.channels[channel] and self.state.on(channel).purpose
        level = Level.ENC if secure and open_session else Level.PLAIN
        self.send(Command("select", 1, level, channel))
        self.send(Command("get challenge", 0, level, channel))
        self.send(Command("authenticate", reference, level, channel))

    @rule(channel=channels, pin=st.integers(0, 1), level=levels)
    def type_pin(self, channel: int, pin: int, level: Level) -> None:
        self.send(Command("verify", pin, level, channel))

    @rule(channel=channels, fid=st.sampled_from((0x0002, 0x0003, 0x001C, 0x0105)), level=levels)
    def choose_file(self, channel: int, fid: int, level: Level) -> None:
        self.send(Command("select ef", fid, level, channel))

    @rule(number=st.integers(1, 2), do=st.sampled_from(("open", "open", "close")))
    def manage(self, number: int, do: str) -> None:
        self.send(Command(do, number))

    @rule()
    def start_again_when_it_ended(self) -> None:
        """A card that was ended says nothing new: take another one."""
        if self.state.life is Life.ENDED:
            self.player = Player(desk(snapshot(), select=False))
            self.state = State()
            self.send(Command("select", 1))

    @invariant()
    def the_card_says_its_state(self) -> None:
        """Not over the wire, which would be a command: to whoever holds the emulator."""
        now = {"ACTIVATED": Life.ACTIVE, "DEACTIVATED": Life.SUSPENDED, "TERMINATED": Life.ENDED}
        assert now[self.player.card.state.now.name] is self.state.life


TestConversation = Conversation.TestCase
TestConversation.settings = settings(stateful_step_count=100)


def test_the_machine_has_what_it_needs() -> None:
    """Everything the walks know is said, and the counter can be reached from anywhere."""
    assert {command.do for command in COMMANDS} >= {"read code", "authenticate", "end", "power"}
    assert Command("authenticate", COUNTER) in COMMANDS

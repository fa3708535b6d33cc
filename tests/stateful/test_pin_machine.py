"""PINs against the model in pin_model.py, in any order, on channels, with resets and power cuts."""

from __future__ import annotations

from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from jukicard import Card
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.testing.faults import FaultyBackend
from tests.stateful.pin_model import APPLICATIONS, REFERENCES, PinModel
from tests.support.applets.iso_applet import iso_card
from tests.support.published.transcript import send

NAMES = st.sampled_from(sorted(REFERENCES))
CHANNELS = st.sampled_from([0, 0, 0, 1, 4, 19])
VALUES = st.sampled_from(
    [
        *(b"1234", b"87654321", b"SECRET99", b"0000", b"9999", b"5678"),
        *(b"12", b"12345", b"secret99", b"ABCDEF", b"ABCDEFGHIJKLMNOP", b"13572468", b"12A4"),
    ]
)
CODES = st.sampled_from([b"87654321", b"87654321", b"11111111", b"1234"])

_FRESH = iso_card()
_THROUGH_THE_AIR = iso_card(contactless=True)


def on(channel: int, command: str) -> str:
    value = channel if channel < 4 else 0x40 | channel - 4
    return f"{value:02X}{command}"


def with_data(header: str, data: bytes) -> str:
    return f"{header}{len(data):02X}{data.hex()}" if data else header


class PinMachine(RuleBasedStateMachine):
    """Every rule sends the same to the card and to the model, and compares the answers."""

    fresh = _FRESH

    def __init__(self) -> None:
        super().__init__()
        self.model = PinModel()

    @initialize()
    def issue(self) -> None:
        self.backend = FaultyBackend(RamBackend())
        memory = PersistentMemory.restore(self.fresh.snapshot(), self.backend)
        environment = self.fresh.fork().environment
        environment.memory = memory
        self.card = Card(environment, on_bug=self.fresh.on_bug)
        self.card.power_on()

    def both(self, channel: int, command: str, name: str, *arguments: Any) -> None:
        """Send a command, and compare its status with what the model says to it."""
        answer = send(self.card, on(channel, command))[-4:]
        if channel not in self.model.channels:
            assert answer == "6881"
            return
        wanted = getattr(self.model, name)(channel, *arguments)
        assert answer == wanted, f"{name}: {self.card.last_refusal}"

    # -- where one stands ------------------------------------------------------------------------

    @rule(channel=CHANNELS, application=st.sampled_from(APPLICATIONS))
    def select(self, channel: int, application: str) -> None:
        command = f"A4040C{len(application) // 2:02X}{application}"
        self.both(channel, command, "select", application)

    @rule(channel=CHANNELS, other=st.sampled_from([1, 4, 19]))
    def open(self, channel: int, other: int) -> None:
        answer = send(self.card, on(channel, f"7000{other:02X}"))
        assert answer == ("6881" if channel not in self.model.channels else self.model.open(other))

    @rule(channel=CHANNELS, other=st.sampled_from([1, 4, 19]))
    def close(self, channel: int, other: int) -> None:
        answer = send(self.card, on(channel, f"7080{other:02X}"))
        assert answer == ("6881" if channel not in self.model.channels else self.model.close(other))

    @rule(channel=CHANNELS)
    def select_fails(self, channel: int) -> None:
        answer = send(self.card, on(channel, "A4040C02EEEE"))
        assert answer == ("6A82" if channel in self.model.channels else "6881")

    # -- PINs ------------------------------------------------------------------------------------

    @rule(channel=CHANNELS, name=NAMES)
    def query(self, channel: int, name: str) -> None:
        self.both(channel, f"2000{REFERENCES[name]:02X}", "query", name)

    @rule(channel=CHANNELS, name=NAMES, value=VALUES)
    def verify(self, channel: int, name: str, value: bytes) -> None:
        command = with_data(f"2000{REFERENCES[name]:02X}", value)
        self.both(channel, command, "verify", name, value)

    @rule(channel=CHANNELS, name=NAMES)
    def verify_right(self, channel: int, name: str) -> None:
        value = self._right(channel, name)
        command = with_data(f"2000{REFERENCES[name]:02X}", value)
        self.both(channel, command, "verify", name, value)

    @rule(channel=CHANNELS, application=st.sampled_from(APPLICATIONS[:2]))
    def go_to_work(self, channel: int, application: str) -> None:
        """Open a channel where it is not, and prove there all that can be proven."""
        if channel not in self.model.channels:
            self.open(0, channel)
        self.select(channel, application)
        for name in sorted(REFERENCES):
            self.verify_right(channel, name)

    @rule(channel=CHANNELS, name=NAMES, left=st.sampled_from([0, 0, 1]))
    def guess(self, channel: int, name: str, left: int) -> None:
        """Guess until few tries are left, or none."""
        here = self.model.channels.get(channel)
        pins = self.model.pins.get(here.application) if here is not None else None
        while pins is not None and pins[name].tries > left:
            self.verify(channel, name, b"nobody's")

    def _right(self, channel: int, name: str) -> bytes:
        here = self.model.channels.get(channel)
        pins = self.model.pins.get(here.application) if here is not None else None
        return pins[name].value if pins is not None else b"1234"

    @rule(channel=CHANNELS, name=NAMES, old=VALUES | st.none(), new=VALUES | st.just(b""))
    def change_with_old(self, channel: int, name: str, old: bytes | None, new: bytes) -> None:
        old = self._right(channel, name) if old is None else old
        command = with_data(f"2400{REFERENCES[name]:02X}", old + new)
        self.both(channel, command, "change_with_old", name, old, new)

    @rule(channel=CHANNELS, name=NAMES, new=VALUES, own=st.booleans())
    def change_after_verify(self, channel: int, name: str, new: bytes, own: bool) -> None:
        header = f"2401{REFERENCES[name]:02X}"
        if own:  # CHANGE KEY, the card's own command, which the issuer domain has no class for
            here = self.model.channels.get(channel)
            if here is None or here.application == APPLICATIONS[2]:
                return
            value = 0x80 | (channel if channel < 4 else 0x40 | channel - 4)
            command = with_data(f"{value:02X}3200{REFERENCES[name]:02X}", new)
            answer = send(self.card, command)
            assert answer == self.model.change_after_verify(channel, name, new)
            return
        self.both(channel, with_data(header, new), "change_after_verify", name, new)

    @rule(channel=CHANNELS, code=CODES | st.none(), new=VALUES | st.none())
    def unblock(self, channel: int, code: bytes | None, new: bytes | None) -> None:
        p1 = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
        header = f"2C{p1[code is not None, new is not None]:02X}91"
        command = with_data(header, (code or b"") + (new or b""))
        self.both(channel, command, "unblock", code, new)

    # -- power -----------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["reset", "off", "again", "restore"]))
    def power(self, how: str) -> None:
        if how == "reset":
            self.reset()
            return
        if how == "again":
            self.card.power_on()
        else:
            self.card.power_off()
            if how == "restore":
                memory = PersistentMemory.restore(self.card.snapshot(), self.backend)
                environment = self.card.environment
                environment.memory = memory
                self.card = Card(environment, on_bug=self.card.on_bug)
            self.card.power_on()
        self.model.power()

    def reset(self) -> None:
        """A warm reset, which a contact card forgets everything at."""
        self.card.reset()
        self.model.power()

    @rule(
        name=NAMES,
        value=VALUES | st.none(),
        at=st.sampled_from([1, 2, 3]),
        landed=st.booleans(),
    )
    @precondition(lambda self: self.model.channels[0].application != APPLICATIONS[2])
    def verify_with_a_power_cut(
        self, name: str, value: bytes | None, at: int, landed: bool
    ) -> None:
        application = self.model.channels[0].application
        pin = self.model.pins[application][name]
        value = pin.value if value is None else value
        before = pin.tries
        self.backend.cut_after, self.backend.landed = self.backend.writes + at, landed
        try:
            answer = send(self.card, with_data(f"002000{REFERENCES[name]:02X}", value))
        except PowerLoss:
            answer = ""
        finally:
            self.backend.cut_after = None
        if answer:
            assert answer == self.model.verify(0, name, value)
            return
        self.card.power_on()
        self.model.power()
        send(self.card, f"00A4040C09{application}")
        self.model.select(0, application)
        left = int(send(self.card, f"002000{REFERENCES[name]:02X}")[-1], 16)
        assert before > 0, "a blocked PIN writes nothing, so that nothing can be cut"
        # a wrong value never gains anything; a right one may have been restored already
        allowed = {before, before - 1} | ({pin.limit} if value == pin.value else set())
        assert left in allowed
        pin.tries = left

    @invariant()
    def what_is_proven_opens_its_files_and_nothing_else(self) -> None:
        for channel, here in self.model.channels.items():
            if here.application == APPLICATIONS[2]:
                continue
            for file, pins in (("4F03", {"pin"}), ("4F05", {"pin", "password"})):
                assert send(self.card, on(channel, f"A4020C02{file}")) == "9000"
                answer = send(self.card, on(channel, "B0000001"))[-4:]
                assert answer == ("9000" if pins <= here.proven else "6982")


class AirMachine(PinMachine):
    """The same through the air, where a warm reset keeps what is still proven."""

    fresh = _THROUGH_THE_AIR

    def reset(self) -> None:
        self.card.reset()
        self.model.reset_through_the_air()


TestPins = PinMachine.TestCase
TestPins.settings = settings(stateful_step_count=40)
TestPinsThroughTheAir = AirMachine.TestCase
TestPinsThroughTheAir.settings = settings(stateful_step_count=40)

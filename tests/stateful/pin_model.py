"""A model of PINs, written from the published rules alone: values, tries, and what is proven where.

It knows nothing of the card's code. Answers are status words in hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

APPLICATIONS = ("F049534F5445535401", "F049534F5445535402", "A0000001510000")
"""Two applications with PINs, and one without (what is selected after a reset)."""
DEFAULT = APPLICATIONS[2]


@dataclass
class Pin:
    """One PIN: its value, its tries, and the rules of its kind."""

    value: bytes
    limit: int
    shortest: int
    longest: int
    alphabet: bytes
    tries: int = -1

    def __post_init__(self) -> None:
        self.tries = self.limit

    def guess(self, value: bytes) -> str:
        """Compare: a wrong value costs a try, the right one restores all, blocked compares not."""
        if self.tries == 0:
            return "6984"
        if value == self.value:
            self.tries = self.limit
            return "9000"
        self.tries -= 1
        return f"63C{self.tries:X}"

    def refusal_of(self, value: bytes) -> str | None:
        """Return why a new value cannot be this PIN, None when it can."""
        if not self.shortest <= len(value) <= self.longest:
            return "6700"
        if any(byte not in self.alphabet for byte in value):
            return "6A80"
        return None


DIGITS = b"0123456789"
UPPER = DIGITS + b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def fresh_pins() -> dict[str, Pin]:
    """Return the PINs of one application by name."""
    return {
        "pin": Pin(b"1234", 3, 4, 4, DIGITS),
        "puk": Pin(b"87654321", 10, 8, 8, DIGITS),
        "password": Pin(b"SECRET99", 5, 6, 16, UPPER),
    }


REFERENCES = {"pin": 0x91, "puk": 0x92, "password": 0x93}


@dataclass
class Channel:
    """What one logical channel stands at and what was proven on it."""

    application: str = DEFAULT
    proven: set[str] = field(default_factory=set)


class PinModel:
    """A card with two applications of three PINs each, seen through its logical channels."""

    def __init__(self) -> None:
        self.pins = {name: fresh_pins() for name in APPLICATIONS[:2]}
        self.channels = {0: Channel()}

    def power(self) -> None:
        """Power off and on, or a reset of a contact card."""
        self.channels = {0: Channel()}

    def reset_through_the_air(self) -> None:
        """A reset with the power left on: the basic channel stays where it is, with its PINs."""
        self.channels = {0: self.channels[0]}

    def _end(self, channel: int, name: str, *, everywhere: bool) -> None:
        """What was proven with a PIN ends with it: on the other channels, or on this one too."""
        application = self.channels[channel].application
        for number, other in self.channels.items():
            if other.application == application and (everywhere or number != channel):
                other.proven.discard(name)

    def _guess(self, channel: int, name: str, value: bytes) -> str:
        """Compare on a channel; a PIN that is blocked then is proven nowhere."""
        pin = self.pins[self.channels[channel].application][name]
        answer = pin.guess(value)
        if not pin.tries:
            self._end(channel, name, everywhere=True)
        return answer

    def select(self, channel: int, application: str) -> str:
        here = self.channels[channel]
        if here.application != application:
            here.application, here.proven = application, set()
        return "9000"

    def open(self, channel: int) -> str:
        if channel in self.channels:
            return "6985"
        self.channels[channel] = Channel()
        return "9000"

    def close(self, channel: int) -> str:
        if channel not in self.channels:
            return "6881"
        del self.channels[channel]
        return "9000"

    def _pins(self, channel: int) -> dict[str, Pin] | None:
        return self.pins.get(self.channels[channel].application)

    def query(self, channel: int, name: str) -> str:
        pins = self._pins(channel)
        return "6D00" if pins is None else f"63C{pins[name].tries:X}"

    def verify(self, channel: int, name: str, value: bytes) -> str:
        pins = self._pins(channel)
        if pins is None:
            return "6D00"
        answer = self._guess(channel, name, value)
        self._prove(channel, name, answer == "9000")
        return answer

    def _prove(self, channel: int, name: str, holds: bool) -> None:
        self.channels[channel].proven.discard(name)
        if holds:
            self.channels[channel].proven.add(name)

    def change_with_old(self, channel: int, name: str, old: bytes, new: bytes) -> str:
        """Old and new value without a delimiter: the card splits where its own value ends."""
        pins = self._pins(channel)
        if pins is None:
            return "6D00"
        if name == "puk":
            return "6982"  # nobody may change it
        if name == "password":
            return "6A86"  # where the length varies there is no such form
        pin, data = pins[name], old + new
        size = len(pin.value)
        answer = self._guess(channel, name, data[:size])
        if answer == "9000":
            answer = self._store(channel, name, data[size:])
        # nothing is proven by a change that was refused
        self._prove(channel, name, answer == "9000")
        return answer

    def change_after_verify(self, channel: int, name: str, new: bytes) -> str:
        pins = self._pins(channel)
        if pins is None:
            return "6D00"
        if name == "puk" or name not in self.channels[channel].proven:
            return "6982"
        if pins[name].tries == 0:
            return "6984"
        return self._store(channel, name, new)

    def _store(self, channel: int, name: str, new: bytes) -> str:
        pin = self.pins[self.channels[channel].application][name]
        refusal = pin.refusal_of(new)
        if refusal is not None:
            return refusal
        pin.value = new
        self._end(channel, name, everywhere=False)
        return "9000"

    def unblock(self, channel: int, code: bytes | None, new: bytes | None) -> str:
        """RESET RETRY COUNTER of the PIN; without a code the password must be proven."""
        pins = self._pins(channel)
        if pins is None:
            return "6D00"
        if code is None:
            if "password" not in self.channels[channel].proven:
                return "6982"
        else:
            whole = code + (new or b"")
            size = len(pins["puk"].value)
            answer = self._guess(channel, "puk", whole[:size])
            if answer != "9000":
                self._prove(channel, "puk", False)
                return answer
            rest = whole[size:]
            if new is None and rest:
                return "6700"
            new = rest if new is not None else None
        if new is not None:
            answer = self._store(channel, "pin", new)
            if answer != "9000":
                return answer
        pins["pin"].tries = pins["pin"].limit
        self.channels[channel].proven.discard("pin")
        return "9000"

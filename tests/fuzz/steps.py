"""Sequences of what a terminal may do to a card, as bytes, as text, and done.

One format for three users: random sequences, coverage-guided fuzzing, and the list of inputs that
once failed. Every string of bytes is some sequence, and a small change of it a similar one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from jukicard import Card
from jukicard.kit.fileapplet import FileApplet
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.runtime.events import CardEvent, Refusal
from jukicard.testing.faults import FaultyBackend
from tests.fuzz.terminal import FuzzTerminal, Known, Reached

RESET: Final = 0xF0
POWER: Final = 0xF1
FORK: Final = 0xF2
CUT: Final = 0xF3
"""The next write but n loses power; the step's argument is n and whether the write lands."""
AUTHENTICATE: Final = 0xF4
"""Mutual authentication with a right key; the argument says which, bit 8 to stay in the session."""
PRIVATE: Final = 0xF5
CERTIFICATES: Final = 0xF6
PIN: Final = 0xF7
PLAIN: Final = 0xF8
"""The command that follows is sent as it is, whatever session is open."""
ISSUER: Final = 0xF9
"""A session of the issuer (SCP03); the argument is the level's place in `LEVELS`."""
_NAMES: Final = {RESET: "reset", POWER: "power", FORK: "fork", PRIVATE: "private"}
_WITH_ARGUMENT: Final = {
    CUT: "cut",
    AUTHENTICATE: "authenticate",
    CERTIFICATES: "certificates",
    PIN: "pin",
    ISSUER: "issuer",
}
MAX_STEPS: Final = 200

STATUS_BYTES: Final = frozenset(range(0x61, 0x6F)) | {0x90}
"""First bytes of a status word that ISO/IEC 7816-4 gives a meaning; 6F is not among them."""
REFUSING: Final = frozenset(range(0x63, 0x6F))
"""Those that say that the command was not done: a wrong PIN's 63CX, and every error."""

MORE: Final = b"\x63\x10"
"""GET STATUS is done and has more to tell."""

SELECTED: Final = (b"\x90\x00", b"\x62\x83", b"\x62\x85")
"""What a card of any state answers when its first application is selected."""


@dataclass(frozen=True)
class Step:
    """One thing done: a command sent, or (with `kind`) something done to the power, or a way in."""

    command: bytes = b""
    kind: int = 0
    argument: int = 0

    def __str__(self) -> str:
        if self.kind in _WITH_ARGUMENT:
            return f"{_WITH_ARGUMENT[self.kind]} {self.argument}"
        if self.kind in _NAMES:
            return _NAMES[self.kind]
        sent = self.command.hex().upper()
        return f"plain {sent}" if self.kind == PLAIN else sent

    def encode(self) -> bytes:
        if self.kind in _WITH_ARGUMENT:
            return bytes((self.kind, self.argument))
        if self.kind in _NAMES:
            return bytes((self.kind,))
        mark = bytes((PLAIN,)) if self.kind == PLAIN else b""
        size = len(self.command)
        if size < 0xE0:
            return mark + bytes((size,)) + self.command
        return mark + b"\xef" + size.to_bytes(3, "big") + self.command


def parse_text(text: str) -> list[Step]:
    """Read one step a line: hexadecimal, or what is done otherwise; `#` comments."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [_parse_line(line) for line in lines if line]


def _parse_line(line: str) -> Step:
    kinds = {name: kind for kind, name in (_NAMES | _WITH_ARGUMENT).items()}
    word, _, rest = line.partition(" ")
    kind = kinds.get(word, 0)
    if kind in _WITH_ARGUMENT:
        return Step(kind=kind, argument=int(rest))
    if word == "plain":
        return Step(bytes.fromhex(rest), PLAIN)
    return Step(kind=kind) if kind else Step(bytes.fromhex(line))


def decode(data: bytes) -> Iterator[Step]:
    """Read any bytes as a sequence: the inverse of joining `Step.encode`, and defined for all."""
    offset = 0
    for _ in range(MAX_STEPS):
        if offset >= len(data):
            return
        first = data[offset]
        offset += 1
        if first in _NAMES:
            yield Step(kind=first)
            continue
        if first in _WITH_ARGUMENT:
            yield Step(kind=first, argument=data[offset] if offset < len(data) else 1)
            offset += 1
            continue
        kind = PLAIN if first == PLAIN else 0
        if kind:
            first = data[offset] if offset < len(data) else 0
            offset += 1
        size = first
        if first >= 0xE0:
            size = int.from_bytes(data[offset : offset + 3], "big") % 66_000
            offset += 3
        yield Step(data[offset : offset + size], kind)
        offset += size


def capacity(card: Card) -> int:
    """Return how many bytes files, objects and what comes after issue can hold, generously."""
    total = 4096 + card.options.quota
    for application in card.applications:
        applet = application.applet
        if not isinstance(applet, FileApplet):
            continue
        for node in applet.tree.walk():
            spec = node.spec
            total += 512  # keys, states, counters
            total += getattr(spec, "size", 0)
            total += getattr(spec, "record_count", 0) * (getattr(spec, "record_size", 0) + 2)
            total += sum(declared.max_size + 64 for declared in getattr(spec, "objects", ()))
    return total


@dataclass
class Run:
    """A card of its own, over a backend that can lose power, and what is watched about it."""

    card: Card
    backend: FaultyBackend = field(init=False)
    limit: int = field(init=False)
    refusals: list[Refusal] = field(init=False, default_factory=list)
    terminal: FuzzTerminal = field(init=False)

    def __post_init__(self) -> None:
        original = self.card
        self.limit = len(original.snapshot().export_with_keys()) + capacity(original)
        self.backend = FaultyBackend(RamBackend())
        environment = original.fork().environment
        environment.memory = PersistentMemory.restore(original.snapshot(), self.backend)
        self.card = Card(environment, on_bug=original.on_bug)
        self.card.subscribe(self._watch)
        self.card.power_on()
        self.terminal = FuzzTerminal(self.card, Known.of(original))

    @property
    def reached(self) -> Counter[Reached]:
        """What was reached, and how often."""
        return self.terminal.reached

    def _watch(self, event: CardEvent) -> None:
        if isinstance(event, Refusal):
            self.refusals.append(event)

    def do(self, step: Step) -> bytes:
        """Do one step and check what must always hold; the answer is empty when there is none."""
        if step.kind in (0, PLAIN):
            return self._send(step)
        try:
            self._act(step)
        except PowerLoss:
            self._power_on_again()
        return b""

    def _act(self, step: Step) -> None:
        if step.kind == RESET:
            self.terminal.forget()
            assert self.card.reset() == self.card.atr
        elif step.kind == POWER:
            self.terminal.forget()
            self.card.power_off()
            self.card.power_on()
        elif step.kind == FORK:
            fork = self.card.fork()
            fork.power_on()
            assert fork.snapshot() == self.card.snapshot()
        elif step.kind == CUT:
            self.backend.landed = bool(step.argument & 1)
            self.backend.cut_after = self.backend.writes + 1 + (step.argument >> 1) % 4
        elif step.kind == PRIVATE:
            self.terminal.open_private()
        else:
            ways_in = {
                AUTHENTICATE: self.terminal.authenticate,
                CERTIFICATES: self.terminal.show_certificates,
                PIN: self.terminal.verify,
                ISSUER: self.terminal.open_issuer,
            }
            ways_in[step.kind](step.argument)

    def _power_on_again(self) -> None:
        self.backend.cut_after = None
        self.terminal.forget()
        self.card.power_on()

    def _send(self, step: Step) -> bytes:
        self.refusals.clear()
        send = self.terminal.send if step.kind == 0 else self.terminal.send_plain
        try:
            answer = send(step.command)
        except PowerLoss:
            self._power_on_again()
            return b""
        assert 2 <= len(answer) <= 65_538
        assert answer[-2] in STATUS_BYTES, f"status {answer[-2:].hex().upper()}"
        if len(answer) > 2:
            assert answer[-2] in (0x90, 0x61, 0x62) or answer[-2:] == MORE, "an error has no data"
        self._check_refusals(answer[-2:])
        return answer

    def _check_refusals(self, status: bytes) -> None:
        """A command that was not done has one event that says why, one that was has none.

        A search without a match may say so too: that is a warning, 62XX.
        """
        told = [event.status.to_bytes(2, "big") for event in self.refusals]
        if told or (status[0] in REFUSING and status != MORE):
            assert told == [status], f"{status.hex()}: {told}"
            assert status[0] in REFUSING or status[0] == 0x62, f"{status.hex()} is no refusal"
        assert all(event.reason.strip() for event in self.refusals), f"{status.hex()}: no reason"

    def finish(self) -> None:
        """Check what must hold of what is left."""
        self.backend.cut_after = None
        assert len(self.card.snapshot().export_with_keys()) <= self.limit, "the card has grown"
        self.card.power_on()
        assert self.card.transmit(bytes.fromhex("00A4040000"))[-2:] in SELECTED

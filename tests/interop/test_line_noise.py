"""libccid and the card over a line that damages, cuts and doubles: nothing happens twice.

The driver runs T=1 itself, so its blocks and the card's meet on the line. Where it makes a mistake
of its own (docs/transports.md has them), what the card does is still exactly what the blocks said.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from jukicard.transport.ccid.place import reader_entry
from jukicard.transport.ccid.serial import SerialReader
from jukicard.transport.tpdu import T0Card, T1Card, atr_variant
from tests.support import counted, soak
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.missing import require
from tests.support.interop.terminal import ScardError, Terminal
from tests.support.readers.t1_reader import is_whole, lrc
from tests.support.readers.tpdu_faults import BOUNDARIES
from tests.support.readers.tpdu_line import (
    NOISE,
    CountingCard,
    FaultyLine,
    Kind,
    answer_to,
    noise,
    numbered,
    size_asked,
)

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
PLAIN = bytes.fromhex("3BE000FF8131FE4514")
SIZES = [size for size in BOUNDARIES if size <= 256]
LONGEST = 700  # what a card answers that was told to do the tail of a command
RESYNCH_REQUEST = 0xC0
WHOLE = partial(is_whole, checksum=lrc)


class Desk:
    """The reader of a driver, and a terminal in front of it."""

    def __init__(self, reader: SerialReader, daemon: CcidDaemon) -> None:
        self._slot = reader.slots[0]
        self._reader = daemon.readers[0]
        self.terminal: Terminal = daemon.terminal

    @contextmanager
    def holding(self, card: CountingCard) -> Iterator[int]:
        """Put a card in and give it power; yield its protocol; take it out again."""
        self._slot.insert(card)
        try:
            self.terminal.wait_for(self._reader, present=True)
            yield self.terminal.connect(self._reader)[0]
            self.terminal.disconnect()
        finally:
            self._slot.remove()
            self.terminal.wait_for(self._reader, present=False)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require("reader driver", missing_parts())
    folder = tmp_path_factory.mktemp("noise")
    link = str(folder / "line")
    with (
        SerialReader(None, link) as reader,
        CcidDaemon(folder, {"Noise": reader_entry("Noise", link, reader.model.name)}) as daemon,
    ):
        yield Desk(reader, daemon)


class Heard:
    """The commands that blocks of T=1 say, as they come to the card (ISO/IEC 7816-3:2006, 11.6).

    A second opinion: it knows I-blocks by their number and S(RESYNCH request), nothing else.
    """

    def __init__(self) -> None:
        self.commands: Counter[bytes] = Counter()
        self.reset()

    def reset(self) -> None:
        self._number, self._chain = 0, b""

    def __call__(self, raw: bytes) -> None:
        if not WHOLE(raw) or raw[0]:
            return
        pcb, inf = raw[1], raw[3:-1]
        if pcb == RESYNCH_REQUEST:
            self.reset()
        elif not pcb & 0x80 and pcb >> 6 == self._number:
            self._number ^= 1
            self._chain += inf
            if not pcb & 0x20:
                self.commands[self._chain] += 1
                self._chain = b""


def drivers_own(journal: list[str]) -> bool:
    """Tell whether the driver resynchronised, or took a block for whole that was not.

    After S(RESYNCH) it goes on in the middle of a command. It looks at a block's check, not at its
    length, and at what its buffer held before where a block is shorter than four bytes.
    """
    for exchange in journal:
        sent, arrived = (bytes.fromhex(way.split(" ")[0]) for way in exchange.split(" / "))
        if sent[1] == RESYNCH_REQUEST:
            return True
        if arrived and not WHOLE(arrived) and (len(arrived) < 4 or lrc(arrived) == b"\0"):
            return True
    return False


def outcome(command: bytes, answer: bytes | None, expected: bytes, done: Counter[bytes]) -> str:
    """Say what became of a command; `answer` is None where the driver gave up."""
    if set(done) - {command}:
        return "changed"
    if done[command] > 1:
        return "twice"
    if answer is None:
        return "given up, done" if done else "given up, not done"
    return "right" if answer == expected and done else "wrong answer"


class Tally:
    """What became of the exchanges of one test."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in self.of.most_common())


def exchange(terminal: Terminal, line: FaultyLine, command: bytes) -> bytes | None:
    """Send a command; return its answer, or None where the driver gave up. Then all is quiet."""
    try:
        return terminal.transmit(command)
    except ScardError:
        return None
    finally:
        line.quieten()


@pytest.mark.parametrize("bad", [NOISE, (Kind.DAMAGED,)], ids=["all", "damaged"])
@pytest.mark.parametrize("share", [0.03, 0.10, 0.35])
def test_blocks(
    desk: Desk,
    share: float,
    bad: tuple[Kind, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng, heard, tally = random.Random(f"blocks {share}"), Heard(), Tally()
    views: list[T1Card] = []
    receive = T1Card.receive

    def deliver(raw: bytes) -> bytes:
        heard(raw)
        return receive(views[-1], raw)

    def over_the_line(view: T1Card, raw: bytes) -> bytes:
        views[:] = [view]
        return line(raw)

    line = FaultyLine(deliver, WHOLE)
    monkeypatch.setattr(T1Card, "receive", over_the_line)
    card = CountingCard(
        atr_variant(PLAIN, (1,), ifsc=64), lambda command: min(size_asked(command), LONGEST)
    )
    with desk.holding(card) as protocol:
        assert protocol == 1
        for number in range(soak.times(500, soak=10_000)):
            size = rng.choice(SIZES)
            command = numbered(number, rng.randrange(8, 200), size)
            card.executed.clear()
            heard.commands.clear()
            line.journal.clear()
            line.plan(noise(rng, share, bad))
            answer = exchange(desk.terminal, line, command)
            what = outcome(command, answer, answer_to(command, size), card.executed)
            own = drivers_own(line.journal)
            tally.of[f"{what} (the driver's)" if own else what] += 1
            assert card.executed == heard.commands, line.journal
            assert own or what in ("right", "given up, done", "given up, not done"), line.journal
            if own or answer is None:
                desk.terminal.power_cycle()
                heard.reset()
    counted.tell(f"noise: T=1, {share:.0%}, {'damaged' if len(bad) == 1 else 'all'}: {tally}")
    assert tally.of["right"] > tally.of.total() * (1 - share)


@pytest.mark.parametrize("share", [0.03, 0.10, 0.35])
def test_bytes_that_do_not_come(
    desk: Desk,
    share: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parity has a damaged character of T=0 sent again; what no check sees is a missing one."""
    rng, tally = random.Random(f"bytes {share}"), Tally()
    views: list[T0Card] = []
    feed = T0Card.feed

    def over_the_line(view: T0Card, raw: bytes) -> bytes:
        views[:] = [view]
        return line(raw)

    line = FaultyLine(lambda raw: feed(views[-1], raw), lambda _: False)
    monkeypatch.setattr(T0Card, "feed", over_the_line)
    card = CountingCard(
        atr_variant(PLAIN, (0,)), lambda command: command[4] if len(command) == 5 else 0
    )
    with desk.holding(card) as protocol:
        assert protocol == 0
        for number in range(soak.times(500, soak=10_000)):
            head, size = number.to_bytes(2, "big"), rng.randrange(1, 256)
            down = rng.random() < 0.5
            command = bytes((0, 0xD6 if down else 0xB0, *head, size)) + bytes(size if down else 0)
            card.executed.clear()
            line.plan(noise(rng, share, (Kind.LOST, Kind.CUT)))
            answer = exchange(desk.terminal, line, command)
            expected = answer_to(command, 0 if down else size)
            what = outcome(command, answer, expected, card.executed)
            tally.of[what] += 1
            assert what in ("right", "given up, done", "given up, not done"), line.journal
            if answer is None:
                desk.terminal.power_cycle()
    counted.tell(f"noise: T=0, {share:.0%}: {tally}")
    assert tally.of["right"] > tally.of.total() * (1 - share) ** 4

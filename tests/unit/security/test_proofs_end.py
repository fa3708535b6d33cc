"""Whatever writes a PIN, a key or a key pair ends what another channel has proven with it.

For every command that writes what an internal EF holds, its counter or its state, whether it
succeeds or fails; and no longer than that does a warm reset keep a PIN. Every command of every
application here is either among these or shown to write nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from jukicard import Card
from jukicard.apdu import Aid, CommandApdu, Ins
from jukicard.filesystem.files import EfNode, InternalFile
from jukicard.filesystem.lifecycle import LifeCycleState
from tests.support.applets.every_file import (
    AID,
    CODE,
    COUNTER_KEY,
    KEY,
    KEY_PAIR,
    KEY_VALUE,
    NUMBER,
    PASSWORD,
    PIN,
    PROOFS,
    TRANSPARENT,
    TREE,
    VALUES,
    WITNESSES,
    EveryFileApplet,
    applet_of,
    every_file_card,
)
from tests.support.naive.terminal import KeyPair, NaiveTerminal
from tests.unit.filesystem.door_acts import ACTS, KIND

PINS: Final = frozenset({PIN, PASSWORD, NUMBER, CODE})
NEW: Final = {PIN: b"4321", PASSWORD: b"OTHER123", CODE: b"12345678"}
ALL: Final = frozenset({"everything"})
NOTHING: Final[frozenset[int | str]] = frozenset()
JPKI: Final = Aid("D392F000260100000001")
KEYS: Final = KeyPair(KEY_VALUE.enc, KEY_VALUE.mac)
Proofs = frozenset[int | str]


@dataclass(frozen=True)
class Case:
    """One command on an EF with so many tries left, None for all of them.

    ends: what goes on every other channel: a PIN, a key with its session, a right with all that
    was proven beside it, or everything. own: what goes on the channel that did it. counter: the EF
    whose tries these are, where it is another one.
    """

    name: str
    command: str
    fid: int
    answers: str
    ends: Proofs = NOTHING
    own: Proofs = NOTHING
    tries: int | None = None
    state: LifeCycleState | None = None
    counter: int = 0

    @property
    def instruction(self) -> tuple[int, int]:
        return int(self.command[:2], 16), int(self.command[2:4], 16)


def _data(value: bytes) -> str:
    return f"{len(value):02X}{value.hex()}"


def _wrong(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


def _on_pins() -> Iterator[Case]:
    for fid, value in VALUES.items():
        this, wrong = frozenset({fid}), _wrong(value)
        yield Case("VERIFY, right", f"00200080{_data(value)}", fid, "9000")
        yield Case("VERIFY, right at last", f"00200080{_data(value)}", fid, "9000", tries=1)
        yield Case("VERIFY, wrong", f"00200080{_data(wrong)}", fid, "63C1", own=this, tries=2)
        yield Case("VERIFY, blocked", f"00200080{_data(wrong)}", fid, "63C0", this, this, 1)
        if fid == NUMBER:  # printed on the card: its value is nobody's to change
            continue
        new = NEW[fid]
        yield Case("CHANGE REFERENCE DATA", f"00240180{_data(new)}", fid, "9000", this)
        yield Case("CHANGE REFERENCE DATA, the same", f"00240180{_data(value)}", fid, "9000", this)
        yield Case("CHANGE REFERENCE DATA, refused", f"00240180{_data(new[:1])}", fid, "6700")
        yield Case("CHANGE KEY", f"80320080{_data(new)}", fid, "9000", this)
        reset = "RESET RETRY COUNTER with a new value"
        yield Case(reset, f"002C0280{_data(new)}", fid, "9000", this, this)
        yield Case(f"{reset}, refused", f"002C0280{_data(new[:1])}", fid, "6700")
        if fid == PASSWORD:  # of one whose length varies there is no such form
            continue
        change = "CHANGE REFERENCE DATA with the old value"
        yield Case(change, f"00240080{_data(value + new)}", fid, "9000", this)
        yield Case(
            f"{change}, at last", f"00240080{_data(value + new)}", fid, "9000", this, tries=1
        )
        refused = f"00240080{_data(value + new[:1])}"
        yield Case(f"{change}, refused", refused, fid, "6700", own=this, tries=1)
        change = f"{change}, wrong"
        wrong_change = f"00240080{_data(wrong + new)}"
        yield Case(change, wrong_change, fid, "63C1", own=this, tries=2)
        yield Case(f"{change} and blocked", wrong_change, fid, "63C0", this, this, 1)
    yield Case("RESET RETRY COUNTER", "002C0380", PIN, "9000", own=frozenset({PIN}))
    code, pin = VALUES[CODE], frozenset({PIN})
    reset = "RESET RETRY COUNTER with a code"
    yield Case(reset, f"002C0180{_data(code)}", PIN, "9000", own=pin)
    yield Case(
        f"{reset} and a new value", f"002C0080{_data(code + NEW[PIN])}", PIN, "9000", pin, pin
    )


def _on_codes() -> Iterator[Case]:
    """The resetting code is a PIN too, and blocked like one."""
    lost, wrong = frozenset({CODE}), _wrong(VALUES[CODE])
    for p1, data in ((1, wrong), (0, wrong + NEW[PIN])):
        name, command = f"RESET RETRY COUNTER {p1}", f"002C{p1:02X}80{_data(data)}"
        yield Case(f"{name}, wrong", command, PIN, "63C1", own=lost, tries=2, counter=CODE)
        yield Case(f"{name}, blocked", command, PIN, "63C0", lost, lost, 1, counter=CODE)


def _on_keys() -> Iterator[Case]:
    """A new authentication forgets all that its own channel has proven, whatever comes of it."""
    for fid in (KEY, COUNTER_KEY):
        command = f"008200{0x80 | fid & 0x1F:02X}28{'00' * 40}28"
        this = frozenset({fid})
        yield Case("MUTUAL AUTHENTICATE, wrong", command, fid, "63C1", own=ALL, tries=2)
        yield Case("MUTUAL AUTHENTICATE, blocked", command, fid, "63C0", this, ALL, tries=1)
    pair = frozenset({"RIGHT"})  # what its declaration asks of who signs with it
    yield Case("GENERATE ASYMMETRIC KEY PAIR", "0046808000", KEY_PAIR, "9000", pair)
    yield Case("GENERATE ASYMMETRIC KEY PAIR, read", "0046818000", KEY_PAIR, "9000")


def _on_life() -> Iterator[Case]:
    off = LifeCycleState.DEACTIVATED
    for fid in (*sorted(PINS), KEY, KEY_PAIR, TRANSPARENT):
        own: Proofs = frozenset({fid}) & PINS
        for name, ins in (
            ("DEACTIVATE FILE", "04"),
            ("TERMINATE EF", "E8"),
            ("TERMINATE DF of an EF", "E6"),
        ):
            yield Case(name, f"00{ins}0000", fid, "9000", ALL, own)
        yield Case("ACTIVATE FILE", "00440000", fid, "9000", state=off)
        yield Case("DEACTIVATE FILE again", "00040000", fid, "9000", ALL, own, state=off)


CASES: Final = (*_on_pins(), *_on_codes(), *_on_keys(), *_on_life())


# -- two channels ---------------------------------------------------------------------------------

RIGHTS: Final = {"holder": "RIGHT", "system": "PURPOSE", "counter": "COUNTER"}
"""Who has proven something, and the right that comes with it."""
REFERENCE: Final = {"system": KEY & 0x1F, "counter": COUNTER_KEY & 0x1F}
RESTS_ON: Final[dict[str, Proofs]] = {
    "holder": frozenset({"RIGHT"}),
    "system": frozenset({"PURPOSE", KEY}),
    "counter": frozenset({"COUNTER", COUNTER_KEY}),
}
"""What the whole of it rests on: with that, all of it goes."""


class Channels:
    """A card on which channel 0 has proven all it can and channel 1 may do whatever it likes."""

    def __init__(self, prover: str, *, contactless: bool = False) -> None:
        self.card = every_file_card(contactless=contactless)
        self.terminal = NaiveTerminal(self.card.transmit, bytes(8))
        self.prover = prover
        self.before: Proofs = PINS | {RIGHTS[prover]}
        assert self.plain(CommandApdu(0, 0x70, 0, 1)) == 0x9000
        for channel in (0, 1):
            assert self.terminal.select(AID, channel).status == 0x9000
        if prover == "holder":
            self.grant(0)
        else:
            assert self.terminal.get_challenge().status == 0x9000
            p2 = 0x80 | REFERENCE[prover]
            assert self.terminal.mutual_authenticate(KEYS, p2).status == 0x9000
        for fid in sorted(PINS):
            self.choose(fid, 0)
            assert self.send(CommandApdu(0, 0x20, 0, 0x80, VALUES[fid])) == 0x9000
        self.grant(1)

    def plain(self, command: CommandApdu) -> int:
        return self.terminal.plain(command).status

    def send(self, command: CommandApdu) -> int:
        """The status of a command, protected while there is a session on its channel."""
        if command.cla.channel in self.terminal.sessions:
            return self.terminal.protected(command).status
        return self.plain(command)

    def grant(self, channel: int) -> None:
        assert self.plain(CommandApdu(0x80 | channel, 0x10, 0, 0)) == 0x9000

    def choose(self, fid: int, channel: int) -> None:
        command = CommandApdu(channel, 0xA4, 0x02, 0x0C, fid.to_bytes(2, "big"))
        assert self.send(command) >> 8 in (0x90, 0x62)

    def do(self, case: Case, channel: int) -> None:
        """Send the command of a case on a channel; an authentication asks for its challenge."""
        self.choose(case.fid, channel)
        self._arrange(case)
        if case.instruction == (0x00, Ins.MUTUAL_AUTHENTICATE):
            assert self.plain(CommandApdu(channel, 0x84, 0, 0, ne=8)) == 0x9000
        command = bytearray.fromhex(case.command)
        command[0] |= channel
        answer = self.card.transmit(bytes(command))[-2:].hex().upper()
        assert answer == case.answers, f"{case}: {answer}; {self.card.last_refusal}"

    def _arrange(self, case: Case) -> None:
        """Bring the EF where the case begins, below every command: nobody loses by that."""
        partition = applet_of(self.card).files.partition
        with self.card.environment.memory.transaction():
            if case.tries is not None:
                partition.put(TREE.ef(case.counter or case.fid).tries_key, bytes((case.tries,)))
            if case.state is not None:
                partition.put(TREE.ef(case.fid).state_key, bytes((case.state.byte,)))

    def held(self) -> Proofs:
        """What channel 0 can still show: which of the witnesses it reads."""
        for _ in range(2):  # the first is the last of a session that is over
            self.send(CommandApdu(0, 0xA4, 0x01, 0x0C, WITNESSES.to_bytes(2, "big")))
        return frozenset(
            proof
            for sfi, proof in enumerate(PROOFS, 1)
            if self.send(CommandApdu(0, 0xB0, 0x80 | sfi, 0, ne=1)) == 0x9000
        )

    def left(self, ends: Proofs) -> Proofs:
        """What channel 0 should have left of what it had proven when something ends."""
        if ends & (ALL | RESTS_ON[self.prover]):
            return NOTHING
        return self.before - ends


def _id(case: Case) -> str:
    return f"{case.name} {case.fid:04X}"


def test_all_of_it_is_proven_before() -> None:
    for prover in RIGHTS:
        there = Channels(prover)
        assert there.held() == there.before


@pytest.mark.parametrize("prover", RIGHTS)
@pytest.mark.parametrize("case", CASES, ids=_id)
def test_on_another_channel(case: Case, prover: str) -> None:
    there = Channels(prover)
    there.do(case, 1)
    assert there.held() == there.left(case.ends)
    if there.left(case.ends) == NOTHING and prover != "holder":
        there = Channels(prover)
        there.do(case, 1)
        there.terminal.sessions.clear()
        assert there.held() == NOTHING, "nor is there anything left for who asks in plain"


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_over_a_warm_reset(case: Case) -> None:
    """Through the air a reset keeps PINs; not those that ended, whatever channel ended them."""
    for prover in RIGHTS:
        there = Channels(prover, contactless=True)
        there.do(case, 1)
        there.card.reset()
        there.terminal.sessions.clear()
        assert there.held() == there.left(case.ends) & PINS, prover


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_on_its_own_channel(case: Case) -> None:
    there = Channels("holder")
    there.do(case, 0)
    assert there.held() == there.left(case.own)


def test_what_was_proven_to_another_application_stays() -> None:
    """But for what takes files out of use, which ends what was proven to anybody."""
    for case in CASES:
        there = Channels("holder")
        assert there.terminal.select(JPKI).status == 0x9000
        assert there.plain(CommandApdu(0, 0x20, 0, 0x9B, b"ABC123")) == 0x9000
        there.do(case, 1)
        kept = there.plain(CommandApdu(0, 0xB0, 0x81, 0, ne=1)) == 0x9000
        assert kept is (case.ends != ALL), case


WRITERS: Final = {case.instruction for case in CASES}
BESIDE: Final = {
    (0x00, Ins.GET_DATA): "00CA00C100",
    (0x00, Ins.GET_DATA_ODD): "00CB000003 5C01C1 00",
    (0x00, Ins.PUT_DATA): "00DA00C101 AA",
    (0x00, Ins.PUT_DATA_ODD): "00DB000003 C101AA",
    (0x00, Ins.GET_CHALLENGE): "0084000008",
    (0x00, Ins.TERMINATE_CARD_USAGE): "00FE0000",
    (0x80, 0x10): "80100000",
}
"""Commands on no EF, which the suite of the door does not have among its acts."""
OTHERS: Final = [
    *((act.cla, act.ins, act.command) for act in ACTS if (act.cla, act.ins) not in WRITERS),
    *((cla, ins, command) for (cla, ins), command in BESIDE.items()),
]


def test_every_command_is_here() -> None:
    """Of all that applications have: tests of the door see that none has one beside these."""
    tables = ((0x00, EveryFileApplet.interindustry), (0x80, EveryFileApplet.proprietary))
    commands = {(cla, ins) for cla, table in tables for ins in table}
    assert WRITERS | {(cla, ins) for cla, ins, _ in OTHERS} == commands


def _kept(card: Card) -> dict[str, bytes | None]:
    """What memory keeps of internal EFs: values, counters, states."""
    files = applet_of(card).files
    internal = [
        ef for ef in TREE.walk() if isinstance(ef, EfNode) and isinstance(ef.spec, InternalFile)
    ]
    keys = (key for ef in internal for key in (ef.content_key, ef.tries_key, ef.state_key))
    return {key: files.partition.get(key) for key in keys}


@pytest.mark.parametrize("command", [command for _, _, command in OTHERS])
def test_the_other_commands_write_nothing_of_an_internal_file(command: str) -> None:
    there = Channels("holder")
    before = _kept(there.card)
    for fid in KIND:
        there.choose(fid, 1)
        raw = bytearray.fromhex(command.format(fid=f"{fid:04X}"))
        raw[0] |= 1
        there.card.transmit(bytes(raw))
    assert _kept(there.card) == before
    assert there.held() == there.before

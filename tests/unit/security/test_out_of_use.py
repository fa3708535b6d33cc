"""A card or application that is out of use does what the docs allow it, and nothing besides.

Every application of every profile, every instruction in every form, on two channels. The tables
were written from docs/card.md, sections 3 and 5, and docs/lifecycle.md, not from the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set as AbstractSet
from functools import cache
from typing import Final, NamedTuple

import pytest

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.apdu import Aid, CommandApdu
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.residents import RESIDENTS
from tests.support.naive.terminal import ISSUER, JUKI, PURPOSES, NaiveTerminal, keys_of
from tests.support.published.transcript import play

CARD: Final = b"\x3f\x00"


class Managed(NamedTuple):
    """Through which application a card is managed, for which purpose, and a PIN of it."""

    aid: Aid
    purposes: Mapping[int, str]
    manager: str
    verify: CommandApdu


_BY_COUNTER: Final = Managed(JUKI, PURPOSES, "COUNTER", CommandApdu(0, 0x20, 0, 0x9C, b"1234"))
_BY_ADMIN: Final = Managed(
    Aid("F04F50455241544F5201"),
    {6: "OPERATOR_LOGIN", 7: "ADMIN"},
    "ADMIN",
    CommandApdu(0, 0x20, 0, 0x9B, b"operator-1"),
)


def managed(profile: str) -> Managed:
    """Who manages a card of a profile."""
    return _BY_COUNTER if profile in RESIDENTS else _BY_ADMIN


SUSPENDED, ENDED = "suspended", "ended"
ACTS: Final = {
    SUSPENDED: CommandApdu(0x00, 0x04, 0, 0, CARD),
    ENDED: CommandApdu(0x00, 0xFE, 0, 0),
}
"""What the counter sends to bring a card into a state."""
MOVE_OUT: Final = CommandApdu(0x00, 0xDA, 0x00, 0xC1, b"\x01")

WARNING: Final = {SUSPENDED: "6283", ENDED: "6285"}
"""How SELECT of an application warns (docs/lifecycle.md)."""
STATE_BYTE: Final = {SUSPENDED: {0x04, 0x06}, ENDED: {0x0C, 0x0D, 0x0E, 0x0F}}
"""ISO/IEC 7816-4:2020, 7.4.10, table 14: deactivated, terminated."""

SELECT, GET_DATA, GET_CHALLENGE, AUTHENTICATE = 0xA4, 0xCA, 0x84, 0x82
DEACTIVATE, ACTIVATE, TERMINATE_DF, END = 0x04, 0x44, 0xE6, 0xFE

MALFORMED: Final = frozenset({"6700", "6A86", "6D00"})
"""An instruction that is looked at may have the wrong form, or be unknown to the application."""
NO_RIGHT: Final = frozenset({"6982", "6985", "6986", "6A80", "6A82"})
"""A change that the sender has no right to, of something that may not be there."""
OF_A_CARD: Final[Mapping[str, Mapping[int, frozenset[str]]]] = {
    SUSPENDED: {
        SELECT: frozenset({"6283", "6A82"}),
        GET_DATA: frozenset(),  # state and number as ever, where the application tells them
        GET_CHALLENGE: frozenset({"9000"}),
        AUTHENTICATE: frozenset({"6985"}),  # no challenge of eight bytes comes before it here
        ACTIVATE: NO_RIGHT,
        END: NO_RIGHT,
    },
    ENDED: {
        SELECT: frozenset({"6285", "6A82"}),
        GET_DATA: frozenset(),
    },
}
"""What a card does still, by instruction of an interindustry class, and how that may end."""
READABLE: Final = frozenset({0x008A, 0x005A})
INITIALIZE_UPDATE, SET_STATUS, GET_STATUS = 0x50, 0xF0, 0xF2
TO_THE_ISSUER: Final[Mapping[str, Mapping[int, frozenset[str]]]] = {
    SUSPENDED: {
        GET_DATA: frozenset({"6985"}),
        INITIALIZE_UPDATE: frozenset({"9000", "6120"}),  # 32 bytes wait where Le is missing
        AUTHENTICATE: frozenset({"6985"}),  # nothing was begun right before it
        SET_STATUS: frozenset({"6982"}),
        GET_STATUS: frozenset({"6982"}),
    },
    ENDED: {GET_DATA: frozenset({"6985"})},
}
"""What the issuer domain does still, by instruction of class 80: it lets the issuer in."""
COUNTED: Final = "counter"
"""What the issuer domain counts while it lets the issuer in."""

CLASSES: Final = (0x00, 0x0C, 0x10, 0x80)
PARAMETERS: Final = (0x0000, 0x0080, 0x0099, 0x009C, 0x005A, 0x008A, 0x00C1, 0x0204, 0x0400)
FEW: Final = (0x0000, 0x0099)
"""Parameters for the classes that are refused for what they are."""
DATA: Final = (b"\x00", CARD, b"\x00\x1c", bytes(8), bytes.fromhex("5C01C1"))


class Sent(NamedTuple):
    """A command and what the table needs of it; `cla` without the channel's number."""

    raw: bytes
    cla: int
    ins: int
    p1p2: int
    case: int

    def __str__(self) -> str:
        return self.raw.hex().upper()


def _forms(cla: int, ins: int, p1: int, p2: int) -> Iterator[tuple[int, CommandApdu]]:
    """Case 1 to 4, short and extended."""
    yield 1, CommandApdu(cla, ins, p1, p2)
    yield 2, CommandApdu(cla, ins, p1, p2, ne=256)
    yield 2, CommandApdu(cla, ins, p1, p2, ne=65_536)
    for data in DATA:
        yield 3, CommandApdu(cla, ins, p1, p2, data)
    yield 4, CommandApdu(cla, ins, p1, p2, DATA[2], 256)
    yield 3, CommandApdu(cla, ins, p1, p2, DATA[1], extended=True)
    yield 4, CommandApdu(cla, ins, p1, p2, DATA[2], 65_536)


@cache
def commands(channel: int) -> tuple[Sent, ...]:
    """Every instruction, with each class, with parameters that mean something somewhere."""
    return tuple(
        Sent(command.encode(), cla, ins, p1p2, case)
        for cla in CLASSES
        for ins in range(256)
        for p1p2 in (FEW if cla else PARAMETERS)
        for case, command in _forms(cla | channel, ins, *divmod(p1p2, 256))
    )


def _ins_of(channel: int) -> set[int]:
    return {sent.ins for sent in commands(channel)}


@cache
def _issued(profile: str) -> MemorySnapshot:
    return issue_card(
        profile, seed=1, on_bug=raise_bug, printed=Printed(access_number="123456")
    ).snapshot()


def in_use(profile: str) -> Card:
    """A powered card of a profile with channel 1 open."""
    card = Card.restore(_issued(profile), on_bug=raise_bug)
    card.power_on()
    play(card, "0070000001 -> 01 9000")
    return card


def counter(card: Card, of: Managed = _BY_COUNTER) -> NaiveTerminal:
    """A terminal that has authenticated as who manages the card."""
    terminal = NaiveTerminal(card.transmit, _number(card))
    terminal.select(of.aid)
    reference = next(it for it, purpose in of.purposes.items() if purpose == of.manager)
    assert terminal.get_challenge().status == 0x9000
    keys = keys_of(terminal.card_number, of.manager, of.aid)
    assert terminal.mutual_authenticate(keys, 0x80 | reference).status == 0x9000
    return terminal


def brought_into(profile: str, state: str) -> Card:
    """A powered card that its manager has brought into a state, its PIN verified before."""
    card, of = in_use(profile), managed(profile)
    terminal = counter(card, of)
    assert terminal.protected(of.verify).status == 0x9000
    assert terminal.protected(ACTS[state]).status == 0x9000
    return card


def _number(card: Card) -> bytes:
    return card.transmit(bytes.fromhex("00CA005A00"))[2:10]


def select(card: Card, aid: Aid, channel: int) -> str:
    """Select an application; the status."""
    answer = card.transmit(CommandApdu(channel, SELECT, 4, 0x0C, aid).encode())
    return answer.hex().upper()


def transmit(card: Card, sent: Sent) -> tuple[str, bytes]:
    """Send a command; status word and data of the answer."""
    answer = card.transmit(sent.raw)
    return answer[-2:].hex().upper(), answer[:-2]


every_application = pytest.mark.parametrize(
    ("profile", "aid"),
    [
        pytest.param(name, placement.aid, id=f"{name}-{placement.kind}")
        for name, profile in PROFILES.items()
        for placement in profile.applications
    ],
)
on_two_channels = pytest.mark.parametrize("channel", [0, 1])
BEFORE: Final = {0x0C: {"6987", "6988"}, 0x10: {"6985", "6884"}, 0x80: {"6985", "6E00"}}
"""What stands before the state, by class: there is no session, no such chain, no such class."""


# -- the card -------------------------------------------------------------------------------------


def allowed(state: str, sent: Sent, active: str, aid: Aid) -> AbstractSet[str]:
    """What a card in a state may answer; `active` is the answer of one that is in use."""
    if sent.cla == 0x80 and aid == ISSUER:
        return TO_THE_ISSUER[state].get(sent.ins, frozenset({"6985"})) | (
            MALFORMED | {"6A88"} if sent.ins in TO_THE_ISSUER[state] else frozenset()
        )
    if sent.cla not in (0x00, 0x10):
        return BEFORE[sent.cla]
    ends = OF_A_CARD[state].get(sent.ins)
    if ends is None:
        return {"6985"} if sent.cla == 0x00 else BEFORE[0x10]
    if sent.cla == 0x10:  # the links of a chain are answered without being done
        return {"9000"} if sent.ins == AUTHENTICATE else BEFORE[0x10] | MALFORMED
    if sent.ins == SELECT and sent.p1p2 >> 8 != 0x04:
        return {active}  # of a file in the application: as ever, it is no use of it
    if sent.ins == GET_DATA:
        readable = sent.p1p2 in READABLE and sent.case == 2
        return {active} if readable else {"6985"} | MALFORMED
    return ends | MALFORMED


@every_application
@pytest.mark.parametrize("state", [SUSPENDED, ENDED])
@on_two_channels
def test_a_card_out_of_use_does_nothing_but_what_is_allowed(
    profile: str, aid: Aid, state: str, channel: int
) -> None:
    card, active = brought_into(profile, state), in_use(profile)
    assert select(card, aid, channel) == WARNING[state]
    select(active, aid, channel)
    before = card.environment.memory.snapshot().contents()
    done: dict[int, int] = {}
    for sent in commands(channel):
        as_ever = ""
        if sent.ins in (SELECT, GET_DATA):
            as_ever = transmit(active, sent)[0]
            select(active, aid, channel)
        status, data = transmit(card, sent)
        assert status in allowed(state, sent, as_ever, aid), f"{sent} -> {status}"
        if status == "9000" and sent.ins == GET_DATA:
            assert data[0] == sent.p1p2
            assert sent.p1p2 == 0x5A or data[2] in STATE_BYTE[state]
        else:
            tells = (SELECT, GET_CHALLENGE, INITIALIZE_UPDATE)
            assert not data or sent.ins in tells, f"{sent} tells {len(data)}"
        if sent.ins == SELECT or sent.cla == 0x10:
            select(card, aid, channel)
        done[sent.ins] = done.get(sent.ins, 0) + (status in ("9000", "6283", "6285"))
    contents = card.environment.memory.snapshot().contents()
    for counted in (contents, before):
        counted[f"application {ISSUER}"].pop(COUNTED, None)
    assert contents == before, "nothing has changed"
    assert _ins_of(channel) == set(range(256))
    assert {ins for ins, count in done.items() if count} >= {SELECT, GET_DATA}


@pytest.mark.parametrize("profile", PROFILES)
@on_two_channels
def test_a_suspended_card_lets_in_only_who_may_resume_it(profile: str, channel: int) -> None:
    """The one thing the walk above cannot do: a challenge and a right answer to it."""
    of = managed(profile)
    for reference, purpose in of.purposes.items():
        card = brought_into(profile, SUSPENDED)
        number = _number(card)
        terminal = NaiveTerminal(card.transmit, number)
        assert terminal.select(of.aid, channel).status == 0x6283
        assert terminal.get_challenge(channel).status == 0x9000
        keys = keys_of(number, purpose, of.aid)
        answer = terminal.mutual_authenticate(keys, 0x80 | reference, channel)
        assert answer.status == (0x9000 if purpose == of.manager else 0x6985), purpose
        if purpose != of.manager:
            continue
        for ins, p1, p2, data in (
            (0xB2, 1, 0x14, b""),
            (0x20, 0, of.verify.p2, of.verify.data),
            (0xCA, 0, 0xC1, b""),
        ):
            refused = terminal.protected(
                CommandApdu(channel, ins, p1, p2, data, 0 if data else 256)
            )
            assert refused.status == 0x6985, f"{ins:02X}"
        assert terminal.protected(CommandApdu(channel, ACTIVATE, 0, 0, CARD)).status == 0x9000


@pytest.mark.parametrize("profile", PROFILES)
@on_two_channels
def test_an_ended_card_lets_nobody_in(profile: str, channel: int) -> None:
    card, of = brought_into(profile, ENDED), managed(profile)
    terminal = NaiveTerminal(card.transmit, _number(card))
    assert terminal.select(of.aid, channel).status == 0x6285
    assert terminal.get_challenge(channel).status == 0x6985
    for reference, purpose in of.purposes.items():
        keys = keys_of(terminal.card_number, purpose, of.aid)
        answer = terminal.mutual_authenticate(keys, 0x80 | reference, channel)
        assert answer.status == 0x6985, purpose


# -- one application ------------------------------------------------------------------------------

OF_AN_APPLICATION: Final = frozenset(
    {SELECT, GET_DATA, GET_CHALLENGE, AUTHENTICATE, ACTIVATE, DEACTIVATE, TERMINATE_DF, END}
)
"""It is selected, tells its data objects, and is managed by who may authenticate for that."""
OF_THE_CARD: Final = frozenset({0x70, 0xC0})
"""MANAGE CHANNEL and GET RESPONSE are answered before any application is asked."""
OUT_OF_USE: Final = {SUSPENDED: b"\x04", ENDED: b"\x0c"}


@every_application
@pytest.mark.parametrize("state", [SUSPENDED, ENDED])
def test_an_application_out_of_use_does_nothing_but_what_is_allowed(
    profile: str, aid: Aid, state: str
) -> None:
    card = in_use(profile)
    with card.environment.memory.transaction():
        card.environment.memory.partition(f"application {aid}").put("state/df", OUT_OF_USE[state])
    assert select(card, aid, 0) == WARNING[state]
    before = card.environment.memory.snapshot().contents()
    refused = 0
    for sent in commands(0):
        if sent.cla == 0x10 or sent.ins in OF_THE_CARD:
            continue
        status, _ = transmit(card, sent)
        looked_at = (0x00, 0x80) if aid == ISSUER else (0x00,)
        if sent.cla in looked_at and sent.ins in OF_AN_APPLICATION:
            assert sent.ins in (SELECT, GET_DATA, GET_CHALLENGE) or status[0] == "6", f"{sent}"
            if sent.ins == SELECT:
                select(card, aid, 0)
            continue
        refused += status == "6985"
        assert status in {"6985", "6D00", "6E00", "6987", "6988"}, f"{sent} -> {status}"
    assert refused
    assert card.environment.memory.snapshot().contents() == before


# -- a holder who moved out -----------------------------------------------------------------------

LET_IN: Final = {"MOVE_IN", "COUNTER"}


@pytest.mark.parametrize("profile", RESIDENTS)
@on_two_channels
def test_moving_out_changes_who_is_let_in_and_nothing_else(profile: str, channel: int) -> None:
    card, active = in_use(profile), in_use(profile)
    for each, act in ((card, MOVE_OUT), (active, MOVE_OUT.replace(data=b"\x00"))):
        terminal = counter(each)
        assert terminal.protected(act).status == 0x9000
        assert terminal.plain(CommandApdu(0, 0xCA, 0, 0xC1, ne=256)).data == b"\xc1\x01" + act.data
        assert select(each, Aid(JUKI), channel) == "9000"
    for purpose in PURPOSES.values():
        answered = _authenticates(card, purpose, channel)
        assert answered == (0x9000 if purpose in LET_IN else 0x6984), purpose
        assert _authenticates(active, purpose, channel) == 0x9000, purpose
    for sent in commands(channel):
        (status, data), (wanted, others) = transmit(card, sent), transmit(active, sent)
        assert status == wanted, f"{sent}"
        # a challenge is another one each time, and where the holder lives is told as it is
        other = sent.ins == GET_CHALLENGE or (sent.ins == GET_DATA and sent.p1p2 == 0x00C1)
        assert data == others or (other and len(data) == len(others)), f"{sent}"
        if sent.ins in (SELECT, 0x70):
            for each in (card, active):
                select(each, Aid(JUKI), channel)


def _authenticates(card: Card, purpose: str, channel: int) -> int:
    terminal = NaiveTerminal(card.transmit, _number(card))
    assert terminal.get_challenge(channel).status == 0x9000
    reference = next(number for number, name in PURPOSES.items() if name == purpose)
    keys = keys_of(terminal.card_number, purpose)
    return terminal.mutual_authenticate(keys, 0x80 | reference, channel).status

"""Arbitrary bytes to every view: nothing is raised, and what comes back is always well-formed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard import Card, issue_card
from jukicard.transport.tpdu import (
    CRC_A,
    CRC_B,
    CRC_OF_DRIVERS,
    LRC,
    Edc,
    Iso14443Card,
    Iso14443TypeACard,
    T0Card,
    T1Card,
)
from tests.support.readers.tpdu_line import CountingCard

ATR = bytes.fromhex("3B888001000014E0B38191005E")
CARD = issue_card("juki-v1", seed=1, contactless=True).snapshot()


def port() -> CountingCard:
    return CountingCard(ATR, lambda command: len(command) * 7)


def sealed(edc: Edc) -> st.SearchStrategy[list[bytes]]:
    """Blocks with a right code, so that they are looked at, among some without."""
    pcbs = st.sampled_from([0x00, 0x02, 0x03, 0x20, 0x40, 0x80, 0x90, 0xA2, 0xB3, 0xC0, 0xF2])
    block = st.builds(lambda pcb, rest: edc.seal(bytes((pcb,)) + rest), pcbs, st.binary(max_size=9))
    return st.lists(block | st.binary(max_size=12) | st.binary(max_size=12).map(edc.seal))


def t1_blocks() -> st.SearchStrategy[list[bytes]]:
    pcb = st.sampled_from(
        [0x00, 0x20, 0x40, 0x60, 0x80, 0x90, 0x81, 0xC0, 0xC1, 0xC2, 0xC3, 0xE1, 0xE2, 0xE3]
    )
    block = st.builds(
        lambda pcb, inf: LRC.seal(bytes((0, pcb, len(inf))) + inf),
        pcb | st.integers(0, 255),
        st.binary(max_size=2) | st.binary(max_size=32),
    )
    return st.lists(block | st.binary(max_size=12), max_size=40)


@given(t1_blocks(), st.integers(0, 2), st.none() | st.integers(1, 254), st.integers(1, 100))
def test_t1(blocks: list[bytes], waits: int, announced: int | None, buffer: int) -> None:
    card = T1Card(port(), wait=lambda command: waits, announced_ifsc=announced, buffer=buffer)
    card.power_on()
    for block in blocks:
        answer = card.receive(block)
        if answer:
            assert LRC.fits(answer)
            assert answer[0] == 0
            assert len(answer) == answer[2] + 4 <= card.ifsd + 4
            assert answer[1] & 0x1F == 0 if answer[1] < 0x80 else answer[1] in ANSWERS


ANSWERS = {0x80, 0x81, 0x82, 0x90, 0x91, 0x92, 0xC1, 0xC2, 0xC3, 0xE0, 0xE1, 0xE2}
"""R-blocks, S(requests) that a card may send, S(responses) that it may give."""


@given(st.lists(st.binary(max_size=30)), st.booleans(), st.booleans(), st.integers(0, 2))
def test_t0(pieces: list[bytes], byte_wise: bool, envelope: bool, nulls: int) -> None:
    card = T0Card(port(), byte_wise=byte_wise, envelope=envelope, wait=lambda command: nulls)
    card.power_on()
    for piece in pieces:
        card.feed(piece)
    # Whatever came before: after a reset it is a card that waits for a header.
    card.reset()
    assert card.feed(bytes.fromhex("0004000000"))[-2] in (0x61, 0x90)


@pytest.mark.parametrize("edc", [CRC_A, CRC_B])
@given(st.data())
def test_iso14443(edc: Edc, data: st.DataObject) -> None:
    card: Iso14443Card | Iso14443TypeACard
    if edc is CRC_B:
        card = Iso14443Card(port())
        opening = [bytes.fromhex("050008"), bytes.fromhex("1D0000000000000100")]
    else:
        card = Iso14443TypeACard(port())
        opening = [bytes.fromhex("E000")]
    card.power_on()
    frames = data.draw(sealed(edc))
    at = data.draw(st.integers(0, len(frames)))
    for frame in (*frames[:at], *(edc.seal(frame) for frame in opening), *frames[at:]):
        answer = card.receive(frame)
        if answer:
            assert edc.fits(answer)
            assert len(answer) >= 3


@given(st.lists(st.binary(max_size=32), max_size=10), st.sampled_from([LRC, CRC_OF_DRIVERS]))
def test_a_real_card_behind_t1(commands: list[bytes], edc: Edc) -> None:
    inner, twin = Card.restore(CARD), Card.restore(CARD)
    twin.power_on()
    card = T1Card(inner, edc=edc)
    card.power_on()
    for number, command in enumerate(commands):
        answer = card.receive(edc.seal(bytes((0, number % 2 << 6, len(command))) + command))
        assert answer[3 : -edc.size] == twin.transmit(command)[:32]

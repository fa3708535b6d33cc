"""Strategies for hypothesis: commands, hazards, people and cards, each shrinking to a simple one.

Needs hypothesis, which this distribution does not bring along.
`jukicard.testing.draw_hazards` gives hazards of a seed where hypothesis does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.environment import SeededRandom
from jukicard.profiles import PROFILES
from jukicard.runtime.card import Card
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Person
from jukicard.testing.hazards import (
    CorruptedMac,
    Delayed,
    Hazard,
    InUse,
    Mute,
    PowerCut,
    Pulled,
    ResetByOther,
    SelectedByOther,
    StatusInstead,
    StrippedMac,
    Truncated,
)
from jukicard.testing.states import STATES, card_in

_STATUSES = (0x6F00, 0x6581, 0x6300, 0x6982, 0x6985, 0x6A82, 0x6A86, 0x6D00, 0x9000)


def apdus(
    instructions: Sequence[int] = tuple(Ins), *, longest: int = 255
) -> st.SearchStrategy[CommandApdu]:
    """Return well-formed plain commands on the basic channel, of up to `longest` bytes of data."""
    return st.builds(
        CommandApdu,
        st.just(0x00),
        st.sampled_from(instructions),
        st.integers(0, 0xFF),
        st.integers(0, 0xFF),
        st.binary(max_size=longest),
        st.integers(0, 256),
    )


def hazards(*, latest: int = 20, longest_delay: float = 0.0) -> st.SearchStrategy[Hazard]:
    """Return any hazard, at exchange or write 1 to `latest`.

    longest_delay: the longest that an answer is late, in seconds; 0 leaves lateness out.
    """
    at = st.integers(1, latest)
    done, times = st.booleans(), st.one_of(st.integers(1, 3), st.none())
    when = {"at": at, "ins": st.one_of(st.none(), st.sampled_from(tuple(Ins)))}
    kinds: list[st.SearchStrategy[Hazard]] = [
        st.builds(StatusInstead, **when, status=st.sampled_from(_STATUSES), times=times, done=done),
        st.builds(Mute, **when, done=done),
        st.builds(Pulled, **when, done=done, mid_chain=st.booleans()),
        st.builds(Truncated, **when, keep=st.integers(0, 4)),
        st.builds(InUse, **when, times=times),
        st.builds(ResetByOther, **when),
        st.builds(SelectedByOther, **when),
        st.builds(CorruptedMac, at=at, bit=st.integers(0, 63)),
        st.builds(StrippedMac, at=at),
        st.builds(PowerCut, at=at, landed=st.booleans()),
    ]
    if longest_delay:
        kinds.append(st.builds(Delayed, **when, seconds=st.floats(0, longest_delay)))
    return st.one_of(kinds)


def people() -> st.SearchStrategy[Person]:
    """Return synthetic people, as cards are issued to."""
    issued = PROFILES["juki-v1"].issued
    return st.integers(0, 2**32).map(lambda seed: draw_person(SeededRandom(seed), issued=issued))


def cards(
    profiles: Sequence[str] = tuple(PROFILES),
    states: Sequence[str] = tuple(STATES),
    *,
    seeds: int = 3,
) -> st.SearchStrategy[Card]:
    """Return cards without power, each a fork of its own: of these profiles, in these states.

    seeds: of how many different cards each; every one is issued once in a process.
    """
    return st.builds(
        card_in,
        st.sampled_from(states),
        profile=st.sampled_from(profiles),
        seed=st.integers(1, seeds),
    )

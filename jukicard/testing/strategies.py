"""Strategies for hypothesis: commands, sessions, hazards, people and cards; all shrink.

Needs hypothesis, which this distribution does not bring along.
`jukicard.testing.draw_hazards` gives hazards of a seed where hypothesis does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.environment import SeededRandom
from jukicard.filesystem.files import DfNode, EfNode
from jukicard.kit.fileapplet import FileApplet
from jukicard.kit.pin import PinFile
from jukicard.profiles import PROFILES, issue_card
from jukicard.runtime.card import Card
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Person
from jukicard.testing.hazards import (
    CorruptedMac,
    Delayed,
    Hazard,
    InUse,
    MoreTime,
    Mute,
    PowerCut,
    Pulled,
    ResetByOther,
    SelectedByOther,
    StatusInstead,
    StrippedMac,
    Truncated,
)
from jukicard.testing.states import STATES, card_in, states_of

_STATUSES = (0x6F00, 0x6581, 0x6300, 0x6982, 0x6985, 0x6A82, 0x6A86, 0x6D00, 0x9000)
_PINS = (b"1234", b"0000", b"", b"123")

RESIDENTS: Final = tuple(profile for profile in PROFILES if "moved_out" in states_of(profile))
"""The profiles whose cards are a resident's: who holds one may move out."""


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
        st.builds(MoreTime, **when, requests=st.integers(1, 5), seconds=_late(longest_delay)),
        st.builds(CorruptedMac, at=at, bit=st.integers(0, 63)),
        st.builds(StrippedMac, at=at),
        st.builds(PowerCut, at=at, landed=st.booleans()),
    ]
    if longest_delay:
        kinds.append(st.builds(Delayed, **when, seconds=_late(longest_delay)))
    return st.one_of(kinds)


def _late(longest: float) -> st.SearchStrategy[float]:
    return st.floats(0, longest)


def sessions(profile: str = "juki-v1", longest: int = 12) -> st.SearchStrategy[list[CommandApdu]]:
    """Return sessions with one application of a profile: SELECT, then up to `longest` commands.

    The application knows all of them, and where they name files, data objects and PINs, those are
    there: a session gets further than `apdus` do. All is plain; PINs are "1234", right on a card
    as `card_in` issues it, and wrong ones.
    """
    return st.deferred(
        lambda: st.sampled_from(_applets(profile)).flatmap(lambda applet: _session(applet, longest))
    )


@cache
def _applets(profile: str) -> list[FileApplet[Any]]:
    card = issue_card(profile, seed=1)
    return [one.applet for one in card.applications if isinstance(one.applet, FileApplet)]


def _session(applet: FileApplet[Any], longest: int) -> st.SearchStrategy[list[CommandApdu]]:
    select = CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, applet.context.aid)
    tree = applet.tree
    files = [node.spec for node in tree.walk() if isinstance(node, EfNode)]
    tags = [tag for df in tree.walk() if isinstance(df, DfNode) for tag in df.objects]
    short = [spec.sfi for spec in files if spec.sfi]
    pins = [0x80 | spec.fid & 0x1F for spec in files if isinstance(spec, PinFile)]
    fids = [spec.fid.to_bytes(2, "big") for spec in files]
    steps = [apdus(sorted(applet.interindustry), longest=32)]
    if Ins.GET_CHALLENGE in applet.interindustry:
        steps.append(st.just(CommandApdu(0x00, Ins.GET_CHALLENGE, 0x00, 0x00, ne=8)))
    if fids:
        steps.append(
            st.sampled_from(fids).map(lambda fid: CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, fid))
        )
    if tags:
        steps.append(
            st.sampled_from(tags).map(
                lambda tag: CommandApdu(0x00, Ins.GET_DATA, tag >> 8, tag & 0xFF, ne=256)
            )
        )
    if short and Ins.READ_BINARY in applet.interindustry:
        steps.append(st.builds(_read_binary, st.sampled_from(short), st.integers(0, 255)))
    if short and Ins.READ_RECORD in applet.interindustry:
        steps.append(st.builds(_read_record, st.sampled_from(short), st.integers(0, 5)))
    if pins:
        steps.append(st.builds(_verify, st.sampled_from(pins), st.sampled_from(_PINS)))
    return st.lists(st.one_of(steps), max_size=longest).map(lambda rest: [select, *rest])


def _read_binary(sfi: int, offset: int) -> CommandApdu:
    return CommandApdu(0x00, Ins.READ_BINARY, 0x80 | sfi, offset, ne=256)


def _read_record(sfi: int, number: int) -> CommandApdu:
    return CommandApdu(0x00, Ins.READ_RECORD, number, sfi << 3 | 0x04, ne=256)


def _verify(reference: int, pin: bytes) -> CommandApdu:
    return CommandApdu(0x00, Ins.VERIFY, 0x00, reference, pin)


def people() -> st.SearchStrategy[Person]:
    """Return synthetic people, as cards are issued to."""
    issued = PROFILES["juki-v1"].issued
    return st.integers(0, 2**32).map(lambda seed: draw_person(SeededRandom(seed), issued=issued))


def cards(
    profiles: Sequence[str] = RESIDENTS,
    states: Sequence[str] = tuple(STATES),
    *,
    seeds: int = 3,
) -> st.SearchStrategy[Card]:
    """Return cards without power, each a fork of its own: of these profiles, in these states.

    profiles: by default those of residents' cards; an operator card comes when it is named.
    seeds: of how many different cards each; every one is issued once in a process.
    No profile comes in a state that it cannot have: nobody moves out of an operator card.
    """
    pairs = [
        (profile, state) for profile in profiles for state in states if state in states_of(profile)
    ]
    return st.tuples(st.sampled_from(pairs), st.integers(1, seeds)).map(
        lambda drawn: card_in(drawn[0][1], profile=drawn[0][0], seed=drawn[1])
    )

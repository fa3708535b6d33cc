"""For people who test with the card: cards in any state, what happens to cards, what was said.

    >>> from jukicard import LocalReader
    >>> from jukicard.testing import HazardousCard, Pulled, card_in
    >>> card = HazardousCard(card_in("one_try_left"), Pulled(at=3))
    >>> with LocalReader(card) as reader:
    ...     pass  # the terminal under test

With pytest there is a plugin, see the page for testers; `jukicard.testing.strategies` is for
hypothesis. This is the face; what is imported from here stays where it is when modules move. The
names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukicard.testing.applets import (
        ForbiddenApplet as ForbiddenApplet,
        ForbiddenReachedError as ForbiddenReachedError,
        with_forbidden as with_forbidden,
    )
    from jukicard.testing.blankcards import (
        BlankCards as BlankCards,
        FeedState as FeedState,
    )
    from jukicard.testing.counter import (
        StateNotReached as StateNotReached,
    )
    from jukicard.testing.expectations import (
        Expectation as Expectation,
        Expectations as Expectations,
    )
    from jukicard.testing.faults import (
        FaultyBackend as FaultyBackend,
    )
    from jukicard.testing.hazardous import (
        HazardousCard as HazardousCard,
    )
    from jukicard.testing.hazards import (
        HAZARDS as HAZARDS,
        CorruptedMac as CorruptedMac,
        Delayed as Delayed,
        Hazard as Hazard,
        InUse as InUse,
        MoreTime as MoreTime,
        Mute as Mute,
        PowerCut as PowerCut,
        Pulled as Pulled,
        ResetByOther as ResetByOther,
        SelectedByOther as SelectedByOther,
        StatusInstead as StatusInstead,
        StrippedMac as StrippedMac,
        Truncated as Truncated,
        draw_hazards as draw_hazards,
    )
    from jukicard.testing.interleaving import (
        InterleavingBroken as InterleavingBroken,
        Interleavings as Interleavings,
        ProgramHangs as ProgramHangs,
        interleave as interleave,
    )
    from jukicard.testing.keypads import (
        ScriptedKeypad as ScriptedKeypad,
        Typing as Typing,
    )
    from jukicard.testing.markers import (
        MarkerError as MarkerError,
    )
    from jukicard.testing.recording import (
        recorded_card as recorded_card,
        repeat_session as repeat_session,
    )
    from jukicard.testing.states import (
        STATES as STATES,
        card_in as card_in,
        today_in as today_in,
    )
    from jukicard.testing.transcripts import (
        TranscriptDiffers as TranscriptDiffers,
        Transcripts as Transcripts,
        check_transcript as check_transcript,
    )
    from jukicard.testing.undertest import (
        CardInTest as CardInTest,
    )

_HOMES: Final = {
    "applets": "ForbiddenApplet ForbiddenReachedError with_forbidden",
    "blankcards": "BlankCards FeedState",
    "counter": "StateNotReached",
    "expectations": "Expectation Expectations",
    "faults": "FaultyBackend",
    "hazardous": "HazardousCard",
    "hazards": "CorruptedMac Delayed HAZARDS Hazard InUse MoreTime Mute PowerCut Pulled "
    "ResetByOther SelectedByOther StatusInstead StrippedMac Truncated draw_hazards",
    "interleaving": "InterleavingBroken Interleavings ProgramHangs interleave",
    "keypads": "ScriptedKeypad Typing",
    "markers": "MarkerError",
    "states": "STATES card_in today_in",
    "recording": "recorded_card repeat_session",
    "transcripts": "TranscriptDiffers Transcripts check_transcript",
    "undertest": "CardInTest",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukicard.testing' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"jukicard.testing.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

"""What a test asks for with `@pytest.mark.jukicard(...)`, read and checked; knows no pytest."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from jukicard.profiles import PROFILES, Profile, ProfileError, issue_card
from jukicard.runtime.card import Card
from jukicard.runtime.placement import Placement
from jukicard.testing.hazards import Hazard
from jukicard.testing.states import STATES, StateNotReached, card_in, today_in
from jukicard.testing.undertest import CardInTest

_OWN: Final = ("profile", "state", "seed", "hazards", "applications")
_NOT_HERE: Final = {"profile", "seed", "memory", "on_bug"}
ARGUMENTS: Final = (
    *_OWN,
    *(name for name in inspect.signature(issue_card).parameters if name not in _NOT_HERE),
)
"""What the marker takes: its own, and what `issue_card` takes."""


class MarkerError(ValueError):
    """A test asks for a card that there is not; the text says what there is."""


class Marked(Protocol):
    """A marker with its arguments, as pytest has them."""

    @property
    def args(self) -> tuple[Any, ...]:
        """What was given by position: nothing."""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """What was given by name."""


class Asked(NamedTuple):
    """The card that a test asks for."""

    profile: str | Profile = "juki-v1"
    state: str = "issued"
    seed: int | str | bytes = 1
    hazards: Sequence[Hazard] = ()
    issued: Mapping[str, Any] = {}


def asked_for(marks: Iterable[Marked], profile: str | None = None) -> Asked:
    """Read the markers of a test, the outermost first: what is nearer to the test counts.

    profile: the one that the fixture stands for, if it does. MarkerError.
    """
    given: dict[str, Any] = {}
    for mark in marks:
        if mark.args:
            raise MarkerError(f"jukicard takes arguments by name only: {', '.join(ARGUMENTS)}")
        given |= mark.kwargs
    unknown = [name for name in given if name not in ARGUMENTS]
    if unknown:
        raise MarkerError(f"jukicard has no {unknown[0]!r}; there is {', '.join(ARGUMENTS)}")
    if profile is not None and given.setdefault("profile", profile) != profile:
        raise MarkerError(
            f"this fixture is a {profile} card, and the marker asks for another profile: leave "
            "`profile` out, or take the fixture juki_card"
        )
    _check(given)
    own = {name: given.pop(name) for name in _OWN if name in given}
    extra = own.pop("applications", ())
    if extra:
        own["profile"] = _with(own.get("profile", "juki-v1"), extra)
    return Asked(**own, issued=given)


def _check(given: Mapping[str, Any]) -> None:
    profile, state = given.get("profile", "juki-v1"), given.get("state", "issued")
    if not isinstance(profile, Profile) and profile not in PROFILES:
        raise MarkerError(f"there is no profile {profile!r}; there is {', '.join(PROFILES)}")
    if state not in STATES:
        raise MarkerError(f"there is no state {state!r}; there is {', '.join(STATES)}")
    if not isinstance(given.get("seed", 1), int | str | bytes):
        raise MarkerError("a seed is a number, text or bytes")
    for name, kind in (("hazards", Hazard), ("applications", Placement)):
        values = given.get(name, ())
        if not isinstance(values, list | tuple) or not all(isinstance(v, kind) for v in values):
            raise MarkerError(f"{name} is a list of {kind.__name__}")


def _with(profile: str | Profile, extra: Sequence[Placement]) -> Profile:
    found = PROFILES[profile] if isinstance(profile, str) else profile
    return dataclasses.replace(found, applications=(*found.applications, *extra))


def made(asked: Asked, *, record: bool = False) -> CardInTest:
    """Return the card that was asked for; `record` its session in full.

    MarkerError when it cannot be issued or brought there.
    """
    try:
        card: Card = card_in(asked.state, profile=asked.profile, seed=asked.seed, **asked.issued)
    except (ProfileError, StateNotReached, TypeError) as error:
        raise MarkerError(str(error)) from error
    today = today_in(asked.state, asked.profile, **asked.issued)
    in_test = CardInTest(card, today=today, state=asked.state, seed=asked.seed, record=record)
    in_test.hazard(*asked.hazards)
    return in_test

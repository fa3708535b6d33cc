"""Where an application lies on a card unless it is said: its kind knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.profiles.order import ProfileError
from jukicard.runtime.kinds import applet_class
from jukicard.runtime.placement import Placement

_NOTHING: Final[Mapping[str, str]] = {}


def place(kind: str, parameters: Mapping[str, str] = _NOTHING, aid: Aid | None = None) -> Placement:
    """Return a placement of a kind of application, without privileges.

    aid: where it lies; None where such applications usually do.

    UnknownAppletError for a kind that is not installed here, ProfileError for one that does not say
    where it lies, or takes no such parameters.
    """
    found = applet_class(kind)
    try:
        lies = found.usual_aid(parameters) if aid is None else aid
    except Exception as failure:
        raise ProfileError(
            f"the kind of application {kind!r} cannot be placed with these parameters "
            f"({type(failure).__name__})"
        ) from failure
    if type(lies) is not Aid:
        raise ProfileError(f"the kind of application {kind!r} says no AID: give one")
    return Placement(lies, kind, parameters)

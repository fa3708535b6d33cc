"""The profiles whose cards are a resident's: they have the Juki application."""

from __future__ import annotations

from typing import Final

from jukicard import PROFILES

RESIDENTS: Final = tuple(
    name
    for name, profile in PROFILES.items()
    if any(placement.kind == "juki" for placement in profile.applications)
)
assert len(RESIDENTS) == len(PROFILES) - 1, "all but the operator card"

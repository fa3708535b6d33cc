"""The applications under `examples/`, offered to this process as their entry points say."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

from jukicard import PROFILES, Card, issue_card
from jukicard.kit.fileapplet import FileApplet
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.installed import ENTRY_POINTS
from jukicard.runtime.kinds import offer_applet
from jukicard.testing.applets import with_forbidden

EXAMPLES: Final = Path(__file__).parents[3] / "examples"
PIN: Final = "4711"


def _offered() -> Mapping[str, type[FileApplet[Any]]]:
    found: dict[str, type[FileApplet[Any]]] = {}
    for package in sorted(EXAMPLES.glob("*/pyproject.toml")):
        declared = tomllib.loads(package.read_text(encoding="utf-8"))["project"]
        sys.path.append(str(package.parent / "src"))
        for name, value in declared["entry-points"][ENTRY_POINTS].items():
            applet = EntryPoint(name, value, ENTRY_POINTS).load()
            assert issubclass(applet, FileApplet), f"{name} has no handler tables"
            offer_applet(applet)
            found[name] = applet
    assert found
    return found


TOWNS: Final = _offered()
"""The class of every kind that a package under `examples/` has."""
AIDS: Final = {
    aid: kind for kind, applet in TOWNS.items() if (aid := applet.usual_aid({})) is not None
}
"""The name under which each lies."""


def town_card() -> Card:
    """Return a Juki card with all of them, issued with it, each PIN the same."""
    return issue_card(
        with_forbidden(PROFILES["juki-v1"]),
        seed=1,
        applications=list(TOWNS),
        pins={"points": PIN, "seal": PIN},
        on_bug=raise_bug,
    )

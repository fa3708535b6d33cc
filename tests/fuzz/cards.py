"""The cards that are fuzzed: every profile, and one with the application that has all files.

Those of a profile have all that lets somebody in: keys, an access number, authorities and the
chip's key; the one with all files has keys only.
"""

from __future__ import annotations

from functools import cache, partial

from jukicard import PROFILES, Card, CardKeys, Printed, issue_card
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import offer_applet
from tests.support.applets.iso_applet import IsoApplet, iso_card
from tests.support.cards.eac_desk import CHIP_KEY, ROOT_DRAFT, certificate, der
from tests.support.naive.pace import NUMBER

ALL_FILES = "all files"
NAMES = (ALL_FILES, *PROFILES)


@partial(offer_applet, trusted=True)
class Steady(IsoApplet, without=(IsoApplet.fail,)):
    """The application with all files, without the command that fails as no rule explains."""

    type_name = "test-iso-steady"


@partial(offer_applet, trusted=True)
class SteadyTwin(Steady):
    """The same under its other name."""

    type_name = "test-iso-steady-twin"


@cache
def card(name: str) -> Card:
    """Return the original of a card to be forked; exceptions that no rule explains are raised."""
    if name == ALL_FILES:
        return iso_card(on_bug=raise_bug, forbidden=False, kinds=(Steady, SteadyTwin))
    return issue_card(
        name,
        seed=11,
        pin="1234",
        on_bug=raise_bug,
        keys=CardKeys(trust_anchors=[certificate(ROOT_DRAFT)], chip_key=der(CHIP_KEY)),
        printed=Printed(access_number=NUMBER),
    )

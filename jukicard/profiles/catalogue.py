"""The profiles: ATRs and applications of each kind of card (docs/card.md, "Profiles")."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from jukicard.applets import names
from jukicard.runtime.placement import Placement, Privilege


class Generation(Enum):
    """Which of the two kinds of card a profile is of: they differ in dates, keys and files."""

    JUKI = "juki"
    MY_NUMBER = "mynumber"


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of card: what it answers to reset and which applications are on it, in what order.

    `issued` is when a synthetic card of it was made unless told. `secure_channel` is the parameter
    i of the issuer domain's SCP03: 70, 71 (longer challenges, cryptograms and MACs) or 60 (the
    card's challenges are drawn, not counted). `quota` is how many bytes the applications may keep
    that come after issue, all together.
    """

    name: str
    title: str
    contact_atr: bytes
    contactless_atr: bytes
    applications: tuple[Placement, ...]
    generation: Generation = Generation.JUKI
    issued: datetime.date = datetime.date(2015, 4, 1)
    secure_channel: int = 0x70
    quota: int = 65_536


_JUKI_CONTACT: Final = bytes.fromhex("3BE000FF8131FE4514")
_JUKI_CONTACTLESS: Final = bytes.fromhex("3B888001000014E0B38191005E")

_FOR_THE_CARD: Final = frozenset({Privilege.CARD})
_ISSUERS: Final = _FOR_THE_CARD | {Privilege.APPLICATIONS}
_NUMBERS: Final = frozenset({Privilege.NUMBERS})
_ISSUER: Final = Placement(names.ISSUER, "issuer", privileges=_ISSUERS)
_JUKI_ISSUER: Final = Placement(names.ISSUER, "issuer-juki", privileges=_ISSUERS)
_JUKI: Final = Placement(names.JUKI, "juki", privileges=_FOR_THE_CARD | _NUMBERS)
_JPKI: Final = Placement(names.JPKI, "jpki")

JUKI_V1: Final = Profile(
    name="juki-v1",
    title="Juki card as issued from August 2003",
    contact_atr=_JUKI_CONTACT,
    contactless_atr=_JUKI_CONTACTLESS,
    applications=(_JUKI_ISSUER, _JUKI, _JPKI),
)
JUKI_V2: Final = Profile(
    name="juki-v2",
    title="Juki card as issued from 20 April 2009, with the card surface",
    contact_atr=_JUKI_CONTACT,
    contactless_atr=_JUKI_CONTACTLESS,
    applications=(
        _JUKI_ISSUER,
        _JUKI,
        Placement(names.SURFACE, "surface", {"layout": "juki"}),
        _JPKI,
    ),
)
MY_NUMBER: Final = Profile(
    name="mynumber",
    title="My Number card as issued from January 2016",
    contact_atr=bytes.fromhex("3BDA13FF8131FB468012392F31C173C601C03B"),
    contactless_atr=bytes.fromhex("3B888001000005E0B381A1007F"),
    applications=(
        _ISSUER,
        Placement(names.COMMON, "common"),
        _JUKI,
        Placement(names.SURFACE, "surface", {"layout": "mynumber"}, _NUMBERS),
        Placement(names.TEXT, "text", privileges=_NUMBERS),
        _JPKI,
    ),
    generation=Generation.MY_NUMBER,
    issued=datetime.date(2024, 4, 1),
)


def adapted(profile: Profile, layout: str) -> Profile:
    """Return a profile with what its applications are told of it.

    JPKI has the files of a layout, the issuer domain speaks the profile's secure channel
    (docs/card.md, sections 4 and 6).
    """
    channel = {} if profile.secure_channel == 0x70 else {"scp03": f"{profile.secure_channel:02X}"}
    told = {
        _JPKI.kind: {"layout": layout},
        _ISSUER.kind: channel,
        _JUKI_ISSUER.kind: channel,
    }
    return replace(
        profile,
        applications=tuple(
            replace(one, parameters={**one.parameters, **told.get(one.kind, {})})
            for one in profile.applications
        ),
    )


PROFILES: Final = {profile.name: profile for profile in (JUKI_V1, JUKI_V2, MY_NUMBER)}
"""Every profile by its name."""

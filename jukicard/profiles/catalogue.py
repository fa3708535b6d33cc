"""The profiles: ATRs and applications of each kind of card (docs/card.md, "Profiles")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.applets.issuer import AID as ISSUER_AID
from jukicard.applets.juki.files import AID as JUKI_AID
from jukicard.runtime.registry import PRIVILEGE


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of card: what it answers to reset and which applications are on it, by AID,
    kind and parameters."""

    name: str
    title: str
    contact_atr: bytes
    contactless_atr: bytes
    applications: tuple[tuple[Aid, str, Mapping[str, str]], ...]


_JUKI_CONTACT: Final = bytes.fromhex("3BE000FF8131FE4514")
_JUKI_CONTACTLESS: Final = bytes.fromhex("3B888001000014E0B38191005E")

_PRIVILEGED: Final = MappingProxyType({PRIVILEGE: "card"})

JUKI_V1: Final = Profile(
    name="juki-v1",
    title="Juki card as issued from August 2003",
    contact_atr=_JUKI_CONTACT,
    contactless_atr=_JUKI_CONTACTLESS,
    applications=((ISSUER_AID, "issuer", _PRIVILEGED), (JUKI_AID, "juki", _PRIVILEGED)),
)

PROFILES: Final = {profile.name: profile for profile in (JUKI_V1,)}
"""Every profile by its name."""

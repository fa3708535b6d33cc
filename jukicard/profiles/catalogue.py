"""The profiles: ATRs and applications of each kind of card (docs/card.md, "Profiles")."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from jukicard.applets import names
from jukicard.profiles.order import ProfileError
from jukicard.runtime.cardstate import RECEIPTS
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

    Parameters of a Juki card's JPKI: `rsa_bits` is the length of its keys, and of the key that the
    card itself is known by: 1024 as on real ones (None) or 2048; a My Number card's is 2048.
    `compat` gives it the authentication pair too, which today's clients ask for.
    `receipts`: the Juki application and the issuer domain keep a receipt of the last administrative
    change (docs/card.md); a card that is given its masters needs one for `RECEIPT` then.
    `replace(PROFILES["juki-v2"], rsa_bits=2048, compat=True)` is such a profile; `issue_card`
    refuses what its cards cannot be.
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
    rsa_bits: int | None = None
    compat: bool = False
    receipts: bool = False


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

OPERATOR: Final = Profile(
    name="operator",
    title="operator card, with which staff log in at a terminal",
    contact_atr=bytes.fromhex("3BEA00FF8131FE4580584F50455241544F52C6"),
    contactless_atr=bytes.fromhex("3B8A800180584F50455241544F52D3"),
    applications=(_JUKI_ISSUER, Placement(names.OPERATOR, "operator", privileges=_FOR_THE_CARD)),
)


def rsa_bits(profile: Profile) -> int:
    """Return the length of the RSA keys on a card; ProfileError for parameters that it has not."""
    bits, successor = profile.rsa_bits, profile.generation is Generation.MY_NUMBER
    given = bits is not None or profile.compat is not False
    if given and all(one.kind != _JPKI.kind for one in profile.applications):
        raise ProfileError(
            f"rsa_bits and compat are parameters of JPKI, which a card of {profile.name} has not: "
            "leave them out"
        )
    if type(profile.compat) is not bool:
        raise ProfileError("compat is True or False")
    if profile.compat and successor:
        raise ProfileError(
            "compat gives a Juki card the authentication pair, which a My Number card has: leave it"
            " out"
        )
    if bits is None:
        return 2048 if successor else 1024
    if type(bits) is not int or bits not in ((2048,) if successor else (1024, 2048)):
        raise ProfileError("JPKI keys have 2048 bits, on a Juki card 1024 or 2048")
    return bits


def adapted(profile: Profile) -> Profile:
    """Return a profile with what its applications are told of it; ProfileError as `rsa_bits`.

    JPKI has the files of a layout, the issuer domain speaks the profile's secure channel
    (docs/card.md, sections 4 and 6).
    """
    layout = f"juki-{rsa_bits(profile)}{'-compat' if profile.compat else ''}"
    if profile.generation is Generation.MY_NUMBER:
        layout = "mynumber"
    channel = {} if profile.secure_channel == 0x70 else {"scp03": f"{profile.secure_channel:02X}"}
    kept = {RECEIPTS: "kept"} if profile.receipts else {}
    told = {
        _JPKI.kind: {"layout": layout},
        _ISSUER.kind: channel | kept,
        _JUKI_ISSUER.kind: channel | kept,
        _JUKI.kind: kept,
    }
    return replace(
        profile,
        applications=tuple(
            replace(one, parameters={**one.parameters, **told.get(one.kind, {})})
            for one in profile.applications
        ),
    )


PROFILES: Final = {profile.name: profile for profile in (JUKI_V1, JUKI_V2, MY_NUMBER, OPERATOR)}
"""Every profile by its name."""

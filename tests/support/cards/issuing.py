"""Issues cards from wishes in one row, for tests whose wishes come from a table or a caller."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

from jukicard import PROFILES, Card, CardKeys, Printed, issue_card

_GROUPS: Final = {"keys": CardKeys, "printed": Printed}


def grouped(wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `issue_card`: what belongs to a group is put into it."""
    rest = dict(wishes)
    for name, group in _GROUPS.items():
        own = {field.name: rest.pop(field.name) for field in fields(group) if field.name in rest}
        if own:
            rest[name] = group(**own)
    return rest


def issue(*given: Any, **wishes: Any) -> Card:
    """Issue a card of a profile; wishes may be parameters of that too."""
    profile = given[0] if given else wishes.pop("profile", "juki-v1")
    parameters = {
        name: wishes.pop(name) for name in ("rsa_bits", "compat", "receipts") if name in wishes
    }
    if parameters:
        chosen = PROFILES[profile] if isinstance(profile, str) else profile
        profile = replace(chosen, **parameters)
    return issue_card(profile, **grouped(wishes))

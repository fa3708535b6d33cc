"""Issues cards from wishes in one row, for tests whose wishes come from a table or a caller."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from jukicard import Card, CardKeys, Printed, issue_card

_GROUPS: Final = {"keys": CardKeys, "printed": Printed}


def grouped(wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `issue_card`: what belongs to a group is put into it."""
    rest = dict(wishes)
    for name, group in _GROUPS.items():
        own = {field.name: rest.pop(field.name) for field in fields(group) if field.name in rest}
        if own:
            rest[name] = group(**own)
    return rest


def issue(*profile: Any, **wishes: Any) -> Card:
    """Issue a card."""
    return issue_card(*profile, **grouped(wishes))

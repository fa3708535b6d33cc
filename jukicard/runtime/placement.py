"""What a card's maker decides about one application: where it lies, its kind, what it may do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from jukicard.apdu.aid import Aid
from jukicard.filesystem.lifecycle import LifeCycleState

_KIND: Final = "type"
_PRIVILEGE: Final = "privilege"
"""The parameter that stood for the one privilege in what 0.1.0 wrote."""


class Privilege(StrEnum):
    """What an application may do beyond itself, when the card's maker lets it."""

    CARD = "card"
    """Suspend, resume and end the card as a whole."""
    APPLICATIONS = "applications"
    """Be the issuer's: let it in while the card is suspended, and manage what is on the card."""
    NUMBERS = "numbers"
    """Be told the holder's resident record code and individual number, when it is personalised."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One application on a card: its AID, its kind, its parameters and its privileges.

    kind: the name under which the kind is known, see `jukicard.runtime.kinds`.
    parameters: text that the application reads itself; what there is, its kind says.
    privileges: what it may do beyond itself; no parameter is one.
    """

    aid: Aid
    kind: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    privileges: frozenset[Privilege] = frozenset()

    def __post_init__(self) -> None:
        """TypeError for what is none of this: a privilege is never guessed from text."""
        given = (type(self.aid), type(self.kind), type(self.privileges))
        if given != (Aid, str, frozenset):
            raise TypeError("a placement has an Aid, the name of a kind, and a frozenset")
        if any(type(one) is not Privilege for one in self.privileges):
            raise TypeError("the privileges of a placement are of the type Privilege")
        parameters = dict(self.parameters)
        if any(type(one) is not str for pair in parameters.items() for one in pair):
            raise TypeError("the parameters of a placement are text")
        object.__setattr__(self, "parameters", MappingProxyType(parameters))


class Entry(NamedTuple):
    """A placement as a card remembers it.

    package: what has to be installed for it; empty for kinds of this distribution, and for those
        that the process itself offered.
    state: initialisation until it is made selectable, deactivated while the issuer has it locked.
    after_issue: whether it came to the card later and has part in the quota of memory.
    reserved: how many bytes of the quota are its own, and all it has; 0: it shares what nobody has
        reserved.
    version: of the application that wrote what it keeps.
    blank: whether it still waits for the contents that its issuer gives it once.
    """

    placement: Placement
    package: str = ""
    state: LifeCycleState = LifeCycleState.ACTIVATED
    after_issue: bool = False
    reserved: int = 0
    version: int = 1
    blank: bool = False


def entries_to_bytes(entries: Sequence[Entry]) -> bytes:
    """Return what memory keeps."""
    return json.dumps([_written(entry) for entry in entries]).encode()


def _written(entry: Entry) -> dict[str, object]:
    placement = entry.placement
    written: dict[str, object] = {
        "aid": str(placement.aid),
        _KIND: placement.kind,
        "parameters": dict(placement.parameters),
        "privileges": sorted(placement.privileges),
    }
    if entry.package:
        written["package"] = entry.package
    if entry.state is not LifeCycleState.ACTIVATED:
        written["state"] = entry.state.byte
    if entry.after_issue:
        written["after_issue"] = True
    if entry.reserved:
        written["reserved"] = entry.reserved
    if entry.version != 1:
        written["version"] = entry.version
    if entry.blank:
        written["blank"] = True
    return written


def entries_from_bytes(raw: bytes, is_own: Callable[[str], bool]) -> list[Entry]:
    """Read what `entries_to_bytes` wrote, or 0.1.0.

    That release kept the privilege among the parameters. There it counts for this distribution's
    own kinds (`is_own`) only: another's parameter is a parameter, whatever it is called.
    ValueError, TypeError, KeyError or AttributeError for what neither wrote.
    """
    return [_read(written, is_own) for written in json.loads(raw)]


def _read(written: Mapping[str, object], is_own: Callable[[str], bool]) -> Entry:
    kind, parameters = written[_KIND], written["parameters"]
    privileges = written.get("privileges")
    if not (isinstance(kind, str) and isinstance(parameters, dict)):
        raise TypeError("an application has a kind and parameters")
    if privileges is None:
        privileges = []
        if is_own(kind) and _PRIVILEGE in parameters:
            privileges.append(parameters.pop(_PRIVILEGE))
    elif not isinstance(privileges, list):
        raise TypeError("privileges are a list")
    placement = Placement(
        Aid(str(written["aid"])), kind, parameters, frozenset(map(Privilege, privileges))
    )
    return Entry(
        placement,
        str(written.get("package", "")),
        LifeCycleState(written.get("state", LifeCycleState.ACTIVATED.byte)),
        written.get("after_issue") is True,
        _count(written.get("reserved", 0), 0),
        _count(written.get("version", 1), 1),
        written.get("blank") is True,
    )


def _count(value: object, least: int) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"this number is {least} or more")
    return value

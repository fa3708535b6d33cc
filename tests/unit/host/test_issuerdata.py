"""What an issuer domain tells, read alone: cut, changed, and every state in words."""

from __future__ import annotations

from contextlib import suppress

import pytest

from jukicard.apdu import Aid
from jukihost.conversation.issuerdata import (
    RegistryEntry,
    RegistryPart,
    parse_registry,
    parse_short_registry,
)
from jukihost.errors import ProtocolError

PACKAGE = Aid("F04A554B49")


@pytest.mark.parametrize("parse", [parse_registry, parse_short_registry])
def test_every_cut_registry_is_refused_or_shorter(parse: object) -> None:
    whole = bytes.fromhex(
        "E3104F0AD39210003100010104029F700107"
        if parse is parse_registry
        else "0AD39210003100010104020700"
    )
    assert callable(parse)
    assert len(parse(RegistryPart.APPLICATIONS, whole)) == 1
    for size in range(1, len(whole)):
        with pytest.raises(ProtocolError):
            parse(RegistryPart.APPLICATIONS, whole[:size])
    for at in range(len(whole)):  # whatever a byte says: entries, or a refusal in words
        for value in range(256):
            changed = whole[:at] + bytes((value,)) + whole[at + 1 :]
            with suppress(ProtocolError):
                parse(RegistryPart.APPLICATIONS, changed)


def test_every_state_has_a_word() -> None:
    # 11.1.1, tables 11-3 to 11-6
    for part in RegistryPart:
        names = {RegistryEntry(part, PACKAGE, state).state_name for state in range(256)}
        known = {
            RegistryPart.DOMAIN: {"ready", "initialized", "secured", "locked", "ended"},
            RegistryPart.APPLICATIONS: {"installed", "blank", "selectable", "locked"},
            RegistryPart.PACKAGES: {"loaded"},
        }[part]
        assert known <= names
        assert all(len(name) == 2 for name in names - known)
    assert RegistryEntry(RegistryPart.DOMAIN, PACKAGE, 0x7F).locked
    assert not RegistryEntry(RegistryPart.PACKAGES, PACKAGE, 0x83).locked

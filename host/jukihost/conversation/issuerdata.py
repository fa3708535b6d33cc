"""What an issuer domain tells: its registry, its keys, what it says of the card.

GlobalPlatform Card Specification 2.3.1, 11.3.3 (keys), 11.4 (registry), H.2 (recognition data).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from jukicard.apdu import Aid, Tlv, TlvError
from jukihost.errors import ProtocolError


class RegistryPart(IntEnum):
    """What GET STATUS lists, by its P1 (11.4.2.1)."""

    DOMAIN = 0x80
    """The issuer domain itself; its state is the card's."""
    APPLICATIONS = 0x40
    """Applications and further domains."""
    PACKAGES = 0x20
    """What applications can be made of."""


_CARD_STATES: Final = {0x01: "ready", 0x07: "initialized", 0x0F: "secured", 0x7F: "locked"}
_CARD_ENDED: Final = 0xFF
_LOCKED: Final = 0x83
_APPLICATION_STATES: Final = {0x03: "installed", 0x17: "blank"}
"""Bits 4 to 7 are an application's own (11.1.1): 17 is that of one without contents yet, on the
cards of `jukicard` (docs/card.md, blank cards)."""


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One line of the registry; `state` is the byte of 11.1.1, `privileges` 1 or 3 bytes (11.1.2).

    `package` is what an application was made of, where the card tells; `modules` what a package
    offers, where it tells.
    """

    part: RegistryPart
    aid: Aid
    state: int
    privileges: bytes = b""
    package: Aid | None = None
    modules: tuple[Aid, ...] = ()

    @property
    def locked(self) -> bool:
        """Whether the application, or the whole card, is locked."""
        if self.part is RegistryPart.DOMAIN:
            return self.state == 0x7F
        return self.part is RegistryPart.APPLICATIONS and self.state & _LOCKED == _LOCKED

    @property
    def state_name(self) -> str:
        """The state in a word (11.1.1, tables 11-3 to 11-6)."""
        if self.part is RegistryPart.DOMAIN:
            ended = "ended" if self.state == _CARD_ENDED else f"{self.state:02X}"
            return _CARD_STATES.get(self.state, ended)
        if self.part is RegistryPart.PACKAGES:
            return "loaded" if self.state == 0x01 else f"{self.state:02X}"
        if self.locked:
            return "locked"
        if self.state in _APPLICATION_STATES:
            return _APPLICATION_STATES[self.state]
        return "selectable" if self.state & 0x07 == 0x07 else f"{self.state:02X}"


@dataclass(frozen=True, slots=True)
class KeyInformation:
    """One key of the domain: identifier, version, type (88 for AES) and length in bytes."""

    identifier: int
    version: int
    kind: int
    length: int


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a card says of itself to programs that manage cards; nobody vouches for it.

    `version` is GlobalPlatform's, as 2.3.1; `channels` the protocols that the domain speaks, each
    with its parameter i: (3, 0x70) is SCP03.
    """

    version: str
    channels: tuple[tuple[int, int], ...]


def parse_registry(part: RegistryPart, data: bytes) -> tuple[RegistryEntry, ...]:
    """Read an answer of GET STATUS in TLV form (11.4.3.1, table 11-36). ProtocolError."""
    try:
        return tuple(_entry(part, found) for found in Tlv.parse_all(data))
    except (TlvError, ValueError, KeyError):
        raise ProtocolError("the card's registry is malformed") from None


def _entry(part: RegistryPart, found: Tlv) -> RegistryEntry:
    if found.tag != 0xE3:
        raise ValueError("another data object")
    children = Tlv.parse_all(found.value)
    values = {child.tag: child.value for child in children}
    [state] = values[0x9F70]
    package = values.get(0xC4)
    return RegistryEntry(
        part,
        Aid(values[0x4F]),
        state,
        values.get(0xC5, b""),
        None if package is None else Aid(package),
        tuple(Aid(child.value) for child in children if child.tag == 0x84),
    )


def parse_short_registry(part: RegistryPart, data: bytes) -> tuple[RegistryEntry, ...]:
    """Read an answer of GET STATUS in its older form (11.4.3.1, table 11-35). ProtocolError."""
    try:
        return tuple(_short_entries(part, data))
    except ValueError:
        raise ProtocolError("the card's registry is malformed") from None


def _short_entries(part: RegistryPart, data: bytes) -> Iterator[RegistryEntry]:
    while data:
        end = 1 + data[0]
        if len(data) < end + 2:
            raise ValueError("cut short")
        privileges = b"" if part is RegistryPart.PACKAGES else data[end + 1 : end + 2]
        yield RegistryEntry(part, Aid(data[1:end]), data[end], privileges)
        data = data[end + 2 :]


def parse_key_information(value: bytes) -> tuple[KeyInformation, ...]:
    """Read the value of data object E0 (11.3.3.1.1). ProtocolError."""
    try:
        return tuple(_key(found) for found in Tlv.parse_all(value))
    except (TlvError, ValueError):
        raise ProtocolError("the card's key information is malformed") from None


def _key(found: Tlv) -> KeyInformation:
    if found.tag != 0xC0 or len(found.value) < 4:
        raise ValueError("another data object")
    identifier, version, kind, length = found.value[:4]
    if kind == 0xFF:  # the extended format: type and length have two bytes each
        if len(found.value) < 6:
            raise ValueError("cut short")
        kind, length = found.value[3], int.from_bytes(found.value[4:6], "big")
    return KeyInformation(identifier, version, kind, length)


_GLOBALPLATFORM: Final = bytes.fromhex("2A864886FC6B")
"""1.2.840.114283, as an object identifier's value begins."""


def parse_recognition(value: bytes) -> Recognition:
    """Read the value of data object 66 (H.2, table H-1). ProtocolError."""
    try:
        outer = Tlv.parse(value)
        if outer.tag != 0x73:
            raise ValueError("another data object")
        arcs = [(child.tag, _arcs(child)) for child in Tlv.parse_all(outer.value)]
        [version] = [found[1:] for tag, found in arcs if tag == 0x60 and found[:1] == b"\x02"]
        channels = tuple(
            (found[1], found[2]) for tag, found in arcs if tag == 0x64 and found[:1] == b"\x04"
        )
    except (TlvError, ValueError, IndexError):
        raise ProtocolError("the card's recognition data are malformed") from None
    return Recognition(".".join(map(str, version)), channels)


def _arcs(found: Tlv) -> bytes:
    """Return the arcs below GlobalPlatform's own of what a data object holds; one byte each."""
    identifier = found.value if found.tag == 0x06 else Tlv.parse_all(found.value)[0].value
    return identifier.removeprefix(_GLOBALPLATFORM)

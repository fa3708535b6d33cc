"""Every kind of card with the JPKI application, and what is in it: from docs/card.md alone.

What is expected here is not taken from the declared files; the cards are forks of issued ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from jukicard import Card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.issuing import issue
from tests.support.naive.terminal import NaiveTerminal, keys_of

JPKI: Final = Aid("D392F000260100000001")
JUKI: Final = Aid("D3921000310001010401")
PIN: Final = "2468"
PASSWORD: Final = "SECRET77"
SELECT: Final = f"00A4040C0A{JPKI.hex()}"
COUNTER_REFERENCE: Final = 4


class Credential(NamedTuple):
    """A PIN of the application: where it is, its value and its tries, and what it is for."""

    fid: int
    value: str
    tries: int
    key: int
    certificate: int


SIGNATURE: Final = Credential(0x1B, PASSWORD, 5, 0x1A, 0x01)
AUTHENTICATION: Final = Credential(0x18, PIN, 3, 0x17, 0x0A)


class World(NamedTuple):
    """One kind of card: how it is issued, its keys' length, what more than the signature pair."""

    name: str
    issue: Mapping[str, Any]
    bits: int
    authentication: bool
    successor: bool

    @property
    def credentials(self) -> tuple[Credential, ...]:
        return (SIGNATURE, AUTHENTICATION) if self.authentication else (SIGNATURE,)

    @property
    def sizes(self) -> dict[int, int]:
        """The transparent files and their sizes in bytes."""
        sizes = {0x01: 3072, 0x02: 2048, 0x06: 160}
        if self.authentication:
            sizes |= {0x0A: 2048, 0x0B: 2048}
        if self.successor:
            sizes |= {0x05: 16, 0x08: 3, 0x09: 16}
        return sizes

    @property
    def closed(self) -> frozenset[int]:
        """Files that exist, of unknown use, and the counter's key."""
        unknown = {0x10, 0x16, 0x19, 0x1C, 0x1E} if self.successor else set()
        return frozenset(unknown | {0x0104})

    @property
    def keys(self) -> dict[int, Credential]:
        return {credential.key: credential for credential in self.credentials}

    @property
    def pins(self) -> dict[int, Credential]:
        return {credential.fid: credential for credential in self.credentials}

    @property
    def files(self) -> frozenset[int]:
        return frozenset({*self.closed, *self.sizes, *self.keys, *self.pins})


def _juki(profile: str, bits: int, *, compat: bool, contactless: bool) -> World:
    parts = [profile, str(bits), "compat" * compat, "air" * contactless]
    issue = {
        "profile": profile,
        "rsa_bits": bits,
        "compat": compat,
        "contactless": contactless,
    }
    return World("-".join(filter(None, parts)), issue, bits, compat, successor=False)


def _successor(*, contactless: bool) -> World:
    issue = {"profile": "mynumber", "contactless": contactless}
    name = "mynumber-air" if contactless else "mynumber"
    return World(name, issue, 2048, authentication=True, successor=True)


ALL: Final = (
    *(
        _juki(profile, bits, compat=compat, contactless=contactless)
        for profile in ("juki-v1", "juki-v2")
        for bits in (1024, 2048)
        for compat in (False, True)
        for contactless in (False, True)
    ),
    _successor(contactless=False),
    _successor(contactless=True),
)
"""Every card there is, on both interfaces."""
WORLDS: Final = {world.name: world for world in ALL}
LAYOUTS: Final = tuple(
    WORLDS[name]
    for name in (
        "juki-v1-1024",
        "juki-v1-2048-air",
        "juki-v2-1024-compat-air",
        "juki-v2-2048-compat",
        "mynumber",
    )
)
"""One card of each layout, and of each profile and interface."""


@cache
def _snapshot(name: str) -> MemorySnapshot:
    from jukicard.profiles.order import Pins

    pins = Pins(signature=PASSWORD, authentication=PIN)
    return issue(**WORLDS[name].issue, seed=1, pins=pins, on_bug=raise_bug).snapshot()


def powered(world: World) -> Card:
    """A card with power; nothing is selected."""
    card = Card.restore(_snapshot(world.name), on_bug=raise_bug)
    card.power_on()
    return card


def selected(world: World) -> Card:
    """A card with the application selected."""
    card = powered(world)
    assert card.transmit(bytes.fromhex(SELECT)) == b"\x90\x00"
    return card


def verifying(credential: Credential, value: str | None = None) -> CommandApdu:
    """VERIFY of a PIN by its short identifier, with its own value or another."""
    given = credential.value if value is None else value
    return CommandApdu(0x00, 0x20, 0x00, 0x80 | credential.fid, given.encode())


def choosing(fid: int) -> CommandApdu:
    """SELECT of an EF."""
    return CommandApdu(0x00, 0xA4, 0x02, 0x0C, fid.to_bytes(2, "big"))


class Desk:
    """A card and whoever stands before it: nobody known, or the counter in its session."""

    def __init__(self, world: World, *, counter: bool = False, card: Card | None = None) -> None:
        self.world = world
        self.card = selected(world) if card is None else card
        raw = self.card.transmit(bytes.fromhex("00CA005A00"))
        assert raw[:2] == b"\x5a\x08"
        self.number = raw[2:10]
        self.terminal = NaiveTerminal(self.card.transmit, self.number)
        self.counter = counter
        if counter:
            self.authenticate()

    def authenticate(self) -> None:
        """Start a session of the counter."""
        assert self.terminal.get_challenge().status == 0x9000
        keys = keys_of(self.number, "COUNTER", JPKI)
        answer = self.terminal.mutual_authenticate(keys, 0x80 | COUNTER_REFERENCE)
        assert answer.status == 0x9000
        self.counter = True

    def send(self, command: CommandApdu, *, readable: bool = False) -> ResponseApdu:
        """One command: in the counter's session when there is one; `readable` is under a MAC."""
        return self.terminal.send(command, secure=self.counter, readable=readable)

    def status(self, command: CommandApdu, *, readable: bool = False) -> int:
        return int(self.send(command, readable=readable).status)

    def verify(self, credential: Credential) -> None:
        assert self.status(verifying(credential)) == 0x9000

    def choose(self, fid: int) -> None:
        assert self.status(choosing(fid)) == 0x9000

    def content(self, fid: int) -> bytes:
        """All bytes of a transparent file."""
        self.choose(fid)
        answer = self.send(CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=65536))
        assert answer.status == 0x9000
        return answer.data

    def certificate(self, credential: Credential) -> x509.Certificate:
        """The certificate of a pair; the signature pair's needs its password verified."""
        raw = self.content(credential.certificate)
        length = int.from_bytes(raw[2:4], "big") + 4
        assert raw[length:] == b"\xff" * (len(raw) - length)
        return x509.load_der_x509_certificate(raw[:length])


def public_of(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return public

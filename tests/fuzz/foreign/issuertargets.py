"""What a terminal reads of an issuer domain, and of files with its keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from jukicard.apdu import CommandApdu, ResponseApdu
from jukihost import IssuerKeys, SecurityLevel
from jukihost.authentication.scp03 import CardOffer, ChannelNotOffered, authenticate
from jukihost.conversation.issuerdata import (
    RegistryPart,
    parse_key_information,
    parse_recognition,
    parse_registry,
    parse_short_registry,
)
from jukihost.errors import ProtocolError
from jukihost.keys import KeyCustodyError
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.securemessaging import AnswerNotAuthentic
from tests.fuzz.foreign.der import structure
from tests.fuzz.foreign.mutations import BYTES, line_ends, lines
from tests.fuzz.foreign.target import Found, Target
from tests.fuzz.foreign.terminaltargets import file_of
from tests.support.naive.scp03_card import Scp03Card

OBJECTS: Final = (structure, structure, *BYTES)
REGISTRY: Final = bytes.fromhex(
    "E3104F0AD39210003100010104019F700107"
    "E3174F05F04A554B499F700187C503000000C405F04A554B49"
    "E3124F05F04A554B499F7001018405F04A554B4A"
)
SHORT_REGISTRY: Final = bytes.fromhex("0AD3921000310001010401070005F04A554B498304")
KEY_INFORMATION: Final = bytes.fromhex("C00401018810C00402018810C0080170FF8800200100")
RECOGNITION: Final = bytes.fromhex(
    "732F06072A864886FC6B01600C060A2A864886FC6B02020301630906072A864886FC6B03"
    "640B06092A864886FC6B040370"
)
OFFER: Final = bytes.fromhex("000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003")
KEY_FILES: Final = (
    b"00112233445566778899AABBCCDDEEFF\n",
    b"01" * 32 + b"\n" + b"02" * 32 + b"\n" + b"03" * 32,
)
GET_STATUS: Final = CommandApdu(0x80, 0xF2, 0x40, 0x02, b"\x4f\x00", 256)


def shown(parse: Callable[[bytes], object], data: bytes, _: bytes) -> None:
    """What is read can be shown."""
    repr(parse(data))


def registry(parse: Callable[..., object], data: bytes, _: bytes) -> None:
    """Every entry has a state in words, whatever its byte."""
    for entry in parse(RegistryPart.APPLICATIONS, data):  # type: ignore[attr-defined]
        if not entry.state_name:
            raise Found("a state without a word")
        repr(entry)


def key_file(data: bytes, _: bytes) -> None:
    """What is let in has three keys, and shows none of them."""
    keys = IssuerKeys.from_file(file_of(data))
    if any(key.hex() in repr(keys).lower() for key in keys.keys):
        raise Found("a key is shown")


def offer(data: bytes, original: bytes) -> None:
    """An offer that is let in has the length and variant that were asked for."""
    found = CardOffer.parse(data, 0x70)
    if len(data) != len(original) or found.variant != 0x70:
        raise Found("another offer than was asked for")


@cache
def _recorded() -> bytes:
    """A protected answer as the card gives it; the challenges are the same each time."""
    return _exchange()[1]


def _exchange() -> tuple[Callable[[bytes], object], bytes]:
    keys = ISSUER_TEST_KEYS
    card = Scp03Card(keys.k_enc, keys.k_mac, lambda _: ResponseApdu(REGISTRY))
    session = authenticate(card, keys, level=SecurityLevel.FULL, random=bytes)
    answer = card.transmit(session.protect(GET_STATUS))
    return lambda data: session.unprotect(ResponseApdu(data), GET_STATUS), answer.data


def protected(data: bytes, _: bytes) -> None:
    """No answer but the card's own proves itself."""
    unprotect, own = _exchange()
    unprotect(data)
    if data != own:
        raise Found("a changed answer was believed")


TARGETS: Final = (
    Target(
        "issuer registry",
        lambda: [REGISTRY],
        partial(registry, parse_registry),
        (ProtocolError,),
        OBJECTS,
    ),
    Target(
        "older issuer registry",
        lambda: [SHORT_REGISTRY],
        partial(registry, parse_short_registry),
        (ProtocolError,),
    ),
    Target(
        "key information",
        lambda: [KEY_INFORMATION],
        partial(shown, parse_key_information),
        (ProtocolError,),
        OBJECTS,
    ),
    Target(
        "recognition data",
        lambda: [RECOGNITION],
        partial(shown, parse_recognition),
        (ProtocolError,),
        OBJECTS,
    ),
    Target(
        "issuer key file",
        lambda: KEY_FILES,
        key_file,
        (KeyCustodyError,),
        (lines, line_ends, *BYTES),
        part=300,
    ),
    Target("offer of SCP03", lambda: [OFFER], offer, (ChannelNotOffered,)),
    Target("answer under SCP03", lambda: [_recorded()], protected, (AnswerNotAuthentic,), part=300),
)

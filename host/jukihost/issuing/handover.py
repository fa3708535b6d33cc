"""At hand-over the holder types the PINs, and the counter sets each in its application."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.conversation import pinfile
from jukihost.conversation.secrets import Pin, SignaturePassword
from jukihost.conversation.secured import SecuredSession
from jukihost.errors import AppletNotFound, CardError, FileNotFound
from jukihost.keys import KeyCustody
from jukihost.models import Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.text import TextSession


class PinsDoNotFit(CardError):
    """A PIN is missing for what the card has, or given for what it has not; none was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPins:
    """The PINs that a holder typed; `repr` shows none. None: the card has no such application.

    juki, text, common, authentication: four digits. signature: 6 to 16 letters and digits, at least
    one of each. One that is None for a key pair of JPKI is left as it is.
    """

    juki: Pin | str = field(repr=False)
    signature: SignaturePassword | str | None = field(default=None, repr=False)
    authentication: Pin | str | None = field(default=None, repr=False)
    text: Pin | str | None = field(default=None, repr=False)
    common: Pin | str | None = field(default=None, repr=False)


def set_pins(connection: Connection, custody: KeyCustody, pins: NewPins) -> tuple[str, ...]:
    """Set the PINs of a card at the counter; return the names of those that were set.

    They go encrypted, with the right of COUNTER: RESET RETRY COUNTER with a new value, which a card
    takes that has none yet. What was set stays set when it is cut off; calling it again sets all.
    PinFormatError and PinsDoNotFit before anything is set.
    """
    values = {name: value for name, value in _values(pins).items() if value is not None}
    _check_fit(_pins_of(connection), values)
    for name, value in values.items():
        kind, identifier = _PLACES[name]
        with kind(build_channel(connection)) as session:
            session.authenticate(Purpose.COUNTER, custody)
            pinfile.reset(session, identifier, value)
    return tuple(values)


_PLACES: Final[Mapping[str, tuple[type[SecuredSession], int]]] = {
    "juki": (JukiSession, JukiSession.PIN),
    "signature": (JpkiSession, JpkiKey.SIGNATURE.ef_pin),
    "authentication": (JpkiSession, JpkiKey.AUTHENTICATION.ef_pin),
    "text": (TextSession, TextSession.PIN),
    "common": (CommonSession, CommonSession.PIN),
}
"""Where each PIN lies: application and EF."""
_NEEDED: Final = frozenset({"juki", "text", "common"})
"""PINs that a card has without any certificate."""


def _values(pins: NewPins) -> dict[str, bytes | None]:
    """Return what goes to the card, checked. PinFormatError."""
    found: dict[str, bytes | None] = {
        name: None if value is None else Pin.of(value).encode()
        for name, value in (
            ("juki", pins.juki),
            ("authentication", pins.authentication),
            ("text", pins.text),
            ("common", pins.common),
        )
    }
    if pins.signature is not None:
        password = SignaturePassword.of(pins.signature)
        password.check_new()
        found["signature"] = password.encode()
    return found


def _pins_of(connection: Connection) -> frozenset[str]:
    """Return which of the PINs the card has a place for; asks nothing that counts."""
    there = set()
    for name, (kind, identifier) in _PLACES.items():
        try:
            with kind(build_channel(connection)) as session:
                session.select_file(identifier)
                there.add(name)
        except (AppletNotFound, FileNotFound):
            pass
    return frozenset(there)


def _check_fit(there: frozenset[str], given: Mapping[str, bytes]) -> None:
    missing, unknown = sorted(_NEEDED & there - given.keys()), sorted(given.keys() - there)
    if missing:
        raise PinsDoNotFit(
            f"the card needs a PIN for {', '.join(missing)} too; have it typed, nothing was set"
        )
    if unknown:
        raise PinsDoNotFit(f"the card has no place for a PIN of {', '.join(unknown)}; none was set")

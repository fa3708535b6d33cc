"""How an application gets its contents: it asks for them, once, when the card is made.

Whoever makes a card walks its applications and lets each write what it needs (`personalise`). What
it may ask for is an `Order`: about the holder, the card, its PINs and keys. The features of an
application see to their own part (keys and certificates of systems, the access number); the rest is
a method of the application:

    class LibraryApplet(Files[KeyState], Pins[KeyState], Keys[KeyState]):
        def personalise(self, order: Order) -> None:
            super().personalise(order)
            self.pins.set_value(self.tree.ef(PIN), order.pin("library").encode())
            self.files.put_content(self.tree.ef(READER), order.holder.name.encode())
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from jukicard.crypto.cvc import Holder as TrustAnchor
    from jukicard.kit.keys import KeyPair


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Holder:
    """Whom a card is for; the repr shows nothing of it. ValueError for a sex that is none.

    name, address: as they shall be read. sex: 1, 2 or 9 (JIS X 0303). municipality: five digits
    (JIS X 0401 and 0402). security_code: the four digits on the successor's face. gregorian: dates
    of birth have a Gregorian year, as those of foreign residents.
    """

    name: str
    address: str
    birth: datetime.date
    sex: str
    municipality: str
    security_code: str
    gregorian: bool = False

    def __post_init__(self) -> None:
        if self.sex not in ("1", "2", "9"):
            raise ValueError("sex is 1, 2 or 9")

    def __repr__(self) -> str:
        return "<Holder>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Numbers:
    """The numbers that the law keeps to who is entitled to them; the repr shows none.

    resident_code: eleven digits (住民票コード). individual_number: twelve (個人番号).
    """

    resident_code: str
    individual_number: str

    def __repr__(self) -> str:
        return "<Numbers>"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CertifiedKey:
    """A key pair of the holder: private key (PKCS #8), certificate and its authority's (DER)."""

    key: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    authority: bytes = field(repr=False)


class Order(Protocol):
    """What an application may ask when it gets its contents; each has an order of its own.

    Its keys and its numbers are for this application on this card: no other's can be asked for.
    IsoError for what it may not have.
    """

    @property
    def holder(self) -> Holder:
        """Whom the card is for."""
        ...

    @property
    def issued(self) -> datetime.date:
        """The day the card is made."""
        ...

    @property
    def expires(self) -> datetime.date:
        """The card's last day."""
        ...

    @property
    def form(self) -> int:
        """The form of a Juki card: 1 name only, 2 with photo and four items."""
        ...

    @property
    def serial(self) -> str:
        """The card's number in 15 digits, as printed on it."""
        ...

    @property
    def card_number(self) -> bytes:
        """The card's number in eight bytes, from which its keys are derived."""
        ...

    @property
    def contact_atr(self) -> bytes:
        """What the card answers to reset through its contacts."""
        ...

    @property
    def access_number(self) -> str | None:
        """Six digits on the card that open a session by PACE, None for a card without PACE."""
        ...

    @property
    def trust_anchors(self) -> Sequence[TrustAnchor]:
        """The authorities whose systems the card lets in by certificate."""
        ...

    @property
    def chip_key(self) -> bytes | None:
        """The card's own key for that (PKCS #8), None when it has none."""
        ...

    @property
    def chip_certificate(self) -> bytes | None:
        """The value of DO 7F21, the certificate of that key; None when it has none."""
        ...

    def numbers(self) -> Numbers:
        """Return the holder's numbers, to an application with `Privilege.NUMBERS`; IsoError."""
        ...

    def domain_keys(self) -> tuple[bytes, bytes, bytes]:
        """Return ENC, MAC and DEK of the issuer, with `Privilege.APPLICATIONS`; IsoError."""
        ...

    def pin(self, name: str) -> str:
        """Return the PIN that was chosen under a name; 1234 for one that nobody has chosen."""
        ...

    def keys_for(self, purpose: str) -> KeyPair | None:
        """Return this application's keys for a purpose; None: no system has any, no access."""
        ...

    def own_key(self, place: int = 0) -> bytes:
        """Return a key the card proves itself with: RSA, as long as the holder's, PKCS #8.

        `place` tells the keys of one card apart.
        """
        ...

    def certified_key(self, use: str) -> CertifiedKey:
        """Return a fresh key pair of the holder, for `signature`, `authentication` or `operator`.

        The last is one of P-256 that names an operator, the others are of RSA.
        """
        ...

    def authority_key(self, name: str) -> bytes:
        """Return a key that signs what cards hold (RSA, PKCS #8): one that certifies or records.

        `issuer` signs a municipality's records, `cv-authority` certifies it, `cv-root` that one.
        Those of synthetic cards are published. ValueError for another name.
        """
        ...

    def text_image(self, text: str, columns: int) -> bytes:
        """Return a text in lines of at most `columns` characters, as a 1-bit PNG."""
        ...

    def photo(self) -> bytes:
        """Return a picture of the holder: grey, JPEG 2000, at most 8 KB."""
        ...

"""What whoever issues a card may say: PINs, keys, and what is printed on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from jukicard.applets.issuer.keys import TEST_KEY
from jukicard.profiles.masters import TEST_MASTERS

TEST_ISSUER: Final = (TEST_KEY,) * 3
"""ENC, MAC and DEK of the issuer domain of test cards, which everybody has."""
SuiteChoice: TypeAlias = str | Mapping[str, str] | None
"""One suite for every purpose, or suites by purpose; AES of the master's length without a word."""


class ProfileError(ValueError):
    """The card asked for cannot be issued; the text says what to give instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The PINs of a card; the defaults are those documented for synthetic cards.

    juki, common, text, authentication: four digits, each a PIN of its own. signature: the
    password of the signature key, 6 to 16 capital letters and digits. operator: the password of an
    operator card, 8 to 16 printable ASCII characters.
    """

    juki: str = field(default="1234", repr=False)
    signature: str = field(default="ABC123", repr=False)
    authentication: str = field(default="1234", repr=False)
    text: str = field(default="1234", repr=False)
    common: str = field(default="1234", repr=False)
    operator: str = field(default="operator-1", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKeys:
    """The keys that open a card, and those with which it proves itself; the repr shows none.

    masters: the master key of each purpose of use, 16, 24 or 32 bytes, from which the card's own
        keys are derived; a purpose that is left out has no key in the card and no access to it.
    suites: the suite of the keys, one name for all purposes or names by purpose: `MA-AES128`,
        `MA-AES192`, `MA-AES256`, or `MA-3DES` as in 2003, which switches the card's option
        `triple_des` on. Unless named it is AES as long as the master; the published masters are as
        long as their suite needs them.
    trust_anchors: certificates (card verifiable, DO 7F21) of the authorities whose systems the card
        lets in by certificate; without one it lets in none.
    chip_key: the card's own key for that, an elliptic curve's (PKCS #8, DER); the systems need its
        public half.
    chip_certificate: the certificate of that key (card verifiable, DO 7F21), which anybody may read
        from the card; its holder is the card number, so give that too.
    issuer: the keys ENC, MAC and DEK of the issuer domain (SCP03, version 1), all of 16, 24 or 32
        bytes; the well-known ones of test cards unless given, or unless `masters` has those of
        `ISSUER` and `ISSUER_DEK`, from which each card gets its own.
    """

    masters: Mapping[str, bytes] = field(default_factory=lambda: TEST_MASTERS, repr=False)
    suites: SuiteChoice = None
    trust_anchors: Sequence[bytes] = field(default=(), repr=False)
    chip_key: bytes | None = field(default=None, repr=False)
    chip_certificate: bytes | None = field(default=None, repr=False)
    issuer: Sequence[bytes] = field(default=TEST_ISSUER, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What is printed on a card, beside what is printed about its holder.

    form: 1 name only, 2 with photo and four items.
    card_number: the card's number in eight bytes; drawn unless given.
    access_number: six digits that stand on the card (the CAN), with which a terminal may open a
        session by PACE before anything else is said; None: the card offers no PACE.
    """

    form: int = 2
    card_number: bytes | None = None
    access_number: str | None = field(default=None, repr=False)

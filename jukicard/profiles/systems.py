"""Which systems a card lets in: the master keys of the purposes of use, and what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.applets.names import ISSUER as DOMAIN
from jukicard.kit.keys import KeyPair, WeakKeyError
from jukicard.profiles.masters import (
    SUITES,
    TEST_MASTERS,
    card_keys,
    master_length,
    published_master,
)
from jukicard.profiles.order import ProfileError, SuiteChoice
from jukicard.runtime.options import CardOptions
from jukicard.securemessaging.suites import Suite

ISSUER: Final = "ISSUER"
ISSUER_DEK: Final = "ISSUER_DEK"
"""The systems from whose masters a card's own issuer keys come: ENC and MAC, and the DEK."""
KEY_VERSION: Final = 1
"""The version of the masters that a card is issued with."""
_BY_LENGTH: Final = {16: Suite.AES128, 24: Suite.AES192, 32: Suite.AES256}


class SystemKeys:
    """The keys of all systems, for whatever purpose an application on the card has.

    masters: by purpose; `TEST_MASTERS` stands for the published ones, of which every purpose has
        one, as long as its suite needs it.
    choice: the suite of all purposes, or of some by name; AES of the master's length without.

    ProfileError for a master or suite that is none, and when they do not fit.
    """

    __slots__ = ("_asked", "_choice", "_masters", "_suites", "published")

    def __init__(self, masters: Mapping[str, bytes], choice: SuiteChoice) -> None:
        self.published = masters is TEST_MASTERS
        self._masters = _checked(masters)
        self._choice = _suite(choice) if isinstance(choice, str) else None
        named = {} if choice is None or isinstance(choice, str) else choice
        self._suites = {purpose: _suite(name) for purpose, name in named.items()}
        self._asked: list[str] = []
        if not self.published:
            for purpose in self._suites:
                if purpose not in masters:
                    raise _no_master(purpose)
            for purpose in masters:
                self._check_fits(purpose)

    def _check_fits(self, purpose: str) -> None:
        suite, given = self.suite(purpose), len(self._masters[purpose])
        if given != master_length(suite):
            raise ProfileError(
                f"MA-{suite.value} takes a master key of {master_length(suite)} bytes; that of "
                f"{purpose} has {given}"
            )

    def suite(self, purpose: str) -> Suite:
        """Return the suite of a purpose's keys."""
        length = 16 if self.published else len(self._masters[purpose])
        return self._suites.get(purpose) or self._choice or _BY_LENGTH[length]

    @property
    def masters(self) -> Mapping[str, bytes]:
        """The masters that were given, by purpose; of the published ones those of the Juki card."""
        return self._masters

    @property
    def triple_des(self) -> bool:
        """Whether any purpose's keys are for triple DES."""
        chosen = [*self._suites.values(), *((self._choice,) if self._masters else ())]
        return Suite.TRIPLE_DES in chosen

    def pair(self, purpose: str, card_number: bytes, aid: Aid) -> KeyPair | None:
        """Return the keys of one application on one card, None without a master. WeakKeyError."""
        self._asked.append(purpose)
        if not (self.published or purpose in self._masters):
            return None
        suite = self.suite(purpose)
        master = published_master(purpose, suite) if self.published else self._masters[purpose]
        return card_keys(master, card_number, aid, KEY_VERSION, suite)

    def issuer(self, card_number: bytes) -> tuple[bytes, bytes, bytes] | None:
        """Return a card's own issuer keys; None without masters for them. ProfileError, for one."""
        given = {ISSUER, ISSUER_DEK}.intersection(self._masters)
        if self.published or not given:
            return None
        if len(given) == 1:
            raise ProfileError(
                f"the keys of an issuer domain come from two masters, {ISSUER} and {ISSUER_DEK}: "
                "give both or none"
            )
        if Suite.TRIPLE_DES in map(self._suites.get, given):
            raise ProfileError("the issuer domain takes AES keys only: name it no suite")
        self._asked += given
        try:
            pair, other = (
                card_keys(master, card_number, DOMAIN, KEY_VERSION, _BY_LENGTH[len(master)])
                for master in (self._masters[ISSUER], self._masters[ISSUER_DEK])
            )
        except WeakKeyError as problem:
            raise ProfileError(f"the issuer's masters are of no use: {problem}") from None
        return pair.enc, pair.mac, other.enc

    def check_used(self) -> None:
        """Refuse a purpose that no application on the card has asked for keys for. ProfileError."""
        asked = dict.fromkeys(self._asked)
        if not self.published:
            for purpose in sorted(set(self._masters) - set(asked)):
                raise ProfileError(
                    f"there is no purpose {purpose!r}; there is {', '.join(asked) or 'none'}"
                )
        for purpose in self._suites:
            if purpose not in asked:
                raise _no_master(purpose)

    def check_switched_on(self, options: CardOptions) -> None:
        """ProfileError for triple DES keys on a card that was told to switch triple DES off."""
        if self.triple_des and not options.triple_des:
            raise ProfileError(
                "keys for MA-3DES are of no use on a card with triple_des off: leave the option "
                "on, or choose an AES suite"
            )


def _checked(masters: Mapping[str, bytes]) -> Mapping[str, bytes]:
    if any(len(master) not in (16, 24, 32) for master in masters.values()):
        raise ProfileError("a master key has 16, 24 or 32 bytes")
    if len(set(masters.values())) != len(masters):
        raise ProfileError("each purpose has a master key of its own: two of these are the same")
    return masters


def _suite(name: str) -> Suite:
    suite = SUITES.get(name)
    if suite is None:
        raise ProfileError(f"there is no suite {name!r}; there is {', '.join(SUITES)}")
    return suite


def _no_master(purpose: str) -> ProfileError:
    return ProfileError(f"a suite for {purpose!r}, which has no master key on this card")

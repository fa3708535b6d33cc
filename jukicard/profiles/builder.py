"""Issuing a card: a profile, its options and a synthetic holder become a personalised `Card`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from jukicard.applets.issuer import AID as ISSUER_AID
from jukicard.applets.issuer import files as issuer_files
from jukicard.applets.juki.files import AID as JUKI_AID
from jukicard.applets.juki.files import PURPOSES
from jukicard.applets.juki.personalisation import CardData, JukiContents
from jukicard.applets.juki.personalisation import personalise as personalise_juki
from jukicard.environment import CardEnvironment, FixedClock, SeededRandom, SystemRandom
from jukicard.errors import IsoError
from jukicard.memory import PersistentMemory
from jukicard.profiles.catalogue import PROFILES, Profile
from jukicard.profiles.codes import draw_resident_code, is_resident_code, random_digits
from jukicard.profiles.masters import TEST_MASTERS, card_keys
from jukicard.runtime.boundary import log_bug
from jukicard.runtime.card import CARD_PARTITION, OPTIONS_KEY, PROFILE_KEY, Card
from jukicard.runtime.fileapplet import FileApplet
from jukicard.runtime.keys import KeyPair, WeakKeyError
from jukicard.runtime.options import CardOptions
from jukicard.runtime.registry import write_applications
from jukicard.runtime.secured import SecuredApplet

DEFAULT_ISSUE_DATE: Final = datetime.date(2015, 4, 1)
"""When a synthetic card was issued unless told; issue ended on 28 December 2015."""
KEY_VERSION: Final = 1
"""The version of the masters that a card is issued with."""
VALID_YEARS: Final = 10
"""How long a card lasts from the day it was made."""
_ISSUER_NUMBER: Final = bytes.fromhex("813920")


class ProfileError(ValueError):
    """The card asked for cannot be issued; the text says what to give instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The PINs of a card; the defaults are those documented for synthetic cards."""

    juki: str = field(default="1234", repr=False)


def _expiry(issued: datetime.date) -> datetime.date:
    try:
        return issued.replace(year=issued.year + VALID_YEARS)
    except ValueError:  # 29 February, and ten years later there is none
        return issued.replace(year=issued.year + VALID_YEARS, day=28)


def issue_card(
    profile: str | Profile = "juki-v1",
    *,
    seed: int | str | bytes | None = None,
    pin: str | None = None,
    pins: Pins | None = None,
    code: str | None = None,
    municipality: str = "13221",
    form: int = 2,
    issued: datetime.date = DEFAULT_ISSUE_DATE,
    contactless: bool = False,
    masters: Mapping[str, bytes] = TEST_MASTERS,
    options: Callable[[CardOptions], CardOptions] | None = None,
    memory: PersistentMemory | None = None,
    on_bug: Callable[[Exception], None] = log_bug,
) -> Card:
    """Issue a synthetic card of a profile and return it, personalised and without power.

    profile: a name in `PROFILES`, or a `Profile` of one's own, for example one of them with
        further applications (`dataclasses.replace`); those are installed empty.
    seed: the same seed gives the same card, and with the same commands the same bytes. None draws
        from the operating system.
    pin: the four digits of the Juki application, a short way to give only that one of `pins`.
    code: the resident record code, eleven digits with the right check digit; drawn unless given.
    municipality: five digits. form: 1 name only, 2 with photo and four items.
    issued: the day the card was made; it lasts ten years.
    contactless: the card is read through the air, with the ATR readers then make.
    masters: the master key of each purpose of use, from which the card's own keys are derived; a
        purpose that is left out has no key in the card and no access to it.
    options: a function that changes the card's options before it is made, for example
        `lambda o: dataclasses.replace(o, blocked_status=StatusWord(0x6983))`.
    memory: where the card is kept; None: in this process only.

    ProfileError when anything given cannot be: an unknown profile, a PIN of the wrong form.
    """
    chosen = _profile(profile)
    if memory is not None and memory.partitions():
        raise ProfileError("this memory holds a card already: give an empty one")
    environment = CardEnvironment(
        random=SystemRandom() if seed is None else SeededRandom(seed),
        clock=FixedClock(issued),
        memory=memory,
    )
    secret = pins or Pins()
    juki_pin = secret.juki if pin is None else pin
    if not juki_pin.isascii():
        raise ProfileError("a PIN is made of ASCII characters")
    if code is None:
        code = draw_resident_code(environment.random)
    elif not is_resident_code(code):
        raise ProfileError("a resident record code has eleven digits, the last a check digit")
    card_number = _ISSUER_NUMBER + environment.random.take(5)
    contents = JukiContents(
        card_number=card_number,
        data=_card_data(municipality, form, issued),
        code=code,
        pin=juki_pin,
        keys=_card_keys(masters, card_number),
    )
    card_options = CardOptions(
        atr=chosen.contactless_atr if contactless else chosen.contact_atr, contactless=contactless
    )
    if options is not None:
        card_options = options(card_options)
    return _make(chosen, environment, card_options, contents, on_bug)


def _profile(name: str | Profile) -> Profile:
    if isinstance(name, Profile):
        return name
    profile = PROFILES.get(name)
    if profile is None:
        raise ProfileError(f"there is no profile {name!r}; there is {', '.join(PROFILES)}")
    return profile


def _card_keys(masters: Mapping[str, bytes], card_number: bytes) -> dict[str, KeyPair]:
    unknown = sorted(set(masters) - set(PURPOSES.values()))
    if unknown:
        raise ProfileError(
            f"there is no purpose {unknown[0]!r}; there is {', '.join(PURPOSES.values())}"
        )
    try:
        return {
            purpose: card_keys(master, card_number, JUKI_AID, KEY_VERSION)
            for purpose, master in masters.items()
        }
    except ValueError as error:
        raise ProfileError(str(error)) from None


def _card_data(municipality: str, form: int, issued: datetime.date) -> CardData:
    if len(municipality) != 5 or not municipality.isascii() or not municipality.isdigit():
        raise ProfileError("a municipality code has five digits, for example 13221")
    if form not in (1, 2):
        raise ProfileError("form is 1 (name only) or 2 (photo and four items)")
    return CardData(municipality=municipality, form=form, issued=issued, expires=_expiry(issued))


def _make(
    profile: Profile,
    environment: CardEnvironment,
    options: CardOptions,
    contents: JukiContents,
    on_bug: Callable[[Exception], None],
) -> Card:
    memory = environment.memory
    with memory.transaction():
        own = memory.partition(CARD_PARTITION)
        own.put(OPTIONS_KEY, options.to_bytes())
        own.put(PROFILE_KEY, profile.name.encode())
        write_applications(own, list(profile.applications))
    card = Card(environment, on_bug=on_bug)
    try:
        with memory.transaction():
            _personalise_issuer(_applet(card, ISSUER_AID), profile, contents, environment)
            juki = _applet(card, JUKI_AID)
            if isinstance(juki, SecuredApplet):
                personalise_juki(juki, contents)
    except WeakKeyError as weak:
        raise ProfileError(str(weak)) from None
    except IsoError as refusal:
        raise ProfileError(f"the card cannot be personalised: {refusal.reason}") from None
    return card


def _applet(card: Card, aid: bytes) -> FileApplet:
    application = card.applications.get(aid)
    if application is None or not isinstance(application.applet, FileApplet):
        raise ProfileError(f"this profile has no application {aid.hex().upper()}")
    return application.applet


def _personalise_issuer(
    applet: FileApplet, profile: Profile, contents: JukiContents, environment: CardEnvironment
) -> None:
    data = contents.data
    serial = random_digits(environment.random, 15)
    root = issuer_files.TREE.root
    for tag, value in (
        (issuer_files.ISSUER_IDENTIFICATION, bytes.fromhex("39200000") + b"JUKICARD-TEST"[:12]),
        (issuer_files.CARD_IDENTIFICATION, serial.encode("ascii")),
        (issuer_files.CARD_NUMBER, contents.card_number),
        (issuer_files.MUNICIPALITY, data.municipality.encode("ascii")),
        (issuer_files.EXPIRY, data.expires.strftime("%Y%m%d").encode("ascii")),
        (issuer_files.CONTACT_ATR, profile.contact_atr[1:]),
    ):
        applet.files.put_data_object(root, tag, value)

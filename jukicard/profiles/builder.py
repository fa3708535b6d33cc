"""Issuing a card: a profile, its options and a synthetic holder become a personalised `Card`."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jukicard.crypto.cvc import Certificate, CertificateError, trust_anchor
from jukicard.environment import (
    CardEnvironment,
    FixedClock,
    RandomSource,
    SeededRandom,
    SystemRandom,
)
from jukicard.errors import IsoError
from jukicard.kit.keys import WeakKeyError
from jukicard.kit.personalisation import Order
from jukicard.memory import PersistentMemory
from jukicard.profiles.cardorder import CardOrder, ChosenPins, KeyPool
from jukicard.profiles.catalogue import PROFILES, Generation, Profile, adapted, rsa_bits
from jukicard.profiles.chipcertificate import checked_certificate
from jukicard.profiles.contents import ApplicationOrder
from jukicard.profiles.order import TEST_ISSUER, CardKeys, Pins, Printed, ProfileError
from jukicard.profiles.placing import place
from jukicard.profiles.systems import SystemKeys
from jukicard.runtime.application import Application
from jukicard.runtime.boundary import log_bug
from jukicard.runtime.card import CARD_PARTITION, OPTIONS_KEY, PROFILE_KEY, Card
from jukicard.runtime.firewall import AppletMisbehavedError
from jukicard.runtime.kinds import is_issuers, is_own
from jukicard.runtime.options import CardOptions
from jukicard.runtime.placement import Placement
from jukicard.synthetic.codes import is_resident_code, random_digits

if TYPE_CHECKING:
    from jukicard.synthetic.person import Person

_TOO_LATE: Final = "a card issued on that day would expire after year 9999"
_FOUR_DIGITS: Final = re.compile("[0-9]{4}"), "four digits, 0 to 9"
_PIN_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    **dict.fromkeys(("juki", "common", "text", "authentication"), _FOUR_DIGITS),
    "signature": (re.compile("[0-9A-Z]{6,16}"), "6 to 16 capital letters and digits"),
    "operator": (re.compile("[ -~]{8,16}"), "8 to 16 printable ASCII characters"),
}
"""The forms of the PINs that are known here; of others their application says what they are."""
_ISSUER_NUMBER: Final = bytes.fromhex("813920")


def issue_card(
    profile: str | Profile = "juki-v1",
    *,
    applications: Sequence[Placement | str] = (),
    seed: int | str | bytes | None = None,
    pin: str | None = None,
    pins: Pins | Mapping[str, str] | None = None,
    person: Person | None = None,
    code: str | None = None,
    municipality: str | None = None,
    issued: datetime.date | None = None,
    contactless: bool = False,
    printed: Printed | None = None,
    keys: CardKeys | None = None,
    options: Callable[[CardOptions], CardOptions] | None = None,
    memory: PersistentMemory | None = None,
    blank: bool = False,
    on_bug: Callable[[Exception], None] = log_bug,
) -> Card:
    """Issue a synthetic card of a profile and return it, personalised and without power.

    profile: a name in `PROFILES`, or a `Profile`, for example one of these with other parameters
        of JPKI: `replace(PROFILES["juki-v2"], rsa_bits=2048, compat=True)`.
    applications: further applications, behind those of the profile: each a `Placement`, or the name
        of a kind that says itself where it lies. They get their contents as all others do.
    seed: the same seed gives the same card, and with the same commands the same bytes. None draws
        from the operating system.
    pin: the four digits of the Juki application, a short way to give only that one of `pins`.
    pins: the PINs, or some of them by the names that applications ask for; each of the others is
        the documented one of synthetic cards, 1234 where an application says no other.
    person: the holder; drawn unless given, see `jukicard.synthetic.people`.
    code: the holder's resident record code, eleven digits with the right check digit.
    municipality: the five digits of the holder's municipality, unless a person is given.
    issued: the day the card was made; a Juki card lasts ten years.
    contactless: the card is read through the air, with the ATR readers then make.
    printed: what is printed on the card: its form, its number, its access number.
    keys: master keys, suites and certificates; those published for synthetic cards unless given.
    options: a function that changes the card's options before it is made, for example
        `lambda o: dataclasses.replace(o, blocked_status=StatusWord(0x6983))`.
    memory: where the card is kept; None: in this process only.
    blank: make it as cards come from the factory: with keys, number and applications, and nothing
        of a person, whom a terminal gives it later (docs/card.md, "Blank cards"). `issued` is then
        the day it was made; who it is for, PINs and further applications are not given.

    ProfileError when anything given cannot be: an unknown profile, a PIN of the wrong form.
    UnknownAppletError for a kind of application that is not installed here.
    """
    chosen = find_profile(profile)
    further = [place(one) if isinstance(one, str) else one for one in applications]
    chosen = replace(chosen, applications=(*chosen.applications, *further))
    printed = Printed() if printed is None else printed
    keys = CardKeys() if keys is None else keys
    _check_form(chosen, printed.form)
    if memory is not None and CARD_PARTITION in memory.partitions():
        raise ProfileError("this memory holds a card already: give an empty one")
    if seed is not None and not isinstance(seed, (int, str, bytes)):
        raise ProfileError("a seed is a number, text or bytes: others cannot be given again")
    random: RandomSource = SystemRandom() if seed is None else SeededRandom(seed)
    day = chosen.issued if issued is None else issued
    if blank:
        _check_nobodys(chosen, printed.form, person, code, municipality, pin, pins)
    holder = None if blank else _holder(random, day, person, municipality, code)
    secrets = _checked_pins(pins or Pins(), pin)
    drawn_number = _ISSUER_NUMBER + random.take(5)
    given_number = printed.card_number
    number = drawn_number if given_number is None else _checked_number(given_number)
    systems = SystemKeys(keys.masters, keys.suites)
    order = CardOrder(
        profile=adapted(chosen),
        person=holder,
        pins=ChosenPins(secrets),
        form=printed.form,
        issued=day,
        expires=None if holder is None else _expiry(chosen, holder, day),
        systems=systems,
        trust=_checked_trust(_with_issuer_keys(keys, systems.issuer(number))),
        card_number=number,
        chip_certificate=None
        if keys.chip_certificate is None
        else checked_certificate(keys.chip_certificate, keys.chip_key, number),
        access_number=_checked_access_number(printed.access_number),
        serial=random_digits(random, 15),
        rsa_bits=rsa_bits(chosen),
        random=random,
        keys=KeyPool(random),
    )
    atr = chosen.contactless_atr if contactless else chosen.contact_atr
    if not order.systems.published:
        _check_not_printed(order)
    legacy = order.systems.triple_des
    card_options = CardOptions(
        atr=atr, contactless=contactless, triple_des=legacy, quota=chosen.quota
    )
    environment = CardEnvironment(random=random, clock=FixedClock(day), memory=memory)
    if options is not None:
        card_options = options(card_options)
    order.systems.check_switched_on(card_options)
    return _make(order, environment, card_options, on_bug)


def find_profile(name: str | Profile) -> Profile:
    """Return the profile of a name, or the one that is given. ProfileError."""
    if isinstance(name, Profile):
        return name
    profile = PROFILES.get(name)
    if profile is None:
        raise ProfileError(f"there is no profile {name!r}; there is {', '.join(PROFILES)}")
    return profile


def _check_form(profile: Profile, form: int) -> None:
    if form not in (1, 2):
        raise ProfileError("form is 1 (name only) or 2 (photo and four items)")
    if form != 2 and profile.generation is Generation.MY_NUMBER:
        raise ProfileError("a My Number card has one form, with photo: form 1 is a Juki card's")


def _check_nobodys(profile: Profile, form: int, *given: object) -> None:
    if any(one is not None for one in given):
        raise ProfileError(
            "a blank card is nobody's: person, code, municipality and PINs come when it is "
            "personalised"
        )
    if not all(is_own(one.kind) for one in profile.applications):
        raise ProfileError(
            "further applications come onto a blank card over the issuer domain: leave them out"
        )
    if form != Printed().form:
        raise ProfileError("a blank card gets its form when it is personalised: leave it out")


def _holder(
    random: RandomSource,
    issued: datetime.date,
    person: Person | None,
    municipality: str | None,
    code: str | None,
) -> Person:
    from jukicard.synthetic.people import draw_person

    if person is not None and municipality is not None:
        raise ProfileError("a person has a municipality: give one of both")
    if municipality is not None and not _is_municipality(municipality):
        raise ProfileError("a municipality code has five digits, for example 13221")
    if code is not None and not is_resident_code(code):
        raise ProfileError("a resident record code has eleven digits, the last a check digit")
    if person is None:
        try:
            person = draw_person(random, issued=issued, municipality_code=municipality)
        except OverflowError:
            raise ProfileError(_TOO_LATE) from None
        except ValueError as error:
            raise ProfileError(str(error)) from None
    return person if code is None else replace(person, resident_code=code)


def _is_municipality(code: str) -> bool:
    return len(code) == 5 and code.isascii() and code.isdigit()


def _expiry(profile: Profile, person: Person, issued: datetime.date) -> datetime.date:
    from jukicard.synthetic.person import card_expiry, juki_card_expiry

    rule = card_expiry if profile.generation is Generation.MY_NUMBER else juki_card_expiry
    try:
        return rule(person, issued)
    except (ValueError, OverflowError):
        raise ProfileError(_TOO_LATE) from None


def _checked_pins(pins: Pins | Mapping[str, str], pin: str | None) -> Mapping[str, str]:
    chosen = {**(asdict(pins) if isinstance(pins, Pins) else pins)}
    if pin is not None:
        chosen["juki"] = pin
    for name, value in chosen.items():
        if not isinstance(value, str):
            raise ProfileError("a PIN is text, for example '1234': a number would lose its zeros")
        form, said = _PIN_FORMS.get(name, (None, ""))
        if form is not None and not form.fullmatch(value):
            raise ProfileError(f"the {name} PIN is {said}")
    return chosen


def _check_not_printed(order: CardOrder) -> None:
    from jukicard.profiles.printed import printed_items, printed_purpose

    items: tuple[str, ...] = (order.serial,)
    if order.person is not None:
        items = printed_items(order.person, order.serial, order.its_end())
    if order.access_number is not None:
        items += (order.access_number,)
    purpose = printed_purpose(order.systems.masters, items)
    if purpose is not None:
        raise ProfileError(
            f"the master key for {purpose} is derived from what is printed on the card: draw one"
        )


def _with_issuer_keys(keys: CardKeys, own: tuple[bytes, bytes, bytes] | None) -> CardKeys:
    if own is None:
        return keys
    if tuple(keys.issuer) != TEST_ISSUER:
        raise ProfileError(
            "the issuer's keys are given twice, as they are and as masters: leave one out"
        )
    return replace(keys, issuer=own)


def _checked_trust(keys: CardKeys) -> CardKeys:
    sizes = {len(key) for key in keys.issuer}
    if len(keys.issuer) != 3 or len(sizes) != 1 or not sizes <= {16, 24, 32}:
        raise ProfileError(
            "the issuer's keys are three, ENC, MAC and DEK, of one length: 16, 24 or 32 bytes"
        )
    for raw in keys.trust_anchors:
        try:
            trust_anchor(Certificate.parse(raw))
        except CertificateError as problem:
            raise ProfileError(f"a trust anchor is of no use: {problem}") from None
    return keys


def _checked_number(number: bytes) -> bytes:
    if len(number) != 8:
        raise ProfileError("a card number has eight bytes")
    return bytes(number)


def _checked_access_number(number: str | None) -> str | None:
    if number is None:
        return None
    text = str(number)
    if text != number or not re.fullmatch("[0-9]{6}", text):
        raise ProfileError("an access number has six digits and is text, for example '271828'")
    return text


def _make(
    order: CardOrder,
    environment: CardEnvironment,
    options: CardOptions,
    on_bug: Callable[[Exception], None],
) -> Card:
    write = _prepare if order.blank else _personalise
    # one transaction: a card that is cut off while it is made is none
    try:
        with environment.memory.transaction():
            card = _empty_card(order, environment, options, on_bug)
            for application in card.applications:
                own = ApplicationOrder(order, application.placement, card.grants)
                application.run(partial(write, application, own))
            order.systems.check_used()
            if not order.blank:
                order.pins.check_used()
    except IsoError as refusal:
        raise ProfileError(f"the card cannot be personalised: {refusal.reason}") from None
    except AppletMisbehavedError as failure:
        raise ProfileError(f"the card cannot be personalised: {failure}") from failure
    except ProfileError:
        raise
    except (WeakKeyError, ValueError) as problem:
        raise ProfileError(f"the card cannot be personalised: {problem}") from None
    return card


def _personalise(application: Application, order: Order) -> None:
    """Let an application write its contents; one that has nothing to write stays as it is."""
    applet: Any = application.applet
    if callable(getattr(type(applet), "personalise", None)):
        applet.personalise(order)


def _prepare(application: Application, order: Order) -> None:
    """Let an application, one of our own kinds, write what it has on a blank card."""
    applet: Any = application.applet
    applet.prepare(order)


def _empty_card(
    order: CardOrder,
    environment: CardEnvironment,
    options: CardOptions,
    on_bug: Callable[[Exception], None],
) -> Card:
    memory = environment.memory
    for left in memory.partitions():  # of a card that was cut off while it was made
        memory.drop_partition(left)
    own = memory.partition(CARD_PARTITION)
    own.put(OPTIONS_KEY, options.to_bytes())
    own.put(PROFILE_KEY, order.profile.name.encode())
    card = Card(environment, on_bug=on_bug)
    for placement in order.profile.applications:
        awaits = order.blank and not is_issuers(placement)
        card.applications.install(placement, blank=awaits)
    return card

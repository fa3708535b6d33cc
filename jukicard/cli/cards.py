"""The cards a command line names: issued from a profile, or kept in a file."""

from __future__ import annotations

import argparse
import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from jukicard.cli.keyfile import read_issuer_keys, read_masters
from jukicard.cli.pinfile import read_further_pins, read_pins
from jukicard.cli.problems import UsageProblem, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from jukicard.apdu.aid import Aid
    from jukicard.memory import Backend
    from jukicard.profiles import Profile
    from jukicard.runtime.card import Card
    from jukicard.runtime.options import CardOptions

DEFAULT_PROFILE: Final = "juki-v1"
DEFAULT_FORM: Final = 2
CARD_SEPARATOR: Final = "#"
"""Between a file and the name of a card in it."""


class CardSource(NamedTuple):
    """A card named on the command line: a profile to issue, or a card in an image file."""

    profile: str = ""
    seed: str | None = None
    image: str = ""
    card_id: str = ""

    @property
    def label(self) -> str:
        """How the card is called in messages."""
        return self.image or (self.profile if self.seed is None else f"{self.profile}:{self.seed}")

    def make(self, arguments: argparse.Namespace, stack: ExitStack) -> Card:
        """Return the card, without power; `stack` closes its file. ProfileError, ImageError."""
        if self.image:
            return _card_in(_kept(self.image, self.card_id, stack))
        return issue(self.profile, self.seed or arguments.seed, arguments)

    def look(self, stack: ExitStack) -> Card:
        """Return the card in the file, without power; whatever it does, the file stays as it is."""
        from jukicard.memory import RamBackend

        kept = RamBackend(_kept(self.image, self.card_id, stack).load())
        return _card_in(kept, on_bug=lambda bug: None)  # what is out of use is shown in words


class FurtherApplication(NamedTuple):
    """An application named on the command line; no `aid`: where its kind usually lies."""

    kind: str
    parameters: Mapping[str, str]
    aid: Aid | None


def further_application(text: str) -> FurtherApplication:
    """Read `NAME[@AID][:PARAMETER=VALUE,...]`; whether there is such a kind, `issue` finds out."""
    from jukicard.apdu.aid import Aid

    name, _, given = text.partition(":")
    kind, at, where = name.partition("@")
    pairs = [pair.partition("=") for pair in given.split(",")] if given else []
    if not kind or not all(key and equals for key, equals, _ in pairs):
        raise argparse.ArgumentTypeError(
            "an application is written as library or library:colour=red,size=small"
        )
    try:
        aid = Aid(where) if at else None
    except ValueError:
        raise argparse.ArgumentTypeError("an AID has 10 to 32 hexadecimal digits") from None
    return FurtherApplication(kind, {key: value for key, _, value in pairs}, aid)


def profile_source(text: str) -> CardSource:
    """Read `PROFILE` or `PROFILE:SEED`; whether there is such a profile, `make` finds out."""
    profile, colon, seed = text.partition(":")
    return CardSource(profile=profile, seed=seed if colon else None)


def image_source(text: str) -> CardSource:
    """Read `FILE`, or `FILE#CARD` where a file holds several."""
    path, _, card_id = text.partition(CARD_SEPARATOR)
    if not path:
        raise argparse.ArgumentTypeError("the name of a file is missing")
    return CardSource(image=path, card_id=card_id)


def _known_profile(name: str) -> Profile:
    """Return the profile of a name. ProfileError, which does not repeat it: it may be a PIN."""
    from jukicard.profiles import PROFILES, ProfileError

    if name not in PROFILES:
        raise ProfileError(f"there is no profile of this name; there is {', '.join(PROFILES)}")
    return PROFILES[name]


def issue(profile: str, seed: str | None, arguments: argparse.Namespace) -> Card:
    """Issue a card as the arguments of `add_issue_arguments` say. ProfileError, UserError."""
    from jukicard.profiles import CardKeys, Printed, issue_card
    from jukicard.profiles.placing import place

    if arguments.blank:
        _refuse_somebodys(arguments)
    further = arguments.application
    read = read_further_pins if further else read_pins
    keys = CardKeys(suites=arguments.suite)
    if arguments.issuer_key_file is not None:
        keys = replace(keys, issuer=read_issuer_keys(arguments.issuer_key_file))
    if arguments.master_file is not None:
        keys = replace(keys, masters=read_masters(arguments.master_file))
    return issue_card(
        replace(
            _known_profile(profile),
            compat=arguments.compat,
            rsa_bits=arguments.rsa_bits,
            receipts=arguments.receipts,
        ),
        applications=[place(one.kind, one.parameters, one.aid) for one in further],
        seed=seed,
        pins=None if arguments.pin_file is None else read(arguments.pin_file),
        contactless=arguments.contactless,
        options=_spoken(arguments),
        municipality=arguments.municipality,
        issued=arguments.issued,
        printed=Printed(
            form=DEFAULT_FORM if arguments.form is None else arguments.form,
            access_number=arguments.access_number,
        ),
        keys=keys,
        blank=arguments.blank,
    )


def _refuse_somebodys(arguments: argparse.Namespace) -> None:
    """Say what is of no use for a card that is nobody's yet. UsageProblem."""
    for name in ("pin_file", "municipality", "form", "application"):
        if getattr(arguments, name):
            option = f"--{name.replace('_', '-')}"
            raise UsageProblem(
                f"{option} is for whom a card is issued to, and a blank card is nobody's: leave it"
                " out"
            )


def _spoken(arguments: argparse.Namespace) -> Callable[[CardOptions], CardOptions] | None:
    """Return what gives a card the protocols that were named. UsageProblem."""
    protocols = arguments.protocol
    if protocols is None:
        return None
    if arguments.contactless:
        raise UsageProblem("--protocol is for a card with contacts: leave out --contactless")

    from jukicard.apdu.atr import Atr
    from jukicard.transport.tpdu import atr_variant

    def speak(options: CardOptions) -> CardOptions:
        told = Atr.parse(options.atr).interface_bytes
        ifsc = told.get("TA3") if 1 in protocols else None
        return replace(
            options, atr=atr_variant(options.atr, protocols, speed=told.get("TA1"), ifsc=ifsc)
        )

    return speak


def _protocols(text: str) -> tuple[int, ...]:
    known = {"0": (0,), "1": (1,), "0,1": (0, 1)}
    if text not in known:
        raise argparse.ArgumentTypeError("a protocol is 0 for T=0, 1 for T=1, or 0,1 for both")
    return known[text]


def _kept(path: str, card_id: str, stack: ExitStack) -> Backend:
    from jukicard.memory import SqliteBackend, list_cards

    if not card_id:
        names = [entry.card_id for entry in list_cards(path)]
        if not names:
            raise UserError(f"there is no card in {path}: make one with jukicard new")
        if len(names) > 1:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            raise UserError(
                f"there are {len(names)} cards in {path}, name one: {path}#{names[0]}"
                f" (there is {shown})"
            )
        card_id = names[0]
    backend = SqliteBackend(path, card_id)
    stack.callback(backend.close)
    return backend


def _card_in(backend: Backend, on_bug: Callable[[Exception], None] | None = None) -> Card:
    from jukicard import Card
    from jukicard.environment import CardEnvironment
    from jukicard.memory import PersistentMemory
    from jukicard.runtime.boundary import log_bug

    environment = CardEnvironment(memory=PersistentMemory(backend))
    return Card(environment, on_bug=on_bug or log_bug)


def add_issue_arguments(command: argparse.ArgumentParser) -> None:
    """Add what says how a card is issued: its kind, and whose it is."""
    add_factory_arguments(command)
    command.add_argument(
        "--pin-file",
        metavar="FILE",
        help="first line: the PIN of the Juki application (default 1234); or a line for each PIN,"
        " its name before it: juki, signature, authentication, text, common, operator, and those of"
        " further applications",
    )
    command.add_argument(
        "--application",
        metavar="NAME[@AID][:PARAMETER=VALUE,...]",
        action="append",
        default=[],
        type=further_application,
        help="a further application on the card, by the name of its kind, from this or another"
        " installed package; may be repeated",
    )
    command.add_argument(
        "--form",
        type=int,
        choices=(1, 2),
        help="form of a Juki card: 1 name only, 2 with photo and four items"
        f" (default {DEFAULT_FORM})",
    )
    command.add_argument(
        "--municipality",
        metavar="CODE",
        help="five digits of the holder's municipality, for example 13221 (default: drawn)",
    )
    command.add_argument(
        "--blank",
        action="store_true",
        help="as cards come from the factory: with keys, number and applications, and nobody's, for"
        " a terminal that issues cards",
    )


def add_factory_arguments(command: argparse.ArgumentParser) -> None:
    """Add what says how a card is made, whoever will have it: profile, seed, keys and kind."""
    command.add_argument(
        "--profile", metavar="NAME", help=f"what kind of card (default {DEFAULT_PROFILE})"
    )
    command.add_argument(
        "--seed", metavar="SEED", help="the same seed issues the same card; without one each is new"
    )
    command.add_argument(
        "--issuer-key-file",
        metavar="FILE",
        help="the keys of the issuer domain in hexadecimal, 16, 24 or 32 bytes: one line for all"
        " three, or ENC, MAC, DEK in three (default: 404142..4F, which everybody has)",
    )
    command.add_argument(
        "--master-file",
        metavar="FILE",
        help="the master keys from which the card's own are derived, a line each: a purpose, for"
        " example COUNTER, and its key in hexadecimal; ISSUER and ISSUER_DEK give the issuer domain"
        " keys of this card; a purpose left out has none (default: the published ones)",
    )
    command.add_argument(
        "--contactless", action="store_true", help="the card is read through the air: another ATR"
    )
    command.add_argument(
        "--protocol",
        metavar="T",
        type=_protocols,
        help="what the card offers a reader with contacts: 0, 1 or 0,1 (default: as its kind, T=1)",
    )
    command.add_argument(
        "--access-number",
        metavar="DIGITS",
        help="six digits that stand on the card: with them a terminal may open a session by PACE"
        " first (default: the card offers no PACE)",
    )
    command.add_argument(
        "--suite",
        metavar="NAME",
        help="what systems authenticate with: MA-AES128 (default), MA-AES192, MA-AES256, or MA-3DES"
        " as in 2003",
    )
    command.add_argument(
        "--compat",
        action="store_true",
        help="give a Juki card the authentication key and certificate too, which OpenSC asks for",
    )
    command.add_argument(
        "--rsa-bits",
        type=int,
        choices=(1024, 2048),
        help="length of a Juki card's JPKI keys (default 1024, as on real ones)",
    )
    command.add_argument(
        "--receipts",
        action="store_true",
        help="let the card keep a receipt of the last administrative change",
    )
    command.add_argument(
        "--issued",
        metavar="DAY",
        type=_day,
        help="the day the card was made, for example 2008-04-01 (default: the profile's)",
    )


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written as 2008-04-01") from None

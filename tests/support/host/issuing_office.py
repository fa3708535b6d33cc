"""An office that issues cards, for tests: blank cards, and a resident who has none yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jukicard import PROFILES, Card, Printed, issue_card as make_card
from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.environment import SeededRandom
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.pki.keys import published_key
from jukicard.synthetic.portraits import draw_face
from jukihost.channel import build_channel
from jukihost.issuing import find_authority, find_signer
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.ledger import LedgerState, PersonAct, Reason, cards_of, move_card
from jukihost.models import CardForm, Purpose
from jukihost.sessions.juki import JukiSession
from jukihost.workflows import (
    CardWish,
    Paper,
    Presented,
    hand_over,
    issue_card,
)
from tests.support.host.counters import Clerk, Counter

PHOTO = Presented(papers=frozenset({Paper.PHOTO}))
NAME_ONLY = CardWish(form=CardForm.NAME_ONLY)
NEW, WORD = "2580", "ABC123"


@pytest.fixture
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cards take published keys for those they make, which takes seconds."""
    monkeypatch.setattr("jukicard.crypto.rsa_generation.generate_rsa", quick_key())


def quick_key() -> Callable[[int, object], RsaPrivateKey]:
    """What gives one published key after the other, in the place of `generate_rsa`."""
    numbers = count()

    def take(bits: int, _: object) -> RsaPrivateKey:
        names = [name for n in range(40) if known(name := f"user-{bits}-{n}")]
        return RsaPrivateKey(published_key(names[next(numbers) % len(names)]).private_der)

    return take


@pytest.fixture
def fresh_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let OpenSSL make the keys of cards, quicker: no two are alike, as authorities ask."""

    def make(bits: int, _: object) -> RsaPrivateKey:
        key = rsa.generate_private_key(65537, bits)
        return RsaPrivateKey(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    monkeypatch.setattr("jukicard.crypto.rsa_generation.generate_rsa", make)


def known(name: str) -> bool:
    with suppress(ValueError):
        published_key(name)
        return True
    return False


class Office:
    """A town's office that issues cards."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.counter.office = replace(
            counter.office,
            issuer=lambda _: ISSUER_TEST_KEYS,
            authority=find_authority("test"),
            records=find_signer("test"),
        )
        self._drawn = count(1)

    def blank(self, profile: str = "juki-v2", *, receipts: bool = True) -> Card:
        drawn = next(self._drawn)
        card = make_card(
            replace(PROFILES[profile], receipts=receipts),
            seed=f"blank {drawn}",
            blank=True,
            printed=Printed(card_number=bytes.fromhex("813920FF00") + drawn.to_bytes(3, "big")),
            on_bug=raise_bug,
        )
        self.counter.card = card
        self.counter.number = bytes.fromhex("813920FF00") + drawn.to_bytes(3, "big")
        return card


@pytest.fixture
def office(counter: Counter) -> Office:
    """An office whose resident has no card yet."""
    return without_card(counter)


def without_card(counter: Counter) -> Office:
    lose(counter)
    return Office(counter)


def lose(counter: Counter) -> None:
    """Let the holder have no card any more."""
    with counter.database.begin() as connection:
        for card in cards_of(connection, counter.holder):
            if card.state in (LedgerState.ACTIVE, LedgerState.ISSUING):
                by = counter.desk().by()
                move_card(connection, card, PersonAct.REPORT_DAMAGED, Reason.BROKEN, by)


def wish(counter: Counter, form: CardForm = CardForm.WITH_PHOTO) -> CardWish:
    if form is CardForm.NAME_ONLY:
        return NAME_ONLY
    return CardWish(form=form, photo=draw_face(SeededRandom("photo"), SPECIMEN, date(2014, 4, 1)))


def issued(counter: Counter, desired: CardWish, **how: object) -> bytes:
    with counter.on_desk() as (hand, _):
        return issue_card(counter.desk(), hand, counter.holder, desired, PHOTO).card


def taken(counter: Counter, presented: Presented = PHOTO) -> None:
    with counter.on_desk() as (hand, _):
        hand_over(counter.desk(talk=Clerk(NEW, WORD)), hand, presented)


def code_read(counter: Counter) -> str:
    """What the card says to who has its PIN."""
    with counter.on_desk() as (hand, _), JukiSession(build_channel(hand.connection)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, counter.office.custody)
        juki.verify_pin(NEW)
        return juki.read_code().reveal()

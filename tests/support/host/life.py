"""The life of a resident and their card over ten years, in two towns, as a test tells it.

Each method is a chapter: it moves the clock, has the procedures done, and checks what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import pytest

from jukicard import Card
from jukihost.channel import build_channel
from jukihost.clock import JAPAN
from jukihost.errors import CardError, PinBlocked
from jukihost.issuing import (
    find_authority,
    find_signer,
)
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.ledger import LedgerState
from jukihost.models import CardForm, ResidentCode
from jukihost.register import (
    AsReceived,
    ChangeReason,
    Resident,
    draw_code,
    enter_resident,
    known_resident,
)
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.signing.raw import verify_raw
from jukihost.workflows import (
    CardAtDesk,
    CardExpired,
    CardStopped,
    CardWish,
    Desk,
    NewHome,
    Paper,
    Presented,
    SignatureForm,
    Task,
    announce_by_post,
    call_back,
    continue_use,
    copy_by_card,
    hand_over,
    identify,
    inquire,
    issue_card,
    move_in,
    reissue_certificate,
    resume_card,
    return_card,
    sign_document,
    suspend_by_telephone,
    unblock_pin,
)
from tests.support.host.counters import Clerk, Counter
from tests.support.host.issuing_office import Office, wish
from tests.support.host.residents import CALLED, RESIDENT, TOWN
from tests.support.host.towns import Towns
from tests.support.interop.rigs import Rig

OLD_PIN, PIN, WORD = "2580", "1379", "ABC123"
PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
WITHOUT: Final = Presented(papers=frozenset({Paper.OTHER}))
ANSWERED: Final = Presented(papers=frozenset({Paper.OTHER, Paper.ANSWER}))


@dataclass(frozen=True)
class Whose:
    """Whose life it is: their card's form, when their stay ends, and what they show."""

    form: CardForm
    residence_until: date | None = None
    alias: str | None = None
    papers: Presented = PHOTO

    def resident(self, code: ResidentCode) -> Resident:
        """The record that is entered."""
        return replace(
            RESIDENT,
            code=code,
            name=AsReceived("住基 太郎" if self.alias is None else "ＭＡＲＩＡ　ＳＩＬＶＡ"),
            alias=None if self.alias is None else AsReceived(self.alias),
            residence_until=self.residence_until,
            address=AsReceived("東京都千代田区霞が関二丁目1番2号"),
            household=2014,
            reason=ChangeReason.MOVED_IN,
        )

    @property
    def last_day(self) -> date:
        """The last day of the card."""
        return self.residence_until or date(2024, 4, 1)


WHO: Final = {
    "form 1": Whose(CardForm.NAME_ONLY, papers=WITHOUT),
    "form 2": Whose(CardForm.WITH_PHOTO),
    "foreign": Whose(CardForm.WITH_PHOTO, date(2019, 6, 30), "住基 マリア"),
}


class Life:
    """A resident of one of two towns, and their card in a reader of any kind."""

    def __init__(self, towns: Towns, rig: Rig, whose: Whose) -> None:
        self.towns, self.rig, self.whose = towns, rig, whose
        self.clock = towns.here.clock
        self.card: Card = Office(towns.here).blank()
        authority, records = find_authority("test"), find_signer("test")
        for town in (towns.here, towns.there):
            town.office = replace(
                town.office,
                issuer=lambda _: ISSUER_TEST_KEYS,
                authority=authority,
                records=records,
            )
        self.code = draw_code()
        self.holder = self.holder_there = 0
        self.inside = False

    # --- who stands where ---

    @contextmanager
    def at(self, counter: Counter, *typed: str) -> Iterator[tuple[Desk, CardAtDesk]]:
        """Have the card in the reader of a counter where the holder types."""
        if not self.inside:
            self.rig.insert(self.card)
            self.inside = True
        with self.rig.connection as connection:
            yield counter.desk(talk=Clerk(*typed)), CardAtDesk(connection)

    def on(self, year: int, month: int, day: int) -> None:
        """Let it be two in the afternoon of another day; the card went home in between."""
        if self.inside:
            self.rig.remove()
            self.inside = False
        self.clock.put(datetime(year, month, day, 14, tzinfo=JAPAN))

    def is_who_they_are(self, counter: Counter, pin: str = PIN) -> None:
        """Have the holder identified at a counter."""
        with self.at(counter, pin) as (desk, hand):
            found = identify(desk, hand)
        assert (found.code, found.form) == (self.code, self.whose.form)
        assert found.expires == self.whose.last_day

    def refused(self, counter: Counter, kind: type[CardError], *typed: str) -> None:
        """Have the card refused where the holder wants to be identified."""
        with self.at(counter, *typed) as (desk, hand), pytest.raises(kind):
            identify(desk, hand)

    # --- the chapters ---

    def gets_a_code(self) -> None:
        """2014: the code is drawn, not chosen."""
        self.on(2014, 4, 1)
        here = self.towns.here
        with here.database.begin() as connection:
            self.holder = enter_resident(
                connection, self.whose.resident(self.code), here.desk().by()
            )
        with here.database.read() as connection:
            assert known_resident(connection, self.holder).code == self.code

    def gets_a_card(self) -> None:
        """2014: the same day with a photo document, else with the answer to a letter."""
        here = self.towns.here
        wished: CardWish = wish(here, self.whose.form)
        with self.at(here) as (desk, hand):
            made = issue_card(desk, hand, self.holder, wished, self.whose.papers)
        shown = self.whose.papers
        if shown is WITHOUT:
            letter = inquire(here.desk(), self.holder, Task.HAND_OVER).number
            self.clock.move(timedelta(days=5))
            shown = replace(ANSWERED, inquiry=letter)
        with self.at(here, OLD_PIN, WORD) as (desk, hand):
            given = hand_over(desk, hand, shown)
        assert (given.card, given.expires) == (made.card, self.whose.last_day)
        here.number = self.towns.there.number = given.card
        assert here.ledger().state is LedgerState.ACTIVE

    def uses_it_elsewhere(self) -> None:
        """2014: identified, and a copy of the record, in another town."""
        self.on(2014, 6, 2)
        self.is_who_they_are(self.towns.here, OLD_PIN)
        self.is_who_they_are(self.towns.there, OLD_PIN)
        with self.at(self.towns.there, OLD_PIN) as (desk, hand):
            copy = copy_by_card(desk, hand)
        assert (copy.town, len(copy.members)) == (TOWN, 1)

    def forgets_the_pin(self) -> None:
        """2014: three wrong PINs, and another one at the counter."""
        self.on(2014, 9, 1)
        self.refused(self.towns.here, PinBlocked, "0000", "1111", "2222")
        self.refused(self.towns.there, PinBlocked)
        with self.at(self.towns.here, PIN) as (desk, hand):
            unblock_pin(desk, hand, PHOTO)
        self.is_who_they_are(self.towns.here)

    def loses_and_finds_it(self) -> None:
        """2014: lost, told by telephone; somebody tries it in another town; found again."""
        self.on(2014, 11, 4)
        here, there = self.towns.here, self.towns.there
        told = suspend_by_telephone(here.desk(), self.holder, Presented(), CALLED)
        call_back(here.desk(), told.notice, answered=True)
        self.refused(there, CardStopped)
        self.refused(here, CardStopped)
        self.on(2014, 11, 10)
        with self.at(here) as (desk, hand):
            resumed = resume_card(desk, hand, PHOTO)
        assert len(resumed.notices) == 1
        self.is_who_they_are(here)
        self.is_who_they_are(there)

    def moves(self) -> None:
        """2015: announced by post, one visit in the new town, and the card goes on."""
        self.on(2015, 3, 20)
        here, there = self.towns.here, self.towns.there
        announce_by_post(here.desk(), [self.holder], date(2015, 4, 1), WITHOUT)
        self.on(2015, 4, 3)
        home = NewHome(AsReceived("大阪府交野市私部一丁目1番1号"), date(2015, 4, 1))
        with self.at(there, PIN) as (desk, hand):
            arrived = move_in(desk, hand, home)
        assert (arrived.origin, arrived.untold) == (TOWN, False)
        self.holder_there = arrived.members[0]
        self.on(2015, 4, 6)
        with self.at(there, PIN) as (desk, hand):
            assert continue_use(desk, hand).origin == TOWN
        assert here.ledger().state is LedgerState.TRANSFERRED
        self.is_who_they_are(there)
        self.is_who_they_are(here)

    def has_new_certificates(self) -> None:
        """2015: those of before ended with the move; the holder signs with the new ones."""
        self.on(2015, 5, 11)
        with self.at(self.towns.there, WORD) as (desk, hand):
            renewed = reissue_certificate(desk, hand, PHOTO)
        assert len(renewed.certificates) == 1
        contract = b"a contract"
        with self.at(self.towns.there, WORD) as (desk, hand):
            made = sign_document(desk, hand, contract, SignatureForm.RAW)
        with (
            self.at(self.towns.there) as (_, hand),
            JpkiSession(build_channel(hand.connection)) as jpki,
        ):
            jpki.verify_password(WORD)
            verify_raw(jpki.certificate(JpkiKey.SIGNATURE), contract, made.content)

    def joins_the_library(self, add: Callable[[Desk, CardAtDesk], None]) -> None:
        """2015: a municipal application comes onto the card."""
        self.on(2015, 6, 1)
        with self.at(self.towns.there) as (desk, hand):
            add(desk, hand)
        self.is_who_they_are(self.towns.there)

    def gives_it_back(self) -> None:
        """At the end of its days the card is refused, and ends itself when it is given back."""
        last, there = self.whose.last_day, self.towns.there
        self.on(last.year, last.month, last.day)
        self.is_who_they_are(there)
        self.clock.move(timedelta(days=1))
        self.refused(there, CardExpired)
        self.refused(self.towns.here, CardExpired)
        with self.at(there) as (desk, hand):
            ended = return_card(desk, hand, PHOTO)
        assert ended.standing.state is LedgerState.RETURNED
        self.on(2024, 5, 1)

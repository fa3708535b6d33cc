"""Every procedure, with a card that is not what it seems: refused in words, and nothing is lost.

A card of another municipality, one that lies about its number, and two of one number at two
terminals. What befalls an operator in the middle is in the tables of cuts (`Trouble`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

import jukihost.workflows
from jukicard import Card
from jukicard.apdu import Aid
from jukihost.clock import MovableClock
from jukihost.database import metadata
from jukihost.errors import CardError
from jukihost.issuing import NotBlank
from jukihost.ledger import (
    By,
    CardAct,
    PersonAct,
    Reason,
    ReceiptGap,
    find_card,
    gaps,
    leave_uncertain,
    move_card,
    open_intent,
    transfer_card,
)
from jukihost.workflows import (
    CardAtDesk,
    CardExpired,
    Desk,
    ForeignTown,
    Impossible,
    NotHandedOver,
    Paper,
    PinUncertain,
    Presented,
    SignatureForm,
    Task,
    TownApplication,
    change_pin,
    continue_use,
    copy_by_card,
    exchange_card,
    hand_over,
    identify,
    install_application,
    issue_card,
    log_on,
    move_in,
    recover_card,
    reissue_certificate,
    remove_application,
    resume_card,
    return_card,
    sign_document,
    stay,
    unblock_pin,
)
from tests.support.host.counters import CLERK, PIN, Clerk, Counter, Reader
from tests.support.host.issuing_office import NAME_ONLY, Office
from tests.support.host.movers import HOME
from tests.support.host.residents import OTHER_TOWN
from tests.support.host.towns import Towns, two_towns

PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
PASSWORD: Final = "PASSWORD9"
TOWN_BUS: Final = TownApplication(aid=Aid("F04255530001"), files=((1, b"20150331"),))
Call = Callable[[Desk, CardAtDesk, int], object]
CALLS: Final[dict[str, tuple[Call, tuple[str, ...]]]] = {
    "change_pin": (lambda desk, hand, _: change_pin(desk, hand, Presented()), (PIN, "2580")),
    "continue_use": (lambda desk, hand, _: continue_use(desk, hand), (PIN,)),
    "copy_by_card": (lambda desk, hand, _: copy_by_card(desk, hand), (PIN,)),
    "exchange_card": (lambda desk, hand, _: exchange_card(desk, hand, PHOTO), (PIN, PASSWORD)),
    "hand_over": (lambda desk, hand, _: hand_over(desk, hand, PHOTO), (PIN, PASSWORD)),
    "identify": (lambda desk, hand, _: identify(desk, hand), (PIN,)),
    "install_application": (
        lambda desk, hand, _: install_application(desk, hand, TOWN_BUS, PHOTO),
        (),
    ),
    "issue_card": (
        lambda desk, hand, holder: issue_card(desk, hand, holder, NAME_ONLY, PHOTO),
        (),
    ),
    "log_on": (lambda desk, hand, _: log_on(desk, hand, b"a challenge"), (PIN,)),
    "move_in": (lambda desk, hand, _: move_in(desk, hand, HOME), (PIN,)),
    "recover_card": (lambda desk, hand, _: recover_card(desk, hand), ()),
    "reissue_certificate": (
        lambda desk, hand, _: reissue_certificate(desk, hand, PHOTO),
        (PASSWORD,),
    ),
    "remove_application": (
        lambda desk, hand, _: remove_application(desk, hand, TOWN_BUS.aid, PHOTO),
        (),
    ),
    "resume_card": (lambda desk, hand, _: resume_card(desk, hand, PHOTO), ()),
    "return_card": (lambda desk, hand, _: return_card(desk, hand, PHOTO), ()),
    "sign_document": (
        lambda desk, hand, _: sign_document(desk, hand, b"a", SignatureForm.RAW),
        (PASSWORD,),
    ),
    "stay": (lambda desk, hand, _: stay(desk, hand), (PIN,)),
    "unblock_pin": (lambda desk, hand, _: unblock_pin(desk, hand, PHOTO), ("2580",)),
}
"""Every procedure with a resident's card, as a clerk does it, and what the holder types."""


NOTHING_OPEN: Final[dict[str, type[CardError] | None]] = {"recover_card": None}
"""What finishes what is open has nothing to do, and leaves no entry where nothing was."""


NOT_OF_ITS_AGE: Final = {"exchange_card", "issue_card", "return_card"}
"""Where it does not matter how old the card is; the first two have another card in the reader."""


@dataclass
class Place:
    """A town that issues cards and has another resident, who has no card yet; and its neighbour."""

    towns: Towns
    newcomer: int

    @property
    def here(self) -> Counter:
        return self.towns.here

    def call(self, name: str, hand: CardAtDesk, *, alone: bool = False) -> None:
        """Do a procedure; `alone`: where no other town is within reach."""
        procedure, typed = CALLS[name]
        desk = self.here.desk(talk=Clerk(*typed))
        if alone:
            desk.office = replace(desk.office, registers=None)
        procedure(desk, hand, self.newcomer)

    def state(self) -> dict[str, list[Any]]:
        """All that is in the town's database, but for the log and the alarms."""
        with self.here.database.read() as connection:
            return {
                table.name: list(connection.execute(select(table)))
                for table in metadata.sorted_tables
                if not table.name.startswith("log_")
                and table.name not in ("database_clocks", gaps_table())
            }

    def refused(
        self,
        name: str,
        card: Card,
        kind: type[CardError] | None,
        *,
        alone: bool = False,
        lie: Callable[[Reader], Any] = lambda reader: reader,
    ) -> None:
        """Have a procedure refused: a typed error, an entry in the log, and nothing changed.

        kind: None where nothing is to be done, and that is said. lie: what the reader has of it.
        """
        before, known, cards = self.state(), len(self.here.uses()), self.cards()
        with self.here.on_desk(card) as (hand, reader):
            hand.connection = lie(reader)
            if kind is None:
                self.call(name, hand, alone=alone)
            else:
                with pytest.raises(kind, match=r"."):
                    self.call(name, hand, alone=alone)
        told = [outcome for _, outcome, _ in self.here.told()[known:]]
        assert told == ([] if kind is None else ["refused"])
        assert self.state() == before
        assert self.cards() == cards

    def cards(self) -> list[object]:
        """What the cards of both towns say of themselves."""
        return [(one.card_state(), one.ledger()) for one in (self.here, self.towns.there)]


def gaps_table() -> str:
    """The table of the alarms."""
    (name,) = (table.name for table in metadata.sorted_tables if "gap" in table.name)
    return name


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Place]:
    """Two towns on SQLite; where they stand makes no difference to what is walked here."""
    with two_towns(request, tmp_path, clock, "sqlite") as towns:
        number, card = towns.here.number, towns.here.card
        Office(towns.here)
        towns.here.number, towns.here.card = number, card
        newcomer = towns.here.another_resident("a newcomer", residence_until=None, household=99)
        yield Place(towns, newcomer)


def test_every_procedure_with_a_residents_card_is_walked_here() -> None:
    walked = {
        name
        for name in jukihost.workflows.__all__
        if inspect.isfunction(function := getattr(jukihost.workflows, name))
        and {"desk", "hand"} <= inspect.signature(function).parameters.keys()
    }
    assert walked == CALLS.keys()


@pytest.fixture(autouse=True)
def _in_its_time(request: pytest.FixtureRequest, place: Place, clock: MovableClock) -> None:
    """Let it be when My Number cards are issued, where it is about one."""
    if request.node.name.endswith("[exchange_card]"):
        clock.put(datetime(2016, 1, 4, 3, tzinfo=UTC))


@pytest.mark.parametrize("name", CALLS)
def test_a_card_of_another_municipality_is_refused_where_that_is_not_within_reach(
    place: Place, name: str
) -> None:
    kind = NOTHING_OPEN | {"issue_card": NotBlank}
    place.refused(name, place.towns.there.card, kind.get(name, ForeignTown), alone=True)


@pytest.mark.parametrize("name", [one for one in CALLS if one not in NOT_OF_ITS_AGE])
def test_p9_a_card_that_has_expired_is_good_for_nothing_but_to_be_given_back(
    place: Place, clock: MovableClock, name: str
) -> None:
    clock.move(timedelta(days=3653))
    place.refused(name, place.here.card, NOTHING_OPEN.get(name, CardExpired))


@pytest.mark.parametrize("name", CALLS)
def test_p11_a_card_that_was_given_up_to_another_town_is_that_ones(place: Place, name: str) -> None:
    by = By.at_terminal(place.here.database, CLERK)
    with place.here.database.begin() as connection:
        card = find_card(connection, place.here.number)
        card = move_card(connection, card, PersonAct.MOVE_OUT, Reason.MOVED_OUT, by)
        transfer_card(connection, card, OTHER_TOWN, by)
    kind = NOTHING_OPEN | {"issue_card": Impossible}
    place.refused(name, place.here.card, kind.get(name, ForeignTown), alone=True)


@pytest.mark.parametrize("name", ["identify", "continue_use", "stay"])
@pytest.mark.parametrize("purpose", [Task.CHANGE_PIN, Task.UNBLOCK_PIN])
def test_a_pin_of_which_nobody_knows_what_it_is_is_not_tried(
    place: Place, name: str, purpose: Task
) -> None:
    by = By.at_terminal(place.here.database, CLERK)
    with place.here.database.begin() as connection:
        card = find_card(connection, place.here.number)
        intent = open_intent(
            connection, card, bytes(range(16)), purpose.value, by,
            act=CardAct.CHANGE, reason=Reason.PIN,
        )  # fmt: skip
        leave_uncertain(connection, intent, by)
        if name == "stay":
            move_card(connection, card, PersonAct.MOVE_OUT, Reason.MOVED_OUT, by)
    place.refused(name, place.here.card, PinUncertain)


HANDS_OVER: Final = {"hand_over", "exchange_card"}
"""What a card that waits for its holder is good for."""


@pytest.mark.parametrize("name", [one for one in CALLS if one not in HANDS_OVER])
def test_a_card_that_waits_for_its_holder_is_good_for_nothing_though_its_pin_is_set(
    place: Place, name: str
) -> None:
    """As one is of which an exchange was cut off, once the holder had typed the new secrets."""
    here = place.here
    waiting, _ = here.issued_card(here.holder, here.code.reveal(), handed=False)
    kind = NOTHING_OPEN | {"issue_card": Impossible}
    place.refused(name, waiting, kind.get(name, NotHandedOver))


@pytest.mark.parametrize("name", ["identify", "copy_by_card", "move_in", "continue_use"])
def test_nor_is_it_in_another_town(place: Place, name: str) -> None:
    there = place.towns.there
    waiting, _ = there.issued_card(there.holder, there.code.reveal(), handed=False)
    place.refused(name, waiting, NotHandedOver)


class Liar:
    """A card, in a reader, that says another number than it has."""

    def __init__(self, inner: Any, true: bytes, false: bytes) -> None:
        self._inner, self._true, self._false = inner, true, false

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def transmit(self, command: bytes) -> bytes:
        answer: bytes = self._inner.transmit(command)
        return answer.replace(self._true, self._false)


@pytest.mark.parametrize("name", CALLS)
def test_a_card_that_lies_about_its_number_is_refused(place: Place, name: str) -> None:
    false = place.here.number[:-1] + b"\x77"
    place.refused(
        name, place.here.card, CardError, lie=lambda reader: Liar(reader, place.here.number, false)
    )


@pytest.mark.parametrize("name", CALLS)
def test_of_two_cards_of_one_number_the_copy_is_an_alarm(place: Place, name: str) -> None:
    copy = Card.restore(place.here.card.snapshot())
    with place.here.on_desk() as (hand, _):
        unblock_pin(place.here.desk(talk=Clerk("2580")), hand, PHOTO)
    kind = (NOTHING_OPEN | {"issue_card": Impossible}).get(name, ReceiptGap)
    place.refused(name, copy, kind)
    with place.here.database.read() as connection:
        assert len(gaps(connection)) == (kind is ReceiptGap)
    with place.here.on_desk() as (hand, _):
        identify(place.here.desk(talk=Clerk("2580")), hand)

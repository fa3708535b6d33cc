"""Municipal applications on a holder's card: who may, what is refused, and every cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import delete

from jukicard import Card, LocalReader
from jukicard.apdu import Aid
from jukihost.channel import build_channel
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import AppletNotFound, CardError, PinFormatError, StatusError
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.ledger import (
    ApplicationState,
    IntentState,
    LedgerState,
    Reason,
    applications_of,
    open_intents,
)
from jukihost.ledger.tables import cards, events
from jukihost.sessions.issuer import IssuerSession
from jukihost.sessions.juki import JukiSession
from jukihost.workflows import (
    ApplicationDoesNotFit,
    ApplicationNotOffered,
    ApplicationThere,
    CardAtDesk,
    CutOff,
    Desk,
    ForeignTown,
    Impossible,
    NoIssuingHere,
    NoSuchApplication,
    Paper,
    PinUse,
    PinWanted,
    Presented,
    PresentedBy,
    SupervisorDecides,
    Task,
    TownApplication,
    abolish_card,
    install_application,
    recover_card,
    remove_application,
    resume_card,
    return_card,
    suspend_by_telephone,
    unblock_pin,
)
from tests.support.cards.issuer_desk import POINTS
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.library import LIBRARY, LIBRARY_PIN, LibrarySession, has_library
from tests.support.host.residents import CALLED

PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))


def issuing(counter: Counter) -> Counter:
    """Give a counter the issuer's keys."""
    counter.office = replace(counter.office, issuer=lambda _: ISSUER_TEST_KEYS)
    return counter


def installed(
    counter: Counter, application: TownApplication = LIBRARY, presented: Presented = PHOTO
) -> Clerk:
    clerk = Clerk(LIBRARY_PIN)
    with counter.on_desk() as (hand, _):
        install_application(counter.desk(talk=clerk), hand, application, presented)
    return clerk


def removed(counter: Counter, aid: Aid = POINTS, presented: Presented = PHOTO) -> None:
    with counter.on_desk() as (hand, _):
        remove_application(counter.desk(), hand, aid, presented)


def noted(counter: Counter) -> list[tuple[bytes, ApplicationState]]:
    """What the ledger has of applications on the holder's card."""
    with counter.database.read() as connection:
        return [(one.aid, one.state) for one in applications_of(connection, counter.number)]


def there(card: Card) -> bool:
    """Whether the card has the application; and if so, all of it."""
    with LocalReader(card) as reader:
        return has_library(reader)


def has_key(counter: Counter) -> bool:
    """Whether the town's system is let in."""
    with LocalReader(counter.card) as reader, LibrarySession(build_channel(reader)):
        keys = counter.custody.derive_card_keys("POINTS", counter.number, POINTS, 1)
        assert keys.version == 1
        with IssuerSession(build_channel(reader)) as issuer:
            issuer.authenticate(ISSUER_TEST_KEYS)
            try:
                issuer.put_purpose_keys(POINTS, 1, keys)
            except CardError:
                return True
    return False


def test_p15_an_application_comes_goes_and_comes_again(counter: Counter) -> None:
    issuing(counter)
    clerk = installed(counter)
    assert clerk.asked == [PinWanted(PinUse.NEW_MUNICIPAL, None)]
    assert there(counter.card)
    assert has_key(counter)
    assert noted(counter) == [(bytes(POINTS), ApplicationState.INSTALLED)]
    with pytest.raises(ApplicationThere):
        installed(counter)
    removed(counter)
    assert not there(counter.card)
    assert noted(counter) == []
    with pytest.raises(NoSuchApplication):
        removed(counter)
    installed(counter)
    assert there(counter.card)
    aid = "F050 4F49 4E54 5302"
    assert counter.told() == [
        ("install_application", "done", aid),
        ("install_application", "refused", f"application_there; {aid}"),
        ("remove_application", "done", aid),
        ("remove_application", "refused", f"no_such_application; {aid}"),
        ("install_application", "done", aid),
    ]
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is None


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize(
    ("application", "error"),
    [
        (replace(LIBRARY, reserve=1 << 24), ApplicationDoesNotFit),
        (replace(LIBRARY, aid=Aid("F0504F494E5499")), ApplicationNotOffered),
        (replace(LIBRARY, objects=((0xC9, b"town"),)), StatusError),
        (replace(LIBRARY, files=((9, b"no such file"),)), StatusError),
        (replace(LIBRARY, systems={"POINTS": 2}), StatusError),
    ],
)
def test_what_the_card_refuses_leaves_it_as_it_was(
    database: Database,
    clock: MovableClock,
    application: TownApplication,
    error: type[CardError],
    receipts: bool,
) -> None:
    counter = issuing(Counter(database, clock, receipts=receipts))
    with pytest.raises(error):
        installed(counter, application)
    assert not there(counter.card)
    assert noted(counter) == []
    assert counter.undecided() == 0
    assert counter.told()[-1][1] == "refused"
    installed(counter)
    assert there(counter.card)


def test_what_is_refused_before_the_card_is_touched(counter: Counter) -> None:
    with pytest.raises(NoIssuingHere):
        installed(counter)
    issuing(counter)
    with counter.on_desk() as (hand, _), pytest.raises(PinFormatError):
        install_application(counter.desk(talk=Clerk("12")), hand, LIBRARY, PHOTO)
    with pytest.raises(ApplicationThere):
        installed(counter, replace(LIBRARY, aid=JukiSession.AID))
    with pytest.raises(Impossible, match="belongs to every card"):
        removed(counter, JukiSession.AID)
    assert counter.ledger().receipt == 0
    assert noted(counter) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameters": bytes(151)},
        {"reserve": -1},
        {"reserve": 1 << 31},
        {"systems": {"POINTS": 32}},
        {"key_version": 0},
        {"files": ((1, bytes(33 << 10)),)},
        {"files": ((0x1_0000, b""),)},
    ],
)
def test_a_definition_that_no_card_could_take_is_none(
    wrong: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match=r"INSTALL|key|handed|group"):
        replace(LIBRARY, **wrong)  # type: ignore[arg-type]
    assert "12345678" not in repr(LIBRARY)


@pytest.mark.parametrize(
    ("presented", "error"),
    [
        (Presented(), Impossible),
        (Presented(PresentedBy.HOUSEHOLD, frozenset(Paper)), Impossible),
        (Presented(PresentedBy.PROXY, frozenset(Paper)), SupervisorDecides),
    ],
)
@pytest.mark.parametrize("move", [installed, removed])
def test_who_may_have_an_application_put_on_or_taken_off(
    counter: Counter,
    presented: Presented,
    error: type[CardError],
    move: Callable[..., object],
) -> None:
    issuing(counter)
    with pytest.raises(error):
        move(counter, presented=presented)
    assert not there(counter.card)


def test_a_card_of_another_town_gets_no_application(
    counter: Counter, database: Database, clock: MovableClock
) -> None:
    issuing(counter)
    stranger, _ = counter.issued_card(counter.another_resident("other"), "00000000019")
    with database.begin() as connection:
        strange = cards.c.number != counter.number
        connection.execute(delete(events).where(events.c.card != counter.number))
        connection.execute(delete(cards).where(strange))
    with Reader(stranger) as reader, pytest.raises(ForeignTown):
        install_application(counter.desk(), CardAtDesk(reader), LIBRARY, PHOTO)


def test_who_ends_a_card_is_told_what_ends_with_it(counter: Counter) -> None:
    issuing(counter)
    installed(counter)
    over = abolish_card(counter.desk(), counter.holder, Reason.SURRENDERED, PHOTO)
    assert over.applications == (POINTS,)
    with counter.on_desk() as (hand, _):
        back = return_card(counter.desk(talk=Clerk()), hand, PHOTO)
    assert back.applications == (POINTS,)


# --- what is cut off ---


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_an_installation_cut_at_any_exchange_is_whole_or_gone(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    counter = issuing(Counter(database, clock, receipts=receipts))
    assert moving(counter, Task.INSTALL).at_every_exchange(cut) > 30


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_removal_cut_at_any_exchange_is_done_or_not(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    counter = issuing(Counter(database, clock, receipts=receipts))
    assert moving(counter, Task.REMOVE).at_every_exchange(cut) > 20


@pytest.mark.parametrize("task", [Task.INSTALL, Task.REMOVE])
@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_a_municipal_application(
    counter: Counter, trouble: Trouble, task: Task
) -> None:
    assert moving(issuing(counter), task).at_every_transaction(trouble) >= 2


def moving(counter: Counter, task: Task) -> Cutting:
    """Putting an application on a card, or taking it off."""
    coming = task is Task.INSTALL

    def ready() -> None:
        if there(counter.card) == coming:
            (removed if coming else installed)(counter)

    def procedure(desk: Desk, hand: CardAtDesk) -> None:
        if coming:
            install_application(desk, hand, LIBRARY, PHOTO)
        else:
            remove_application(desk, hand, POINTS, PHOTO)

    def alike(done: bool) -> None:
        has = there(counter.card)
        assert noted(counter) == [(bytes(POINTS), ApplicationState.INSTALLED)] * has
        assert has == coming or not done
        assert not has or has_key(counter)

    return Cutting(counter, task, ready, procedure, alike, (LIBRARY_PIN,) if coming else ())


def test_a_removal_of_half_an_application_that_is_cut_off_itself_goes_on(
    counter: Counter,
) -> None:
    """The card is pulled half-way, and again at every exchange of what undoes that."""
    issuing(counter)
    for again in range(60):
        if there_at_all(counter):
            removed(counter)
        cut_off_inside(counter)
        with counter.on_desk() as (hand, reader):
            reader.pull(again, acts=True)
            try:
                recover_card(counter.desk(), hand)
            except CardError:
                assert counter.undecided() == 1
                reader.open()
                assert recover_card(counter.desk(), CardAtDesk(reader)) is IntentState.UNDONE
            if reader.exchanges <= again:
                return
        assert not there_at_all(counter)
        assert noted(counter) == []
    raise AssertionError("it has no end")


def cut_off_inside(counter: Counter) -> None:
    """Have an installation cut off with something of it on the card."""
    for at in range(20, 200, 4):
        with counter.on_desk() as (hand, reader):
            reader.pull(at, acts=True)
            try:
                install_application(counter.desk(talk=Clerk(LIBRARY_PIN)), hand, LIBRARY, PHOTO)
            except CutOff:
                if there_at_all(counter):
                    return
            except CardError:
                continue
        with counter.on_desk() as (hand, _):
            recover_card(counter.desk(), hand)
    raise AssertionError("it was never half on the card")


def there_at_all(counter: Counter) -> bool:
    with LocalReader(counter.card) as reader:
        try:
            LibrarySession(build_channel(reader)).open()
        except AppletNotFound:
            return False
    return True


@pytest.mark.parametrize("receipts", [True, False])
def test_a_loss_told_in_between_stands_when_it_is_settled(
    database: Database, clock: MovableClock, receipts: bool
) -> None:
    """Whatever was cut off, and is settled as done, does not keep a card from being stopped."""
    counter = issuing(Counter(database, clock, receipts=receipts))

    def unblock(desk: Desk, hand: CardAtDesk) -> None:
        unblock_pin(desk, hand, PHOTO)

    def remove(desk: Desk, hand: CardAtDesk) -> None:
        remove_application(desk, hand, POINTS, PHOTO)

    installed(counter)
    for procedure in (unblock, remove):
        for at in range(200):
            with counter.on_desk() as (hand, reader):
                reader.pull(at, acts=True)
                with pytest.raises(CardError):
                    procedure(counter.desk(talk=Clerk(LIBRARY_PIN)), hand)
            with counter.database.read() as connection:
                if open_intents(connection, counter.clock.now().replace(year=2100)):
                    break
        suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
        with counter.on_desk() as (hand, _):
            recover_card(counter.desk(), hand)
        assert counter.undecided() == 0
        assert counter.ledger().state is LedgerState.SUSPENDED
        with counter.on_desk() as (hand, _):
            resume_card(counter.desk(), hand, PHOTO)

"""An application is on the card with the transaction that installs it, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jukicard import Card, MemorySnapshot, ProfileError, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.environment import CardEnvironment
from jukicard.errors import IsoError
from jukicard.memory import (
    Backend,
    MemoryFailureError,
    PersistentMemory,
    PowerLoss,
    RamBackend,
    SqliteBackend,
    TransactionError,
    create_card,
)
from jukicard.runtime.applet import Applet, AppletContext, BasicState
from jukicard.runtime.application import Application
from jukicard.runtime.kinds import UnknownAppletError, offer_applet
from jukicard.runtime.placement import Placement
from jukicard.testing.faults import FaultyBackend

NEW = Aid("F04E455701")
OTHER = Aid("F04E455702")
ISSUER = Aid("A0000001510000")


@offer_applet
class NewApplet(Applet[BasicState]):
    """Shares a service and writes as soon as it is made, at once and with the transaction."""

    type_name = "test-new"

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        context.share("greet", lambda data: b"hello " + data, ISSUER)
        self.found = context.memory.get("now")

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu(self.found or b"")


def install(card: Card, aid: Aid = NEW) -> Application:
    """Install it as whoever manages the card would: registry, its memory, its service."""
    application = card.applications.install(Placement(aid, NewApplet.type_name))
    memory = application.applet.context.memory
    memory.put("first", b"1")
    memory.put_now("now", b"left over")
    memory.put("second", b"2")
    return application


def is_there(card: Card, aid: Aid = NEW) -> bool:
    """Ask in every way; all of them answer the same."""
    card.power_on()
    selected = card.transmit(bytes((0, 0xA4, 4, 0x0C, len(aid))) + aid)
    answers = {
        card.applications.get(aid) is not None,
        aid in [application.aid for application in card.applications],
        selected == b"\x90\x00",
        aid in [application.aid for application in Card.restore(card.snapshot()).applications],
    }
    assert len(answers) == 1, answers
    return answers.pop()


def greets(card: Card) -> bool:
    """Tell whether its service can be used."""
    try:
        return card.grants.call(ISSUER, NEW, "greet", b"you") == b"hello you"
    except IsoError:
        return False


def values(card: Card, aid: Aid = NEW) -> dict[str, bytes]:
    return dict(card.environment.memory.partition(f"application {aid}").items())


def nothing_of_it(card: Card) -> None:
    assert not is_there(card)
    assert not greets(card)
    assert set(values(card)) <= {"now"}, "what was asked to land whatever comes"


@pytest.fixture
def card() -> Card:
    return issue_card("juki-v1", seed=1)


def test_committed_it_is_there(card: Card) -> None:
    with card.environment.memory.transaction():
        installed = install(card)
        assert card.applications.get(NEW) is installed, "before the commit too"
    assert is_there(card)
    assert greets(card)
    assert card.applications.get(NEW) is installed, "and it is the same object"
    assert list(card.applications)[-1] is installed


class Refused(Exception):
    pass


def roll_back(card: Card) -> None:
    def install_and_refuse() -> None:
        with card.environment.memory.transaction():
            install(card)
            assert greets(card)
            raise Refused

    with pytest.raises(Refused):
        install_and_refuse()


def test_rolled_back_it_leaves_nothing(card: Card) -> None:
    before = [application.aid for application in card.applications]
    roll_back(card)
    nothing_of_it(card)
    assert [application.aid for application in card.applications] == before


def test_installed_again_it_finds_nothing_of_the_first_time(card: Card) -> None:
    roll_back(card)
    with card.environment.memory.transaction():
        again = card.applications.install(Placement(NEW, NewApplet.type_name))
    applet = again.applet
    assert isinstance(applet, NewApplet)
    assert applet.found is None
    assert not values(card)


def test_of_two_in_a_row_the_committed_one_stays(card: Card) -> None:
    memory = card.environment.memory
    with memory.transaction():
        first = install(card, OTHER)
    roll_back(card)
    assert is_there(card, OTHER)
    assert card.applications.get(OTHER) is first
    nothing_of_it(card)


@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("fault", ["cut", "cut, landed", "failed"])
def test_at_every_write(where: str, fault: str, tmp_path: Path, card: Card) -> None:
    """Whatever write it is, afterwards the application is there with all it has, or not at all."""
    outcomes = []
    for number in range(1, 10):
        with kept(card.snapshot(), tmp_path / str(number) if where == "file" else None) as inner:
            backend = FaultyBackend(inner, landed=fault == "cut, landed")
            memory = PersistentMemory(backend)
            faulty = Card(CardEnvironment(memory=memory))
            if fault == "failed":
                backend.fail_after = number
            else:
                backend.cut_after = number
            interrupted = False
            try:
                with memory.transaction():
                    install(faulty)
            except (PowerLoss, MemoryFailureError):
                interrupted = True
            landed = is_there(faulty)
            if landed:
                assert values(faulty) == {"first": b"1", "now": b"left over", "second": b"2"}
            else:
                nothing_of_it(faulty)
            outcomes.append((interrupted, landed))
            again = Card(CardEnvironment(memory=PersistentMemory(inner)))
            assert (again.applications.get(NEW) is not None) is landed
        if not interrupted:
            break
    assert outcomes[-1] == (False, True), "without a fault it lands"
    assert len(outcomes) == 3, "what lands at once, and the transaction"


@contextmanager
def kept(snapshot: MemorySnapshot, path: Path | None) -> Iterator[Backend]:
    if path is None:
        yield RamBackend({name: dict(of) for name, of in snapshot.contents().items()})
        return
    create_card(path, "one", snapshot)
    backend = SqliteBackend(path, "one")
    try:
        yield backend
    finally:
        backend.close()


def test_a_card_cut_off_while_it_was_issued_can_be_issued_again() -> None:
    number = 0
    while True:
        number += 1
        backend = FaultyBackend(RamBackend(), cut_after=number)
        try:
            issue_card("juki-v1", seed=1, memory=PersistentMemory(backend))
        except PowerLoss:
            backend.cut_after = None
            card = issue_card("juki-v1", seed=1, memory=PersistentMemory(backend))
            assert card.snapshot() == issue_card("juki-v1", seed=1).snapshot()
        else:
            break
    assert number > 1


def test_what_is_left_of_a_card_that_was_never_made_is_in_no_ones_way() -> None:
    memory = PersistentMemory()
    memory.partition("application F000000000").put_now("x", b"left over")
    card = issue_card("juki-v1", seed=1, memory=memory)
    assert card.snapshot() == issue_card("juki-v1", seed=1).snapshot()
    with pytest.raises(ProfileError, match="holds a card already"):
        issue_card("juki-v1", seed=1, memory=memory)


@pytest.mark.parametrize(
    ("placement", "error", "said"),
    [
        (Placement(ISSUER, NewApplet.type_name), ValueError, "on the card already"),
        (Placement(NEW, "nowhere"), UnknownAppletError, "'nowhere'"),
    ],
)
def test_what_cannot_be_installed(
    card: Card, placement: Placement, error: type[Exception], said: str
) -> None:
    before = card.snapshot()
    with pytest.raises(error, match=said), card.environment.memory.transaction():
        card.applications.install(placement)
    assert card.snapshot() == before
    assert not is_there(card)


def test_nothing_is_installed_outside_a_transaction(card: Card) -> None:
    with pytest.raises(TransactionError):
        card.applications.install(Placement(NEW, NewApplet.type_name))
    assert not is_there(card)


@pytest.mark.parametrize("end", [lambda card: card.power_on(), lambda card: card.power_off()])
def test_power_that_goes_in_between_takes_it_along(card: Card, end: Callable[[Card], None]) -> None:
    card.environment.memory.begin()
    install(card)
    end(card)
    nothing_of_it(card)

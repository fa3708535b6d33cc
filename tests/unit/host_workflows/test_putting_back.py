"""The card is gone in the middle: the same one goes on, by its number, and no other is touched."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from jukicard import Card, LocalReader
from jukicard.apdu import Ins, StatusWord
from jukihost.channel import build_channel
from jukihost.errors import StatusError
from jukihost.keys import PublishedKeys
from jukihost.ledger import IntentState, LedgerState
from jukihost.models import CardState, Purpose, Residence
from jukihost.sessions.jpki import JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.workflows import (
    CardAtDesk,
    CutOff,
    Desk,
    OtherCard,
    Paper,
    Paused,
    PinUse,
    Presented,
    SignatureForm,
    change_pin,
    continue_use,
    identify,
    recover_card,
    reissue_certificate,
    return_card,
    sign_document,
    unblock_pin,
)
from tests.support.host.counters import PIN, Clerk, Counter, Reader
from tests.support.host.issuing_office import Office
from tests.support.host.movers import announced, moved
from tests.support.host.towns import Towns
from tests.support.tree import ROOT

PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
NEW: Final = "2580"
MOST: Final = 5
"""How often the same card is asked for."""


class PutsBack(Clerk):
    """Puts one card after the other into the reader, the last one again and again."""

    def __init__(self, reader: Reader, *cards: Card) -> None:
        super().__init__(NEW)
        self._reader, self._cards = reader, list(cards)

    def paused(self, pause: Paused) -> bool:
        self.asked.append(pause)
        card = self._cards.pop(0) if len(self._cards) > 1 else self._cards[0]
        self._reader._reader = LocalReader(card)
        return True

    @property
    def pauses(self) -> list[Paused]:
        """What they were asked about the card."""
        return [one for one in self.asked if isinstance(one, Paused)]


def pulled(counter: Counter, reader: Reader) -> None:
    """Have the card pulled at the first exchange behind the intent."""
    true = reader.transmit

    def transmit(command: bytes) -> bytes:
        if counter.undecided():
            reader.transmit = true  # type: ignore[method-assign]
            reader.pull(0, acts=False)
        return true(command)

    reader.transmit = transmit  # type: ignore[method-assign]


def other(counter: Counter) -> Card:
    """Another card of this town."""
    holder = counter.another_resident("somebody else", residence_until=None)
    return counter.issued_card(holder, "12345678903")[0]


def ended(counter: Counter) -> Card:
    """One that has ended."""
    card = other(counter)
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.COUNTER, PublishedKeys())
        juki.terminate()
    return card


@pytest.mark.parametrize("wrong", [other, ended])
def test_another_card_is_refused_by_its_number_and_the_same_one_goes_on(
    counter: Counter, wrong: Callable[[Counter], Card]
) -> None:
    there = wrong(counter)
    before = there.environment.memory.snapshot().copies()
    with counter.on_desk() as (hand, reader):
        talk = PutsBack(reader, there, there, counter.card)
        pulled(counter, reader)
        unblock_pin(counter.desk(talk=talk), hand, PHOTO)
    assert [one.attempt for one in talk.pauses] == [1, 2, 3]
    assert {one.number for one in talk.pauses} == {counter.number}
    assert [isinstance(one.cause, OtherCard) for one in talk.pauses] == [False, True, True]
    assert counter.undecided() == 0
    if wrong is ended:
        assert there.environment.memory.snapshot().copies() == before
    with counter.on_desk() as (hand, _):
        identify(counter.desk(talk=Clerk(NEW)), hand)


@pytest.mark.parametrize("wrong", [other, ended])
def test_the_same_card_is_asked_for_some_times_and_not_for_ever(
    counter: Counter, wrong: Callable[[Counter], Card]
) -> None:
    there = wrong(counter)
    with counter.on_desk() as (hand, reader):
        talk = PutsBack(reader, there)
        pulled(counter, reader)
        with pytest.raises(CutOff):
            unblock_pin(counter.desk(talk=talk), hand, PHOTO)
    assert len(talk.pauses) == MOST
    assert counter.told()[-1] == ("unblock_pin", "unknown", "cut_off")
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is IntentState.UNDONE


def test_another_card_that_has_ended_is_not_the_end_of_this_one(counter: Counter) -> None:
    there = ended(counter)
    with counter.on_desk() as (hand, reader):
        talk = PutsBack(reader, there)
        pulled(counter, reader)
        with pytest.raises(CutOff):
            return_card(counter.desk(talk=talk), hand, PHOTO)
    assert counter.ledger().state is LedgerState.ACTIVE
    assert counter.card_state() is CardState.ACTIVE


def sign(desk: Desk, hand: CardAtDesk) -> object:
    return sign_document(desk, hand, b"a", SignatureForm.RAW)


def reissue(desk: Desk, hand: CardAtDesk) -> object:
    return reissue_certificate(desk, hand, PHOTO)


def change(desk: Desk, hand: CardAtDesk) -> object:
    return change_pin(desk, hand, Presented(), PinUse.SIGNATURE)


def set_anew(desk: Desk, hand: CardAtDesk) -> object:
    return unblock_pin(desk, hand, PHOTO, PinUse.SIGNATURE)


@pytest.mark.parametrize("procedure", [sign, reissue, change, set_anew])
def test_a_card_that_is_taken_away_between_two_of_its_applications_is_missed(
    counter: Counter, procedure: Callable[[Desk, CardAtDesk], object]
) -> None:
    """Nothing is typed for another one, whose number is asked before."""
    Office(counter)
    there = other(counter)
    with counter.on_desk() as (hand, reader):
        true = reader.transmit

        def transmit(command: bytes) -> bytes:
            if bytes(JpkiSession.AID) in command:
                reader._reader = LocalReader(there)
                reader._reader.open()
            return true(command)

        reader.transmit = transmit  # type: ignore[method-assign]
        with pytest.raises(OtherCard):
            procedure(counter.desk(talk=Clerk()), hand)
    assert counter.undecided() == 0


def test_what_is_half_done_as_the_card_refuses_is_not_undone_but_finished_later(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that goes on in a new town has its data by then, and not its residence."""
    announced(towns)
    moved(towns)
    here = towns.visited()

    def refuse(*_: Any) -> None:
        raise StatusError(StatusWord(0x6F00), Ins.VERIFY)

    with here.on_desk() as (hand, _), monkeypatch.context() as patch:
        patch.setattr(JukiSession, "move_in", refuse)
        with pytest.raises(StatusError):
            continue_use(here.desk(talk=Clerk(PIN)), hand)
    assert here.undecided() == 1
    assert here.told()[-1] == ("continued_use", "unknown", "status_error")
    with here.on_desk() as (hand, _):
        assert recover_card(here.desk(), hand) is IntentState.FINISHED
        with hand.session(here.desk()) as juki:
            assert juki.residence() is Residence.RESIDENT
    assert here.ledger().state is LedgerState.ACTIVE


def test_a_program_that_only_recovers_knows_how_every_procedure_goes_on() -> None:
    """Nothing else of the procedures is loaded there before."""
    code = """
import sys
from types import SimpleNamespace
from jukihost.workflows import changing
names = changing._ENTERED_BY
assert not [one for one in names.values() if one in sys.modules]
tables = (changing.RESUMES, changing.SETTLERS, changing.ENDS)
for name in names:
    intent = SimpleNamespace(purpose=f"{name} and more")
    found = [changing._entered(table, intent) for table in tables]
    assert sum(one is not None for one in found) == 1, name
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")

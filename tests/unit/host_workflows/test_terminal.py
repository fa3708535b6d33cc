"""A terminal, for threads and for an event loop: questions, time-outs, and breaking off."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from jukihost.errors import PinBlocked
from jukihost.ledger import LedgerState
from jukihost.pinpad import PinPad
from jukihost.workflows import (
    AsyncTerminal,
    Cancelled,
    CardAtDesk,
    CardStopped,
    Desk,
    NotOnDuty,
    Paper,
    Paused,
    PinWanted,
    Presented,
    Procedure,
    Question,
    Step,
    Task,
    Terminal,
    resume_card,
    suspend_by_telephone,
)
from jukihost.workflows.asking import verify_pin
from jukihost.workflows.cards import meet
from tests.support.host.counters import PIN, Clerk, Counter, Reader
from tests.support.host.residents import CALLED

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))


def checked(desk: Desk, hand: CardAtDesk) -> str:
    """A procedure that asks for the PIN."""
    with Procedure(desk, Task.IDENTIFY) as run:
        with hand.session(desk) as juki:
            run.about(card=juki.card_number())
            verify_pin(desk.talk, juki)
        with run.finish():
            return "checked"


class Person:
    """Somebody whom an event loop asks."""

    def __init__(self, *secrets: str, waits: float = 0.0, agrees: bool = True) -> None:
        self.secrets, self.waits, self.agrees = list(secrets), waits, agrees
        self.steps: list[Step] = []
        self.asked = asyncio.Event()

    async def secret(self, wanted: PinWanted) -> str | PinPad:
        self.asked.set()
        await asyncio.sleep(self.waits)
        return self.secrets.pop(0)

    async def agree(self, question: Question) -> bool:
        return self.agrees

    async def paused(self, pause: Paused) -> bool:
        return True

    async def progress(self, step: Step) -> None:
        self.steps.append(step)


class Answering(Person):
    """Who answers when the loop, which has to come round for that, says so."""

    def __init__(self, *secrets: str) -> None:
        super().__init__(*secrets)
        self.answers = asyncio.Event()

    async def secret(self, wanted: PinWanted) -> str | PinPad:
        self.asked.set()
        await self.answers.wait()
        return self.secrets.pop(0)


def test_a_terminal_runs_procedures_with_the_card_in_its_reader(counter: Counter) -> None:
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    talk = Clerk()
    terminal = Terminal(counter.desk(talk=talk), lambda: Reader(counter.card))
    assert str(terminal.run(resume_card, IN_PERSON).standing) == "active"
    assert counter.ledger().state is LedgerState.ACTIVE
    assert talk.steps[0] is Step.CARD


def test_tries_are_shown_and_the_last_one_is_agreed_to(counter: Counter) -> None:
    talk = Clerk("0000", "1111", agrees=False)
    terminal = Terminal(counter.desk(talk=talk), lambda: Reader(counter.card))
    with pytest.raises(Cancelled):
        terminal.run(checked)
    tries = [asked.tries for asked in talk.asked if isinstance(asked, PinWanted)]
    assert tries == [3, 2]
    assert talk.asked[-1] is Question.LAST_TRY
    blocked = Clerk("2222")
    with pytest.raises(PinBlocked):
        Terminal(counter.desk(talk=blocked), lambda: Reader(counter.card)).run(checked)
    assert counter.told() == [
        ("identify", "refused", "cancelled"),
        ("identify", "refused", "pin_blocked"),
    ]


def test_an_event_loop_is_asked_and_never_blocked(counter: Counter) -> None:
    async def main() -> str:
        person = Answering(PIN)
        terminal = AsyncTerminal(counter.desk(), lambda: Reader(counter.card), person)
        work = asyncio.create_task(terminal.run(checked))
        await person.asked.wait()
        for _ in range(5):
            await asyncio.sleep(0.01)
            assert not work.done()
        person.answers.set()
        result = await work
        terminal.close()
        assert Step.CARD in person.steps
        return result

    assert asyncio.run(main()) == "checked"


def test_a_question_that_nobody_answers_breaks_it_off(counter: Counter) -> None:
    async def main() -> None:
        terminal = AsyncTerminal(
            counter.desk(), lambda: Reader(counter.card), Person(PIN, waits=60), patience=0.1
        )
        try:
            with pytest.raises(Cancelled):
                await terminal.run(checked)
        finally:
            terminal.close()

    asyncio.run(main())
    assert counter.told() == [("identify", "refused", "cancelled")]


def test_who_cancels_has_it_broken_off_and_the_card_let_go_of(counter: Counter) -> None:
    async def main() -> None:
        person = Person(PIN, waits=60)
        terminal = AsyncTerminal(counter.desk(), lambda: Reader(counter.card), person)
        work = asyncio.create_task(terminal.run(checked))
        await person.asked.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        person.waits = 0.0
        assert await terminal.run(checked) == "checked"
        terminal.close()

    asyncio.run(main())
    assert [outcome for _, outcome, _ in counter.told()] == ["refused", "done"]
    assert not [one for one in threading.enumerate() if one.name.startswith("counter")]


class Leaving(Clerk):
    """Who logs out, and goes home, while the card is waited for."""

    def __init__(self, counter: Counter, desk: Desk) -> None:
        super().__init__(puts_back=True)
        self._counter, self._desk = counter, desk

    def paused(self, pause: Paused) -> bool:
        self._counter.clock.move(timedelta(hours=30))
        assert self._desk.duty is not None
        self._desk.duty.end()
        return super().paused(pause)


def test_what_has_begun_is_finished_though_the_operator_has_gone(counter: Counter) -> None:
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    see(counter)
    desk = counter.desk()
    desk.talk = Leaving(counter, desk)
    with counter.on_desk() as (hand, reader):
        reader.pull(12, acts=True)
        resume_card(desk, hand, IN_PERSON)
        assert [one for one in desk.talk.asked if isinstance(one, Paused)]
    assert counter.ledger().state is LedgerState.ACTIVE
    with counter.on_desk() as (hand, _), pytest.raises(NotOnDuty):
        resume_card(desk, hand, IN_PERSON)


def see(counter: Counter) -> None:
    """Let a terminal see a stopped card, which is suspended itself then."""
    with counter.on_desk() as (hand, _), pytest.raises(CardStopped):
        met(counter.desk(), hand)


def met(desk: Desk, hand: CardAtDesk) -> None:
    with Procedure(desk, Task.IDENTIFY) as run, hand.session(desk, allow_suspended=True) as juki:
        meet(run, hand, juki)

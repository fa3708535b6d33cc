"""What a terminal does until its process is killed: a mix of procedures that a seed draws.

It tells of each procedure before and after it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple
from unittest.mock import patch

from jukihost.clock import day_in_japan
from jukihost.errors import CardError
from jukihost.ledger import LedgerState, Reason, applications_of
from jukihost.workflows import (
    CardAtDesk,
    Desk,
    NewHome,
    Presented,
    SignatureForm,
    Task,
    abolish_card,
    announce_by_post,
    change_pin,
    code_of,
    continue_use,
    copy_by_card,
    exchange_card,
    hand_over,
    identify,
    install_application,
    issue_card,
    log_on,
    move_in,
    reissue_certificate,
    remove_application,
    resume_card,
    return_card,
    sign_document,
    stay,
    suspend_by_telephone,
    unblock_pin,
)
from tests.support.cards.issuer_desk import POINTS
from tests.support.host.killed import (
    AUTHENTICATION,
    PHOTO,
    WORD,
    Site,
    Terminals,
    Ticks,
    Where,
    terminals,
)
from tests.support.host.library import LIBRARY, LIBRARY_PIN
from tests.support.host.movers import ADDRESS
from tests.support.host.residents import CALLED, OTHER_TOWN, TOWN

Do = Callable[[Desk, CardAtDesk], object]


class Act(NamedTuple):
    """A procedure that is about to be done: where, of which card, and the PIN that is then."""

    town: str
    task: Task
    slot: int
    pin: str
    do: Do
    typed: tuple[str, ...] = ()


def other(town: str) -> str:
    """Return the other town."""
    return OTHER_TOWN if town == TOWN else TOWN


class _Acts:
    """What can be done with a card, by what became of it."""

    def __init__(self, at: Terminals, slot: int, where: Where) -> None:
        self._at, self._slot, self._site = at, slot, at.site
        self._who, self._town = where.holder, where.home
        self._pin = at.slots[slot].pin
        self._day = day_in_japan(at.site.at)

    def _act(self, task: Task, do: Do, *typed: str, away: bool = False, pin: str = "") -> Act:
        town = other(self._town) if away else self._town
        return Act(town, task, self._slot, pin or self._pin, do, typed)

    def make(self) -> list[Act]:
        def do(desk: Desk, hand: CardAtDesk) -> object:
            return issue_card(desk, hand, self._who, self._site.wish, PHOTO)

        return [self._act(Task.ISSUE, do)]

    def give(self) -> list[Act]:
        slot = self._at.slots[self._slot]
        typed = self._site.secrets(slot)
        if slot.old is None:
            return [self._act(Task.HAND_OVER, partial(hand_over, presented=PHOTO), *typed)]
        old = self._at.slots[slot.old]

        def exchange(desk: Desk, hand: CardAtDesk) -> object:
            with self._at.card(old) as other:
                return exchange_card(desk, hand, PHOTO, old=other)

        return [self._act(Task.EXCHANGE, exchange, *typed)]

    def use(self) -> list[Act]:
        sign = partial(sign_document, document=b"a", form=SignatureForm.RAW)
        return [
            self._act(Task.IDENTIFY, identify, self._pin),
            self._act(Task.IDENTIFY, identify, self._pin, away=True),
            self._act(Task.WIDE_AREA, copy_by_card, self._pin, away=True),
            self._act(Task.SIGN, sign, WORD),
        ]

    def prove(self) -> list[Act]:
        return [self._act(Task.AUTHENTICATE, partial(log_on, challenge=b"a"), AUTHENTICATION)]

    def serve(self) -> list[Act]:
        with self._at.databases[self._town].read() as connection:
            there = applications_of(connection, self._at.slots[self._slot].number)
        if there:
            go = partial(remove_application, aid=POINTS, presented=PHOTO)
            return [self._act(Task.REMOVE, go)]
        come = partial(install_application, application=LIBRARY, presented=PHOTO)
        return [self._act(Task.INSTALL, come, LIBRARY_PIN)]

    def renew(self, pin: str) -> list[Act]:
        change = partial(change_pin, presented=Presented())
        unblock = partial(unblock_pin, presented=PHOTO)
        return [
            self._act(Task.CHANGE_PIN, change, self._pin, pin, pin=pin),
            self._act(Task.UNBLOCK_PIN, unblock, pin, pin=pin),
        ]

    def certify(self) -> list[Act]:
        again = partial(reissue_certificate, presented=PHOTO)
        return [self._act(Task.REISSUE_CERTIFICATE, again, WORD)]

    def lose(self) -> list[Act]:
        def lose(desk: Desk, _: object) -> object:
            return suspend_by_telephone(desk, self._who, Presented(), CALLED)

        return [self._act(Task.SUSPEND, lose)]

    def part(self) -> list[Act]:
        def announce(desk: Desk, _: object) -> object:
            return announce_by_post(desk, [self._who], self._day, PHOTO)

        def abolish(desk: Desk, _: object) -> object:
            return abolish_card(desk, self._who, Reason.SURRENDERED, PHOTO)

        parted = [self._act(Task.MOVE_OUT, announce)]
        if self._slot:  # the first card stays, so that there is something to do
            parted += [self._act(Task.ABOLISH, abolish), *self.take_back()]
        return parted

    def take_back(self) -> list[Act]:
        return [self._act(Task.RETURN, partial(return_card, presented=PHOTO))]

    def find(self) -> list[Act]:
        return [self._act(Task.RESUME, partial(resume_card, presented=PHOTO)), *self.use()[:2]]

    def leave(self) -> list[Act]:
        home = NewHome(ADDRESS, self._day)
        return [
            self._act(Task.MOVE_IN, partial(move_in, home=home), self._pin, away=True),
            self._act(Task.CONTINUE_USE, stay, self._pin),
            self._act(Task.IDENTIFY, identify, self._pin),
        ]

    def go_on(self) -> list[Act]:
        return [self._act(Task.CONTINUE_USE, continue_use, self._pin)]


class Work:
    """Draws what is done next, by what a card's ledger says."""

    def __init__(self, at: Terminals, drawn: random.Random) -> None:
        self.at, self._drawn = at, drawn

    def acts(self, number: int) -> list[Act]:
        """Everything that could be done with a card now."""
        where = self.at.where(self.at.slots[number])
        do = _Acts(self.at, number, where)
        new = f"{self._drawn.randrange(10_000):04}"
        states: dict[LedgerState | None, Callable[[], list[Act]]] = {
            None: do.make,
            LedgerState.ISSUING: do.give,
            LedgerState.ACTIVE: lambda: self._with_a_card(do, number, new),
            LedgerState.SUSPENDED: do.find,
            LedgerState.ABOLISHED: do.take_back,
            LedgerState.MOVED_OUT: do.leave if where.town == where.home else do.go_on,
            LedgerState.TRANSFERRED: do.go_on,
        }
        return states.get(where.state, list)()

    def _with_a_card(self, do: _Acts, number: int, new: str) -> list[Act]:
        acts = [*do.use(), *do.renew(new), *do.serve(), *do.lose()]
        if not self.at.site.photo:
            return [*acts, *do.certify(), *do.part()]
        followed = {slot.old for slot in self.at.slots}
        return acts if number in followed else [*acts, *do.prove()]  # a Juki card has no such key

    def draw(self) -> Act:
        """Draw a card with which something can be done, and what."""
        numbers = list(range(len(self.at.slots)))
        self._drawn.shuffle(numbers)
        for number in numbers:
            if acts := self.acts(number):
                return self._drawn.choice(acts)
        raise AssertionError("there is no card that is good for anything")

    def do(self, act: Act) -> str:
        """Have it done; return the code of what was refused, nothing where it was done."""
        try:
            with self.at.card(self.at.slots[act.slot]) as hand:
                act.do(self.at.desk(act.town, *act.typed), hand)
        except CardError as error:
            return code_of(error)
        self.at.slots[act.slot] = replace(self.at.slots[act.slot], pin=act.pin)
        return ""


def work(site: Site, seed: int, ticks: Ticks, tell: Pipe) -> None:
    """Work until the process is killed, here by `ticks`; tell before and after each.

    Copies are drawn without a font: not every machine has one.
    """
    drawn = patch("jukihost.workflows.copying.make_pdf", return_value=b"%PDF-")
    with drawn, terminals(site, "counter-1", ticks) as at:
        todo = Work(at, random.Random(seed))
        while True:
            act = todo.draw()
            tell.send(("begun", (act.town, act.task.value, act.slot, act.pin)))
            tell.send(("done", todo.do(act)))

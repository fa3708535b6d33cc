"""A terminal's process is killed at any instant of mixed procedures: the next terminal sets right.

Afterwards ledgers, logs, registers and cards of two towns agree, and each procedure that was begun
has one entry in the log at most, each that came to its end exactly one.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from jukicard import PROFILES, Printed, issue_card as make_card
from jukicard.environment import SeededRandom
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.portraits import draw_face
from jukicard.transport import CardNotPresent
from jukicard.transport.tcp import TcpServer
from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from jukihost.errors import CardTerminated
from jukihost.ledger import (
    ApplicationState,
    By,
    CardAct,
    IntentState,
    LedgerState,
    NewCard,
    Operator,
    PersonAct,
    Reason,
    Role,
    applications_of,
    cards_of,
    enter_card,
    enter_first_operators,
    enter_operator,
    find_card,
    gaps,
    move_card,
    open_intents,
    uncertain_purposes,
)
from jukihost.ledger.tables import intents
from jukihost.log import Note, Use, create_log, publish_log, sequence_log, verify_log
from jukihost.log.tables import entries, queue
from jukihost.models import CardForm, CardState, Residence, ResidentCode
from jukihost.register import AsReceived, draw_code, enter_resident
from jukihost.workflows import (
    Impossible,
    Task,
    hand_over,
    identify,
    issue_card,
    recover_card,
    tell_old_towns,
    unblock_pin,
)
from jukihost.workflows.changing import receipt_of
from tests.support.counted import tell
from tests.support.host.counters import CLERK
from tests.support.host.databases import KINDS, NOON, made, postgresql_server, sqlite_template
from tests.support.host.issuing_office import quick_keys
from tests.support.host.killed import (
    PHOTO,
    Site,
    Slot,
    Terminals,
    Ticks,
    terminals,
)
from tests.support.host.killed_work import work
from tests.support.host.ledgers import ALWAYS, FIRST, SECOND
from tests.support.host.library import has_library
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN
from tests.support.host.town import LOG, LOG_KEY, ORIGIN
from tests.support.readers.statuses import Statuses

__all__ = ["postgresql_server", "quick_keys", "sqlite_template"]

FORK: Final = multiprocessing.get_context("forkserver")
KILLS: Final = 10
PARTS: Final = [
    pytest.param(part, marks=[pytest.mark.soak] if part > 1 else [], id=f"from {part * KILLS}")
    for part in range(20)
]
"""A run has two of them on each kind of database, the long run all: two hundred kills."""
CARDS: Final = 3
JUKI, NEW = 1, 2
"""Where the card is that is handed in, and the one that it is handed in for."""
LATE: Final = datetime(2016, 4, 1, 3, tzinfo=UTC)
TEN_YEARS: Final = timedelta(days=3652)
IN_HAND: Final = frozenset({LedgerState.ACTIVE, LedgerState.SUSPENDED})
NESTED: Final = {Task.RECOVER.value, Task.STOP_CARD.value, Task.MOVE_OUT.value}
"""Other procedures do these on their way: how many there are is not known beforehand."""
PINS: Final = {Task.CHANGE_PIN.value, Task.UNBLOCK_PIN.value}
Key = tuple[str, str]
"""A town, and a procedure."""


class Streets:
    """Two towns whose residents' cards are served here, and what a killed terminal had told.

    At the time of Juki cards the third one keeps no receipts. At the time of My Number cards there
    is one of them, a Juki card, and a blank card for which that is handed in; of the latter two
    every other part has none with receipts.
    """

    def __init__(
        self, stack: ExitStack, folder: Path, addresses: tuple[str, str, str], part: int
    ) -> None:
        self._stack, self._late, self._counted = stack, part % 2 == 1, part % 4 != 3
        self._drawn = 0
        self.servers: dict[int, TcpServer] = {}
        self.done, self.fulfilled = Counter[Key](), Counter[str]()
        self.pins_set = [0] * CARDS
        self.begun: tuple[str, str, int, str] | None = None
        self.notes: dict[str, list[Note]] = {TOWN: [], OTHER_TOWN: []}
        slots = self._with_my_number() if self._late else self._with_juki()
        photo = draw_face(SeededRandom("photo"), SPECIMEN, LATE.date()) if self._late else b""
        now = LATE if self._late else NOON
        self.site = Site(addresses, str(folder / "authority.db"), now, slots, photo)
        for town, address in ((TOWN, addresses[0]), (OTHER_TOWN, addresses[1])):
            _founded(address, town, slots if town == TOWN else ())
        with terminals(self.site, "counter-0") as at:
            self.site = replace(self.site, slots=tuple(map(self._blank, slots)))
            if self._late:
                self._inserted(at, JUKI, NEW)
            for slot in self.site.slots:
                if at.where(slot).town is None:
                    _issued(at, slot)

    def _with_juki(self) -> tuple[Slot, ...]:
        return tuple(self._resident(receipts=number < 2) for number in range(CARDS))

    def _with_my_number(self) -> tuple[Slot, ...]:
        """One who has a My Number card; and one who has a Juki card, and a blank one for it."""
        old = self._resident(receipts=self._counted)
        new = self._resident(receipts=self._counted)
        return self._resident(), old, replace(new, code=old.code, old=JUKI)

    def _resident(self, *, receipts: bool = True) -> Slot:
        server = self._stack.enter_context(TcpServer(None, on_status=Statuses()))
        self.servers[server.port] = server
        return Slot(b"", server.port, draw_code().reveal(), "4711", receipts)

    def _blank(self, slot: Slot) -> Slot:
        """Put a blank card into somebody's reader."""
        return self._made(slot, "mynumber" if self._late else "juki-v2", blank=True)

    def _made(self, slot: Slot, profile: str, **how: Any) -> Slot:
        self._drawn += 1
        number = bytes.fromhex("81392000") + self._drawn.to_bytes(4, "big")
        card = make_card(
            replace(PROFILES[profile], receipts=slot.receipts),
            seed=self._drawn,
            printed=Printed(card_number=number),
            on_bug=raise_bug,
            **how,
        )
        server = self.servers[slot.port]
        with suppress(CardNotPresent):
            server.remove()
        server.insert(card)
        return replace(slot, number=number)

    def _inserted(self, at: Terminals, old: int, new: int) -> None:
        """Give somebody a Juki card of before, and a blank card which it is exchanged for."""
        slots = list(self.site.slots)
        who, database = at.where(slots[old]), at.databases[TOWN]
        by = By.at_terminal(database, CLERK)
        with database.begin() as connection:
            for card in cards_of(connection, who.holder):
                if card.state in IN_HAND | {LedgerState.ISSUING}:
                    move_card(connection, card, PersonAct.REPORT_DAMAGED, Reason.BROKEN, by)
        day = NOON.date()
        made = {"pin": slots[old].pin, "code": slots[old].code, "municipality": TOWN}
        slots[old] = self._made(slots[old], "juki-v2", issued=day, **made)
        with database.begin() as connection:
            wanted = NewCard(
                slots[old].number, who.holder, CardForm.WITH_PHOTO, TOWN, day, day + TEN_YEARS
            )
            entered = enter_card(connection, wanted, by)
            move_card(connection, entered, CardAct.HAND_OVER, Reason.APPLICATION, by)
        slots[new] = self._blank(slots[new])
        self.pins_set[old] = self.pins_set[new] = 0
        self.site = replace(self.site, slots=tuple(slots))

    # --- killed ---

    def kill(self, seed: int) -> str:
        """Let a terminal work, and kill it at an instant; return in what procedure that was."""
        drawn = random.Random(seed)
        itself = seed % 2
        hear, tell = FORK.Pipe(duplex=False)
        closely = seed % 4 == 3
        last = drawn.randint(1, 50 if closely else 600) if itself else 0
        ticks = Ticks(last, closely=closely)
        process = FORK.Process(target=work, args=(self.site, seed, ticks, tell), daemon=True)
        process.start()
        tell.close()
        begun: tuple[str, str, int, str] | None = None
        left = drawn.randint(1, 5)
        end = time.monotonic() + 60
        while (itself or left) and hear.poll(max(0, end - time.monotonic())):
            try:
                begun = self._told(hear.recv(), begun)
            except EOFError:
                break
            left -= begun is not None
        if not itself:
            time.sleep(drawn.uniform(0, 0.2))
            process.kill()
        process.join(60)
        assert process.exitcode == -9, f"seed {seed}: {process.exitcode}, {begun}"
        while hear.poll(0):
            try:
                begun = self._told(hear.recv(), begun)
            except EOFError:
                break
        self.begun = begun
        return begun[1] if begun else ""

    def _told(
        self, said: tuple[str, object], begun: tuple[str, str, int, str] | None
    ) -> tuple[str, str, int, str] | None:
        what, more = said
        if what == "begun":
            return more  # type: ignore[return-value]
        assert begun is not None
        town, task, slot, pin = begun
        self.done[town, task] += 1
        if not more:
            self.fulfilled[task] += 1
            self.pins_set[slot] += task in PINS
            self._knows(slot, pin)
        return None

    def _knows(self, number: int, pin: str) -> None:
        slots = list(self.site.slots)
        slots[number] = replace(slots[number], pin=pin)
        self.site = replace(self.site, slots=tuple(slots))

    # --- set right ---

    def recover(self, seed: int) -> None:
        """Have another terminal see every card, and check that all of it agrees."""
        self.site = replace(self.site, at=self.site.at + timedelta(hours=1))
        with terminals(self.site, "counter-2") as at:
            for number, slot in enumerate(self.site.slots):
                self._settled(at, number, slot)
            for town in at.databases:
                assert tell_old_towns(at.desk(town)) == ()
            over = [number for number in range(CARDS) if self._agrees(at, self.site.slots[number])]
            if self._late:
                self._one_is_valid(at)
            for number in over:
                self._replace(at, number)
            for town, database in at.databases.items():
                self._kept(town, database, seed)

    def _settled(self, at: Terminals, number: int, slot: Slot) -> None:
        where = at.where(slot)
        if where.town is None:
            return
        if where.state is LedgerState.ISSUING:
            _issued(at, slot)
            return
        with at.card(slot) as hand:
            recover_card(at.desk(where.town), hand)
        finished = _pins_set(at, slot)
        if finished > self.pins_set[number]:
            assert self.begun is not None
            assert self.begun[2] == number
            self._knows(number, self.begun[3])
            self.pins_set[number] = finished
        self._certain(at, number)

    def _certain(self, at: Terminals, number: int) -> None:
        """Set the PIN of which nobody knows what it is: the card keeps no receipts."""
        slot = self.site.slots[number]
        where = at.where(slot)
        if where.state is not LedgerState.ACTIVE or where.town is None:
            return
        with at.databases[where.town].read() as connection:
            uncertain = uncertain_purposes(connection, slot.number) & PINS
        assert not (uncertain and slot.receipts)
        if uncertain:
            with at.card(slot) as hand:
                unblock_pin(at.desk(where.town, slot.pin), hand, PHOTO)
            self.pins_set[number] = _pins_set(at, slot)

    def _one_is_valid(self, at: Terminals) -> None:
        """Check that who exchanges a card has one of the two, whatever was cut off."""
        old, new = (at.where(self.site.slots[number]) for number in (JUKI, NEW))
        with at.databases[TOWN].read() as connection:
            valid = cards_of(connection, old.holder, valid=True)
        assert len(valid) == 1, (old, new)
        assert (old.state is LedgerState.RETURNED) == (new.state in IN_HAND), (old, new)

    def _agrees(self, at: Terminals, slot: Slot) -> bool:
        """Check that ledger and card agree; whether the card is over."""
        where = at.where(slot)
        assert where.home
        if (
            where.town is None or where.state is None
        ):  # not begun, or given up and not yet taken over
            return False
        with at.databases[where.town].read() as connection:
            card = find_card(connection, slot.number)
            applications = applications_of(connection, slot.number)
        with at.card(slot) as hand:
            desk = at.desk(where.town, slot.pin)
            try:
                with hand.session(desk, allow_suspended=True) as juki:
                    state = juki.card_state()
                    residence = None if juki.suspended else juki.residence()
                    receipt = receipt_of(juki)
            except CardTerminated:
                assert where.state is LedgerState.RETURNED, where
                assert hand.ended_number() == slot.number
                return True
            assert (receipt is not None) == slot.receipts
            if receipt is not None:
                assert (receipt.number, receipt.intent) == (card.receipt, card.intent)
            assert (state, residence) in AGREEING[where.state], where
            if where.state is LedgerState.ACTIVE:
                found = identify(desk, hand)
                assert found.code == ResidentCode(slot.code)
                there = has_library(hand.connection)
                assert there or not applications
                assert all(one.state is ApplicationState.INSTALLED for one in applications)
                assert applications or not there or at.moved(slot)
        return False

    def _replace(self, at: Terminals, number: int) -> None:
        """Give somebody whose card has ended a blank one, or two as before."""
        if self._late:
            assert number == JUKI
            self._inserted(at, JUKI, NEW)
            return
        slots = list(self.site.slots)
        slots[number] = self._blank(slots[number])
        self.pins_set[number] = 0
        self.site = replace(self.site, slots=tuple(slots))

    def _kept(self, town: str, database: Database, seed: int) -> None:
        """Check that the log of a town is whole, and what it says of who was killed."""
        with database.read() as connection:
            assert open_intents(connection, self.site.at + timedelta(days=1)) == [], seed
            assert gaps(connection) == [], seed
        sequence_log(database)
        self.notes[town].append(publish_log(database, LOG))
        found = verify_log(database, [LOG_KEY], known=self.notes[town])
        assert found.problems == (), seed
        with database.read() as connection:
            assert connection.execute(select(queue.c.id)).first() is None
            rows = connection.execute(select(entries.c.entry)).scalars().all()
        uses = [Use.parse(row) for row in rows if row.startswith(b"jukihost-use")]
        noted = Counter(use.purpose for use in uses if use.terminal == "counter-1")
        for task in {task.value for task in Task} - NESTED:
            entered, told = noted[task], self.done[town, task]
            if self.begun and self.begun[:2] == (town, task):
                assert entered in (told, told + 1), (seed, task)
                self.done[town, task] = entered
            else:
                assert entered == told, (seed, task)


_IN_USE: Final = (CardState.ACTIVE, Residence.RESIDENT)
_SUSPENDED: Final = (CardState.SUSPENDED, None)
"""A suspended card does not say whether its holder has moved out."""
_MOVED_OUT: Final = (CardState.ACTIVE, Residence.MOVED_OUT)
AGREEING: Final[Mapping[LedgerState, set[tuple[CardState, Residence | None]]]] = {
    LedgerState.ISSUING: {_IN_USE},
    LedgerState.ACTIVE: {_IN_USE},
    LedgerState.SUSPENDED: {_IN_USE, _SUSPENDED, _MOVED_OUT},
    LedgerState.ABOLISHED: {_IN_USE, _SUSPENDED},
    LedgerState.MOVED_OUT: {_IN_USE, _MOVED_OUT},
}
"""What a card may say of itself, by what the ledger says: whoever sees it next has it follow."""


def _founded(address: str, town: str, slots: tuple[Slot, ...]) -> None:
    clock = MovableClock(NOON)
    with (
        open_database(address, clock=clock, terminal="counter-0") as database,
        database.begin() as connection,
    ):
        create_log(connection, ORIGIN)
        enter_first_operators(
            connection, replace(FIRST, hours=ALWAYS), replace(SECOND, hours=ALWAYS)
        )
        admin = By.at_terminal(database, FIRST.identifier)
        enter_operator(connection, Operator(CLERK, "係", Role.CLERK, hours=ALWAYS), admin)
        for number, slot in enumerate(slots):
            resident = replace(
                RESIDENT,
                name=AsReceived("住基 太郎"),
                code=ResidentCode(slot.code),
                household=100 + number,
                alias=None,
                residence_until=None,
            )
            if slot.old is None:
                enter_resident(connection, resident, admin)


def _issued(at: Terminals, slot: Slot) -> None:
    """Have a card made and handed over, from wherever it was begun."""
    where = at.where(slot)
    with at.card(slot) as hand, suppress(Impossible):  # it was handed over, and nobody knew
        issue_card(at.desk(where.home), hand, where.holder, at.site.wish, PHOTO)
    if slot.old is None and at.where(slot).state is LedgerState.ISSUING:
        with at.card(slot) as hand:
            hand_over(at.desk(where.home, *at.site.secrets(slot)), hand, PHOTO)


def _pins_set(at: Terminals, slot: Slot) -> int:
    """How often a card's PIN was set, as the ledgers know it."""
    mine = (intents.c.card == slot.number) & (intents.c.state == IntentState.FINISHED.value)
    asked = select(func.count()).select_from(intents).where(mine & intents.c.purpose.in_(PINS))
    number = 0
    for database in at.databases.values():
        with database.read() as connection:
            number += connection.execute(asked).scalar_one()
    return number


@pytest.mark.usefixtures("quick_keys")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", PARTS)
def test_a_terminal_killed_at_any_instant_leaves_nothing_that_the_next_cannot_set_right(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, part: int
) -> None:
    FORK.set_forkserver_preload([work.__module__, "jukihost.workflows.terminal"])
    with ExitStack() as stack:
        here, there, prefecture = (
            stack.enter_context(made(each, request, tmp_path)) for each in (kind, kind, "sqlite")
        )
        streets = Streets(stack, tmp_path, (here, there, prefecture), part)
        killed = Counter[str]()
        for seed in range(part * KILLS, (part + 1) * KILLS):
            killed[streets.kill(seed)] += 1
            streets.recover(seed)
    tell(f"a terminal was killed, {kind}, from {part * KILLS}: {_counted(killed)}")
    tell(f"before it was killed, {kind}, from {part * KILLS}: {_counted(streets.fulfilled)}")
    assert len(killed) > 2, killed
    assert len(streets.fulfilled) > 3, streets.fulfilled


def _counted(tasks: Counter[str]) -> str:
    """Return how often each procedure was met with."""
    return ", ".join(f"{task or 'between two'} {number}" for task, number in sorted(tasks.items()))

"""The cards of the ledger: entered, looked up, and moved from state to state, one at a time.

A change is made where the card is still as it was read: the condition stands in the statement
that changes it, so of two terminals that decided on the same state one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from jukihost.database.tables import insert_new
from jukihost.ledger.acting import By
from jukihost.ledger.certificates import follow_card
from jukihost.ledger.errors import CardExists, ChangedMeanwhile, HasCard, IntentOpen, UnknownCard
from jukihost.ledger.states import (
    ISSUING,
    MOVED_OUT,
    TRANSFERRED,
    VALID,
    CardAct,
    LedgerState,
    PersonAct,
    Reason,
    Standing,
    after,
)
from jukihost.ledger.switching import check_running
from jukihost.ledger.tables import cards, events, intents
from jukihost.models import CardForm

# Statements are made once: to make one takes longer than to run it.
_CARD: Final = select(cards).where(cards.c.number == bindparam("number"))
_OF_HOLDER: Final = (
    select(cards)
    .where(cards.c.holder == bindparam("holder"))
    .order_by(cards.c.issued.desc(), cards.c.number)
)
_EVENT: Final = insert(events)
ENTERED = "enter"
"""The first event of a card that is issued here."""
TAKEN_OVER = PersonAct.TAKE_OVER.value
"""The first event of a card that its holder brought from another town."""


@dataclass(frozen=True, slots=True)
class NewCard:
    """What the ledger is told of a card.

    number: the card's own, 8 bytes on a Juki card.
    holder: the number of a resident in the register.
    municipality: the five-digit code of JIS X 0401 and JIS X 0402.
    """

    number: bytes
    holder: int
    form: CardForm
    municipality: str
    issued: date
    expires: date

    def expired(self, today: date) -> bool:
        """Tell whether the card's last day has passed."""
        return today > self.expires


@dataclass(frozen=True, slots=True)
class LedgerCard(NewCard):
    """A card as the ledger has it.

    standing: its state, and what it returns to.
    version: how many events it has had; a change is made where it is still this.
    receipt, intent: what the card's receipt carries: how many administrative changes there were on
    it, and the identifier of the intent of the last one, empty where there was none yet.
    """

    standing: Standing
    version: int
    receipt: int
    intent: bytes

    @property
    def state(self) -> LedgerState:
        """The state alone."""
        return self.standing.state


@dataclass(frozen=True, slots=True)
class CardEvent:
    """Something that was done with a card, and what the card was afterwards.

    `act` is the value of a PersonAct or CardAct, or `enter`, or `take_over`.
    """

    at: datetime
    act: str
    reason: Reason
    standing: Standing
    operator: str
    terminal: str


def enter_card(connection: Connection, card: NewCard, by: By) -> LedgerCard:
    """Enter a card that is about to be made: `ISSUING`. CardExists, HasCard, Stopped.

    Its holder may still have another; when it is handed over they may not.
    """
    return _enter(connection, card, by, ISSUING, ENTERED, Reason.APPLICATION)


def take_over_card(
    connection: Connection, card: NewCard, by: By, *, receipt: int = 0, intent: bytes = b""
) -> LedgerCard:
    """Enter a card that its holder brought from another town: `MOVED_OUT`, as it comes.

    It goes on here once it was changed itself (`CardAct.CONTINUE_USE`). One that was here before is
    taken up again. receipt, intent: what its receipt carries when it comes. As `enter_card`.
    """
    check_running(connection)
    carried = {"receipt": receipt, "receipt_intent": intent}
    mine = cards.c.number == card.number
    known = connection.execute(select(cards).where(mine)).one_or_none()
    if known is None or _standing(known) != TRANSFERRED:
        return _enter(connection, card, by, MOVED_OUT, TAKEN_OVER, Reason.MOVED_IN, carried)
    here = {"holder": card.holder, "municipality": card.municipality, "expires": card.expires}
    as_read = update(cards).where(mine, cards.c.version == known.version).values(here | carried)
    row = connection.execute(as_read.returning(*cards.c)).one_or_none()
    if row is None:
        raise ChangedMeanwhile
    return move_card(connection, _card(row), PersonAct.TAKE_OVER, Reason.MOVED_IN, by)


def transfer_card(connection: Connection, card: LedgerCard, town: str, by: By) -> LedgerCard:
    """Give a card up to the ledger of another town, whose card it is from now on.

    `town` is its five-digit code, which the card's `municipality` says afterwards. As `move_card`.
    """
    given = move_card(connection, card, PersonAct.TRANSFER, Reason.MOVED_IN, by)
    theirs = update(cards).where(cards.c.number == card.number, cards.c.version == given.version)
    return _card(connection.execute(theirs.values(municipality=town).returning(*cards.c)).one())


_NO_RECEIPT: Final[Mapping[str, object]] = {"receipt": 0, "receipt_intent": b""}


def _enter(
    connection: Connection,
    new: NewCard,
    by: By,
    standing: Standing,
    act: str,
    reason: Reason,
    carried: Mapping[str, object] = _NO_RECEIPT,
) -> LedgerCard:
    check_running(connection)
    columns: dict[str, object] = {
        "number": new.number,
        "holder": new.holder,
        "form": new.form.value,
        "municipality": new.municipality,
        "issued": new.issued,
        "expires": new.expires,
        "version": 1,
        **carried,
        **_states(standing),
    }
    row = insert_new(connection, cards, columns)
    if row is None:
        there = connection.execute(_CARD, {"number": new.number}).first()
        raise CardExists if there else HasCard
    card = _card(row)
    _note(connection, card, act, reason, by)
    return card


def find_card(connection: Connection, number: bytes) -> LedgerCard:
    """Return a card by its number. UnknownCard, Stopped."""
    check_running(connection)
    row = connection.execute(_CARD, {"number": number}).one_or_none()
    if row is None:
        raise UnknownCard
    return _card(row)


def cards_of(connection: Connection, holder: int, *, valid: bool = False) -> list[LedgerCard]:
    """Return the cards of a holder, the one issued last first; only the valid one, on demand."""
    check_running(connection)
    found = [_card(row) for row in connection.execute(_OF_HOLDER, {"holder": holder})]
    return [card for card in found if card.state in VALID] if valid else found


def move_card(
    connection: Connection, card: LedgerCard, act: PersonAct | CardAct, reason: Reason, by: By
) -> LedgerCard:
    """Move a card as the tables say, where it still is as it was read; return it as it then is.

    Its certificates follow (`REASONS`). What a person does waits until a procedure that was cut off
    is settled, but for stopping the card (suspended, lost, abolished). NotAllowed,
    ChangedMeanwhile, HasCard, IntentOpen, Stopped.
    """
    check_running(connection)
    standing = after(card.standing, act, reason)
    if act in _WAIT and open_intent_of(connection, card.number):
        raise IntentOpen
    if standing.state in VALID and card.state not in VALID:
        _check_none_valid(connection, card)
    as_read = (cards.c.number == card.number) & (cards.c.version == card.version)
    changed = update(cards).where(as_read).values(version=card.version + 1, **_states(standing))
    row = connection.execute(changed.returning(*cards.c)).one_or_none()
    if row is None:
        raise ChangedMeanwhile
    moved = _card(row)
    _note(connection, moved, act.value, reason, by)
    follow_card(connection, moved.number, reason, by.at)
    return moved


def take_receipt(
    connection: Connection, card: LedgerCard, receipt: int, intent: bytes
) -> LedgerCard:
    """Note what the receipt of a card carries that was just made.

    Only while it is `ISSUING`, and nothing was begun on it: afterwards intents say what a receipt
    carries. IntentOpen, ChangedMeanwhile, Stopped.
    """
    check_running(connection)
    if open_intent_of(connection, card.number):
        raise IntentOpen
    as_read = (cards.c.number == card.number) & (cards.c.version == card.version)
    issuing = cards.c.state == LedgerState.ISSUING.value
    changed = update(cards).where(as_read, issuing).values(receipt=receipt, receipt_intent=intent)
    row = connection.execute(changed.returning(*cards.c)).one_or_none()
    if row is None:
        raise ChangedMeanwhile
    return _card(row)


_WAIT: Final = frozenset(
    {PersonAct.MOVE_OUT, PersonAct.REPORT_DAMAGED, PersonAct.RETURN, PersonAct.TRANSFER}
)
"""What a person does only when nothing about the card is undecided."""


def _check_none_valid(connection: Connection, card: LedgerCard) -> None:
    if cards_of(connection, card.holder, valid=True):
        raise HasCard


def events_of(connection: Connection, number: bytes) -> list[CardEvent]:
    """Return everything that was done with a card, the first event first."""
    check_running(connection)
    rows = connection.execute(
        select(events).where(events.c.card == number).order_by(events.c.version)
    )
    return [
        CardEvent(row.at, row.act, Reason(row.reason), _standing(row), row.operator, row.terminal)
        for row in rows
    ]


def open_intent_of(connection: Connection, number: bytes) -> bool:
    """Tell whether a procedure on a card was begun and not settled."""
    wanted = select(intents.c.id).where(intents.c.card == number, intents.c.state == "open")
    return connection.execute(wanted).first() is not None


def _note(connection: Connection, card: LedgerCard, act: str, reason: Reason, by: By) -> None:
    event = {
        "card": card.number,
        "version": card.version,
        "at": by.at,
        "act": act,
        "reason": reason.value,
        "operator": by.operator,
        "terminal": by.terminal,
        **_states(card.standing),
    }
    connection.execute(_EVENT, event)


def _states(standing: Standing) -> dict[str, str | None]:
    returns = standing.returns_to
    return {"state": standing.state.value, "returns_to": returns.value if returns else None}


def _standing(row: Row[tuple[object, ...]]) -> Standing:
    returns = LedgerState(row.returns_to) if row.returns_to else None
    return Standing(LedgerState(row.state), returns)


def _card(row: Row[tuple[object, ...]]) -> LedgerCard:
    return LedgerCard(
        row.number,
        row.holder,
        CardForm(row.form),
        row.municipality,
        row.issued,
        row.expires,
        _standing(row),
        row.version,
        row.receipt,
        row.receipt_intent,
    )

"""The life cycle of the card as a whole: suspended, resumed, ended; kept where no applet writes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, check
from jukicard.memory import Partition
from jukicard.runtime.endings import Endings
from jukicard.runtime.events import Events, LifeCycleChanged

_KEY: Final = "state"
_NAMES: Final = {
    LifeCycleState.CREATION: "not issued yet",
    LifeCycleState.INITIALISATION: "not issued yet",
    LifeCycleState.ACTIVATED: "activated",
    LifeCycleState.DEACTIVATED: "suspended",
    LifeCycleState.TERMINATED: "terminated",
}

RIGHTS_WHILE_SUSPENDED: Final = frozenset({"ADMIN", "COUNTER", "ISSUER"})
"""The rights for which a suspended card still lets a system authenticate itself."""

RECEIPTS: Final = "receipts"
"""The parameter of a placement that says that its application keeps receipts."""
RECEIPT_TAG: Final = 0xC6
"""The data object that is the receipt: read at the counter and by the issuer, on a suspended card
too (docs/card.md, "The receipt")."""
RECEIPT_LENGTH: Final = 21
"""What is kept of it: the number of the change (4 bytes), whether its answer was seen, 00 or 01,
and the intent (16)."""
_RECEIPT: Final = "receipt"


class CardState:
    """The state of the card; absent in memory as long as it is activated, the common case."""

    __slots__ = ("_events", "_memory", "endings", "kept")

    def __init__(self, memory: Partition, events: Events) -> None:
        self._memory = memory
        self._events = events
        self.kept: Callable[[], bytes | None] = partial(memory.get, _KEY)
        """What memory keeps of the state: nothing while the card is activated."""
        self.endings = Endings()
        """What the running command takes away from what was proven."""

    @property
    def now(self) -> LifeCycleState:
        """The current state."""
        raw = self.kept()
        return LifeCycleState.ACTIVATED if raw is None else LifeCycleState(raw[0])

    @property
    def usable(self) -> bool:
        """True while the card is neither suspended nor ended."""
        return self.kept() is None

    @property
    def description(self) -> str:
        """The state in a word a citizen would use."""
        return _NAMES[self.now]

    @property
    def receipt(self) -> bytes | None:
        """The receipt of the last administrative change, None on a card that keeps none."""
        return self._memory.get(_RECEIPT)

    def keep_receipt(self, receipt: bytes) -> None:
        """Write the receipt in the running transaction."""
        self._memory.put(_RECEIPT, receipt)

    def check_kept(self) -> None:
        """Refuse a receipt that was never written. ValueError."""
        receipt = self.receipt
        if receipt is not None and (len(receipt) != RECEIPT_LENGTH or receipt[4] > 1):
            raise ValueError("the card's receipt is none")

    def change(self, operation: Operation) -> None:
        """Suspend, resume or end the card; IsoError 6985 where the table has no such change.

        The end lands at once: no later refusal in the same command takes it back.
        """
        target = check(ObjectKind.CARD, self.now, operation, "as a whole")
        self.endings.end_all()
        if target is LifeCycleState.ACTIVATED:
            self._memory.delete(_KEY)
        elif target is LifeCycleState.TERMINATED:
            self._memory.put_now(_KEY, bytes((target.byte,)))
        else:
            self._memory.put(_KEY, bytes((target.byte,)))
        if self._events.listeners:
            self._events.emit(LifeCycleChanged(None, "card", _NAMES[target]))


class CardControl:
    """What an application with the privilege may do to the card as a whole."""

    __slots__ = ("_state",)

    def __init__(self, state: CardState) -> None:
        self._state = state

    @property
    def receipt(self) -> bytes | None:
        """The receipt of the card's last administrative change, None where it keeps none."""
        return self._state.receipt

    def keep_receipt(self, receipt: bytes) -> None:
        """Write the receipt in the running transaction. ValueError for what is none."""
        if type(receipt) is not bytes or len(receipt) != RECEIPT_LENGTH:
            raise ValueError(f"a receipt has {RECEIPT_LENGTH} bytes")
        self._state.keep_receipt(receipt)

    def change(self, operation: Operation) -> None:
        """Suspend, resume or end the card; IsoError 6985 where the table has no such change.

        The end lands at once: no later refusal in the same command takes it back.
        """
        if type(operation) is not Operation:
            raise TypeError("a card is changed by an Operation")
        self._state.change(operation)

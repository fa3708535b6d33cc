"""What a suspended or terminated card still does: asked before chaining, so no answer slips by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.channel import LogicalChannel
from jukicard.errors import IsoError
from jukicard.filesystem.commands import parse_get_data
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, outcome
from jukicard.runtime.application import Application
from jukicard.runtime.cardstate import RECEIPT_TAG, RECEIPTS, CardState

STATE_TAG: Final = 0x8A
"""The data object that says the life-cycle state of the card (GET DATA)."""
NUMBER_TAG: Final = 0x5A
"""The data object that says the card number, from which a system finds the card's keys."""

# docs/lifecycle.md: a suspended card lets itself be selected, tells its state and number, and
# lets the systems authenticate that may resume or end it; a terminated one only tells
_WHILE_SUSPENDED: Final = frozenset(
    {
        Ins.SELECT,
        Ins.GET_DATA,
        Ins.GET_CHALLENGE,
        Ins.MUTUAL_AUTHENTICATE,
        Ins.ACTIVATE_FILE,
        Ins.TERMINATE_CARD_USAGE,
    }
)
_WHEN_TERMINATED: Final = frozenset({Ins.SELECT, Ins.GET_DATA})
# GlobalPlatform Card Specification 2.3.1, 5.1.1.4: what the issuer's domain does on a locked card
_OF_THE_ISSUER: Final = frozenset(
    {
        Ins.INITIALIZE_UPDATE,
        Ins.MUTUAL_AUTHENTICATE,
        Ins.GET_DATA,
        Ins.GET_STATUS,
        Ins.SET_STATUS,
    }
)

_HOW_TO_GET_IN: Final = frozenset({0x66, 0xE0})
"""The data objects of the issuer's domain that say which secure channel and which keys it has."""


class Admission:
    """The layer that lets every command pass while the card is in use, and few when it is not.

    A command that it refuses is one all the same: it ends what is half transferred, and the
    selected application is told of it (`refused`), so that it forgets what the command forgets.
    """

    __slots__ = ("_card", "_next", "_refused")

    def __init__(
        self,
        inner: Callable[[CommandApdu, LogicalChannel], ResponseApdu],
        card: CardState,
        refused: Callable[[CommandApdu, LogicalChannel], None],
    ) -> None:
        self._next = inner
        self._card = card
        self._refused = refused

    def process(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer a command that the card's state allows; IsoError 6985 for another."""
        if self._card.kept() is not None:
            self._check(command, channel)
        return self._next(command, channel)

    def _check(self, command: CommandApdu, channel: LogicalChannel) -> None:
        """Let through what a suspended or terminated card still does; 6985 for the rest."""
        now = self._card.now
        terminated = now is LifeCycleState.TERMINATED
        if command.cla.interindustry:
            allowed = command.ins in (_WHEN_TERMINATED if terminated else _WHILE_SUSPENDED)
        else:
            allowed = _is_issuers(channel) and command.ins in (
                {Ins.GET_DATA} if terminated else _OF_THE_ISSUER
            )
        receipts = not terminated and _keeps_receipts(channel)
        if allowed and command.ins == Ins.GET_DATA:
            more = set() if command.cla.interindustry or terminated else _HOW_TO_GET_IN
            told = {STATE_TAG, NUMBER_TAG} | more | ({RECEIPT_TAG} if receipts else set())
            allowed = set(parse_get_data(command).tags) <= told
        elif receipts and command.cla.interindustry and command.ins == Ins.PUT_DATA:
            allowed = (command.p1, command.p2) == divmod(RECEIPT_TAG, 256)
        if not allowed:
            channel.drop_transfers()
            self._refused(command, channel)
            cell = outcome(ObjectKind.CARD, now, Operation.USE)
            raise IsoError(cell.status, f"{command.label}: the card is {self._card.description}")


def _keeps_receipts(channel: LogicalChannel) -> bool:
    """Tell whether what is selected may suspend and resume the card, and keeps receipts of it."""
    application: Application | None = channel.application
    return (
        application is not None
        and application.privileged
        and RECEIPTS in application.placement.parameters
    )


def _is_issuers(channel: LogicalChannel) -> bool:
    application: Application | None = channel.application
    return application is not None and application.is_issuers

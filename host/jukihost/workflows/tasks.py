"""The procedures by name, and the right that each needs, as data: what the log calls a use."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from jukihost.ledger import Right


class Task(StrEnum):
    """A procedure, by the name under which the log, intents and rules know it."""

    FIND = "find_resident"
    """Whose name begins like this."""
    SHOW_CARDS = "show_cards"
    ISSUE = "issue"
    BULK_ISSUE = "bulk_issue"
    """A list of people is checked, for whom cards are made; each of them is an `issue`."""
    INQUIRE = "inquire"
    """A letter is sent to the holder's address."""
    HAND_OVER = "hand_over"
    IDENTIFY = "identify"
    WIDE_AREA = "wide_area_issuance"
    MOVE_OUT = "move_out"
    MOVE_IN = "move_in"
    CONTINUE_USE = "continued_use"
    CHANGE_PIN = "change_pin"
    UNBLOCK_PIN = "unblock_pin"
    SUSPEND = "suspend"
    """A loss told by telephone."""
    CALL_BACK = "call_back"
    """Whoever told of it is called back."""
    SHOW_NOTICES = "show_notices"
    STOP_CARD = "suspend_on_sight"
    RESUME = "resume"
    ABOLISH = "abolish"
    REPORT_LOST = "report_lost"
    """A card that was not found again is lost for good."""
    REPORT_DAMAGED = "report_damaged"
    RETURN = "return"
    EXCHANGE = "exchange"
    """A Juki card for a My Number card."""
    CHANGE_CODE = "change_code"
    CHANGE_RECORD = "change_record"
    """A new name, or a new address in the same town."""
    REISSUE_CERTIFICATE = "reissue_certificate"
    INSTALL = "install_application"
    REMOVE = "remove_application"
    SIGN = "sign"
    AUTHENTICATE = "authenticate"
    RECOVER = "recover"
    """What was cut off is finished or undone."""
    RESTRICT = "restrict_address"
    LIFT_RESTRICTION = "lift_restriction"
    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    LOCK = "lock"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - a name
    FOUND = "found_office"
    OPERATORS = "operators"
    LEND_CARD = "lend_card"
    REPLACE_CARD = "replace_administrators_card"
    GRANT_UNLOCK = "grant_unlock"
    UNLOCK_OPERATOR = "unlock_operator"
    DISCLOSE = "disclose"
    RETENTION = "retention"
    STOP = "emergency_stop"
    LIFT_STOP = "lift_emergency_stop"
    EXPORT = "export"
    """The whole database goes to a file: a backup."""


RIGHT_FOR: Final[Mapping[Task, Right]] = {
    **dict.fromkeys(Task, Right.COUNTER),
    Task.RESTRICT: Right.DECIDE,
    Task.LIFT_RESTRICTION: Right.DECIDE,
    Task.OPERATORS: Right.OPERATORS,
    Task.LEND_CARD: Right.OPERATORS,
    Task.REPLACE_CARD: Right.STOP,
    Task.GRANT_UNLOCK: Right.OPERATORS,
    Task.UNLOCK_OPERATOR: Right.OPERATORS,
    Task.DISCLOSE: Right.READ_LOG,
    Task.RETENTION: Right.OPERATORS,
    Task.STOP: Right.STOP,
    Task.LIFT_STOP: Right.STOP,
    Task.EXPORT: Right.EXPORT,
}
"""The right that each procedure needs; the manual prints it from here."""
AT_THE_DOOR: Final = frozenset(
    {Task.LOG_IN, Task.LOG_OUT, Task.LOCK, Task.CHANGE_PASSWORD, Task.FOUND}
)
"""What is done by who is not on duty, or not any more: it needs to be proven who that is."""
ABOUT_OPERATORS: Final = frozenset(
    {
        Task.LOG_IN,
        Task.CHANGE_PASSWORD,
        Task.LEND_CARD,
        Task.REPLACE_CARD,
        Task.GRANT_UNLOCK,
        Task.UNLOCK_OPERATOR,
    }
)
"""What goes on during an emergency stop for operators who may lift it, and for no others.

Two of them have to be able to log in, or it could never be lifted.
"""
DESPITE_STOP: Final = frozenset(
    {*ABOUT_OPERATORS, Task.LOG_OUT, Task.LOCK, Task.STOP, Task.LIFT_STOP, Task.FOUND}
)
"""What the emergency stop does not keep from beginning."""

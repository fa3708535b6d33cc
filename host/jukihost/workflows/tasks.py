"""The procedures by name, and the right that each needs, as data: what the log calls a use."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from jukihost.ledger import Right


class Task(StrEnum):
    """A procedure, by the name under which the log, intents and rules know it."""

    ISSUE = "issue"
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
    LOG_IN = "log_in"
    OPERATORS = "operators"
    UNLOCK_OPERATOR = "unlock_operator"
    DISCLOSE = "disclose"
    STOP = "emergency_stop"
    LIFT_STOP = "lift_emergency_stop"
    EXPORT = "export"


RIGHT_FOR: Final[Mapping[Task, Right]] = {
    **dict.fromkeys(Task, Right.COUNTER),
    Task.OPERATORS: Right.OPERATORS,
    Task.UNLOCK_OPERATOR: Right.OPERATORS,
    Task.DISCLOSE: Right.READ_LOG,
    Task.STOP: Right.STOP,
    Task.LIFT_STOP: Right.STOP,
    Task.EXPORT: Right.EXPORT,
}
"""The right that each procedure needs; the manual prints it from here."""

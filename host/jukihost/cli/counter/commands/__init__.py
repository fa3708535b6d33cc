"""The commands of the counter as data: what each takes, and which procedure it calls."""

from __future__ import annotations

from typing import Final

from jukihost.cli.counter.commands import (
    applications,
    auditing,
    cards,
    door,
    ending,
    identifying,
    issuing,
    looking,
    moving,
    pins,
    recording,
    signing,
    staff,
    stopping,
    suspending,
)
from jukihost.cli.counter.commands.arguments import Action

ACTIONS: Final = (
    *looking.ACTIONS,
    *issuing.ACTIONS,
    *identifying.ACTIONS,
    *moving.ACTIONS,
    *pins.ACTIONS,
    *suspending.ACTIONS,
    *ending.ACTIONS,
    *recording.ACTIONS,
    *applications.ACTIONS,
    *cards.ACTIONS,
    *signing.ACTIONS,
    *door.ACTIONS,
    *staff.ACTIONS,
    *stopping.ACTIONS,
    *auditing.ACTIONS,
)
"""Every command that is a procedure, as the help lists them."""
SHELL_ACTIONS: Final = door.SHELL_ACTIONS
"""What a line of the shell may say beside them."""

__all__ = ["ACTIONS", "SHELL_ACTIONS", "Action"]

"""What the rules of an application with keys and one PIN need to know, and what can be got wrong.

States of a whole card, the table of who may do what, and the rules beside it; `rules_keyed` is
what they say of each command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.support.oracle.rules import (
    KEY_BLOCKED,
    NOT_ALLOWED,
    NOT_USABLE,
    PIN_TRIES,
    Level,
    Life,
)

DOMAIN, APPLICATION, NOTHING = "the domain", "the application", "nothing"
ABSENT, INSTALLED, SELECTABLE, LOCKED = "absent", "installed", "selectable", "locked"
NO_VALUE: Final = -1
MOST_POINTS: Final = 0xFFFF
PASSWORD_DAYS: Final = 90
NO_DAY: Final = -1
THERE_ALREADY, UNKNOWN_P1_P2 = 0x6A89, 0x6A86


class Channel(NamedTuple):
    """What one channel remembers; a session is open while a purpose is proven."""

    selected: str = DOMAIN
    purpose: int = 0
    verified: bool = False
    challenge: bool = False

    def stranger(self) -> Channel:
        """The same channel with nothing proven on it, and nothing begun."""
        return Channel(self.selected)


class State(NamedTuple):
    """A whole card. Days count from the day of issue; `keys` are the tries left, or NO_VALUE."""

    keys: tuple[int, ...]
    application: str = SELECTABLE
    since_issue: bool = True
    life: Life = Life.ACTIVE
    pin: int = 0
    tries: int = PIN_TRIES
    date: int = 0
    last_day: int = PASSWORD_DAYS
    points: int = 0
    booked: bool = False
    channels: tuple[Channel | None, ...] = (Channel(), None, None)

    def on(self, number: int) -> Channel:
        channel = self.channels[number]
        assert channel is not None
        return channel

    def put(self, number: int, channel: Channel | None) -> State:
        channels = list(self.channels)
        channels[number] = channel
        return self._replace(channels=tuple(channels))


class Need(NamedTuple):
    """One way to be let in: one of the purposes (None: no matter), the PIN, protection."""

    purposes: frozenset[int] | None = None
    pin: bool = False
    level: Level = Level.PLAIN

    def holds(self, channel: Channel, level: Level) -> bool:
        return (
            (self.purposes is None or channel.purpose in self.purposes)
            and (channel.verified or not self.pin)
            and level >= self.level
        )


class Row(NamedTuple):
    """Who may do something: whoever meets one of the needs. `data`: it has a data field."""

    needs: tuple[Need, ...]
    data: bool = False
    refused: int = NOT_ALLOWED

    def holds(self, channel: Channel, level: Level) -> bool:
        if level is Level.MAC and not self.data:
            level = Level.ENC  # nothing in it could be readable
        return any(need.holds(channel, level) for need in self.needs)


ALWAYS: Final = (Need(),)
NEVER: Final[tuple[Need, ...]] = ()


@dataclass(frozen=True)
class Rules:
    """The rules of one application; the defaults are what docs/card.md says of every one."""

    table: Mapping[str, Row]
    purposes: tuple[int, ...]
    """The references of its keys, in the order of `State.keys`."""
    unlocker: int
    """The purpose that may do what others may not."""
    while_suspended: frozenset[int]
    """Who may authenticate to a suspended card."""
    signs: frozenset[int]
    """In whose sessions the key pair is used."""
    offered: bool
    """Whether it can be installed again when it was removed."""
    present_value_form: bool
    """Whether a change may have the present value in front, where all are equally long."""
    answers_while_suspended: frozenset[str] = frozenset(
        {"select", "get number", "get state", "get challenge", "authenticate",
         "authenticate wrongly", "resume", "end"}
    )  # fmt: skip
    answers_when_ended: frozenset[str] = frozenset({"select", "get number", "get state"})
    domain_answers: frozenset[str] = frozenset({"get number", "get state"})
    pin_tries: int = PIN_TRIES
    blocked_pin: int = NOT_USABLE
    blocked_key: int = KEY_BLOCKED
    plain_ends_session: bool = True
    authentication_forgets: bool = True
    challenge_is_for_the_next_command: bool = True
    leaving_forgets: bool = True
    wrong_pin_forgets: bool = True
    refused_pin_forgets: bool = True
    success_restores: bool = True
    unblocking_forgets: bool = True
    issuer_unblocks: bool = True
    """Whether the issuer gives the PIN its tries back."""
    new_pin_ends_other_channels: bool = True
    blocked_pin_ends_everywhere: bool = True
    blocked_key_ends_its_sessions: bool = True
    taking_rights_away_ends_other_channels: bool = True
    locking_deselects: bool = True
    locking_ends_proofs: bool = True
    """Unlocking too, and where nothing changes."""
    installed_is_found: bool = False
    selected_is_kept: bool = True
    removal_leaves_nothing: bool = True
    new_key_pair_ends_other_channels: bool = True
    password_runs_out: bool = True
    change_renews: bool = True
    unblocking_alone_renews: bool = False
    time_goes_forward: bool = True
    points_stay_in_bounds: bool = True

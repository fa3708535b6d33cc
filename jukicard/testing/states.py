"""Cards in a state: issued, then brought there by the card's own commands, once in a process.

    >>> from jukicard.testing import card_in
    >>> card = card_in("pin_blocked", seed=7)

What is returned is a fork of a snapshot, so the second card in a state costs microseconds.
"""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.applets.names import OPERATOR
from jukicard.applets.operator import PASSWORD_DAYS
from jukicard.applets.operator.commands import encode_day
from jukicard.applets.operator.files import DATE
from jukicard.memory import MemorySnapshot
from jukicard.profiles import PROFILES, CardKeys, Pins, Profile, ProfileError, issue_card
from jukicard.profiles.catalogue import Generation
from jukicard.profiles.systems import SystemKeys
from jukicard.runtime.card import Card
from jukicard.testing.counter import JUKI_DESK, OPERATOR_DESK, Counter, Desk, StateNotReached
from jukicard.testing.watching import WATCHERS

__all__ = ["STATES", "CardState", "StateNotReached", "card_in", "today_in"]

_KEPT: Final = 256
"""Snapshots of so many different cards are kept."""
_KEY_TRIES: Final = 15
_LONG_AGO: Final = {
    Generation.JUKI: datetime.date(2005, 4, 1),
    Generation.MY_NUMBER: datetime.date(2015, 10, 21),  # no earlier card has its certificates
}
"""When a card was made that has expired."""
_LIFE: Final = 11
"""Years after which every card of its day has expired; the longest lasts ten."""


class CardState(NamedTuple):
    """A state that a card can be had in: what it means, and how it is reached."""

    meaning: str
    reach: Callable[[Counter, str], None]
    expired: bool = False


def _nothing(counter: Counter, pin: str) -> None:
    """Leave the card as it was issued."""


def _wrong_pins(times: int) -> Callable[[Counter, str], None]:
    def reach(counter: Counter, pin: str) -> None:
        wrong = b"1111" if pin == "0000" else b"0000"
        for left in range(2, 2 - times, -1):
            expected = StatusWord.retries(left)
            counter.plain(
                CommandApdu(0x00, Ins.VERIFY, 0x00, counter.desk.pin, wrong), expect=expected
            )

    return reach


def _guessed_away(counter: Counter, pin: str) -> None:
    for left in range(_KEY_TRIES - 1, -1, -1):
        counter.guess_key(expect=StatusWord.retries(left))


def _at_the_counter(command: CommandApdu) -> Callable[[Counter, str], None]:
    def reach(counter: Counter, pin: str) -> None:
        counter.authenticate()
        counter.protected(command)

    return reach


def _moved_out(counter: Counter, pin: str) -> None:
    if counter.desk is not JUKI_DESK:
        raise StateNotReached("a card without the Juki application has no holder who moves out")
    _at_the_counter(CommandApdu(0x00, Ins.PUT_DATA, 0x00, 0xC1, b"\x01"))(counter, pin)


def _password_over(counter: Counter, pin: str) -> None:
    if counter.desk is not OPERATOR_DESK:
        raise StateNotReached("only the password of an operator card has an end")
    after = encode_day(counter.issued + datetime.timedelta(PASSWORD_DAYS + 1))
    _at_the_counter(CommandApdu(0x00, Ins.PUT_DATA, 0x00, DATE, after))(counter, pin)


STATES: Final[dict[str, CardState]] = {
    "issued": CardState("as it was issued", _nothing),
    "one_try_left": CardState("two wrong PINs were sent: one try is left", _wrong_pins(2)),
    "pin_blocked": CardState("three wrong PINs were sent: the PIN is blocked", _wrong_pins(3)),
    "key_blocked": CardState(
        "the key for RESIDENT_IDENTIFICATION was guessed at fifteen times: it is blocked",
        _guessed_away,
    ),
    "suspended": CardState(
        "the counter has suspended the card",
        _at_the_counter(CommandApdu(0x00, Ins.DEACTIVATE_FILE, 0x00, 0x00, b"\x3f\x00")),
    ),
    "moved_out": CardState("the counter has noted that the holder moved out", _moved_out),
    "terminated": CardState(
        "the counter has ended the card for good",
        _at_the_counter(CommandApdu(0x00, Ins.TERMINATE_CARD_USAGE, 0x00, 0x00)),
    ),
    "expired": CardState(
        "issued so long ago that its dates are over; see `today_in`", _nothing, expired=True
    ),
    "password_expired": CardState(
        "the card's date has passed the last day of an operator's password", _password_over
    ),
}
"""Every state by its name."""

_snapshots: OrderedDict[Hashable, MemorySnapshot] = OrderedDict()


def states_of(profile: str) -> tuple[str, ...]:
    """Return the names of the states that a profile's cards can be had in."""
    missing = "moved_out" if profile == "operator" else "password_expired"
    return tuple(state for state in STATES if state != missing)


def card_in(
    state: str = "issued",
    *,
    profile: str | Profile = "juki-v1",
    seed: int | str | bytes = 1,
    **issued: Any,
) -> Card:
    """Return a card in a state, without power and a fork of its own.

    state: a name in `STATES`.
    profile, seed and all others: what `issue_card` takes. The states beside `issued` and `expired`
        are those of the Juki application; of an operator card they are those of the operator
        application: the password is its PIN, OPERATOR_LOGIN the key guessed at, and ADMIN does
        what the counter does. Its holder does not move out; `password_expired` is its own.

    ValueError for a state that is not there, ProfileError for a card that cannot be issued,
    StateNotReached when the card is such that it cannot be brought there.
    """
    if state not in STATES:
        raise ValueError(f"there is no state {state!r}; there is {', '.join(STATES)}")
    on_bug = issued.pop("on_bug", None)
    key = (state, profile, seed, *sorted(issued.items(), key=lambda item: item[0]))
    try:
        snapshot = _snapshots.get(key)
    except TypeError:  # something that has no hash: this card is made anew each time
        snapshot, key = None, ()
    if snapshot is None:
        snapshot = _made(state, profile, seed, issued)
        if key:
            _snapshots[key] = snapshot
            while len(_snapshots) > _KEPT:
                _snapshots.popitem(last=False)
    card = Card.restore(snapshot) if on_bug is None else Card.restore(snapshot, on_bug=on_bug)
    for watcher in WATCHERS:
        watcher.has_card(card, state)
    return card


def today_in(state: str, profile: str | Profile = "juki-v1", **issued: Any) -> datetime.date:
    """Return a day that a terminal's clock may show for a card in a state.

    A year after the card was issued, and for one that has expired eleven.
    """
    day = _day(state, profile, issued)
    return day.replace(year=day.year + (_LIFE if STATES[state].expired else 1), day=1)


def _day(state: str, profile: str | Profile, issued: dict[str, Any]) -> datetime.date:
    if isinstance(profile, str):
        if profile not in PROFILES:
            raise ProfileError(f"there is no profile {profile!r}; there is {', '.join(PROFILES)}")
        profile = PROFILES[profile]
    given: datetime.date | None = issued.get("issued")
    if given is not None:
        return given
    return _LONG_AGO[profile.generation] if STATES[state].expired else profile.issued


def _made(
    state: str, profile: str | Profile, seed: int | str | bytes, issued: dict[str, Any]
) -> MemorySnapshot:
    if STATES[state].expired:
        issued = {**issued, "issued": _day(state, profile, issued)}
    card = issue_card(profile, seed=seed, **issued)
    if STATES[state].reach is not _nothing:
        keys = issued.get("keys") or CardKeys()
        card.power_on()
        desk = OPERATOR_DESK if card.applications.get(OPERATOR) else JUKI_DESK
        systems = SystemKeys(keys.masters, keys.suites)
        counter = Counter(card, systems, desk, _day(state, profile, issued))
        STATES[state].reach(counter, _pin_of(issued, desk))
        card.power_off()
    return card.snapshot()


def _pin_of(issued: dict[str, Any], desk: Desk) -> str:
    pins = issued.get("pins") or Pins()
    chosen = asdict(pins) if isinstance(pins, Pins) else {**asdict(Pins()), **pins}
    given: str = chosen[desk.pin_name]
    return issued.get("pin") or given

"""The rules of docs/card.md, section 4, a second time: what the issuer may do with an application.

One further application, one session of the issuer on channel 0, and channel 1 on which the
application is selected or not. Nothing here knows the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from tests.support.oracle.issuer_walk import NOBODY, Guard, Guards, wrong, wrong_guards

ACTIVE, SUSPENDED, ENDED = "active", "suspended", "ended"
ABSENT, INSTALLED, SELECTABLE, LOCKED = "absent", "installed", "selectable", "locked"
DOMAIN, APPLICATION, NOTHING = "the domain", "the application", "nothing"


class State(NamedTuple):
    """What the rules need to know; `selected` is what is selected on channel 1."""

    card: str = ACTIVE
    application: str = ABSENT
    key: bool = False
    session: bool = False
    personalises: bool = False
    selected: str = DOMAIN


Step = tuple[int, State]
OF_THE_ISSUER: Final = (
    "GET STATUS", "LOCK CARD", "UNLOCK CARD", "END CARD", "LOCK", "UNLOCK", "INSTALL",
    "MAKE SELECTABLE", "INSTALL AND MAKE SELECTABLE", "PERSONALISE", "DELETE", "PUT KEY", "STORE",
    "UNBLOCK",
)  # fmt: skip
"""What comes on channel 0, in the session when there is one."""
COMMANDS: Final = (*OF_THE_ISSUER, "OPEN", "PLAIN", "SELECT", "LEAVE", "USE")
WHILE_SUSPENDED: Final = {"GET STATUS", "LOCK CARD", "UNLOCK CARD", "END CARD", "LOCK", "UNLOCK"}
"""What gets as far as to be looked at; locking an application is refused then."""
CARD_WARNING: Final = {ACTIVE: 0x9000, SUSPENDED: 0x6283, ENDED: 0x6285}
_IN_USE, _SESSION = ("the card does it", 0x6985), ("a session", 0x6982)
_ACTIVE = ("the card is active", 0x6985)
_MANAGES: Final[tuple[Guard, ...]] = (_IN_USE, _SESSION)
_THERE: Final = ("there is one", 0x6A88)
GUARDS: Final[Guards] = {
    "GET STATUS": _MANAGES,
    "LOCK CARD": (*_MANAGES, ("it is not suspended yet", 0x6985)),
    "UNLOCK CARD": _MANAGES,
    "END CARD": _MANAGES,
    "LOCK": (*_MANAGES, _ACTIVE, _THERE, ("it is selectable", 0x6985)),
    "UNLOCK": (*_MANAGES, _ACTIVE, _THERE, ("it is selectable", 0x6985)),
    "INSTALL": (*_MANAGES, ("there is none", 0x6A89)),
    "INSTALL AND MAKE SELECTABLE": (*_MANAGES, ("there is none", 0x6A89)),
    "MAKE SELECTABLE": (*_MANAGES, _THERE, ("it is only installed", 0x6985)),
    "PERSONALISE": (*_MANAGES, _THERE),
    "DELETE": (*_MANAGES, _THERE, ("it is not selected", 0x6985)),
    "PUT KEY": (*_MANAGES, ("it is personalised", 0x6A80), ("it has no key", 0x6985)),
    "STORE": (*_MANAGES, ("it is personalised", 0x6A88)),
    "UNBLOCK": (*_MANAGES, ("it is personalised", 0x6985), ("it has a key", 0x6984)),
}
"""The access rules: what is asked, in this order."""
_ENDS_PERSONALISATION: Final = {
    "INSTALL", "INSTALL AND MAKE SELECTABLE", "MAKE SELECTABLE", "PERSONALISE", "DELETE",
}  # fmt: skip
"""Refused too, once they are looked at."""
_HOLDS: Final[Mapping[str, Callable[[State], bool]]] = {
    "a session": lambda state: state.session,
    "the card is active": lambda state: state.card == ACTIVE,
    "it is not suspended yet": lambda state: state.card != SUSPENDED,
    "there is one": lambda state: state.application != ABSENT,
    "there is none": lambda state: state.application == ABSENT,
    "it is selectable": lambda state: state.application != INSTALLED,
    "it is only installed": lambda state: state.application == INSTALLED,
    "it is not selected": lambda state: state.selected != APPLICATION,
    "it is personalised": lambda state: state.personalises,
    "it has a key": lambda state: state.key,
    "it has no key": lambda state: not state.key,
    "nobody may": lambda state: False,
}


class Oracle:
    """The rules; a subclass with one of them wrong is noticed, or the walk is worth nothing."""

    guards: Guards = GUARDS
    while_suspended = WHILE_SUSPENDED
    selected_is_kept = True
    locking_deselects = True
    keys_go_with_it = True
    last_block_ends = True
    sees_installed = False

    def step(self, state: State, command: str) -> Step:
        """Return the status of a command and the state after it."""
        if command in OF_THE_ISSUER:
            return self._managed(state, command)
        return {
            "OPEN": self._open,
            "PLAIN": self._plain,
            "SELECT": self._select,
            "LEAVE": self._leave,
            "USE": self._use,
        }[command](state)

    def _open(self, state: State) -> Step:
        opened = state.card != ENDED
        after = state._replace(session=opened, personalises=False)
        return (0x9000 if opened else 0x6985), after

    def _plain(self, state: State) -> Step:
        return 0x9000, state._replace(session=False, personalises=False)

    def _select(self, state: State) -> Step:
        if state.application == ABSENT or (
            state.application == INSTALLED and not self.sees_installed
        ):
            return 0x6A82, state
        status = 0x6283 if state.application == LOCKED else CARD_WARNING[state.card]
        return status, state._replace(selected=APPLICATION)

    def _leave(self, state: State) -> Step:
        return CARD_WARNING[state.card], state._replace(selected=DOMAIN)

    def _use(self, state: State) -> Step:
        if state.card != ACTIVE or state.selected == NOTHING:
            return 0x6985, state
        if state.selected == DOMAIN:
            return 0x6D00, state
        return (0x6985 if state.application == LOCKED else 0x9000), state

    def _holds(self, guard: str, state: State, command: str) -> bool:
        if guard == "the card does it":
            suspended = state.card == SUSPENDED and command not in self.while_suspended
            return state.card != ENDED and not suspended
        return _HOLDS[guard](state) or (guard == "it is not selected" and not self.selected_is_kept)

    def _managed(self, state: State, command: str) -> Step:
        for guard, status in self.guards[command]:
            looked_at = (guard, status) not in (*_MANAGES, NOBODY)
            if looked_at and command in _ENDS_PERSONALISATION:
                state = state._replace(personalises=False)
            if not self._holds(guard, state, command):
                return status, state
        return 0x9000, self._done(state, command)

    def _done(self, state: State, command: str) -> State:
        """What a command does that is allowed."""
        match command:
            case "LOCK CARD" | "UNLOCK CARD":
                return state._replace(card=SUSPENDED if command == "LOCK CARD" else ACTIVE)
            case "END CARD":  # nothing is left that a session or a key could be for
                return state._replace(card=ENDED, session=False, personalises=False, key=False)
            case "LOCK" | "UNLOCK":
                return self._locked(state, LOCKED if command == "LOCK" else SELECTABLE)
            case "INSTALL":
                return state._replace(application=INSTALLED, personalises=False)
            case "MAKE SELECTABLE" | "INSTALL AND MAKE SELECTABLE":
                return state._replace(application=SELECTABLE, personalises=False)
            case "PERSONALISE":
                return state._replace(personalises=True)
            case "DELETE":
                key = state.key and not self.keys_go_with_it
                return state._replace(application=ABSENT, key=key, personalises=False)
            case "STORE":
                return state._replace(personalises=not self.last_block_ends)
            case "PUT KEY":
                return state._replace(key=True)
            case _:
                return state

    def _locked(self, state: State, target: str) -> State:
        after = state._replace(application=target)
        if target != state.application and state.selected == APPLICATION and self.locking_deselects:
            after = after._replace(selected=NOTHING)
        return after


def wrong_rules() -> dict[str, Oracle]:
    """Return oracles each of which has one rule wrong, by what is wrong with it."""
    flags: dict[str, Any] = {
        "while_suspended": WHILE_SUSPENDED | {"INSTALL"},
        "selected_is_kept": False,
        "locking_deselects": False,
        "keys_go_with_it": False,
        "last_block_ends": False,
        "sees_installed": True,
    }
    return {
        **{name: wrong(Oracle, **{name: value}) for name, value in flags.items()},
        **{name: wrong(Oracle, guards=table) for name, table in wrong_guards(GUARDS)},
    }

"""The rules of docs/card.md, section 4, a second time: what the issuer may do with an application.

One further application, one session of the issuer on channel 0, and channel 1 on which the
application is selected or not. Nothing here knows the code.
"""

from __future__ import annotations

from typing import Final, NamedTuple

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


class Oracle:
    """The rules; a subclass with one of them wrong is noticed, or the walk is worth nothing."""

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

    def _managed(self, state: State, command: str) -> Step:
        suspended = state.card == SUSPENDED
        if state.card == ENDED or (suspended and command not in self.while_suspended):
            # the card refuses it before the domain sees it; a plain command ended the session
            return 0x6985, state
        if not state.session:
            return 0x6982, state
        if command == "GET STATUS":
            return 0x9000, state
        if command.endswith("CARD"):
            return self._card(state, command)
        if suspended:
            return 0x6985, state
        if command in ("PUT KEY", "STORE", "UNBLOCK"):
            return self._written(state, command)
        if command in ("LOCK", "UNLOCK"):
            return self._locked(state, command == "LOCK")
        return self._comes_or_goes(state, command)

    def _card(self, state: State, command: str) -> Step:
        if command == "LOCK CARD" and state.card == SUSPENDED:
            return 0x6985, state
        if command == "END CARD":  # nothing is left that a session or a key could be for
            over = state._replace(card=ENDED, session=False, personalises=False, key=False)
            return 0x9000, over
        return 0x9000, state._replace(card=SUSPENDED if command == "LOCK CARD" else ACTIVE)

    def _locked(self, state: State, locks: bool) -> Step:
        if state.application == ABSENT:
            return 0x6A88, state
        if state.application == INSTALLED:
            return 0x6985, state
        target = LOCKED if locks else SELECTABLE
        after = state._replace(application=target)
        if target != state.application and state.selected == APPLICATION and self.locking_deselects:
            after = after._replace(selected=NOTHING)
        return 0x9000, after

    def _comes_or_goes(self, state: State, command: str) -> Step:
        was = state.application
        state = state._replace(personalises=False)
        if command in ("INSTALL", "INSTALL AND MAKE SELECTABLE"):
            target = INSTALLED if command == "INSTALL" else SELECTABLE
            return (
                (0x9000, state._replace(application=target)) if was == ABSENT else (0x6A89, state)
            )
        if was == ABSENT:
            return 0x6A88, state
        if command == "MAKE SELECTABLE":
            right = was == INSTALLED
            return (0x9000, state._replace(application=SELECTABLE)) if right else (0x6985, state)
        if command == "PERSONALISE":
            return 0x9000, state._replace(personalises=True)
        if state.selected == APPLICATION and self.selected_is_kept:
            return 0x6985, state
        return 0x9000, state._replace(
            application=ABSENT, key=state.key and not self.keys_go_with_it
        )

    def _written(self, state: State, command: str) -> Step:
        if not state.personalises:
            return {"PUT KEY": 0x6A80, "STORE": 0x6A88, "UNBLOCK": 0x6985}[command], state
        if command == "STORE":
            return 0x9000, state._replace(personalises=not self.last_block_ends)
        if command == "UNBLOCK":
            return (0x9000 if state.key else 0x6984), state
        return (0x6985, state) if state.key else (0x9000, state._replace(key=True))


def wrong_rules() -> dict[str, Oracle]:
    """Return oracles each of which has one rule wrong."""
    return {
        name: type("Wrong", (Oracle,), {name: wrong})()
        for name, wrong in {
            "while_suspended": WHILE_SUSPENDED | {"INSTALL"},
            "selected_is_kept": False,
            "locking_deselects": False,
            "keys_go_with_it": False,
            "last_block_ends": False,
            "sees_installed": True,
        }.items()
    }

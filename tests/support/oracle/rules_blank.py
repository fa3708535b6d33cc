"""The rules of docs/card.md, section 4, a second time: how the applications of a blank card fill.

One channel with a session or not, a Juki card's two applications, each blank or not, and whether
JPKI's key pair was made. Contents are two groupings. Nothing here knows the code.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tests.support.oracle.issuer_walk import NOBODY, Guard, Guards, wrong, wrong_guards

JUKI, JPKI = "JUKI", "JPKI"


class State(NamedTuple):
    """What the rules need to know: `target` is personalised, `first` of its blocks is open."""

    session: bool = False
    target: str = ""
    first: bool = False
    blank: frozenset[str] = frozenset({JUKI, JPKI})
    keys: bool = False


_SESSION: Final = ("a session", 0x6982)
_NONE_OPEN: Final = ("no block is open", 0x6985)
_ONE_OPEN: Final = ("a block is open", 0x6985)
# the domain has objects, and none of these names
_TARGET: Final = ("an application", 0x6A88)
_BLANK: Final = ("it is blank", 0x6985)
_KEYS: Final = ("it has its keys", 0x6985)
# whether it is blank or not, the answer is one
_ALL: Final = ("all of it, in groupings", 0x6985)


def _last(open_before: Guard, *more: Guard) -> tuple[Guard, ...]:
    return _SESSION, open_before, _TARGET, _BLANK, *more


GUARDS: Final[Guards] = {
    "TARGET JUKI": (_SESSION,),
    "TARGET JPKI": (_SESSION,),
    "FIRST": (_SESSION, _NONE_OPEN),
    "REST": _last(_ONE_OPEN, _KEYS),
    "WHOLE": _last(_NONE_OPEN, _KEYS),
    "PART": (_SESSION, _NONE_OPEN, _TARGET, _ALL),
    "OBJECTS": (_SESSION, _NONE_OPEN, _TARGET, _ALL),
    "A KEY": _last(_NONE_OPEN, ("no key", 0x6981)),
    "STATUS": (_SESSION,),
}
"""The access rules: what is asked, in this order."""
OTHERS: Final = ("OPEN", "PLAIN", "MAKE KEYS")
"""A new session; a plain command; the counter's at JPKI. LOOK, beside these, is nobody's here."""
_NEVER: Final = {_ALL[0], "no key", NOBODY[0]}
_BLOCKS: Final = ("FIRST", "REST", "WHOLE", "PART", "OBJECTS", "A KEY")


def _holds(guard: str, state: State) -> bool:
    return (
        guard not in _NEVER
        and {
            "a session": state.session,
            "no block is open": not state.first,
            "a block is open": state.first,
            "an application": bool(state.target),
            "it is blank": state.target in state.blank,
            "it has its keys": state.keys or state.target != JPKI,
        }[guard]
    )


class Oracle:
    """The rules; a subclass with one of them wrong is noticed, or the walk is worth nothing."""

    guards: Guards = GUARDS
    contents_come_once = True
    each_application_fills_by_itself = True
    other_commands_end_blocks = True
    other_commands_keep_the_application = True
    a_refused_block_ends_the_others = True
    a_refused_block_ends_personalisation = True
    the_last_block_ends_personalisation = True
    the_next_block_keeps_the_application = True
    nothing_is_filled_before_the_last = True
    another_application_begins_anew = True
    a_new_session_begins_anew = True
    plain_commands_end_the_session = True
    keys_alone_fill_nothing = True

    def step(self, state: State, command: str) -> tuple[int, State]:
        """Return the status of a command and the state after it."""
        if command == "LOOK":
            return sum(1 << n for n, one in enumerate((JUKI, JPKI)) if one in state.blank), state
        if command in OTHERS:
            return 0x9000, self._outside(state, command)
        for guard, status in self.guards[command]:
            if not _holds(guard, state):
                return status, self._refused(state, command) if state.session else state
        return 0x9000, self._done(state, command)

    def _outside(self, state: State, command: str) -> State:
        over = state._replace(session=False, target="", first=False)
        if command == "OPEN":
            return (over if self.a_new_session_begins_anew else state)._replace(session=True)
        if command == "PLAIN":
            return over if self.plain_commands_end_the_session else state
        state = state._replace(keys=True)
        return state if self.keys_alone_fill_nothing else self._filled(state, JPKI)

    def _refused(self, state: State, command: str) -> State:
        if command not in _BLOCKS:
            return state
        if self.a_refused_block_ends_the_others:
            state = state._replace(first=False)
        return state._replace(target="") if self.a_refused_block_ends_personalisation else state

    def _done(self, state: State, command: str) -> State:
        if command.startswith("TARGET"):
            begun = state.first and not self.another_application_begins_anew
            return state._replace(target=command.split()[1], first=begun)
        if command == "STATUS":
            first = state.first and not self.other_commands_end_blocks
            target = state.target if self.other_commands_keep_the_application else ""
            return state._replace(first=first, target=target)
        if command == "FIRST":
            if not self.nothing_is_filled_before_the_last:
                state = self._filled(state, state.target)
            kept = state.target if self.the_next_block_keeps_the_application else ""
            return state._replace(first=True, target=kept)
        after = self._filled(state, state.target) if self.contents_come_once else state
        target = "" if self.the_last_block_ends_personalisation else state.target
        return after._replace(first=False, target=target)

    def _filled(self, state: State, name: str) -> State:
        filled = {name} if self.each_application_fills_by_itself else {JUKI, JPKI}
        return state._replace(blank=state.blank - filled)


def wrong_rules() -> dict[str, Oracle]:
    """Return oracles each of which has one rule wrong, by what is wrong with it."""
    flags = [name for name, value in vars(Oracle).items() if value is True]
    rules: dict[str, Any] = {name: wrong(Oracle, **{name: False}) for name in flags}
    tables = wrong_guards(GUARDS, _NEVER)
    return rules | {name: wrong(Oracle, guards=table) for name, table in tables}

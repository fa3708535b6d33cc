"""The rules of docs/card.md, section 4, a second time: STORE DATA in blocks.

One channel with a session or not, the blocks that are open, whose contents they are (the domain's
or those of an application), and what was written of either: block 0 holds one thing, 1 and 2
another. Nothing here knows the code.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from tests.support.oracle.issuer_walk import NOBODY, Guard, Guards, wrong, wrong_guards

OBJECTS, GROUPINGS = "objects", "groupings"


class State(NamedTuple):
    """What the rules need to know: `blocks` are the kinds of those that are open."""

    session: bool = False
    personalises: bool = False
    blocks: tuple[str, ...] = ()
    domain: frozenset[int] = frozenset()
    application: frozenset[int] = frozenset()


_SESSION: Final = ("a session", 0x6982)


# before block 0 there is none, and before block 2 two of objects: no other block 1 is tried
def _block(kind: str, number: int) -> tuple[Guard, ...]:
    of_a_kind = (f"none of them is not of {kind}", 0x6985)
    return _SESSION, (f"{number} are open", 0x6985), *((of_a_kind,) if number == 1 else ())


GUARDS: Final[Guards] = {
    **{
        f"{name} {kind} {number}": _block(kind, number)
        for kind in (OBJECTS, GROUPINGS)
        for name, number in (("BLOCK", 0), ("LAST", 0), ("LAST", 1))
    },
    "BLOCK objects 1": _block(OBJECTS, 1),
    "LAST objects 2": _block(OBJECTS, 2),
    "LAST objects 1 UNKNOWN": (*_block(OBJECTS, 1), ("there is such an object", 0x6A88)),
    "LAST groupings 1 CUT": (*_block(GROUPINGS, 1), ("it is whole", 0x6A80)),
    "EMPTY": (_SESSION, ("there is something to store", 0x6700)),
    "ENCRYPTED": (_SESSION, ("it is not encrypted", 0x6A86)),
    "PERSONALISE": (_SESSION,),
    "DELETE": (_SESSION, ("there is such an application", 0x6A88)),
    "STATUS": (_SESSION,),
    "GET DATA": (),
    "UNKNOWN": (("there is such a command", 0x6D00),),
}
"""The access rules: what is asked, in this order. In the session, where there is one."""
OTHERS: Final = ("OPEN", "PLAIN", "PLAIN BLOCK")
"""A new session; plain GET DATA and plain STORE DATA. LOOK, beside these, is another channel's."""
_NEVER: Final = {
    "there is such an object", "it is whole", "there is something to store", "it is not encrypted",
    "there is such an application", "there is such a command", NOBODY[0],
}  # fmt: skip


def _holds(guard: str, state: State) -> bool:
    if guard in _NEVER:
        return False
    if guard == "a session":
        return state.session
    if guard.endswith("are open"):
        return len(state.blocks) == int(guard[0])
    return all(guard.endswith(kind) for kind in state.blocks)


def _is_block(verb: str) -> bool:
    return verb.startswith(("BLOCK", "LAST", "EMPTY", "ENCRYPTED"))


class Oracle:
    """The rules; a subclass with one of them wrong is noticed, or the walk is worth nothing."""

    guards: Guards = GUARDS
    other_commands_end_blocks = True
    other_commands_keep_the_application = True
    a_refused_block_ends_the_others = True
    a_refused_block_ends_personalisation = True
    the_last_block_ends_personalisation = True
    the_next_block_keeps_the_application = True
    installing_or_deleting_begins_anew = True
    nothing_is_written_before_the_last = True
    all_is_written_with_the_last = True
    all_of_it_or_nothing = True
    a_new_session_begins_anew = True
    plain_commands_end_the_session = True

    def step(self, state: State, command: str) -> tuple[int, State]:
        """Return the status of a command and the state after it."""
        if command == "LOOK":
            seen = sum(1 << n for n in state.domain) + sum(16 << n for n in state.application)
            return seen, state
        if command in OTHERS:
            return self._outside(state, command)
        for guard, status in self.guards[command]:
            if not _holds(guard, state):
                return status, self._refused(state, command) if state.session else state
        return 0x9000, self._done(state, command)

    def _outside(self, state: State, command: str) -> tuple[int, State]:
        over = State(domain=state.domain, application=state.application)
        if command == "OPEN":
            kept = over if self.a_new_session_begins_anew else state
            return 0x9000, kept._replace(session=True)
        status = 0x9000 if command == "PLAIN" else 0x6982
        return status, over if self.plain_commands_end_the_session else state

    def _between(self, state: State, verb: str) -> State:
        """What a command that is no block leaves of what was begun."""
        if self.other_commands_end_blocks:
            state = state._replace(blocks=())
        ends = verb == "DELETE" and self.installing_or_deleting_begins_anew
        if ends or not self.other_commands_keep_the_application:
            state = state._replace(personalises=False)
        return state

    def _refused(self, state: State, verb: str) -> State:
        if not _is_block(verb):
            return self._between(state, verb)
        if verb.endswith("UNKNOWN") and len(state.blocks) == 1 and not self.all_of_it_or_nothing:
            state = self._written(state, {0})
        if self.a_refused_block_ends_the_others:
            state = state._replace(blocks=())
        if self.a_refused_block_ends_personalisation:
            state = state._replace(personalises=False)
        return state

    def _done(self, state: State, verb: str) -> State:
        if not _is_block(verb):
            after = self._between(state, verb)
            return after._replace(personalises=True) if verb == "PERSONALISE" else after
        name, kind, number, *_ = *verb.split(), "", ""
        if name == "BLOCK":
            if not self.nothing_is_written_before_the_last:
                state = self._written(state, {int(number)})
            personalises = state.personalises and self.the_next_block_keeps_the_application
            return state._replace(blocks=(*state.blocks, kind), personalises=personalises)
        if name != "LAST":
            return state
        first = 0 if self.all_is_written_with_the_last else int(number)
        after = self._written(state, {min(one, 1) for one in range(first, int(number) + 1)})
        personalises = state.personalises and not self.the_last_block_ends_personalisation
        return after._replace(blocks=(), personalises=personalises)

    def _written(self, state: State, numbers: set[int]) -> State:
        if state.personalises:
            return state._replace(application=state.application | numbers)
        return state._replace(domain=state.domain | numbers)


def wrong_rules() -> dict[str, Oracle]:
    """Return oracles each of which has one rule wrong, by what is wrong with it."""
    flags = [name for name, value in vars(Oracle).items() if value is True]
    rules: dict[str, Any] = {name: wrong(Oracle, **{name: False}) for name in flags}
    tables = wrong_guards(GUARDS, _NEVER)
    return rules | {name: wrong(Oracle, guards=table) for name, table in tables}

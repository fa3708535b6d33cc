"""The rules of docs/card.md, section 4, a second time: the domain's own key sets, and who is in.

Two channels on which the issuer may have asked for a session (INITIALIZE UPDATE) or have one, and
the versions of the key sets; and the state of the card. Nothing here knows the code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from tests.support.oracle.issuer_walk import NOBODY, Guard, Guards, wrong, wrong_guards

NONE, ASKED, OPEN, OVER = "none", "asked", "open", "over"
MOST: Final = 8
HERE, THERE = "here", "there"
ACTIVE, SUSPENDED, ENDED = "active", "suspended", "ended"
WHILE_SUSPENDED: Final = {"STATUS", "SUSPEND", "RESUME", "END"}


class Channel(NamedTuple):
    """A session that was asked for or is open, and from which keys.

    One that is over the card has ended without the host knowing: its next command is protected.
    """

    kind: str = NONE
    version: int = 0


class State(NamedTuple):
    """What the rules need to know."""

    versions: frozenset[int] = frozenset({1})
    here: Channel = Channel()
    there: Channel = Channel()
    card: str = ACTIVE


_SESSION: Final = ("a session", 0x6982)
_ROOM: Final = ("there is room", 0x6A84)
_PROOF: Final[tuple[Guard, ...]] = (("no session", 0x6982), ("it was asked for", 0x6882))


def _there(version: int) -> Guard:
    return f"there are keys {version}", 0x6A88


def _new(version: int) -> Guard:
    return f"there are no keys {version}", 0x6985


GUARDS: Final[Guards] = {
    "ASK 0": (),
    "ASK 1": (_there(1),),
    "ASK 2": (_there(2),),
    "PROVE": _PROOF,
    "PROVE WRONG": (*_PROOF, ("the proof is right", 0x6300)),
    "PROVE AT NO LEVEL": (*_PROOF, ("there is such a level", 0x6A86)),
    "ADD 1": (_SESSION, _new(1), _ROOM),
    "ADD 2": (_SESSION, _new(2), _ROOM),
    "ADD 9": (_SESSION, _new(9), _ROOM),
    "RENEW 1": (_SESSION, _there(1)),
    "RENEW 2": (_SESSION, _there(2)),
    "1 BECOMES 2": (_SESSION, _there(1), _new(2)),
    "2 BECOMES 1": (_SESSION, _there(2), _new(1)),
    "1 BECOMES 9": (_SESSION, _there(1), _new(9)),
    "DELETE 0": (_SESSION, ("it is a version", 0x6A80)),
    "DELETE 1": (_SESSION, _there(1), ("others are left", 0x6985)),
    "DELETE 2": (_SESSION, _there(2), ("others are left", 0x6985)),
    "STATUS": (_SESSION,),
    "SUSPEND": (_SESSION, ("it is not suspended yet", 0x6985)),
    "RESUME": (_SESSION,),
    "END": (_SESSION,),
}
"""The access rules: what is asked, in this order."""
OTHERS: Final = ("SELECT", "PLAIN", "FETCH")
"""SELECT the domain anew, plain GET DATA, GET RESPONSE where no answer waits: each ends a session.
LOOK, beside these, is a third channel's look at the key information."""
_NEVER: Final = {"the proof is right", "there is such a level", "it is a version", NOBODY[0]}


def _holds(guard: str, state: State, channel: Channel) -> bool:
    """Tell whether something is so that a command needs."""
    what, _, last = guard.rpartition(" ")
    tests: Mapping[str, Callable[[], bool]] = {
        "a session": lambda: channel.kind == OPEN,
        "no session": lambda: channel.kind != OPEN,
        "it was asked for": lambda: channel.kind == ASKED,
        "there is room": lambda: len(state.versions) < MOST,
        "it is not suspended yet": lambda: state.card != SUSPENDED,
        "others are left": lambda: len(state.versions) > 1,
    }
    if guard in tests:
        return tests[guard]()
    if guard in _NEVER:
        return False
    return (int(last) in state.versions) is (what == "there are keys")


class Oracle:
    """The rules; a subclass with one of them wrong is noticed, or the walk is worth nothing."""

    guards: Guards = GUARDS
    what_comes_between_ends_an_opening = True
    a_plain_command_ends_a_session = True
    a_second_proof_ends_a_session = True
    a_wrong_proof_ends_an_opening = True
    asking_ends_a_session = True
    version_0_is_the_lowest = True
    replaced_keys_end_sessions = True
    replaced_keys_end_openings = True
    other_keys_end_none = True
    adding_ends_none = True
    channels_are_apart = True
    suspending_ends_what_others_have = True
    resuming_ends_what_others_have = True
    ending_ends_what_others_have = True
    a_suspended_card_does_little = True
    a_suspended_card_lets_the_issuer_in = True
    an_ended_card_does_nothing = True

    def step(self, state: State, command: str) -> tuple[int, State]:
        """Return the status of a command, `verb @ channel`, and the state after it."""
        if command == "LOOK":
            seen = sum(1 << version for version in state.versions)
            return 0x6985 if state.card == ENDED else seen, state
        verb, _, where = command.partition(" @ ")
        channel: Channel = getattr(state, where)
        if channel.kind == OVER and verb not in OTHERS and not verb.startswith("ASK"):
            return 0x6882, self._at(state, where, Channel())
        if verb in OTHERS:
            ended = self.a_plain_command_ends_a_session if channel.kind == OPEN else True
            ended = self.what_comes_between_ends_an_opening if channel.kind == ASKED else ended
            status = 0x6985 if verb == "FETCH" else 0x9000
            return status, self._at(state, where, Channel()) if ended else state
        if not self._does(state.card, verb):
            return 0x6985, self._refused(state, where, verb)
        for guard, status in self.guards[verb]:
            if not _holds(guard, state, channel):
                return status, self._refused(state, where, verb)
        return 0x9000, self._done(state, where, verb)

    def _does(self, card: str, verb: str) -> bool:
        """Tell whether a command gets as far as to be looked at."""
        if verb.startswith("PROVE") or card == ACTIVE:
            return True
        if card == ENDED:
            return not self.an_ended_card_does_nothing
        if verb.startswith("ASK"):
            return self.a_suspended_card_lets_the_issuer_in
        return verb in WHILE_SUSPENDED or not self.a_suspended_card_does_little

    def _refused(self, state: State, where: str, verb: str) -> State:
        """What a command ends that is refused: it is not the one that was waited for."""
        channel: Channel = getattr(state, where)
        if verb.startswith("ASK"):
            ends = self.asking_ends_a_session
        elif verb.startswith("PROVE") and channel.kind == ASKED:
            ends = self.a_wrong_proof_ends_an_opening
        elif verb.startswith("PROVE"):
            ends = self.a_second_proof_ends_a_session
        else:
            ends = channel.kind == ASKED and self.what_comes_between_ends_an_opening
        return self._at(state, where, Channel()) if ends else state

    def _done(self, state: State, where: str, verb: str) -> State:
        """What a command does that is allowed."""
        channel: Channel = getattr(state, where)
        match verb.split():
            case ["ASK", number]:
                lowest = min(state.versions) if self.version_0_is_the_lowest else 1
                return self._at(state, where, Channel(ASKED, int(number) or lowest))
            case ["PROVE", *_]:
                return self._at(state, where, Channel(OPEN, channel.version))
            case ["SUSPEND"]:
                ends = self.suspending_ends_what_others_have
                return self._alone(state._replace(card=SUSPENDED), where, ends=ends)
            case ["RESUME"]:
                ends = self.resuming_ends_what_others_have
                return self._alone(state._replace(card=ACTIVE), where, ends=ends)
            case ["END"]:
                ends = self.ending_ends_what_others_have
                return self._alone(state._replace(card=ENDED), where, ends=ends)
            case ["ADD", new]:
                after = state._replace(versions=state.versions | {int(new)})
                return after if self.adding_ends_none else self._ended(after, channel.version)
            case ["RENEW", old]:
                return self._ended(state, int(old))
            case [old, "BECOMES", new]:
                versions = state.versions - {int(old)} | {int(new)}
                return self._ended(state._replace(versions=versions), int(old))
            case ["DELETE", old]:
                left = state._replace(versions=state.versions - {int(old)})
                return self._ended(left, int(old))
            case _:
                return state

    def _at(self, state: State, where: str, channel: Channel) -> State:
        here, there = (state.here, state.there) if self.channels_are_apart else (channel, channel)
        if where == HERE:
            return state._replace(here=channel, there=there)
        return state._replace(here=here, there=channel)

    def _alone(self, state: State, where: str, *, ends: bool) -> State:
        """What the other channel has is over."""
        if not ends:
            return state
        if where == HERE:
            return state._replace(there=_over(state.there))
        return state._replace(here=_over(state.here))

    def _ended(self, state: State, version: int) -> State:
        return state._replace(
            here=self._end(state.here, version), there=self._end(state.there, version)
        )

    def _end(self, channel: Channel, version: int) -> Channel:
        if channel.version != version and self.other_keys_end_none:
            return channel
        if channel.kind == OPEN and self.replaced_keys_end_sessions:
            return Channel(OVER)
        if channel.kind == ASKED and self.replaced_keys_end_openings:
            return Channel()
        return channel


def _over(channel: Channel) -> Channel:
    return Channel(OVER) if channel.kind in (OPEN, OVER) else Channel()


def wrong_rules() -> dict[str, Oracle]:
    """Return oracles each of which has one rule wrong, by what is wrong with it."""
    flags = [name for name, value in vars(Oracle).items() if value is True]
    rules: dict[str, Any] = {name: wrong(Oracle, **{name: False}) for name in flags}
    tables = wrong_guards(GUARDS, _NEVER)
    return rules | {name: wrong(Oracle, guards=table) for name, table in tables}

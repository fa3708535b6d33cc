"""An application with keys and one PIN, and the issuer beside it: docs/card.md a second time.

The same rules serve the operator card and the points of `examples/`: what differs is the table of
`Rules`, one row an operation, which says what that needs. Nothing here knows the card's code, and
whatever can be got wrong is a row or a field, so that a test can get it wrong on purpose.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from tests.support.oracle.keyed_model import (
    ABSENT,
    APPLICATION,
    DOMAIN,
    INSTALLED,
    LOCKED,
    MOST_POINTS,
    NO_DAY,
    NO_VALUE,
    NOTHING,
    PASSWORD_DAYS,
    SELECTABLE,
    THERE_ALREADY,
    UNKNOWN_P1_P2,
    Channel,
    Rules,
    State,
)
from tests.support.oracle.rules import (
    BAD_DATA,
    DEACTIVATED,
    KEY_TRIES,
    NO_CHANNEL,
    NO_INSTRUCTION,
    NO_OBJECT,
    NO_RECORD,
    NOT_FOUND,
    NOT_NOW,
    NOT_USABLE,
    OK,
    SM_UNSUPPORTED,
    SM_WRONG,
    TERMINATED,
    Command,
    Level,
    Life,
)

Answer = tuple[int, State]
_BRINGS_THE_PIN: Final = {"verify", "change pin from"}
_WARNING: Final = {Life.ACTIVE: OK, Life.SUSPENDED: DEACTIVATED, Life.ENDED: TERMINATED}
ISSUERS: Final = "issuer: "
"""How a command of the issuer begins: a session of SCP03 on channel 0, opened for it alone."""


def _unknown(command: Command) -> int:
    """GET DATA is known everywhere, and an object is not; another command is not."""
    asks = command.do.startswith("get ") and command.do != "get challenge"
    return NO_OBJECT if asks else NO_INSTRUCTION


class Oracle:
    """The rules at work: `step` says what a command gets, and the state after it."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def step(self, state: State, command: Command) -> Answer:
        """The status and the state after it."""
        if command.do == "power":
            fresh: tuple[Channel | None, ...] = (Channel(), *[None] * (len(state.channels) - 1))
            return OK, state._replace(channels=fresh)
        if command.do.startswith(ISSUERS):
            return self._issuer(state, command)
        channel = state.channels[command.channel]
        if channel is None:
            return NO_CHANNEL, state
        held = channel.challenge
        if self.rules.challenge_is_for_the_next_command:
            channel = channel._replace(challenge=False)
            state = state.put(command.channel, channel)
        protected = command.level is not Level.PLAIN
        if command.do == "header open":
            return SM_UNSUPPORTED, state.put(command.channel, channel.stranger())
        if command.do == "wrong mac" or (protected and not channel.purpose):
            return SM_WRONG, state.put(command.channel, channel.stranger())
        if not protected and channel.purpose and self.rules.plain_ends_session:
            channel, held = channel.stranger(), False
            state = state.put(command.channel, channel)
        return self._in_the_clear(state, command, channel, held)

    def _in_the_clear(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        """What the command gets once its protection is off."""
        rules = self.rules
        answers = {
            Life.SUSPENDED: rules.answers_while_suspended,
            Life.ENDED: rules.answers_when_ended,
        }
        if state.life in answers and command.do not in answers[state.life]:
            return NOT_NOW, self._refused(state, command, channel)
        if command.do == "select":
            return self._select(state, command, channel)
        if command.do == "open":
            if state.channels[command.arg] is not None:
                return NOT_NOW, state
            return OK, state.put(command.arg, Channel())
        if channel.selected == NOTHING:
            return NOT_NOW, state
        if channel.selected == DOMAIN:
            return self._to_the_domain(command), state
        if state.application == LOCKED:
            return NOT_NOW, self._refused(state, command, channel)
        return self._to_the_application(state, command, channel, held)

    def _refused(self, state: State, command: Command, channel: Channel) -> State:
        """The state after a refusal by card or application: what it forgets is forgotten."""
        forgets = channel.selected == APPLICATION and command.do in _BRINGS_THE_PIN
        if command.do == "change pin from" and not self.rules.present_value_form:
            forgets = False
        if not (forgets and self.rules.refused_pin_forgets):
            return state
        return state.put(command.channel, channel._replace(verified=False))

    def _select(self, state: State, command: Command, channel: Channel) -> Answer:
        if command.arg and self._not_found(state):
            return NOT_FOUND, state
        target = APPLICATION if command.arg else DOMAIN
        after = channel
        if target != channel.selected:
            forgets = self.rules.leaving_forgets
            after = Channel(target) if forgets else channel._replace(selected=target)
        status = _WARNING[state.life]
        if command.arg and state.application == LOCKED:
            status = DEACTIVATED  # its own state before the card's
        return status, state.put(command.channel, after)

    def _not_found(self, state: State) -> bool:
        hidden = {ABSENT} if self.rules.installed_is_found else {ABSENT, INSTALLED}
        return state.application in hidden

    def _to_the_domain(self, command: Command) -> int:
        return OK if command.do in self.rules.domain_answers else _unknown(command)

    # -- the application -------------------------------------------------------------------------

    def _to_the_application(
        self, state: State, command: Command, channel: Channel, held: bool
    ) -> Answer:
        match command.do:
            case "get challenge":
                return OK, state.put(command.channel, channel._replace(challenge=True))
            case "authenticate" | "authenticate wrongly":
                return self._authenticate(state, command, channel, held)
            case "verify":
                return self._verify(state, command, channel)
            case "pin tries":
                return 0x63C0 + state.tries, state
            case "change pin from":
                return self._change_from(state, command, channel)
            case "put day" if command.arg == NO_DAY:
                return BAD_DATA, state
            case "sign" if self._is_over(state, channel):
                return NOT_NOW, state
            case _:
                pass
        row = self.rules.table.get(command.do)
        if row is None:
            return _unknown(command), state
        if not row.holds(channel, command.level):
            return row.refused, state
        return self._done(state, command, channel)

    def _is_over(self, state: State, channel: Channel) -> bool:
        over = channel.verified and state.date > state.last_day
        return over and self.rules.password_runs_out

    def _done(self, state: State, command: Command, channel: Channel) -> Answer:
        """What comes of an operation that is allowed."""
        match command.do:
            case "suspend" | "resume" | "end":
                target = {"suspend": Life.SUSPENDED, "resume": Life.ACTIVE, "end": Life.ENDED}
                return OK, self._others_end(state, command)._replace(life=target[command.do])
            case "change pin":
                return self._change(state, command)
            case "unblock" | "unblock with pin":
                return self._unblock(state, command, channel)
            case "make key pair":
                return OK, self._new_key_pair(state, command)
            case "put day":
                back = command.arg < state.date and channel.purpose != self.rules.unlocker
                if back and self.rules.time_goes_forward:
                    return NOT_NOW, state
                return OK, state._replace(date=command.arg)
            case "get number" if not state.since_issue:
                return NO_OBJECT, state  # nobody has stored it
            case "read log" if not state.booked:
                return NO_RECORD, state
            case "credit" | "debit":
                return self._book(state, command)
            case _:
                return OK, state

    def _new_key_pair(self, state: State, command: Command) -> State:
        """What its use asks for is proven on no other channel: the holder's PIN, a purpose."""
        rule = self.rules.new_key_pair_ends_other_channels
        for number, other in enumerate(state.channels):
            if rule and other is not None and number != command.channel:
                signs = other.purpose in self.rules.signs
                after = other.stranger() if signs else other._replace(verified=False)
                state = state.put(number, after)
        return state

    def _book(self, state: State, command: Command) -> Answer:
        if not command.arg:
            return BAD_DATA, state
        points = state.points + (command.arg if command.do == "credit" else -command.arg)
        if not 0 <= points <= MOST_POINTS and self.rules.points_stay_in_bounds:
            return NOT_NOW, state
        return OK, state._replace(points=points, booked=True)

    def _authenticate(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        rules = self.rules
        if not held:
            return NOT_NOW, state
        if command.arg not in rules.purposes:
            return NO_OBJECT, state
        place = rules.purposes.index(command.arg)
        left = state.keys[place]
        if left == NO_VALUE:
            return NO_OBJECT, state
        if not left:
            return rules.blocked_key, state
        if state.life is Life.SUSPENDED and command.arg not in rules.while_suspended:
            return NOT_NOW, state
        channel = channel.stranger() if rules.authentication_forgets else channel
        right = command.do == "authenticate"
        keys = list(state.keys)
        keys[place] = KEY_TRIES if right else left - 1
        state = state._replace(keys=tuple(keys))
        after = channel._replace(purpose=command.arg if right else 0, challenge=False)
        state = state.put(command.channel, after)
        if right:
            return OK, state
        if left == 1 and rules.blocked_key_ends_its_sessions:
            state = self._sessions_end(state, command.arg)
        return 0x63C0 + left - 1, state

    @staticmethod
    def _sessions_end(state: State, purpose: int) -> State:
        """No session of a key goes on, on whatever channel."""
        for number, other in enumerate(state.channels):
            if other is not None and other.purpose == purpose:
                state = state.put(number, other.stranger())
        return state

    @staticmethod
    def _others_end(state: State, command: Command) -> State:
        """What was proven on other channels is over."""
        for number, other in enumerate(state.channels):
            if other is not None and number != command.channel:
                state = state.put(number, other.stranger())
        return state

    # -- the PIN ---------------------------------------------------------------------------------

    @staticmethod
    def _pin_ends(state: State, command: Command, rule: bool) -> State:
        """On the other channels nobody has verified the PIN any more."""
        for number, other in enumerate(state.channels):
            if rule and other is not None and number != command.channel:
                state = state.put(number, other._replace(verified=False))
        return state

    def _verify(self, state: State, command: Command, channel: Channel) -> Answer:
        rules = self.rules
        if rules.wrong_pin_forgets:
            channel = channel._replace(verified=False)
        state = state.put(command.channel, channel)
        if not state.tries:
            return rules.blocked_pin, state
        if command.arg != state.pin:
            left = state.tries - 1
            if not left:
                state = self._pin_ends(state, command, rules.blocked_pin_ends_everywhere)
            return 0x63C0 + left, state._replace(tries=left)
        tries = rules.pin_tries if rules.success_restores else state.tries - 1
        return OK, state._replace(tries=tries).put(command.channel, channel._replace(verified=True))

    def _new_pin(self, state: State, command: Command) -> State:
        state = self._pin_ends(state, command, self.rules.new_pin_ends_other_channels)
        last = state.date + PASSWORD_DAYS if self.rules.change_renews else state.last_day
        return state._replace(pin=command.arg, last_day=last)

    def _change(self, state: State, command: Command) -> Answer:
        if not state.tries:
            return self.rules.blocked_pin, state
        return OK, self._new_pin(state, command)

    def _change_from(self, state: State, command: Command, channel: Channel) -> Answer:
        """The value that was issued in front, and the new one."""
        if not self.rules.present_value_form:
            return UNKNOWN_P1_P2, state
        status, state = self._verify(state, command._replace(arg=0), channel)
        return (OK, self._new_pin(state, command)) if status == OK else (status, state)

    def _unblock(self, state: State, command: Command, channel: Channel) -> Answer:
        if command.do == "unblock with pin":
            state = self._new_pin(state, command)
        elif state.pin == NO_VALUE:
            return NOT_USABLE, state
        elif self.rules.unblocking_alone_renews:
            state = state._replace(last_day=state.date + PASSWORD_DAYS)
        if self.rules.unblocking_forgets:
            state = state.put(command.channel, channel._replace(verified=False))
        return OK, state._replace(tries=self.rules.pin_tries)

    # -- the issuer ------------------------------------------------------------------------------

    def _issuer(self, state: State, command: Command) -> Answer:
        """One command of the issuer, whose domain is selected on channel 0 for it."""
        state = state.put(0, Channel())
        if state.life is Life.ENDED:
            return NOT_NOW, state
        do = command.do.removeprefix(ISSUERS)
        if do.endswith(" card"):
            if do == "suspend card" and state.life is Life.SUSPENDED:
                return NOT_NOW, state
            target = {"suspend": Life.SUSPENDED, "resume": Life.ACTIVE, "end": Life.ENDED}
            after = state._replace(life=target[do.removesuffix(" card")])
            ends = self.rules.taking_rights_away_ends_other_channels
            return OK, self._others_end(after, command) if ends else after
        if state.life is Life.SUSPENDED:
            return NOT_NOW, state
        if do in ("lock", "terminate", "unlock"):  # there is no end but removal: bit 8 locks
            return self._lock(state, SELECTABLE if do == "unlock" else LOCKED)
        if do.startswith(("give ", "renew ")):
            return self._give(state, command, do)
        return self._comes_or_goes(state, do)

    def _lock(self, state: State, target: str) -> Answer:
        if state.application == ABSENT:
            return NO_OBJECT, state
        if state.application == INSTALLED:
            return NOT_NOW, state
        deselects = self.rules.locking_deselects and target != state.application
        for number, channel in enumerate(state.channels):
            if channel and channel.selected == APPLICATION:
                there = channel.stranger() if self.rules.locking_ends_proofs else channel
                state = state.put(number, Channel(NOTHING) if deselects else there)
        return OK, state._replace(application=target)

    def _comes_or_goes(self, state: State, do: str) -> Answer:
        was = state.application
        if do in ("install", "install for use"):
            if not self.rules.offered:
                return NO_OBJECT, state
            if was != ABSENT:
                return THERE_ALREADY, state
            target = INSTALLED if do == "install" else SELECTABLE
            return OK, state._replace(application=target, since_issue=False)
        if was == ABSENT:
            return NO_OBJECT, state
        if do == "make selectable":
            right = was == INSTALLED
            return (OK, state._replace(application=SELECTABLE)) if right else (NOT_NOW, state)
        assert do == "delete", do
        if self.rules.selected_is_kept and any(
            channel and channel.selected == APPLICATION for channel in state.channels
        ):
            return NOT_NOW, state
        gone = state._replace(application=ABSENT)
        if self.rules.removal_leaves_nothing:
            gone = gone._replace(
                pin=NO_VALUE, tries=0, keys=(NO_VALUE,) * len(state.keys), points=0, booked=False
            )
        return OK, gone

    def _give(self, state: State, command: Command, do: str) -> Answer:
        """Personalisation, and what is blocked lives again; `arg` is the reference of a key."""
        if state.application == ABSENT:
            return NO_OBJECT, state
        if do == "give contents":
            return NOT_NOW, state  # points are credited, and an operator's identity is written
        if do == "give pin":
            if state.since_issue:
                return NOT_NOW, state
            state = self._pin_ends(state, command, self.rules.new_pin_ends_other_channels)
            return OK, state._replace(pin=0, tries=self.rules.pin_tries)
        if do == "renew pin":
            if not self.rules.issuer_unblocks:
                return NOT_NOW, state
            if state.pin == NO_VALUE:
                return NOT_USABLE, state
            return OK, state._replace(tries=self.rules.pin_tries)
        place = self.rules.purposes.index(command.arg)
        there = state.keys[place] != NO_VALUE
        if do == "give key" and there:
            return NOT_NOW, state
        if do == "renew key" and not there:
            return NOT_USABLE, state
        keys = list(state.keys)
        keys[place] = KEY_TRIES
        return OK, state._replace(keys=tuple(keys))


def changed(rules: Rules, **changes: object) -> Oracle:
    """Return an oracle with some of the rules wrong."""
    return Oracle(dataclasses.replace(rules, **changes))  # type: ignore[arg-type]

"""The other half of docs/card.md, section 3, a second time: certificates, PACE and the rest.

Certificates and systems by number: 1 the authority, 2 a system for the counter, 3 a system for
purposes 1 and 5; 4 and 5 are 1 and 2 with a wrong signature, 6 is none. Issuers: 1 the root that
the card trusts, 2 the authority.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.oracle.rules import (
    ALL,
    BAD_DATA,
    COUNTER,
    MOVE_IN,
    NO_INSTRUCTION,
    NO_OBJECT,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_NOW,
    OK,
    READERS,
    RESIDENT_IDENTIFICATION,
    SUSPEND,
    Answer,
    Certificates,
    Channel,
    Command,
    Level,
    Life,
    Oracle,
    Rule,
    Rules,
    State,
)

REFUSED, WRONG_WAY, MORE, NO_CHAIN, NO_MATCH = 0x6300, 0x6A86, 0x6111, 0x6884, 0x6282
RIGHTS = {2: frozenset({COUNTER}), 3: frozenset({RESIDENT_IDENTIFICATION, SUSPEND})}
ISSUER_OF = {1: 1, 2: 2, 3: 2, 4: 1, 5: 2}
WISHES = {0: ALL, 1: frozenset[int](), 2: frozenset({COUNTER}), 3: ALL}
STEPS = ("nonce", "map", "agree", "confirm")
_CERTIFICATES = {
    "name issuer", "show", "set terminal", "set terminal strangely", "prove", "prove wrongly",
    "set chip", "set chip strangely", "agree", "agree otherwise",
}  # fmt: skip
CLOSED = frozenset({
    "append record", "write record", "write binary", "deactivate ef", "activate ef",
    "terminate ef", "deactivate key", "deactivate application", "activate application",
    "terminate application",
})  # fmt: skip

_SEARCH = Rule(READERS, True, Level.ENC)
_ERASE_RECORD = Rule(frozenset({COUNTER}), False, Level.ENC)
_ERASE_BINARY = Rule(frozenset({COUNTER}), False, Level.MAC)


@dataclass(frozen=True)
class EacRules(Rules):
    """What can be got wrong here; the defaults are what the manual says."""

    signature_counts: bool = True
    chain_is_checked: bool = True
    broken_signature_is_noticed: bool = True
    chip_needs_terminal: bool = True
    agreement_needs_chip: bool = True
    point_is_bound: bool = True
    terminal_needs_challenge: bool = True
    authority_is_no_terminal: bool = True
    refused_certificate_forgets: bool = True
    refused_signature_forgets: bool = True
    proof_forgets: bool = True
    proof_ends_session: bool = True
    private_session_stays: bool = True
    agreed_is_used_up: bool = True
    certificate_rights: frozenset[int] = ALL
    """Purposes that a certificate can give."""
    moved_out_rights: frozenset[int] = frozenset({MOVE_IN, COUNTER})
    wish_narrows: bool = True
    pace_in_order: bool = True
    other_commands_end_pace: bool = True
    pace_token_is_checked: bool = True
    pace_proves_nothing: bool = True
    pace_forgets: bool = True
    change_from_needs_session: bool = True
    change_from_forgets: bool = True
    search: Rule = _SEARCH
    erase_record: Rule = _ERASE_RECORD
    erase_binary: Rule = _ERASE_BINARY
    closed: frozenset[str] = CLOSED
    """Instructions that no system may give."""
    fetched_once: bool = True
    waits_for_the_next_command: bool = True


class EacOracle(Oracle):
    """The oracle with these rules as well; on the basic channel."""

    rules: EacRules

    def __init__(self, rules: EacRules | None = None) -> None:
        super().__init__(rules or EacRules())

    def step(self, state: State, command: Command) -> Answer:
        channel = state.channels[command.channel]
        if channel is not None and command.do != "power":
            if not command.do.startswith("pace ") and self.rules.other_commands_end_pace:
                channel = channel._replace(pace=0)
            if command.do != "get response" and self.rules.waits_for_the_next_command:
                channel = channel._replace(waiting=False)
            state = state.put(command.channel, channel)
        return super().step(state, command)

    def _in_the_clear(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        if state.life is Life.ACTIVE:
            if command.do == "get response":
                waiting = channel._replace(waiting=not self.rules.fetched_once and channel.waiting)
                return (OK if channel.waiting else NOT_NOW), state.put(command.channel, waiting)
            if command.do == "select long":
                state = super()._select(state, Command("select", 1), channel)[1]
                return MORE, state.put(command.channel, state.on(0)._replace(waiting=True))
            if command.do == "chain what cannot be":
                return NO_CHAIN, state
        return super()._in_the_clear(state, command, channel, held)

    def _juki(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        if command.do.startswith("pace "):
            return self._pace(state, command, channel)
        if command.do in _CERTIFICATES:
            return self._certificates(state, command, channel, held)
        status = self._rare(command, channel)
        if status == OK and command.do == "erase record":
            return OK, state._replace(erased=True)
        if status == OK and command.do == "search record" and state.erased:
            return NO_MATCH, state
        if status is not None:
            return status, state
        if command.do == "change pin from":
            return self._change_from(state, command, channel)
        return super()._juki(state, command, channel, held)

    # -- certificates ----------------------------------------------------------------------------

    def _certificates(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        now = channel.certificates
        steps: dict[str, Callable[[Certificates, int], tuple[int, Certificates]]] = {
            "name issuer": self._name_issuer,
            "show": self._show,
            "set terminal": self._set_terminal,
            "set terminal strangely": self._set_terminal_strangely,
        }
        if command.do in steps:
            status, after = steps[command.do](now, command.arg)
            return status, state.put(command.channel, channel._replace(certificates=after))
        if command.do.startswith("prove"):
            return self._prove(state, command, channel, held)
        if command.do == "set chip strangely":
            return BAD_DATA, state
        if command.do == "set chip":
            if not now.proven and self.rules.chip_needs_terminal:
                return NOT_NOW, state
            channel = channel._replace(certificates=now._replace(chip=True))
            return OK, state.put(command.channel, channel)
        return self._agree(state, command, channel)

    def _begun_anew(self, now: Certificates) -> Certificates:
        return Certificates() if self.rules.refused_certificate_forgets else now

    def _name_issuer(self, now: Certificates, issuer: int) -> tuple[int, Certificates]:
        """The root is known always, the authority while it is the newest shown."""
        if issuer == 1 or (issuer == 2 and now.shown == 1):
            return OK, now._replace(issuer=issuer)
        return NO_OBJECT, self._begun_anew(now)

    def _show(self, now: Certificates, number: int) -> tuple[int, Certificates]:
        if not now.issuer:
            return NOT_NOW, now
        if number not in ISSUER_OF:
            return BAD_DATA, self._begun_anew(now)
        if ISSUER_OF[number] != now.issuer and self.rules.chain_is_checked:
            return NO_OBJECT, self._begun_anew(now)
        if number > 3 and self.rules.broken_signature_is_noticed:
            return REFUSED, self._begun_anew(now)
        return OK, now._replace(issuer=0, shown=number)

    def _set_terminal(self, now: Certificates, number: int) -> tuple[int, Certificates]:
        if not (now.issuer or now.shown):
            return NOT_NOW, now
        if number != now.shown:
            return NO_OBJECT, self._begun_anew(now)
        if number == 1 and self.rules.authority_is_no_terminal:
            return NOT_NOW, self._begun_anew(now)
        return OK, now._replace(terminal=number)

    def _set_terminal_strangely(self, now: Certificates, number: int) -> tuple[int, Certificates]:
        status, after = self._set_terminal(now, number)
        return (status, after) if status != OK else (BAD_DATA, self._begun_anew(now))

    def _prove(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        rules, now = self.rules, channel.certificates
        if not now.terminal or not (held or not rules.terminal_needs_challenge):
            return NOT_NOW, state
        right = command.do == "prove" or not rules.signature_counts
        keeps = not (rules.proof_forgets if right else rules.refused_signature_forgets)
        after = channel if keeps else channel.stranger()
        if (channel.private and rules.private_session_stays) or not rules.proof_ends_session:
            after = after._replace(
                private=channel.private, wanted=channel.wanted, purpose=channel.purpose,
                rights=channel.rights,
            )  # fmt: skip
        if right:
            after = after._replace(certificates=Certificates(proven=now.terminal))
        return (OK if right else REFUSED), state.put(command.channel, after)

    def _agree(self, state: State, command: Command, channel: Channel) -> Answer:
        rules, now = self.rules, channel.certificates
        if not now.proven or (not now.chip and rules.agreement_needs_chip):
            return NOT_NOW, state
        after = channel.stranger()
        if command.do == "agree otherwise" and rules.point_is_bound:
            if channel.private and rules.private_session_stays:
                after = after._replace(private=True, wanted=channel.wanted)
            return REFUSED, state.put(command.channel, after)
        rights = RIGHTS[now.proven] & rules.certificate_rights
        if rules.wish_narrows:
            rights &= channel.wanted
        if state.moved_out:
            rights &= rules.moved_out_rights
        if not rules.agreed_is_used_up:
            after = after._replace(certificates=now)
        return OK, state.put(command.channel, after._replace(rights=rights))

    # -- PACE ------------------------------------------------------------------------------------

    def _pace(self, state: State, command: Command, channel: Channel) -> Answer:
        rules, name = self.rules, command.do.removeprefix("pace ")
        done = channel.pace
        channel = channel._replace(pace=0)
        state = state.put(command.channel, channel)
        if channel.session:
            return NOT_NOW, state
        if name == "set":
            wanted = WISHES[command.arg]
            return OK, state.put(command.channel, channel._replace(pace=1, wanted=wanted))
        kind, _, wrong = name.partition(" ")
        number = STEPS.index(kind) + 1
        if not done:
            return NOT_NOW, state
        if rules.pace_forgets:
            channel = channel.stranger()._replace(wanted=channel.wanted)
        if done != number and rules.pace_in_order:
            return NOT_NOW, state.put(command.channel, channel._replace(wanted=ALL))
        if wrong and (rules.pace_token_is_checked or kind != "confirm"):
            return REFUSED, state.put(command.channel, channel._replace(wanted=ALL))
        if kind != "confirm":
            return OK, state.put(command.channel, channel._replace(pace=number + 1))
        private = channel._replace(private=True)
        if not rules.pace_proves_nothing:
            private = private._replace(rights=frozenset({RESIDENT_IDENTIFICATION}))
        return OK, state.put(command.channel, private)

    def _change_from(self, state: State, command: Command, channel: Channel) -> Answer:
        """The PIN for itself: the present value says who may."""
        rules = self.rules
        verified = channel.verified and not rules.change_from_forgets
        channel = channel._replace(ef=0x001C, verified=verified)
        state = state.put(command.channel, channel)
        if rules.change_from_needs_session and (
            not channel.session or command.level is not Level.ENC
        ):
            return NOT_ALLOWED, state
        if not state.tries:
            return rules.blocked_pin, state
        if command.arg != state.pin:
            state = state.put(command.channel, channel._replace(verified=False))
            return 0x63C0 + state.tries - 1, state._replace(tries=state.tries - 1)
        state = state.put(command.channel, channel._replace(verified=True))
        return OK, state._replace(tries=rules.pin_tries)

    # -- what is rarely used ---------------------------------------------------------------------

    def _rare(self, command: Command, channel: Channel) -> int | None:
        rules = self.rules
        if command.do in CLOSED:
            return NOT_ALLOWED if command.do in rules.closed else OK
        level = Level.ENC if command.level is Level.MAC else command.level
        match command.do:
            case "search record":
                return OK if rules.search.holds(channel, command.level) else NOT_ALLOWED
            case "erase record":
                return OK if rules.erase_record.holds(channel, level) else NOT_ALLOWED
            case "erase binary":
                return OK if rules.erase_binary.holds(channel, level) else NOT_ALLOWED
            case "internal authenticate":
                return NO_INSTRUCTION
            case "deactivate nothing":
                return NOT_FOUND
            case "manage otherwise":
                return WRONG_WAY
            case "manage strangely" | "set key as terminal":
                return BAD_DATA
            case _:
                return None

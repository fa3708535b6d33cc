"""Who may do what with a Juki card: the rules of docs/card.md, section 3, written a second time.

A model in abstract states. It knows nothing of the card's code, takes commands as names and says
which status word each gets and what holds afterwards. Every rule that can be got wrong is a field
of `Rules`, so that a test can get it wrong on purpose and see that this is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple

NOBODY = 0
RESIDENT_IDENTIFICATION, WIDE_AREA_ISSUANCE, MOVE_IN, COUNTER, SUSPEND = 1, 2, 3, 4, 5
READERS = frozenset({RESIDENT_IDENTIFICATION, WIDE_AREA_ISSUANCE, MOVE_IN, COUNTER})
ALL = READERS | {SUSPEND}
ONLY_COUNTER = frozenset({COUNTER})
PIN_TRIES, KEY_TRIES = 3, 15

OK = 0x9000
DEACTIVATED, TERMINATED = 0x6283, 0x6285
NO_CHANNEL, NOT_ALLOWED, NOT_USABLE, KEY_BLOCKED = 0x6881, 0x6982, 0x6984, 0x6983
NOT_NOW, NO_EF, WRONG_KIND = 0x6985, 0x6986, 0x6981
SM_WRONG, SM_UNSUPPORTED = 0x6988, 0x6882
BAD_DATA, NOT_FOUND, NO_RECORD, NO_OBJECT = 0x6A80, 0x6A82, 0x6A83, 0x6A88
NO_INSTRUCTION = 0x6D00


class Level(IntEnum):
    """How a command is sent: as it is, authentic, authentic and encrypted."""

    PLAIN = 0
    MAC = 1
    ENC = 2


class Life(Enum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class App(Enum):
    ISSUER = "issuer"
    JUKI = "juki"


class Command(NamedTuple):
    """One command: what it does, with which number, how it is sent, on which channel."""

    do: str
    arg: int = 0
    level: Level = Level.PLAIN
    channel: int = 0

    def __str__(self) -> str:
        arg = f" {self.arg:X}" if self.arg else ""
        return f"{self.do}{arg} ({self.level.name}, channel {self.channel})"


class Certificates(NamedTuple):
    """How far a system with a certificate has come: see `oracle_eac`."""

    issuer: int = 0
    shown: int = 0
    terminal: int = 0
    proven: int = 0
    chip: bool = False


class Channel(NamedTuple):
    """What one channel remembers, and loses with its application, with power and with its proof.

    A session is open while a purpose is proven by a key, or by a certificate, whose `rights` may be
    none, or when PACE has opened a `private` one. `ef` is the current file, 0 for none; `named` the
    key that MANAGE SECURITY ENVIRONMENT has set. The rest is of `oracle_eac`.
    """

    app: App = App.ISSUER
    purpose: int = NOBODY
    verified: bool = False
    challenge: bool = False
    ef: int = 0
    named: int = 0
    rights: frozenset[int] | None = None
    private: bool = False
    wanted: frozenset[int] = ALL
    certificates: Certificates = Certificates()
    pace: int = 0
    waiting: bool = False

    @property
    def session(self) -> bool:
        return bool(self.purpose) or self.private or self.rights is not None

    @property
    def begun(self) -> bool:
        """Whether a system with a certificate has come anywhere."""
        return self.certificates != Certificates()

    @property
    def purposes(self) -> frozenset[int]:
        return frozenset((self.purpose,)) if self.rights is None else self.rights

    def stranger(self) -> Channel:
        """The same channel with nothing proven on it, and nothing begun."""
        return Channel(self.app, ef=self.ef)


class State(NamedTuple):
    """A whole card: what it keeps, and its channels (None: not open)."""

    life: Life = Life.ACTIVE
    moved_out: bool = False
    pin: int = 0
    tries: int = PIN_TRIES
    keys: tuple[int, ...] = (KEY_TRIES,) * 5
    erased: bool = False
    channels: tuple[Channel | None, ...] = (Channel(), None, None)

    def on(self, number: int) -> Channel:
        channel = self.channels[number]
        assert channel is not None
        return channel

    def put(self, number: int, channel: Channel | None) -> State:
        channels = list(self.channels)
        channels[number] = channel
        return self._replace(channels=tuple(channels))


class Rule(NamedTuple):
    """What an operation asks for: one of the purposes (None: no matter), the PIN, protection."""

    purposes: frozenset[int] | None
    pin: bool
    level: Level

    def holds(self, channel: Channel, level: Level) -> bool:
        return (
            (self.purposes is None or bool(channel.purposes & self.purposes))
            and (channel.verified or not self.pin)
            and level >= self.level
        )


_READ_CODE = Rule(READERS, True, Level.ENC)
_UPDATE_CODE = Rule(ONLY_COUNTER, False, Level.ENC)
_READ_DATA = Rule(ALL, False, Level.PLAIN)
_UPDATE_DATA = Rule(ONLY_COUNTER, False, Level.MAC)
_CHANGE_PIN = Rule(None, True, Level.ENC)
_UNBLOCK = Rule(ONLY_COUNTER, False, Level.ENC)
_PUT_RESIDENCE = Rule(ONLY_COUNTER, False, Level.MAC)
_SUSPEND = Rule(frozenset({COUNTER, SUSPEND}), False, Level.MAC)
_RESUME = Rule(ONLY_COUNTER, False, Level.MAC)
_END = Rule(ONLY_COUNTER, False, Level.MAC)


@dataclass(frozen=True)
class Rules:
    """docs/card.md, section 3, as a table; the defaults are what it says."""

    read_code: Rule = _READ_CODE
    update_code: Rule = _UPDATE_CODE
    read_data: Rule = _READ_DATA
    update_data: Rule = _UPDATE_DATA
    change_pin: Rule = _CHANGE_PIN
    unblock: Rule = _UNBLOCK
    put_residence: Rule = _PUT_RESIDENCE
    suspend: Rule = _SUSPEND
    resume: Rule = _RESUME
    end: Rule = _END
    while_suspended: frozenset[int] = ONLY_COUNTER
    """Who may authenticate to a suspended card."""
    after_moving_out: frozenset[int] = frozenset({MOVE_IN, COUNTER})
    pin_tries: int = PIN_TRIES
    blocked_pin: int = NOT_USABLE
    blocked_key: int = KEY_BLOCKED
    answers_while_suspended: frozenset[str] = frozenset(
        {"select", "select unknown", "select ef", "get state", "get number", "get challenge",
         "authenticate", "authenticate wrongly", "authenticate named", "resume", "end"}
    )  # fmt: skip
    answers_when_ended: frozenset[str] = frozenset(
        {"select", "select unknown", "select ef", "get state", "get number"}
    )
    plain_ends_session: bool = True
    authentication_forgets: bool = True
    challenge_is_for_the_next_command: bool = True
    leaving_forgets: bool = True
    wrong_pin_forgets: bool = True
    refused_pin_forgets: bool = True
    """A PIN's value that the state of the card refuses to look at."""
    success_restores: bool = True
    unblocking_forgets: bool = True
    proofs_are_per_channel: bool = True
    taking_rights_away_ends_other_channels: bool = True
    blocked_pin_ends_everywhere: bool = True
    new_pin_ends_other_channels: bool = True
    blocked_key_ends_its_sessions: bool = True
    free_objects: frozenset[str] = frozenset({"get state", "get number", "get residence"})
    files: dict[int, str] = field(
        default_factory=lambda: {
            0x001C: "internal", 0x0002: "records", 0x0003: "binary",
            **{0x0100 + reference: "internal" for reference in ALL},
        },
        hash=False,
    )  # fmt: skip


_EF = {"read code": 2, "update code": 2, "read data": 3, "update data": 3}
_WITHOUT_DATA = {
    "read code",
    "read data",
    "unblock",
    "end",
    "current read code",
    "current read data",
}
"""Commands without a data field: nothing in them could be readable, so authentic is encrypted."""
_WITH_PRESENT_VALUE = {"verify", "current verify", "change pin from"}
"""Commands that bring the PIN's present value: an earlier success is forgotten first."""
_PIN_COMMANDS = {"verify", "pin tries", "change pin", "unblock", "unblock with pin"}

Answer = tuple[int, State]


class Oracle:
    """The rules at work: `step` says what a command gets, and the state after it."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()

    def step(self, state: State, command: Command) -> Answer:
        """The status and the state after it."""
        if command.do == "power":
            fresh: tuple[Channel | None, ...] = (Channel(), *[None] * (len(state.channels) - 1))
            return OK, state._replace(channels=fresh)
        channel = state.channels[command.channel]
        if channel is None:
            return NO_CHANNEL, state
        held = channel.challenge
        if self.rules.challenge_is_for_the_next_command:
            channel = channel._replace(challenge=False)
            state = state.put(command.channel, channel)
        if command.do == "header open":
            return SM_UNSUPPORTED, state.put(command.channel, channel.stranger())
        protected = command.level is not Level.PLAIN
        if command.do == "wrong mac" or (protected and not channel.session):
            return SM_WRONG, state.put(command.channel, channel.stranger())
        if not protected and channel.session and self.rules.plain_ends_session:
            channel, held = channel.stranger(), False
            state = state.put(command.channel, channel)
        return self._in_the_clear(state, command, channel, held)

    def _in_the_clear(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        """What the command gets once its protection is off."""
        if command.level is Level.MAC and command.do in _WITHOUT_DATA:
            command = command._replace(level=Level.ENC)
        rules = self.rules
        if state.life is Life.SUSPENDED and command.do not in rules.answers_while_suspended:
            return NOT_NOW, self._refused(state, command, channel)
        if state.life is Life.ENDED and command.do not in rules.answers_when_ended:
            return NOT_NOW, self._refused(state, command, channel)
        if command.do == "select":
            return self._select(state, command, channel)
        if command.do == "select unknown":
            return NOT_FOUND, state
        if command.do in ("open", "close"):
            return self._channels(state, command)
        if channel.app is App.ISSUER:
            return self._issuer(state, command)
        return self._juki(state, command, channel, held)

    def _refused(self, state: State, command: Command, channel: Channel) -> State:
        """The state after a command that the card's state refuses: what it forgets is forgotten."""
        names_pin = channel.ef == 0x001C or not command.do.startswith("current ")
        if command.do not in _WITH_PRESENT_VALUE or not names_pin or channel.app is App.ISSUER:
            return state
        if not self.rules.refused_pin_forgets:
            return state
        return state.put(command.channel, channel._replace(verified=False))

    # -- applications and channels ---------------------------------------------------------------

    def _select(self, state: State, command: Command, channel: Channel) -> Answer:
        app = (App.ISSUER, App.JUKI)[command.arg]
        if app is channel.app:
            after = channel._replace(ef=0)
        elif self.rules.leaving_forgets:
            after = Channel(app)
        else:
            after = channel._replace(app=app, ef=0)
        warning = {Life.ACTIVE: OK, Life.SUSPENDED: DEACTIVATED, Life.ENDED: TERMINATED}
        return warning[state.life], state.put(command.channel, after)

    def _channels(self, state: State, command: Command) -> Answer:
        number = command.arg
        if command.do == "close":
            number = number or command.channel  # 0: the channel the command came on
            if number == 0:
                return 0x6A81, state
            if state.channels[number] is None:
                return NO_CHANNEL, state
            return OK, state.put(number, None)
        if state.channels[number] is not None:
            return NOT_NOW, state
        fresh = Channel() if self.rules.proofs_are_per_channel else state.on(command.channel)
        return OK, state.put(number, fresh)

    @staticmethod
    def _issuer(state: State, command: Command) -> Answer:
        if command.do in ("get state", "get number"):
            return OK, state
        if command.do in ("get residence", "internal authenticate"):  # it has no key 00, but 19
            return NO_OBJECT, state
        if command.do == "select ef":
            return NOT_FOUND, state
        return NO_INSTRUCTION, state

    # -- the Juki application --------------------------------------------------------------------

    def _juki(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        match command.do:
            case "get state" | "get number" | "get residence" as name:
                return (OK if name in self.rules.free_objects else NOT_ALLOWED), state
            case "get challenge":
                return OK, state.put(command.channel, channel._replace(challenge=True))
            case "authenticate" | "authenticate wrongly" | "authenticate named":
                return self._authenticate(state, command, channel, held)
            case "name key":
                if not 1 <= command.arg <= 5:
                    return NO_OBJECT, state
                return OK, state.put(command.channel, channel._replace(named=command.arg))
            case "suspend" | "resume" | "end":
                return self._life(state, command, channel)
            case "put residence":
                return self._residence(state, command, channel)
            case "unknown":
                return NO_INSTRUCTION, state
            case "select ef":
                if command.arg not in self.rules.files:
                    return NOT_FOUND, state
                return OK, state.put(command.channel, channel._replace(ef=command.arg))
            case _:
                return self._on_file(state, command, channel)

    def _authenticate(self, state: State, command: Command, channel: Channel, held: bool) -> Answer:
        rules = self.rules
        if not held:
            return NOT_NOW, state
        reference = channel.named if command.do == "authenticate named" else command.arg
        if not 1 <= reference <= 5:
            return NO_OBJECT, state
        left = state.keys[reference - 1]
        if not left:
            return rules.blocked_key, state
        if state.life is Life.SUSPENDED and reference not in rules.while_suspended:
            return NOT_NOW, state
        if state.moved_out and reference not in rules.after_moving_out:
            return NOT_USABLE, state
        channel = channel.stranger() if rules.authentication_forgets else channel
        right = command.do != "authenticate wrongly" and reference == command.arg
        keys = list(state.keys)
        keys[reference - 1] = KEY_TRIES if right else left - 1
        state = state._replace(keys=tuple(keys))
        if not right:
            after = channel._replace(purpose=NOBODY)
            state = state.put(command.channel, after)
            return 0x63C0 + left - 1, self._sessions_end(state, reference, left - 1)
        after = channel._replace(purpose=reference, challenge=False)
        return OK, state.put(command.channel, after)

    def _sessions_end(self, state: State, reference: int, left: int) -> State:
        """A key that is blocked has no session any more, on whatever channel."""
        if left or not self.rules.blocked_key_ends_its_sessions:
            return state
        for number, other in enumerate(state.channels):
            if other is not None and other.purpose == reference:
                state = state.put(number, other.stranger())
        return state

    def _pin_ends(self, state: State, command: Command, rule: bool) -> State:
        """The PIN is another, or blocked: on the other channels nobody has verified it."""
        if not rule:
            return state
        for number, other in enumerate(state.channels):
            if other is not None and number != command.channel:
                state = state.put(number, other._replace(verified=False))
        return state

    def _life(self, state: State, command: Command, channel: Channel) -> Answer:
        rule: Rule = getattr(self.rules, command.do)
        if not rule.holds(channel, command.level):
            return NOT_ALLOWED, state
        target = {"suspend": Life.SUSPENDED, "resume": Life.ACTIVE, "end": Life.ENDED}
        return OK, self._others_end(state, command)._replace(life=target[command.do])

    def _others_end(self, state: State, command: Command) -> State:
        """What was proven on other channels ends: it rests on rights that may be no more."""
        if not self.rules.taking_rights_away_ends_other_channels:
            return state
        for number, other in enumerate(state.channels):
            if other is not None and number != command.channel:
                state = state.put(number, other.stranger())
        return state

    def _residence(self, state: State, command: Command, channel: Channel) -> Answer:
        if command.arg > 1:
            return BAD_DATA, state
        if not self.rules.put_residence.holds(channel, command.level):
            return NOT_ALLOWED, state
        return OK, self._others_end(state, command)._replace(moved_out=bool(command.arg))

    # -- files and PIN ---------------------------------------------------------------------------

    def _on_file(self, state: State, command: Command, channel: Channel) -> Answer:
        """Commands on a file: by short identifier, or (`current ...`) on the selected one."""
        name, current = command.do.removeprefix("current "), command.do.startswith("current ")
        if current:
            fid = channel.ef
            if not fid:
                return NO_EF, state
        else:
            fid = 0x001C if name in _PIN_COMMANDS else _EF[name]
            if fid not in self.rules.files:
                return NOT_FOUND, state
        kind = {0x001C: "pin"}.get(fid, self.rules.files[fid])
        wanted = "pin" if name in _PIN_COMMANDS else "records" if "code" in name else "binary"
        channel = channel._replace(ef=fid)
        state = state.put(command.channel, channel)
        if kind != wanted:
            return WRONG_KIND, state
        if name in _PIN_COMMANDS:
            return self._pin(state, command, name, channel)
        rule: Rule = getattr(self.rules, name.replace(" ", "_"))
        return (OK if rule.holds(channel, command.level) else NOT_ALLOWED), state

    def _pin(self, state: State, command: Command, name: str, channel: Channel) -> Answer:
        rules = self.rules
        match name:
            case "pin tries":
                return 0x63C0 + state.tries, state
            case "verify":
                return self._verify(state, command, channel)
            case "change pin":
                if not rules.change_pin.holds(channel, command.level):
                    return NOT_ALLOWED, state
                if not state.tries:
                    return rules.blocked_pin, state
                state = self._pin_ends(state, command, rules.new_pin_ends_other_channels)
                return OK, state._replace(pin=command.arg)
            case _:
                if not rules.unblock.holds(channel, command.level):
                    return NOT_ALLOWED, state
                if name == "unblock with pin":
                    state = self._pin_ends(state, command, rules.new_pin_ends_other_channels)
                    state = state._replace(pin=command.arg)
                if rules.unblocking_forgets:
                    channel = channel._replace(verified=False)
                return OK, state._replace(tries=rules.pin_tries).put(command.channel, channel)

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
        after = channel._replace(verified=True)
        return OK, state._replace(tries=tries).put(command.channel, after)

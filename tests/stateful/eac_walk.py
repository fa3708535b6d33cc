"""Walks with certificates, PACE and rarely used commands, each over a part with few states."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from jukicard import Card
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.juki_desk import Desk
from tests.support.naive.terminal import JUKI, NaiveTerminal
from tests.support.oracle.access_walk import Plan, Walk, walk_after
from tests.support.oracle.conversation import Stage
from tests.support.oracle.eac_commands import RARE, EacPlayer, card_with_all
from tests.support.oracle.rules import KEY_TRIES, Command, Level, Life, State
from tests.support.oracle.rules_eac import EacOracle, EacRules

PLAIN, MAC, ENC = Level
ALMOST_USED_UP = State(keys=(1, KEY_TRIES, KEY_TRIES, 1, KEY_TRIES))
"""One failure more, and the keys of purposes 1 and 4 are blocked."""


def _at(level: Level, *commands: tuple[str, int] | str) -> list[Command]:
    return [
        Command(*command, level) if isinstance(command, tuple) else Command(command, 0, level)
        for command in commands
    ]


def _to(reference: int, *then: Command) -> tuple[Command, ...]:
    return (
        Command("select", 1), Command("get challenge"), Command("authenticate", reference), *then
    )  # fmt: skip


_STEPS: tuple[tuple[str, int] | str, ...] = (
    ("name issuer", 1), ("name issuer", 2), ("name issuer", 9),
    ("show", 1), ("show", 2), ("show", 3), ("show", 4), ("show", 5), ("show", 6),
    ("set terminal", 1), ("set terminal", 2), ("set terminal", 3), ("set terminal", 9),
    ("set terminal strangely", 2), "get challenge", "prove", "prove wrongly",
    "set chip", "set chip strangely", "agree", "agree otherwise",
)  # fmt: skip
_FAULTS = (
    ("name issuer", 9), ("set terminal", 1), ("set terminal", 9), ("set terminal strangely", 2),
    "prove wrongly", "set chip strangely", "agree otherwise",
)  # fmt: skip
_USES = _at(ENC, "read data", "read code", "update data", ("verify", 0), "suspend", "change pin")
_PACE: tuple[tuple[str, int] | str, ...] = (
    ("pace set", 0), "pace nonce", "pace map", "pace map wrongly", "pace agree",
    "pace agree wrongly", "pace confirm", "pace confirm wrongly",
)  # fmt: skip
_CHAIN = (
    ("name issuer", 1), ("show", 1), ("name issuer", 2), ("show", 2), ("set terminal", 2),
)  # fmt: skip


def _short(state: State) -> bool:
    """Not a second chain beside a proven terminal, nor one begun anew: they change nothing."""
    now = state.on(0).certificates
    second = now.proven and (now.issuer or now.shown)
    anew = now.terminal and (now.issuer or now.shown != now.terminal)
    return not second and not anew and state.on(0).purpose in (0, 4)


def _certificates() -> Plan:
    """In the open: the chain, the terminal's proof, the agreement, and what they give."""
    few = [step for step in _STEPS if step not in (("show", 3), ("set terminal", 3))]
    commands = [
        *_at(PLAIN, *few), *_USES[:-2], *_at(PLAIN, ("select", 0), ("select", 1), "get state"),
        Command("wrong mac"),
    ]  # fmt: skip
    return Plan(tuple(commands), _short, watched=("app", "purpose", "verified", "begun"))


def _moved_out() -> Plan:
    """On a card that was moved out a certificate gives what a key would."""
    few = [step for step in _STEPS if step[0] != "show" and step not in _FAULTS]
    shows: list[tuple[str, int] | str] = [("show", 1), ("show", 2), ("show", 3)]
    uses = _at(ENC, "read data", "update data", "suspend")
    return Plan(
        (*_at(PLAIN, *few, *shows), *uses, Command("get state")),
        lambda state: _short(state) and state.life is Life.ACTIVE and state.on(0).purpose == 0,
        start=_to(4, Command("put residence", 1, ENC), Command("get state")),
    )


def _suspended() -> Plan:
    """A suspended card takes no certificate and offers no PACE, not in its counter's session."""
    few = (*_STEPS, *_PACE)
    commands = [
        *_at(PLAIN, *few), *_at(ENC, "read data", "resume", ("show", 1), ("name issuer", 1)),
        *_at(ENC, "prove", "agree", ("pace set", 0), "pace nonce"), Command("authenticate", 4),
        *_at(PLAIN, "append record", "erase binary", "terminate ef", "internal authenticate"),
    ]  # fmt: skip
    return Plan(
        tuple(commands),
        lambda state: state.life is Life.SUSPENDED,
        start=_to(4, Command("suspend", 0, ENC)),
    )


def _in_use() -> Plan:
    """The PIN's present value is proven, refused by a suspended card, and asked for afterwards."""
    commands = [
        *_at(ENC, ("change pin from", 0), ("change pin from", 1), ("verify", 0), "change pin"),
        *_at(MAC, ("change pin from", 0)), *_at(ENC, "suspend", "resume", "read code", "unblock"),
        *_at(PLAIN, ("change pin from", 0), "get state"),
    ]  # fmt: skip
    return Plan(
        tuple(commands),
        lambda state: state.on(0).purpose == 4,
        start=_to(4, Command("verify", 0, ENC)),
        reveal=(Command("resume", 0, ENC),),
    )


def _in_session() -> Plan:
    """Inside a key's session: a refused step leaves it, a proof or a refused one ends it."""
    steps: tuple[tuple[str, int] | str, ...] = (
        ("name issuer", 1), ("name issuer", 9), ("show", 1), ("show", 4), ("set terminal", 2),
        ("set terminal", 9), "get challenge", "prove", "prove wrongly", "set chip", "agree",
        ("pace set", 0), "pace nonce", "read code",
    )  # fmt: skip
    return Plan(
        (*_at(ENC, *steps), Command("get state")),
        lambda state: state.on(0).purpose == 4 and _short(state),
        start=_to(4, *_at(ENC, ("verify", 0), *_CHAIN[:-1])),
    )


def _pace() -> Plan:
    """PACE step by step, right and wrong, and what its session gives."""
    commands = [
        *_at(PLAIN, *_PACE, "get challenge", "get state", ("name issuer", 1), ("show", 1)),
        *_at(ENC, ("pace set", 0), "pace nonce", "get challenge", ("authenticate", 4)),
        *_USES, *_at(ENC, ("change pin from", 0), ("change pin from", 1)),
        *_at(MAC, ("change pin from", 0)), *_at(PLAIN, ("change pin from", 0), ("verify", 0)),
        Command("wrong mac"),
    ]  # fmt: skip
    return Plan(
        tuple(commands),
        lambda state: state.life is Life.ACTIVE and state.tries > 1,
        watched=("purpose", "verified", "begun", "private"),
    )


_OPENED = _at(PLAIN, "pace nonce", "pace map", "pace agree", "pace confirm")


def _private(wish: int) -> Callable[[], Plan]:
    """Certificates in a private session, with a wish for rights."""

    def plan() -> Plan:
        steps = ["get challenge", "prove", "prove wrongly", "set chip", "agree", "agree otherwise"]
        commands = [
            *_at(ENC, *_CHAIN[-1:], *steps), *_at(ENC, "read data", "update data", ("verify", 0)),
            *_at(ENC, "change pin", ("authenticate", 4)), Command("get state"),
        ]  # fmt: skip
        start = (
            Command("select", 1), Command("pace set", wish), *_OPENED, *_at(ENC, *_CHAIN)
        )  # fmt: skip
        return Plan(
            tuple(commands),
            lambda state: _short(state) and state.on(0).session and not state.on(0).purpose,
            start=start, watched=("app", "purpose", "verified", "begun", "private"),
        )  # fmt: skip

    return plan


def _rare() -> Plan:
    """Files' life cycle, records and bytes in other ways, GET RESPONSE, what cannot be chained."""
    commands = [
        *_at(PLAIN, *RARE),
        *_at(ENC, "get response", "append record", "write binary", "erase record", "search record"),
        *_at(ENC, "erase binary", "deactivate ef", "activate ef", "terminate application"),
        *_at(MAC, "search record", "erase record", "erase binary"),
        *_at(PLAIN, ("select", 0), "get challenge", "get state", ("authenticate", 4)),
        *_at(ENC, ("verify", 0), ("authenticate", 1), "get challenge"),
    ]  # fmt: skip
    return Plan(tuple(commands), lambda state: state.on(0).purpose in (0, 1, 4))


def _used_up() -> Plan:
    """Keys that one failure blocks; the right key before it gives all the tries back."""
    commands = [
        *_at(PLAIN, "get challenge", ("authenticate", 1), ("authenticate", 4),
             ("authenticate", 3), ("authenticate wrongly", 1), ("authenticate wrongly", 4),
             ("name key", 1), ("name key", 4), ("authenticate named", 4), "get state"),
        *_at(ENC, "get challenge", ("authenticate", 4), ("authenticate wrongly", 1), "read data"),
        Command("power"), Command("select", 1),
    ]  # fmt: skip
    return Plan(tuple(commands), lambda state: KEY_TRIES - 1 not in state.keys)


PLANS: dict[str, Callable[[], Plan]] = {
    "certificates": _certificates, "certificates moved out": _moved_out,
    "certificates suspended": _suspended, "certificates in a session": _in_session,
    "PIN in use": _in_use, "pace": _pace, "private": _private(0),
    "private without rights": _private(1), "rare": _rare, "used up keys": _used_up,
}  # fmt: skip


@cache
def almost_used_up() -> MemorySnapshot:
    """A card that has met the wrong key fourteen times, for two of its keys."""
    card = Card.restore(card_with_all(), on_bug=raise_bug)
    card.power_on()
    terminal = NaiveTerminal(card.transmit, card.transmit(bytes.fromhex("00CA005A00"))[2:10])
    terminal.select(JUKI)
    player = EacPlayer(Desk(card, terminal))
    for reference in (1, 4):
        for _ in range(KEY_TRIES - 1):
            player.status(Command("get challenge"))
            player.status(Command("authenticate wrongly", reference))
    return card.snapshot()


def walk_of(name: str, rules: EacRules | None = None) -> Walk:
    """Return a walk that has not begun; with other rules it should disagree."""
    used_up = name == "used up keys"
    stage = Stage(
        almost_used_up() if used_up else card_with_all(),
        EacOracle(rules),
        ALMOST_USED_UP if used_up else State(),
        EacPlayer,
    )
    return walk_after(PLANS[name](), stage)

"""Who may do what on the operator card and with the points of `examples/`: two tables.

From docs/card.md, "The operator card", and the README of examples/points-card; a row is an
operation, under the name by which `keyed_commands` sends it.
"""

from __future__ import annotations

from typing import Final

from tests.support.oracle.keyed_model import ALWAYS, NEVER, Need, Row, Rules, State
from tests.support.oracle.rules import KEY_TRIES, WRONG_KIND, Level

LOGIN, ADMIN = 6, 7
CREDIT, DEBIT, DESK = 1, 2, 3


def _by(*purposes: int, pin: bool = False, level: Level = Level.PLAIN) -> tuple[Need, ...]:
    return (Need(frozenset(purposes), pin, level),)


_TERMINAL: Final = _by(LOGIN, ADMIN)
_BY_ADMIN: Final = _by(ADMIN, level=Level.MAC)
_BY_ADMIN_ENCRYPTED: Final = _by(ADMIN, level=Level.ENC)
_FILES: Final = {
    "identity": 0x0001, "certificate": 0x0002, "authority": 0x0003, "key": 0x001A,
    "password": 0x001B, "login": 0x0106, "admin": 0x0107,
}  # fmt: skip

OPERATOR: Final = Rules(
    table={
        "read identity": Row(_TERMINAL),
        "update identity": Row(_BY_ADMIN_ENCRYPTED, data=True),
        "write identity": Row(NEVER, data=True),
        "read certificate": Row(_TERMINAL),
        "update certificate": Row(_BY_ADMIN_ENCRYPTED, data=True),
        "write certificate": Row(NEVER, data=True),
        "read authority": Row(ALWAYS),
        "update authority": Row(_BY_ADMIN, data=True),
        "write authority": Row(NEVER, data=True),
        "sign": Row(_by(LOGIN, pin=True), data=True),
        "make key pair": Row(_BY_ADMIN),
        "read public key": Row(_TERMINAL),
        "change pin": Row((Need(pin=True, level=Level.ENC),), data=True),
        "unblock": Row(_BY_ADMIN_ENCRYPTED),
        "unblock with pin": Row(_BY_ADMIN_ENCRYPTED, data=True),
        "get number": Row(ALWAYS),
        "get state": Row(ALWAYS),
        "get day": Row(_TERMINAL),
        "put day": Row(_by(LOGIN, ADMIN, level=Level.MAC), data=True),
        "get last day": Row(_TERMINAL),
        "put last day": Row(NEVER, data=True, refused=0x6A88),
        "suspend": Row(_BY_ADMIN, data=True),
        "resume": Row(_BY_ADMIN, data=True),
        "end": Row(_BY_ADMIN),
        "read key": Row(NEVER, refused=WRONG_KIND),
        "read password": Row(NEVER, refused=WRONG_KIND),
        **{f"{do} {name}": Row(NEVER, data=True)
           for name in _FILES for do in ("activate", "deactivate", "terminate")},
    },
    purposes=(LOGIN, ADMIN),
    unlocker=ADMIN,
    issuer_unblocks=False,
    while_suspended=frozenset({ADMIN}),
    signs=frozenset({LOGIN}),
    offered=False,
    present_value_form=False,
)  # fmt: skip
"""docs/card.md, "The operator card"."""
OPERATOR_FIRST: Final = State((KEY_TRIES,) * 2)

_SHOP: Final = _by(CREDIT, level=Level.ENC)
_DESK: Final = _by(DESK, level=Level.ENC)
_HOLDER: Final = (Need(pin=True),)
_SHOWN: Final = (*_HOLDER, *_SHOP, *_DESK)

POINTS: Final = Rules(
    table={
        "read points": Row(_SHOWN),
        "update points": Row(NEVER, data=True),
        "write points": Row(NEVER, data=True),
        "read log": Row(_SHOWN),
        "update log": Row(NEVER, data=True),
        "append log": Row(NEVER, data=True),
        "read bookings": Row(_SHOWN),
        "update bookings": Row(NEVER, data=True),
        "write bookings": Row(NEVER, data=True),
        "credit": Row(_SHOP, data=True),
        "debit": Row(_by(DEBIT, pin=True, level=Level.ENC), data=True),
        "change pin": Row(_HOLDER, data=True),
        "unblock": Row(_DESK),
        "unblock with pin": Row(_DESK, data=True),
        "get number": Row(ALWAYS),
        "read pin": Row(NEVER, refused=WRONG_KIND),
    },
    purposes=(CREDIT, DEBIT, DESK),
    unlocker=DESK,
    while_suspended=frozenset(),
    signs=frozenset(),
    offered=True,
    present_value_form=True,
    password_runs_out=False,
    change_renews=False,
)  # fmt: skip
"""README of examples/points-card; a file's other rights are nobody's."""
POINTS_FIRST: Final = State((KEY_TRIES,) * 3)

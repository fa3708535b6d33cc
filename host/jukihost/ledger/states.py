"""Which states a card has in the ledger, and what moves it from one to another, as data.

Two tables: what a person may do without the card (`BY_PERSON`), and what only follows from having
done it to the card (`BY_CARD`). A third says for each reason what may be done for it, and what
becomes of the card's certificates (`REASONS`). The manual prints all three from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from jukihost.ledger.errors import NotAllowed


class LedgerState(Enum):
    """Where in its life the ledger says a card is; that it is expired is told by its dates."""

    ISSUING = "issuing"
    """Being made, or waiting for its holder."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Out of use until it returns to the state it was suspended from (一時停止)."""
    MOVED_OUT = "moved_out"
    """Its holder has left the town: good for moving in, and nothing else."""
    LOST = "lost"
    """Lost for good."""
    DAMAGED = "damaged"
    ABOLISHED = "abolished"
    """No longer valid, and not yet taken back (廃止)."""
    RETURNED = "returned"
    """Taken back (返納)."""
    TRANSFERRED = "transferred"
    """In the ledger of the town that its holder moved to: it goes on there."""


class PersonAct(Enum):
    """What an operator may do in the ledger while the card is not there."""

    SUSPEND = "suspend"
    MOVE_OUT = "move_out"
    REPORT_LOST = "report_lost"
    REPORT_DAMAGED = "report_damaged"
    ABOLISH = "abolish"
    RETURN = "return"
    TRANSFER = "transfer"
    """It is given up to the ledger of another town, which asked for it."""
    TAKE_OVER = "take_over"
    """It is taken over from another town's ledger again."""


class CardAct(Enum):
    """What was done to the card itself, which the ledger follows."""

    HAND_OVER = "hand_over"
    FAIL = "fail"
    """The card could not be made."""
    CHANGE = "change"
    """Its PINs, contents or applications were changed."""
    DEACTIVATE = "deactivate"
    """Its purpose keys were deactivated, as its holder moves out."""
    CONTINUE_USE = "continue_use"
    """Its purpose keys were activated again (継続利用)."""
    STOP = "stop"
    """It was seen, and stopped itself as the ledger had it stopped already."""
    RESUME = "resume"
    TAKE_BACK = "take_back"


ACTS: Final[Mapping[str, PersonAct | CardAct]] = {act.value: act for act in (*PersonAct, *CardAct)}
"""Every act by its value; no two have the same."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A state, and for a suspended card the state that it returns to."""

    state: LedgerState
    returns_to: LedgerState | None = None

    def __post_init__(self) -> None:
        if (self.state is LedgerState.SUSPENDED) != (self.returns_to is not None):
            raise ValueError("a suspended card, and no other, returns to a state")
        if self.returns_to not in (None, LedgerState.ACTIVE, LedgerState.MOVED_OUT):
            raise ValueError("a card returns to use, or to having moved out")

    def __str__(self) -> str:
        returns = f", returns to {self.returns_to.value}" if self.returns_to else ""
        return f"{self.state.value}{returns}"


ISSUING: Final = Standing(LedgerState.ISSUING)
ACTIVE: Final = Standing(LedgerState.ACTIVE)
SUSPENDED: Final = Standing(LedgerState.SUSPENDED, LedgerState.ACTIVE)
SUSPENDED_MOVED: Final = Standing(LedgerState.SUSPENDED, LedgerState.MOVED_OUT)
MOVED_OUT: Final = Standing(LedgerState.MOVED_OUT)
LOST: Final = Standing(LedgerState.LOST)
DAMAGED: Final = Standing(LedgerState.DAMAGED)
ABOLISHED: Final = Standing(LedgerState.ABOLISHED)
RETURNED: Final = Standing(LedgerState.RETURNED)
TRANSFERRED: Final = Standing(LedgerState.TRANSFERRED)
STANDINGS: Final = (
    ISSUING,
    ACTIVE,
    SUSPENDED,
    SUSPENDED_MOVED,
    MOVED_OUT,
    LOST,
    DAMAGED,
    ABOLISHED,
    RETURNED,
    TRANSFERRED,
)
"""Everything that a card can be in the ledger."""
VALID: Final = (LedgerState.ACTIVE, LedgerState.SUSPENDED, LedgerState.MOVED_OUT)
"""In these a person holds a card, and can hold no other."""

_HELD: Final = (ACTIVE, SUSPENDED, SUSPENDED_MOVED, MOVED_OUT)
_OVER: Final = (LOST, DAMAGED, ABOLISHED)

BY_PERSON: Final[Mapping[PersonAct, Mapping[Standing, Standing]]] = {
    PersonAct.SUSPEND: {ACTIVE: SUSPENDED, MOVED_OUT: SUSPENDED_MOVED},
    PersonAct.MOVE_OUT: {ACTIVE: MOVED_OUT, SUSPENDED: SUSPENDED_MOVED},
    PersonAct.REPORT_LOST: dict.fromkeys((ISSUING, *_HELD), LOST),
    PersonAct.REPORT_DAMAGED: dict.fromkeys((ISSUING, *_HELD), DAMAGED),
    PersonAct.ABOLISH: dict.fromkeys((ISSUING, *_HELD), ABOLISHED),
    PersonAct.RETURN: dict.fromkeys(_OVER, RETURNED),
    PersonAct.TRANSFER: {MOVED_OUT: TRANSFERRED},
    PersonAct.TAKE_OVER: {TRANSFERRED: MOVED_OUT},
}
"""What a person may do without the card, in which states, and what becomes of it."""
BY_CARD: Final[Mapping[CardAct, Mapping[Standing, Standing]]] = {
    CardAct.HAND_OVER: {ISSUING: ACTIVE},
    CardAct.FAIL: {ISSUING: DAMAGED},
    CardAct.CHANGE: {ACTIVE: ACTIVE},
    CardAct.DEACTIVATE: {ACTIVE: MOVED_OUT, MOVED_OUT: MOVED_OUT},
    CardAct.CONTINUE_USE: {MOVED_OUT: ACTIVE},
    CardAct.STOP: {one: one for one in (SUSPENDED, SUSPENDED_MOVED, *_OVER, RETURNED)},
    CardAct.RESUME: {SUSPENDED: ACTIVE, SUSPENDED_MOVED: MOVED_OUT},
    CardAct.TAKE_BACK: dict.fromkeys((*_HELD, *_OVER), RETURNED),
}
"""What follows from having done something to the card, in which states."""


class CertificateEffect(Enum):
    """What becomes of the certificates on a card."""

    NONE = "none"
    HOLD = "hold"
    RELEASE = "release"
    """From hold; what was revoked stays revoked."""
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """What may be done for a reason, and what becomes of the certificates.

    `crl_reason` is the reason code of RFC 5280, 5.3.1 that the revocation list then says.
    """

    acts: frozenset[PersonAct | CardAct]
    effect: CertificateEffect = CertificateEffect.NONE
    crl_reason: int | None = None


class Reason(Enum):
    """Why something is done with a card."""

    APPLICATION = "application"
    """As its holder applied for."""
    PIN = "pin"
    """A PIN was set anew, or unblocked."""
    CERTIFICATE = "certificate"
    """It got other key pairs and certificates."""
    MUNICIPAL = "municipal"
    """A municipal application came or went."""
    MISSING = "missing"
    """Its holder cannot find it, or says that it was stolen."""
    FOUND = "found"
    NOT_FOUND = "not_found"
    BROKEN = "broken"
    PRODUCTION = "production"
    """A mistake in making it."""
    SEEN = "seen"
    MOVED_OUT = "moved_out"
    MOVED_IN = "moved_in"
    STAYED = "stayed"
    """The move did not take place."""
    MOVED_WITHIN = "moved_within"
    NAME_CHANGED = "name_changed"
    CODE_CHANGED = "code_changed"
    DIED = "died"
    EXPIRED = "expired"
    RESIDENCE_ENDED = "residence_ended"
    MY_NUMBER_CARD = "my_number_card"
    """It is exchanged for a My Number card: both at once are forbidden."""
    SURRENDERED = "surrendered"
    """Its holder does not want it any longer."""
    NOT_COLLECTED = "not_collected"
    RECOVERED = "recovered"
    """A card that was over came back."""


def _rule(
    *acts: PersonAct | CardAct,
    effect: CertificateEffect = CertificateEffect.NONE,
    crl_reason: int | None = None,
) -> ReasonRule:
    return ReasonRule(frozenset(acts), effect, crl_reason)


def _revoke(crl_reason: int, *acts: PersonAct | CardAct) -> ReasonRule:
    return _rule(*acts, effect=CertificateEffect.REVOKE, crl_reason=crl_reason)


_COMPROMISED, _CHANGED, _SUPERSEDED, _CEASED, _ON_HOLD, _OFF_HOLD = 1, 3, 4, 5, 6, 8

REASONS: Final[Mapping[Reason, ReasonRule]] = {
    Reason.APPLICATION: _rule(CardAct.HAND_OVER),
    Reason.PIN: _rule(CardAct.CHANGE),
    Reason.CERTIFICATE: _rule(CardAct.CHANGE),
    Reason.MUNICIPAL: _rule(CardAct.CHANGE),
    Reason.MISSING: _rule(PersonAct.SUSPEND, effect=CertificateEffect.HOLD, crl_reason=_ON_HOLD),
    Reason.FOUND: _rule(CardAct.RESUME, effect=CertificateEffect.RELEASE, crl_reason=_OFF_HOLD),
    Reason.NOT_FOUND: _revoke(_COMPROMISED, PersonAct.REPORT_LOST),
    Reason.BROKEN: _revoke(_CEASED, PersonAct.REPORT_DAMAGED),
    Reason.PRODUCTION: _revoke(_CEASED, CardAct.FAIL, PersonAct.REPORT_DAMAGED),
    Reason.SEEN: _rule(CardAct.STOP),
    Reason.MOVED_OUT: _revoke(_CHANGED, PersonAct.MOVE_OUT, CardAct.DEACTIVATE),
    Reason.MOVED_IN: _rule(PersonAct.TRANSFER, PersonAct.TAKE_OVER, CardAct.CONTINUE_USE),
    Reason.STAYED: _rule(CardAct.CONTINUE_USE),
    Reason.MOVED_WITHIN: _revoke(_CHANGED, CardAct.CHANGE),
    Reason.NAME_CHANGED: _revoke(_CHANGED, CardAct.CHANGE),
    Reason.CODE_CHANGED: _revoke(_CEASED, PersonAct.ABOLISH, CardAct.TAKE_BACK),
    Reason.DIED: _revoke(_CEASED, PersonAct.ABOLISH),
    Reason.EXPIRED: _rule(PersonAct.ABOLISH, CardAct.TAKE_BACK),
    Reason.RESIDENCE_ENDED: _revoke(_CEASED, PersonAct.ABOLISH, CardAct.TAKE_BACK),
    Reason.MY_NUMBER_CARD: _revoke(_SUPERSEDED, PersonAct.ABOLISH, CardAct.TAKE_BACK),
    Reason.SURRENDERED: _revoke(_CEASED, PersonAct.ABOLISH, CardAct.TAKE_BACK),
    Reason.NOT_COLLECTED: _revoke(_CEASED, PersonAct.ABOLISH),
    Reason.RECOVERED: _rule(PersonAct.RETURN, CardAct.TAKE_BACK),
}
"""Of each reason, what may be done for it, and what becomes of the card's certificates."""


def after(standing: Standing, act: PersonAct | CardAct, reason: Reason) -> Standing:
    """Return what a card is after something was done for a reason. NotAllowed."""
    table = BY_PERSON[act] if isinstance(act, PersonAct) else BY_CARD[act]
    if act not in REASONS[reason].acts:
        raise NotAllowed(f"{reason.value!r} is no reason to {act.value!r} a card; see the manual")
    try:
        return table[standing]
    except KeyError:
        raise NotAllowed(
            f"a card that is {standing} cannot be moved by {act.value!r}; it can where the card "
            f"is one of: {'; '.join(str(one) for one in table)}"
        ) from None

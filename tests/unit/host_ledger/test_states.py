"""Every state and every transition, against a table written again from the rules in words."""

from __future__ import annotations

import itertools
from typing import Final

import pytest

from jukihost.database import Database
from jukihost.ledger import (
    BY_CARD,
    BY_PERSON,
    REASONS,
    STANDINGS,
    CardAct,
    CertificateEffect,
    LedgerState,
    NotAllowed,
    PersonAct,
    Reason,
    Standing,
    after,
    events_of,
    move_card,
)
from tests.support.host.ledgers import BY, card_that_is, read_card

# Written by hand, a column a state, by the letters below; a dot is a refusal.
COLUMNS: Final = "IASTMLDXRG"
EXPECTED: Final = {
    #                              I A S T M L D X R G
    PersonAct.SUSPEND: "           . S . . T . . . . .",
    PersonAct.MOVE_OUT: "          . M T . . . . . . .",
    PersonAct.REPORT_LOST: "       L L L L L . . . . .",
    PersonAct.REPORT_DAMAGED: "    D D D D D . . . . .",
    PersonAct.ABOLISH: "           X X X X X . . . . .",
    PersonAct.RETURN: "            . . . . . R R R . .",
    PersonAct.TRANSFER: "          . . . . G . . . . .",
    PersonAct.TAKE_OVER: "         . . . . . . . . . M",
    CardAct.HAND_OVER: "           A . . . . . . . . .",
    CardAct.FAIL: "                D . . . . . . . . .",
    CardAct.CHANGE: "              . A . . . . . . . .",
    CardAct.DEACTIVATE: "          . M . . M . . . . .",
    CardAct.CONTINUE_USE: "        . . . . A . . . . .",
    CardAct.STOP: "                . . S T . L D X R .",
    CardAct.RESUME: "              . . A M . . . . . .",
    CardAct.TAKE_BACK: "           . R R R R R R R . .",
}
LETTERS: Final = {
    "I": "issuing",
    "A": "active",
    "S": "suspended, returns to active",
    "T": "suspended, returns to moved_out",
    "M": "moved_out",
    "L": "lost",
    "D": "damaged",
    "X": "abolished",
    "R": "returned",
    "G": "transferred",
}
BY_WORDS: Final = {str(standing): standing for standing in STANDINGS}
ACTS: Final = (*PersonAct, *CardAct)

# reason -> what may be done, and what the revocation list then says
WHY: Final = {
    "application": ("hand_over", "none", None),
    "pin": ("change", "none", None),
    "certificate": ("change", "none", None),
    "municipal": ("change", "none", None),
    "missing": ("suspend", "hold", 6),
    "found": ("resume", "release", 8),
    "not_found": ("report_lost", "revoke", 1),
    "broken": ("report_damaged", "revoke", 5),
    "production": ("fail report_damaged", "revoke", 5),
    "seen": ("stop", "none", None),
    "moved_out": ("move_out deactivate", "revoke", 3),
    "moved_in": ("transfer take_over continue_use", "none", None),
    "stayed": ("continue_use", "none", None),
    "moved_within": ("change", "revoke", 3),
    "name_changed": ("change", "revoke", 3),
    "code_changed": ("abolish take_back", "revoke", 5),
    "died": ("abolish", "revoke", 5),
    "expired": ("abolish take_back", "none", None),
    "residence_ended": ("abolish take_back", "revoke", 5),
    "my_number_card": ("abolish take_back", "revoke", 4),
    "surrendered": ("abolish take_back", "revoke", 5),
    "not_collected": ("abolish", "revoke", 5),
    "recovered": ("return take_back", "none", None),
}


def expected(standing: Standing, act: PersonAct | CardAct) -> Standing | None:
    """What the hand-written table says; None for a refusal."""
    letter = next(key for key, words in LETTERS.items() if words == str(standing))
    cell = EXPECTED[act].split()[COLUMNS.index(letter)]
    return None if cell == "." else BY_WORDS[LETTERS[cell]]


def a_reason(act: PersonAct | CardAct) -> Reason:
    return next(reason for reason, rule in REASONS.items() if act in rule.acts)


def test_the_tables_are_whole() -> None:
    assert set(BY_WORDS) == set(LETTERS.values())
    assert {standing.state for standing in STANDINGS} == set(LedgerState)
    assert set(EXPECTED) == set(ACTS) == {*BY_PERSON, *BY_CARD}
    assert set(REASONS) == set(Reason)
    for act in ACTS:
        assert any(act in rule.acts for rule in REASONS.values()), "nothing is done without reason"
    names = [act.value for act in ACTS]
    assert len(set(names)) == len(names), "an event says by its name what was done"


def test_the_reasons_are_those_written_by_hand() -> None:
    said = {
        reason.value: ({act.value for act in rule.acts}, rule.effect.value, rule.crl_reason)
        for reason, rule in REASONS.items()
    }
    assert said == {name: (set(acts.split()), *rest) for name, (acts, *rest) in WHY.items()}
    for rule in REASONS.values():
        assert (rule.effect is CertificateEffect.NONE) == (rule.crl_reason is None)


@pytest.mark.parametrize("act", ACTS)
def test_every_state_and_every_transition(act: PersonAct | CardAct) -> None:
    for standing in STANDINGS:
        wanted = expected(standing, act)
        for reason in Reason:
            fits = act.value in WHY[reason.value][0].split()
            if wanted is None or not fits:
                with pytest.raises(NotAllowed):
                    after(standing, act, reason)
            else:
                assert after(standing, act, reason) == wanted


@pytest.mark.parametrize(
    ("state", "returns"), list(itertools.product(LedgerState, (None, *LedgerState)))
)
def test_only_a_suspended_card_returns_somewhere(
    state: LedgerState, returns: LedgerState | None
) -> None:
    suspended = state is LedgerState.SUSPENDED
    if (suspended and returns in (LedgerState.ACTIVE, LedgerState.MOVED_OUT)) or (
        not suspended and returns is None
    ):
        assert Standing(state, returns) in STANDINGS
    else:
        with pytest.raises(ValueError, match="return"):
            Standing(state, returns)


def test_every_state_and_every_transition_in_the_ledger(database: Database) -> None:
    """The same whole table, by the cards of a database: each is moved, or left as it was."""
    for number, (standing, act) in enumerate(itertools.product(STANDINGS, ACTS), 1):
        card = card_that_is(database, standing, number)
        wanted = expected(standing, act)
        if wanted is None:
            with pytest.raises(NotAllowed), database.begin() as connection:
                move_card(connection, card, act, a_reason(act), BY)
        else:
            with database.begin() as connection:
                move_card(connection, card, act, a_reason(act), BY)
        now = read_card(database, number)
        assert now.standing == (wanted or standing)
        with database.read() as connection:
            events = events_of(connection, now.number)
        assert [event.standing for event in events][-1] == now.standing
        assert len(events) == now.version == card.version + (wanted is not None)
        if wanted is not None:
            assert events[-1].act == act.value

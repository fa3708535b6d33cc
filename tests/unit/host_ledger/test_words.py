"""Free texts of the ledger: what cannot be shown, printed or logged is refused at each of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import pytest

from jukihost.database import Database
from jukihost.ledger import (
    STANDINGS,
    By,
    Operator,
    Role,
    WordsRefused,
    change_operator,
    enter_operator,
    find_operator,
    open_intent,
    stop,
)
from jukihost.ledger.words import LONGEST
from jukihost.log import EntryError, Outcome, Use
from tests.support.host.ledgers import ADMIN, AT, BY, card_that_is, staffed

UNFIT: Final = {
    "empty": "",
    "blank": " \u3000",
    "null": "a\0b",
    "line": "a\nb",
    "escape": "a\x1b[2Jb",
    "delete": "a\x7f",
    "C1": "a\x9bb",
    "line separator": "a\u2028b",
    "half a pair": "a\ud800",
    "other half": "\udfffa",
    "no character": "a\uffff",
    "like a code": "of 12345678901.",
    "like a code in Arabic digits": "\u0661" * 11,
    "long": "x" * (LONGEST + 1),
}
FIT: Final = ("x" * LONGEST, "葛\U000e0100飾", "1234567890", "確認済み、問題なし", "\ue000")

NUMBERS: Final = itertools.count(1)


def for_a_stop(database: Database, text: str) -> None:
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", text)


def for_an_intent(database: Database, text: str) -> None:
    card = card_that_is(database, STANDINGS[1], next(NUMBERS))
    with database.begin() as connection:
        open_intent(connection, card, bytes(16), text, BY)


TEXTS: Final[dict[str, Callable[[Database, str], object]]] = {
    "why a stop is turned": for_a_stop,
    "an intent's purpose": for_an_intent,
    "identifier": lambda _, text: Operator(text, "係", Role.CLERK),
    "name": lambda _, text: Operator("clerk-1", text, Role.CLERK),
    "who does it": lambda _, text: By(text, "counter-1", AT),
    "where": lambda _, text: By("clerk-1", text, AT),
}


@pytest.mark.parametrize("where", TEXTS)
def test_what_no_text_may_hold_is_refused_everywhere(database: Database, where: str) -> None:
    staffed(database)
    for text in UNFIT.values():
        with pytest.raises(WordsRefused) as refused:
            TEXTS[where](database, text)
        assert not text.strip() or text not in str(refused.value)


def test_what_is_kept_comes_back_as_it_was(database: Database) -> None:
    staffed(database)
    for at, text in enumerate(FIT):
        operator = Operator(f"clerk-{at}", text, Role.CLERK)
        with database.begin() as connection:
            enter_operator(connection, operator, ADMIN)
            assert find_operator(connection, operator.identifier) == operator
            change_operator(connection, operator, Operator(f"clerk-{at}", "係", Role.CLERK), ADMIN)


def test_what_the_ledger_keeps_the_log_can_say() -> None:
    def use(text: str) -> Use:
        return Use(AT, text, text, "counter", text, Outcome.DONE, bytes(range(32)), text)

    for text in FIT:
        assert Use.parse(bytes(use(text))).operator == text
    for name in ("null", "line", "C1", "line separator", "half a pair", "like a code", "long"):
        with pytest.raises(EntryError):
            use(UNFIT[name])

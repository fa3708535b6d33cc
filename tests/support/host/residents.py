"""Made-up residents of a made-up town, whose names no font and no codec likes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

from jukicard.environment import SeededRandom
from jukicard.synthetic.codes import draw_resident_code
from jukihost.database import Database
from jukihost.ledger import Operator, Role, enter_operator
from jukihost.models import ResidentCode, Sex
from jukihost.register import (
    Asked,
    Asking,
    AsReceived,
    Body,
    ChangeReason,
    Resident,
    TelephoneNotice,
    Use,
    enter_resident,
)
from tests.support.host.ledgers import ADMIN, BY, staffed

TOWN: Final = "13101"
OTHER_TOWN: Final = "27230"


def code(seed: str = "resident") -> ResidentCode:
    """A resident record code that is drawn from a seed."""
    return ResidentCode(draw_resident_code(SeededRandom(seed)))


RESIDENT: Final = Resident(
    municipality=TOWN,
    name=AsReceived("渡邉\U000e0101 𠮷之助"),
    address=AsReceived("東京都千代田区霞が関二丁目9番\ue123号", "MJ+"),
    sex=Sex.MALE,
    born=date(1970, 2, 28),
    code=code(),
    reason=ChangeReason.MOVED_IN,
    changed=date(2014, 3, 1),
    household=7,
    relation="世帯主",
    alias=AsReceived("\ufa19田 ｱﾘ"),
    residence_until=date(2016, 5, 5),
    domicile=AsReceived("奈良県吉野郡\U00020bb7野町一番地"),
    family_head=AsReceived("渡邉\U000e0101 源之丞"),
)

CALLED: Final = TelephoneNotice(
    AsReceived("渡邉\U000e0101 花\ue456子", "MJ+"),
    "妻",
    AsReceived("090-0000-0000"),
    frozenset({Asked.BORN, Asked.HOUSEHOLD}),
)
"""A call that a card is lost."""
COUNTER: Final = Asking(BY, Body.COUNTER, Use.PROCEDURE)
APPROVED: Final = replace(COUNTER, approved_by="super-1")
ELSEWHERE: Final = Asking(BY, Body.OTHER_TOWN, Use.WIDE_AREA)
MOVING: Final = Asking(BY, Body.OTHER_TOWN, Use.MOVE_IN)


def entered(database: Database, **wishes: Any) -> int:
    """Enter the resident, or one that differs in what is wished."""
    with database.begin() as connection:
        return enter_resident(connection, replace(RESIDENT, **wishes), BY)


def another(seed: str, **wishes: Any) -> dict[str, Any]:
    """What makes the resident another person."""
    return {"code": code(seed), **wishes}


def supervised(database: Database) -> None:
    """Enter the first operators, and a supervisor who decides."""
    staffed(database)
    with database.begin() as connection:
        enter_operator(connection, Operator("super-1", "係長", Role.SUPERVISOR), ADMIN)
        enter_operator(connection, Operator("clerk-2", "係 二", Role.CLERK), ADMIN)

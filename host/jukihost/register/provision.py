"""Who may be given what of a resident, and what for, as data: whatever is not here is refused.

The manual prints the table from here. Private bodies have no line in it: nothing of the register,
the code least of all, is for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from jukihost.ledger import By
from jukihost.register.errors import ProvisionRefused


class Item(Enum):
    """What the register has of a resident; the first seven are the identity information."""

    NAME = "name"
    ADDRESS = "address"
    SEX = "sex"
    BORN = "born"
    CODE = "code"
    REASON = "reason"
    """Why the record was changed last."""
    CHANGED = "changed"
    """On which day."""
    ALIAS = "alias"
    HOUSEHOLD = "household"
    RELATION = "relation"
    """To the head of the household (続柄)."""
    RESIDENCE_UNTIL = "residence_until"
    """The last day of a foreign resident's period of stay."""
    DOMICILE = "domicile"
    """Where the family register is (本籍)."""
    FAMILY_HEAD = "family_head"
    """Under whose name it is (筆頭者)."""


SEVEN: Final = tuple(Item)[:7]
"""Identity information (本人確認情報): what goes to the prefecture."""
FAMILY: Final = (Item.DOMICILE, Item.FAMILY_HEAD)
"""What comes from the family register, and is kept apart."""


class Body(Enum):
    """Who asks."""

    COUNTER = "counter"
    """The town's own counter."""
    OTHER_TOWN = "other_town"
    PREFECTURE = "prefecture"
    CENTRE = "centre"
    """The body that keeps the network for all prefectures."""
    AGENCY = "agency"
    """One of the state's that the law names."""
    PRIVATE = "private"
    """Anybody else."""


class Use(Enum):
    """What it is for."""

    PROCEDURE = "procedure"
    WIDE_AREA = "wide_area"
    """A copy of the resident record in another town (広域交付)."""
    MOVE_IN = "move_in"
    CARD_SEEN = "card_seen"
    """A card of this town is at another town's counter: no item, what the ledger says of it."""
    NOTICE = "notice"
    """The town's notice of identity information."""
    PASSPORT = "passport"
    PENSION = "pension"
    QUALIFICATION = "qualification"


_FOUR: Final = frozenset({Item.NAME, Item.ADDRESS, Item.SEX, Item.BORN})

PROVISIONS: Final[Mapping[tuple[Body, Use], frozenset[Item]]] = {
    (Body.COUNTER, Use.PROCEDURE): frozenset(Item),
    (Body.OTHER_TOWN, Use.WIDE_AREA): _FOUR
    | {Item.CHANGED, Item.REASON, Item.ALIAS, Item.RELATION, Item.RESIDENCE_UNTIL},
    (Body.OTHER_TOWN, Use.MOVE_IN): frozenset(Item),
    (Body.PREFECTURE, Use.NOTICE): frozenset(SEVEN),
    (Body.CENTRE, Use.NOTICE): frozenset(SEVEN),
    (Body.PREFECTURE, Use.PASSPORT): _FOUR,
    (Body.AGENCY, Use.PENSION): _FOUR | {Item.CODE, Item.REASON, Item.CHANGED},
    (Body.AGENCY, Use.QUALIFICATION): _FOUR,
}
"""What each body is given for each purpose."""


class Restricted(Enum):
    """What becomes of a use when the address is under restriction."""

    DECIDED = "a supervisor decides"
    REFUSED = "refused"
    CARRIED = "goes on, and is told along"


UNDER_RESTRICTION: Final[Mapping[Use, Restricted]] = {
    Use.PROCEDURE: Restricted.DECIDED,
    Use.WIDE_AREA: Restricted.REFUSED,
    Use.MOVE_IN: Restricted.CARRIED,
    Use.CARD_SEEN: Restricted.DECIDED,
    Use.NOTICE: Restricted.CARRIED,
    Use.PASSPORT: Restricted.DECIDED,
    Use.PENSION: Restricted.DECIDED,
    Use.QUALIFICATION: Restricted.DECIDED,
}
"""What becomes of each use when the address is under restriction (支援措置)."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a resident's data, for which body, and what for.

    approved_by: a supervisor of the body that is asked, another person than `by`, who decided that
    an address under restriction is shown this once.
    town: of another town, its five-digit code.
    """

    by: By
    body: Body
    use: Use
    approved_by: str | None = None
    town: str = ""


def items_for(asking: Asking) -> frozenset[Item]:
    """Return what a body is given for a purpose. ProvisionRefused."""
    items = PROVISIONS.get((asking.body, asking.use))
    if items is None:
        raise ProvisionRefused(
            f"the law gives a body of the kind {asking.body.value!r} nothing for the purpose "
            f"{asking.use.value!r}; see the table of provisions"
        )
    return items

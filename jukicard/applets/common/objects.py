"""What stands in the records of the common application, declared (docs/card.md, section 6)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import ClassVar

from construct import Struct

from jukicard.applets.certificates import KEY_IDENTIFIER, KeyIdentifier
from jukicard.kit.layouts import DATE, CardObject, Layout, digits, simple_object


@dataclass(frozen=True, repr=False)
class CardInformation(CardObject):
    """EF 0001, record 1: the card's serial number of 15 digits, who issued it, until when.

    `municipality` has five digits (JIS X 0401 and 0402).
    """

    serial: str
    municipality: str
    expires: datetime.date

    layout: ClassVar[Layout] = simple_object(
        0x01, Struct("serial" / digits(15), "municipality" / digits(5), "expires" / DATE)
    )
    source: ClassVar[str] = "docs/card.md, section 6: common, EF 0001 (C)"


CardInformation.examples = (
    (
        "011C" + "343030303030303132373139383433" + "3133323231" + "3230333530323137",
        CardInformation("400000012719843", "13221", datetime.date(2035, 2, 17)),
    ),
)


@dataclass(frozen=True, repr=False)
class KeyReference(CardObject):
    """EF 0002, record 1: the identifier of a key; which one it names is not known."""

    key: KeyIdentifier

    layout: ClassVar[Layout] = simple_object(0x01, Struct("key" / KEY_IDENTIFIER))
    source: ClassVar[str] = "docs/card.md, section 6: common, EF 0002 (L; its tag I)"


KeyReference.examples = (
    ("011036303030303330080530303100000000", KeyReference(KeyIdentifier("6000030"))),
)

"""Free texts of the ledger, held to what they have to be good for: shown, printed, and logged."""

from __future__ import annotations

import re
from typing import Final

from jukihost.ledger.errors import WordsRefused

LONGEST: Final = 200
"""The most characters of one text: as many as a text of the log's entries may have."""
_UNFIT: Final = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff\U0010fffe\U0010ffff]"
)
_LIKE_A_CODE: Final = re.compile(r"\d{11}")


def check_words(what: str, text: str) -> None:
    """Check a free text, which is a person's to read and may stand in the log. WordsRefused."""
    if not text.strip():
        raise WordsRefused(f"say the {what}; it is empty")
    if len(text) > LONGEST:
        raise WordsRefused(f"the {what} has more than {LONGEST} characters; say it shorter")
    if _UNFIT.search(text):
        raise WordsRefused(f"the {what} holds a control character or half a surrogate pair")
    if _LIKE_A_CODE.search(text):
        raise WordsRefused(
            f"the {what} holds digits that could be a resident record code; leave them out"
        )

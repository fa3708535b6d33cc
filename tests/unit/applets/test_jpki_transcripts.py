"""Exchanges of known clients with the JPKI application, replayed from vectors/transcripts.

Their commands are those in the clients' sources, byte for byte, and what they expect to be
answered; only certificates and signatures may be any.
"""

from __future__ import annotations

from typing import Final

import pytest

from jukicard.apdu.trace import BytePattern, DumpResponse
from tests.support.cards.jpki_card import jpki_card
from tests.support.published.replay import FOLDER, replay, transcript

CARDS: Final = {
    "jpki_blocked_password": "mynumber",
    "jpki_blocked_pin": "mynumber",
    "jpki_myna_cms_sign": "mynumber-contactless",
    "jpki_no_empty_le": "mynumber",
    "jpki_not_there": "juki-without",
    "jpki_opensc_logout": "mynumber",
    "jpki_opensc_read": "juki",
    "jpki_opensc_sign": "juki",
}
"""The card that each transcript is of."""


def test_every_transcript_of_the_application_is_replayed() -> None:
    assert {path.stem for path in FOLDER.glob("jpki_*")} == CARDS.keys()


@pytest.mark.parametrize("name", CARDS)
def test_the_card_answers_as_the_client_expects(name: str) -> None:
    replay(jpki_card(CARDS[name]), transcript(name))


@pytest.mark.parametrize("name", CARDS)
def test_another_answer_would_be_noticed(name: str) -> None:
    """Each transcript fails when the last status it names is another one."""
    *before, last = transcript(name)
    assert isinstance(last, DumpResponse)
    wrong = BytePattern((*last.pattern.values[:-2], 0x6F, 0x00))
    with pytest.raises(AssertionError):
        replay(jpki_card(CARDS[name]), (*before, DumpResponse(wrong)))

"""docs/attacks.md: attack 3, a system's key that can be computed from the card's face."""

from __future__ import annotations

import datetime
import hashlib

import pytest

from jukicard import CardKeys, Printed, ProfileError, issue_card
from jukicard.profiles.printed import derived_keys, printed_items
from jukicard.synthetic.people import SPECIMEN

ISSUED = datetime.date(2015, 4, 1)
EXPIRES = "20250401"
BIRTH = f"{SPECIMEN.birth:%Y%m%d}"


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def bac(text: str, counter: int) -> bytes:
    """The key that a travel document would have: Doc 9303-11, 9.7.1."""
    return sha1(sha1(text.encode())[:16] + bytes((0, 0, 0, counter)))[:16]


@pytest.mark.parametrize(
    "master",
    [
        pytest.param(BIRTH.encode() * 2, id="typed twice"),
        pytest.param(BIRTH.encode().ljust(16, b"\0"), id="padded"),
        pytest.param(sha1(SPECIMEN.name.encode())[:16], id="the name's hash"),
        pytest.param(hashlib.sha256(SPECIMEN.address.encode()).digest(), id="the address's hash"),
        pytest.param(hashlib.sha256(EXPIRES.encode()).digest()[:24], id="a part of a hash"),
        pytest.param(bac(BIRTH + EXPIRES, 1), id="as a passport, K.ENC"),
        pytest.param(bac(EXPIRES + BIRTH, 2), id="as a passport, K.MAC"),
        pytest.param(sha1(SPECIMEN.individual_number.encode())[:16], id="the number's hash"),
        pytest.param(sha1(SPECIMEN.resident_code.encode())[:16], id="the code's hash"),
    ],
)
def test_a_key_from_printed_data_is_refused(master: bytes) -> None:
    with pytest.raises(ProfileError) as refused:
        issue_card(
            person=SPECIMEN, issued=ISSUED, seed=1, keys=CardKeys(masters={"MOVE_IN": master})
        )
    if master != BIRTH.encode() * 2:
        assert "MOVE_IN is derived from what is printed" in str(refused.value)
    assert SPECIMEN.resident_code not in str(refused.value)


def test_the_access_number_is_printed_too() -> None:
    masters = {"MOVE_IN": sha1(b"271828")[:16]}
    with pytest.raises(ProfileError, match="MOVE_IN is derived from what is printed"):
        issue_card(seed=1, keys=CardKeys(masters=masters), printed=Printed(access_number="271828"))
    assert (
        issue_card(
            seed=1, keys=CardKeys(masters=masters), printed=Printed(access_number="314159")
        ).profile
        == "juki-v1"
    )


def test_a_random_key_is_not() -> None:
    random = hashlib.sha256(b"as good as random").digest()
    for size in (16, 24, 32):
        card = issue_card(
            person=SPECIMEN, issued=ISSUED, keys=CardKeys(masters={"MOVE_IN": random[:size]})
        )
        assert card.profile == "juki-v1"


def test_what_is_tried_is_not_empty() -> None:
    items = printed_items(SPECIMEN, "1" * 15, datetime.date(2025, 4, 1))
    keys = list(derived_keys(items))
    assert len(keys) > 1000
    assert all(len(key[:16]) >= 16 for key in keys)

"""The test record office refuses what it cannot do, in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukicard.profiles.recordoffice import RecordOffice

OFFICE = RecordOffice()


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: OFFICE.certificate("1322"), "five digits"),
        (lambda: OFFICE.certificate("１３２２１"), "five digits"),
        (lambda: OFFICE.sign("x", (bytes(32),)), "five digits"),
        (lambda: OFFICE.sign("13221", ()), "one at least"),
        (lambda: OFFICE.sign("13221", (bytes(20),)), "32 bytes"),
        (lambda: OFFICE.named_key("face"), "text, surface"),
        (lambda: OFFICE.text_image("", 4), "one character"),
        (lambda: OFFICE.text_image("a", 0), "one column"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        call()


def test_its_objects_have_the_sizes_of_cards() -> None:
    assert len(OFFICE.certificate("13221")) == len(OFFICE.upper_certificate()) == 568
    assert len(OFFICE.authority_key()) == 16
    for use in ("text", "surface", "surface-reference", "common"):
        assert len(OFFICE.named_key(use)) == 16
    assert len(OFFICE.delivery_key()) == 265
    assert "keys" not in repr(OFFICE)

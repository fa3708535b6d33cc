"""A town that keeps two uses where a resident is to see one: both library and verifier find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jukihost.log import Note, Use, leaf_hash
from tests.support.host.judging import judged, refused
from tests.support.host.town import (
    BEGUN,
    CODES,
    LOG,
    ORIGIN,
    SEEN_BY,
    WITNESS,
    Town,
    salt,
    town,
)

MINE = CODES[0]


def test_a_sham_in_the_place_of_a_use_is_found() -> None:
    """It is in the log, theirs, and numbered right; what comes after it links to the other."""
    made = Town()
    made.use(MINE)
    real = made.use(MINE, "shown to somebody who paid")
    last = made.lasts[Use.parse(made.entries[real]).resident or b""]
    sham = replace(Use.parse(made.entries[real]), purpose="copy of the record", salt=salt(98))
    place = made.append(sham)
    made.lasts[last.resident] = last
    made.use(MINE)
    made.end_day()
    own = made.of(MINE)
    judged(bytes(made.disclosure(MINE, [one for one in own if one[0] != place])), MINE)
    words = refused(bytes(made.disclosure(MINE, [one for one in own if one[0] != real])))
    assert "does not follow" in words


def test_a_later_use_that_was_sequenced_before_an_earlier_one_is_found() -> None:
    made = Town()
    uses = [Use.parse(made.entries[made.use(MINE)]) for _ in range(3)]
    turned = Town()
    for use in (uses[1], uses[0], uses[2]):
        turned.append(use)
    turned.end_day()
    own = turned.of(MINE)
    assert "does not follow" in refused(bytes(turned.disclosure(MINE, [own[1], own[0], own[2]])))


def test_another_log_that_the_same_key_signed_is_found() -> None:
    """Under the name of a log that nobody watches, and with everybody's signature."""
    said = json.loads(bytes(town().disclosure(MINE)))
    note = Note.parse(said["day"]["proof"].partition("\n\n")[2].encode())
    text = note.text.replace(ORIGIN, "elsewhere.example/uses")
    other = Note(text, ()).signed(LOG, ORIGIN).cosigned(SEEN_BY, WITNESS, BEGUN)
    for proven in (*said["entries"], said["day"]):
        proof = proven["proof"].partition("\n\n")[0]
        proven["proof"] = f"{proof}\n\n{bytes(other).decode()}"
    refused(json.dumps(said).encode())


def told_less(said: dict[str, Any], kept: int) -> None:
    """Show the first uses only, and say of the day that there were no more."""
    said["entries"] = said["entries"][:kept]
    said["day"]["count"] = kept
    last = said["entries"][-1]["entry"].encode() if kept else None
    said["day"]["last"] = leaf_hash(last).hex() if last else ""


@pytest.mark.parametrize(
    "lie",
    [
        *(lambda said, kept=kept: told_less(said, kept) for kept in (3, 2, 1, 0)),
        lambda said: said["day"]["path"].reverse(),
        lambda said: said["day"]["path"].pop(),
        lambda said: said["day"]["path"].append(""),
    ],
)
def test_a_count_that_is_not_the_one_in_the_days_root_is_found(
    lie: Callable[[dict[str, Any]], None],
) -> None:
    """The uses shown fit what the file says of the day; the root, which is in the log, does not."""
    said = json.loads(bytes(town().disclosure(MINE)))
    judged(json.dumps(said).encode(), MINE)
    lie(said)
    refused(json.dumps(said).encode())

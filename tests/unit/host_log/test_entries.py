"""Entries as bytes, pseudonyms, and the tree over everybody's last entry."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from hypothesis import given, strategies as st

from jukihost import ResidentCode
from jukihost.log import (
    EMPTY,
    Day,
    Derivations,
    EntryError,
    LastEntries,
    LastEntry,
    Outcome,
    PlaceTaken,
    ProofError,
    PseudonymKey,
    Use,
    check_last,
    leaf_hash,
    pseudonym,
)
from tests.support.host.town import CODES, PSEUDONYMS, salt

USE = Use(
    at=datetime(2015, 4, 1, 0, 30, 0, 5, UTC),
    operator="operator-1",
    terminal="counter-1",
    body="the town's counter",
    purpose="copy of the record",
    outcome=Outcome.DONE,
    salt=salt(1),
    reason="asked for by 髙𠮷 邉\U000e0100子",
    card=PSEUDONYMS.card(b"card"),
    resident=PSEUDONYMS.resident(CODES[0]),
    number=2,
    before=salt(2),
)
DAY = Day(date(2015, 4, 1), 3, salt(3))
DERIVATIONS = Derivations(USE.at, "terminal 1", "COUNTER", 3, 12)
TEXT = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp", "Nd"]), max_size=30)


def test_an_entry_is_these_bytes() -> None:
    lines = bytes(USE).decode().split("\n")
    assert lines[:3] == [
        "jukihost-use@v1",
        "at 2015-04-01T00:30:00.000005Z",
        "operator operator-1",
    ]
    names = [line.partition(" ")[0] for line in lines[1:]]
    told = "at operator terminal body purpose reason outcome card resident number before salt"
    assert " ".join(names) == f"{told} "
    assert bytes(DAY).decode() == (
        f"jukihost-day@v1\nday 2015-04-01\nresidents 3\nroot {salt(3).hex()}\n"
    )


@given(TEXT, TEXT, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_every_entry_is_read_as_it_was_written(purpose: str, reason: str, at: datetime) -> None:
    zone = timezone(timedelta(hours=9))
    use = replace(USE, purpose=purpose, reason=reason, at=at.replace(tzinfo=zone))
    assert Use.parse(bytes(use)) == use


def test_a_day_and_derivations_are_read_as_they_were_written() -> None:
    assert Day.parse(bytes(DAY)) == DAY
    assert Derivations.parse(bytes(DERIVATIONS)) == DERIVATIONS
    assert bytes(DERIVATIONS).decode() == (
        "jukihost-derivations@v1\nat 2015-04-01T00:30:00.000005Z\nterminal terminal 1\n"
        "system COUNTER\nversion 3\ncount 12\n"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"terminal": "code 12345678903"}, "could be a resident record code"),
        ({"system": "a\nb"}, "system of an entry holds a control"),
        ({"at": datetime(2015, 4, 1)}, "time zone"),
        ({"version": 0}, "1 or more"),
        ({"count": 0}, "at least one"),
    ],
)
def test_what_cannot_be_derivations(changes: dict[str, object], words: str) -> None:
    with pytest.raises(EntryError, match=words):
        replace(DERIVATIONS, **changes)  # type: ignore[arg-type]


def test_an_entry_of_nobody_has_no_number() -> None:
    use = replace(USE, resident=None, number=0, before=bytes(32), card=None)
    assert Use.parse(bytes(use)) == use


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operator": "a\nb"}, "operator of an entry holds a control"),
        ({"reason": "code 12345678903"}, "could be a resident record code"),
        ({"reason": "code １２３４５６７８９０３"}, "could be a resident record code"),
        ({"purpose": "x" * 201}, "more than 200"),
        ({"salt": b"short"}, "32 bytes"),
        ({"card": b"short"}, "32 bytes"),
        ({"before": b""}, "32 bytes"),
        ({"number": 0}, "if, and only if"),
        ({"resident": None}, "if, and only if"),
        ({"number": -1}, "if, and only if"),
        ({"number": 1}, "first entry has none before"),
        ({"before": bytes(32)}, "first entry has none before"),
        ({"at": datetime(2015, 4, 1)}, "time zone"),
    ],
)
def test_what_cannot_be_an_entry_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(EntryError, match=words) as caught:
        replace(USE, **changes)  # type: ignore[arg-type]
    assert "12345678903" not in str(caught.value)


@pytest.mark.parametrize("entry", [USE, DAY, DERIVATIONS])
def test_no_byte_of_an_entry_has_another_spelling(entry: Use | Day | Derivations) -> None:
    data = bytes(entry)
    for at in range(len(data)):
        for changed in (data[:at] + data[at + 1 :], data[:at] + b" " + data[at:]):
            try:
                found = type(entry).parse(changed)
            except EntryError:
                continue
            assert bytes(found) == changed != data


@given(st.binary(max_size=200))
def test_no_bytes_make_another_error(data: bytes) -> None:
    kinds = (Use, Day, Derivations)
    for head in (b"", *(b"jukihost-%s@v1\n" % one.__name__.lower().encode() for one in kinds)):
        for kind in kinds:
            with pytest.raises(EntryError):
                kind.parse(head + data)


def test_lines_in_another_order_twice_or_of_another_kind_are_no_entry() -> None:
    lines = bytes(USE).split(b"\n")
    for changed in (
        [*lines[:1], *lines[2:]],
        [*lines[:3], lines[2], *lines[3:]],
        [lines[0], lines[2], lines[1], *lines[3:]],
        [b"jukihost-use@v2", *lines[1:]],
        lines[:-1],
        [*lines, b""],
    ):
        with pytest.raises(EntryError, match="no entry"):
            Use.parse(b"\n".join(changed))
    for old, new in ((b"number 2", b"number 02"), (b"outcome done", b"outcome DONE")):
        with pytest.raises(EntryError, match="malformed"):
            Use.parse(bytes(USE).replace(old, new))
    with pytest.raises(EntryError, match="malformed"):
        Day.parse(bytes(DAY).replace(b"04-01", b"04-31"))
    with pytest.raises(EntryError, match="32 bytes"):
        Day.parse(bytes(replace(DAY, root=b"short")))


# -- pseudonyms ------------------------------------------------------------------------------------


def test_a_pseudonym_is_computed_from_opening_and_code() -> None:
    key = bytes(range(64, 96))
    opening = hmac.digest(key, b"resident\n12345678903", "sha256")
    assert PSEUDONYMS.opening(CODES[0]) == opening
    expected = sha256(b"jukihost-pseudonym@v1\n" + opening + b"12345678903").digest()
    assert PSEUDONYMS.resident(CODES[0]) == pseudonym(opening, CODES[0]) == expected


def test_an_opening_tells_nothing_for_others() -> None:
    opening = PSEUDONYMS.opening(CODES[0])
    for code in CODES[1:]:
        assert PSEUDONYMS.opening(code) != opening
        assert pseudonym(opening, code) != PSEUDONYMS.resident(code)


def test_neither_key_nor_salt_nor_code_is_shown() -> None:
    assert repr(PSEUDONYMS) == "<PseudonymKey>"
    assert salt(1).hex() not in repr(USE)
    assert repr(salt(1)) not in repr(USE)
    for key in (b"", bytes(32), bytes(31)):
        with pytest.raises(ValueError, match="32 random bytes"):
            PseudonymKey(key)
    assert "12345678903" not in repr(CODES[0])
    assert isinstance(CODES[0], ResidentCode)


# -- everybody's last entry ------------------------------------------------------------------------


def lasts(count: int) -> list[LastEntry]:
    made = [LastEntry(salt(1000 + one), one + 1, salt(2000 + one)) for one in range(count)]
    return sorted(made, key=lambda one: one.resident)


def naive_root(entries: list[LastEntry], depth: int = 0) -> bytes:
    """The root from its definition: split by the next bit until the place is reached."""
    if not entries:
        return EMPTY
    if depth == 64:
        (entry,) = entries
        return leaf_hash(bytes(entry))
    halves: list[list[LastEntry]] = [[], []]
    for one in entries:
        halves[one.resident[depth // 8] >> (7 - depth % 8) & 1].append(one)
    left, right = (naive_root(half, depth + 1) for half in halves)
    return EMPTY if left == right == EMPTY else sha256(b"\1" + left + right).digest()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 200])
def test_everybody_has_one_place_and_others_have_none(count: int) -> None:
    entries = lasts(count)
    tree = LastEntries(entries)
    assert tree.root() == naive_root(entries)
    for one in entries[:20]:
        path = tree.prove(one.resident)
        check_last(one.resident, one, path, tree.root())
        assert tree.of(one.resident) == one
        for wrong in (None, replace(one, count=one.count + 1), replace(one, leaf=salt(9))):
            with pytest.raises(ProofError, match="left out"):
                check_last(one.resident, wrong, path, tree.root())
        with pytest.raises(ProofError, match="another resident"):
            check_last(salt(7), one, path, tree.root())
        with pytest.raises(ProofError, match="64 hashes"):
            check_last(one.resident, one, path[1:], tree.root())
    nobody = salt(5)
    assert tree.of(nobody) is None
    check_last(nobody, None, tree.prove(nobody), tree.root())
    with pytest.raises(ProofError, match="left out"):
        check_last(nobody, LastEntry(nobody, 1, salt(6)), tree.prove(nobody), tree.root())


def test_a_path_shows_nothing_of_the_places_beside_it() -> None:
    entries = lasts(50)
    path = b"".join(LastEntries(entries).prove(entries[0].resident))
    for one in entries:
        assert one.resident not in path
        assert one.leaf not in path


def test_two_at_one_place_and_another_order_are_refused() -> None:
    one, two = lasts(2)
    for wrong in ([two, one], [one, replace(one, resident=one.resident[:8] + two.resident[8:])]):
        with pytest.raises(PlaceTaken):
            LastEntries(wrong)

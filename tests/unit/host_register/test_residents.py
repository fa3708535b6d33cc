"""The register: the seven items and what is beside them, as received, changed and closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, event, select

from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from jukihost.errors import TerminalError
from jukihost.ledger import By
from jukihost.register import (
    FAMILY,
    SEVEN,
    AsReceived,
    ChangeReason,
    Found,
    Item,
    Provided,
    RecordChanged,
    ResidentExists,
    TextRefused,
    UnknownResident,
    change_resident,
    close_record,
    enter_resident,
    former_values,
    search_key,
    search_residents,
    set_notified,
    show_by_code,
    show_resident,
)
from jukihost.register.tables import family, residents
from tests.support.host.ledgers import AT, BY
from tests.support.host.residents import APPROVED, COUNTER, RESIDENT, another, code, entered

LATER: Final = By("clerk-2", "counter-2", AT + timedelta(hours=1))
DAY: Final = date(2014, 4, 1)


def shown(database: Database, resident: int) -> Provided:
    with database.read() as connection:
        return show_resident(connection, resident, COUNTER)


def found(database: Database, text: str, born: date | None = None) -> list[Found]:
    with database.read() as connection:
        return search_residents(connection, text, born)


# -- what is kept ----------------------------------------------------------------------------------


def test_what_was_entered_is_shown_to_the_last_code_point(database: Database) -> None:
    provided = shown(database, entered(database))
    for item in Item:
        assert provided[item] == getattr(RESIDENT, item.value), item
    assert provided[Item.NAME].text.encode() == RESIDENT.name.text.encode()
    assert provided[Item.ADDRESS].origin == "MJ+"
    assert (provided.municipality, provided.version, provided.restricted) == ("13101", 1, False)
    with database.read() as connection:
        by_code = show_by_code(connection, RESIDENT.code, COUNTER)
    assert by_code == provided


AS_SENT: Final = [
    "\ufa19田",  # U+FA19, which NFC makes U+795E
    "渡邉\U000e0101 渡邉\U000e0112",
    "\U00020bb7野 \U0002f81a",
    "か\u3099 が",  # a voiced kana in two ways, of which NFC makes one
    "A\u030a Å \u212b",
    "ﾜﾀﾅﾍﾞ Ｙａｍａ ㈱ ①",
    "髙﨑 高崎",
    " 二つ  の間 ",
]
"""Texts that a normal form, a trim or a codec would change."""


def test_no_text_is_normalised_on_its_way_in_or_out(database: Database) -> None:
    """Against the strings themselves: what both sides had made the same would look alike."""
    for number, sent in enumerate(AS_SENT):
        wishes = {item.value: AsReceived(sent) for item in (Item.NAME, Item.ADDRESS, Item.ALIAS)}
        wishes |= {item.value: AsReceived(sent) for item in FAMILY}
        resident = entered(database, **another(f"sent {number}", **wishes))
        record = shown(database, resident)
        for item in (Item.NAME, Item.ADDRESS, Item.ALIAS, *FAMILY):
            value = record[item]
            assert isinstance(value, AsReceived)
            assert value.text.encode() == sent.encode(), (item, number)
        with database.read() as connection:
            kept = connection.execute(select(residents).where(residents.c.id == resident)).one()
        assert [kept.name, kept.address, kept.alias] == [sent] * 3


def test_who_has_no_alias_and_no_family_register_has_none(database: Database) -> None:
    provided = shown(database, entered(database, alias=None, domicile=None, family_head=None))
    assert [provided[item] for item in (Item.ALIAS, *FAMILY)] == [None, None, None]
    for wishes in ({"domicile": None}, {"family_head": None}):
        with pytest.raises(TextRefused, match="or neither"):
            entered(database, **another("x", **wishes))


def test_what_is_of_the_family_register_is_kept_apart(database: Database) -> None:
    entered(database)
    columns = {column.name for column in residents.c}
    assert not {item.value for item in FAMILY} & columns
    with database.read() as connection:
        assert connection.execute(select(family.c.domicile)).scalar_one() == RESIDENT.domicile.text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("", ""),
        ("  ", ""),
        ("a\0b", ""),
        ("a\nb", ""),
        ("a\x85b", ""),
        ("a\u2028b", ""),
        ("\ud842", ""),
        ("\U0010ffff", ""),
        ("\ue000", ""),
        ("\U000f0000", ""),
        ("\U0010fffd", ""),
        ("神", "MJ+"),
        ("\ue000", "a\0"),
        ("神" * 401, ""),
        ("\U00020bb7" * 401, ""),
    ],
)
def test_a_text_that_cannot_be_kept_is_refused_in_words(text: str, origin: str) -> None:
    with pytest.raises(TextRefused) as raised:
        AsReceived(text, origin)
    assert len(str(raised.value)) > 30
    assert not text.strip() or text not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\ud800", "子\0", "子\n", "\ue000", "子" * 100_000])
def test_plain_texts_of_a_record_are_held_to_the_same(database: Database, text: str) -> None:
    for name in ("relation", "municipality"):
        with pytest.raises(TextRefused):
            entered(database, **{name: text})
    read = shown(database, entered(database))
    with pytest.raises(TextRefused), database.begin() as connection:
        change_resident(connection, read, {Item.RELATION: text}, ChangeReason.CORRECTED, DAY, LATER)
    assert shown(database, read.resident) == read


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("髙島屋", "高島屋"),
        ("髙﨑", "高崎"),
        ("渡邉\U000e0101", "渡辺"),
        ("渡邊", "渡辺"),
        ("𠮷田", "吉田"),
        ("\ufa19田", "神田"),
        ("齋藤", "斉藤"),
        ("山田　太郎", "山田太郎"),
        ("ジョン・スミス", "じょんすみす"),
        ("ｱﾘ", "あり"),
        ("ＳＭＩＴＨ Ｊohn", "smith john"),
        ("オノ-ヨーコ", "おのよこ"),
        ("\ue123山", "\ue123山"),
        ("葛\U000e0100飾", "葛飾"),
    ],
)
def test_however_it_is_written_it_is_found(kept: str, typed: str) -> None:
    assert search_key(kept) == search_key(typed)
    assert search_key(kept), "something to find"


def test_what_has_no_plain_form_stays() -> None:
    for one in ("\ue000", "\U00030edd", "亜", "a"):
        assert search_key(one) == one
    assert search_key("花") != search_key("華"), "two names, not two ways to write one"


# -- searching -------------------------------------------------------------------------------------


def test_people_are_found_by_name_or_alias_and_nothing_else_is_told(database: Database) -> None:
    resident = entered(database)
    other = entered(
        database, **another("x", name=AsReceived("渡辺 %花子"), alias=None, household=8)
    )
    assert [one.resident for one in found(database, "渡邊")] == [resident, other]
    (one,) = found(database, "渡辺吉")
    assert (one.resident, one.born) == (resident, RESIDENT.born)
    assert [one.resident for one in found(database, "神田")] == [resident]
    assert [one.resident for one in found(database, "渡辺%")] == [other]
    for nothing in ("", "　", "吉之助", "%", "_"):
        assert found(database, nothing) == []
    assert found(database, "渡辺", date(1970, 2, 27)) == []
    assert set(Found.__slots__) == {"resident", "name", "alias", "born"}


def test_a_search_in_a_file_is_answered_by_the_indexes(
    sqlite_template: Path, clock: MovableClock
) -> None:
    seen: list[tuple[str, Any]] = []

    def look(conn: object, cursor: object, statement: str, values: Any, *rest: object) -> None:
        seen.append((statement, values))

    with (
        open_database(sqlite_template, clock=clock, terminal="counter-1") as database,
        database.read() as connection,
    ):
        event.listen(database.engine, "before_cursor_execute", look)
        search_residents(connection, "渡辺")
        statement, values = seen[-1]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    said = " ".join(str(row[-1]) for row in plan)
    assert "ix_register_residents_name_key" in said
    assert "ix_register_residents_alias_key" in said
    assert "SCAN" not in said


# -- changes ---------------------------------------------------------------------------------------


def test_each_change_has_its_reason_day_and_what_was_before(database: Database) -> None:
    resident = entered(database)
    new = AsReceived("東京都千代田区丸の内一丁目1番1号")
    first = shown(database, resident)
    with database.begin() as connection:
        change_resident(
            connection, first, {Item.ADDRESS: new}, ChangeReason.MOVED_WITHIN, DAY, LATER
        )
    now = shown(database, resident)
    assert (now[Item.ADDRESS], now[Item.REASON], now[Item.CHANGED]) == (
        new,
        ChangeReason.MOVED_WITHIN,
        DAY,
    )
    with database.read() as connection:
        (at, before), (later, after) = former_values(connection, resident, COUNTER)
    assert (at, later) == (AT, LATER.at)
    assert [before[item] for item in SEVEN] == [first[item] for item in SEVEN]
    assert after[Item.ADDRESS] == new


def test_name_alias_and_family_register_change_with_their_keys(database: Database) -> None:
    resident = entered(database)
    with database.begin() as connection:
        change_resident(
            connection,
            show_resident(connection, resident, COUNTER),
            {
                Item.NAME: AsReceived("髙橋 一"),
                Item.ALIAS: None,
                Item.DOMICILE: AsReceived("大阪府"),
                Item.FAMILY_HEAD: AsReceived("髙橋 一"),
            },
            ChangeReason.NAME_CHANGED,
            DAY,
            BY,
        )
    assert [one.alias for one in found(database, "高橋")] == [None]
    assert found(database, "渡辺") == found(database, "神田") == []
    assert shown(database, resident)[Item.DOMICILE].text == "大阪府"
    with pytest.raises(TextRefused), database.begin() as connection:
        change_resident(
            connection,
            show_resident(connection, resident, COUNTER),
            {Item.DOMICILE: AsReceived("京都府")},
            ChangeReason.CORRECTED,
            DAY,
            BY,
        )


def test_of_two_who_read_the_same_record_one_changes_it(database: Database) -> None:
    resident = entered(database)
    record = shown(database, resident)

    def extend(connection: Connection) -> None:
        new = {Item.RESIDENCE_UNTIL: date(2018, 1, 1)}
        change_resident(connection, record, new, ChangeReason.STAY_EXTENDED, DAY, BY)

    with database.begin() as connection:
        extend(connection)
    steps: list[Callable[[Connection], object]] = [
        extend,
        lambda c: set_notified(c, record, False, BY),
        lambda c: close_record(c, record, ChangeReason.DIED, DAY, BY),
    ]
    for step in steps:
        with pytest.raises(RecordChanged, match="read it again"), database.begin() as connection:
            step(connection)
    assert shown(database, resident).version == 2


def test_a_code_is_one_persons(database: Database) -> None:
    resident = entered(database)
    other = entered(database, **another("x"))
    with pytest.raises(ResidentExists):
        entered(database)
    record, taken = shown(database, other), {Item.CODE: RESIDENT.code}
    with pytest.raises(ResidentExists), database.begin() as connection:
        change_resident(connection, record, taken, ChangeReason.CODE_CHANGED, DAY, BY)
    with database.begin() as connection:
        record = show_resident(connection, resident, COUNTER)
        new = {Item.CODE: code("new")}
        change_resident(connection, record, new, ChangeReason.CODE_CHANGED, DAY, BY)
        assert show_by_code(connection, code("new"), COUNTER).resident == resident
        with pytest.raises(UnknownResident):
            show_by_code(connection, RESIDENT.code, COUNTER)


def test_a_record_is_closed_for_what_closes_it(database: Database) -> None:
    for number, reason in enumerate(ChangeReason):
        record = shown(database, entered(database, **another(reason.value, household=number)))
        if reason.value not in {"moved_out", "died", "struck_off"}:
            with pytest.raises(ValueError, match="closes no"), database.begin() as connection:
                close_record(connection, record, reason, DAY, BY)
            continue
        with pytest.raises(ValueError, match="closes a"), database.begin() as connection:
            change_resident(connection, record, {}, reason, DAY, BY)
        with database.begin() as connection:
            close_record(connection, record, reason, DAY, BY)
        with pytest.raises(UnknownResident):
            shown(database, record.resident)
    assert len(found(database, "渡辺")) == len(ChangeReason) - 3


def test_notice_is_refused_and_allowed_again(database: Database) -> None:
    resident = entered(database, notified=False)
    assert not shown(database, resident).notified
    with database.begin() as connection:
        set_notified(connection, show_resident(connection, resident, COUNTER), True, BY)
    assert shown(database, resident).notified


# -- what never shows ------------------------------------------------------------------------------


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every line that SQLAlchemy logs, rows of results too if it were let."""
    engine = logging.getLogger("sqlalchemy")
    before = engine.level
    engine.setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    yield caplog
    engine.setLevel(before)


def test_codes_and_names_are_in_no_log_no_error_and_no_repr(
    everything_logged: pytest.LogCaptureFixture, address: str, database: Database
) -> None:
    resident = entered(database)
    said: list[object] = [RESIDENT, RESIDENT.name, shown(database, resident)]
    said += found(database, "渡辺")
    with database.read() as connection:
        said += [former_values(connection, resident, COUNTER), APPROVED]
    refusals: list[Callable[[Connection], object]] = [
        lambda c: enter_resident(c, RESIDENT, BY),
        lambda c: show_by_code(c, code("nobody"), COUNTER),
        lambda c: c.execute(residents.insert().values(code=RESIDENT.code.reveal())),
    ]
    for refused in refusals:
        with pytest.raises(TerminalError) as raised, database.begin() as connection:
            refused(connection)
        said += [raised.value, raised.value.__cause__]
    text = "\n".join([everything_logged.text, *(f"{one} {one!r}" for one in said)])
    assert "register_residents" in everything_logged.text, "statements are logged"
    secrets = [RESIDENT.code.reveal(), "𠮷", "霞が関", "吉野郡", "1970, 2, 28", "1970-02-28"]
    for secret in secrets:
        assert secret not in text
        assert secret.encode("unicode_escape").decode() not in text

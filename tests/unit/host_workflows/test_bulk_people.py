"""Lists of people as they come: empty, huge, in another encoding, with what must not be in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from jukihost.inputs import read_input
from jukihost.models import CardForm
from jukihost.workflows import (
    Paper,
    PeopleFile,
    PeopleList,
    PeopleRefused,
    PresentedBy,
    RowRefused,
    read_people,
)
from jukihost.workflows.bulk import people as module

HERE = Path(__file__).parent
JPEG = bytes.fromhex("0000000C6A5020200D0A870A")


def read(text: str, **how: str) -> PeopleList:
    return read_people(text.encode("utf-8", "surrogatepass"), HERE, **how)


def test_a_row_says_what_is_wished() -> None:
    found = read(
        "papers,holder,certificates,form,photo,by\n"
        "photo proof_of_office,17,no,2,a.jp2,legal_representative\n"
        " photo , 18 ,,,,\n"
    )
    first, second = found.people
    assert (first.row, first.holder, first.form) == (2, 17, CardForm.WITH_PHOTO)
    assert first.photo == HERE / "a.jp2"
    assert not first.with_certificates
    assert first.presented.by is PresentedBy.LEGAL_REPRESENTATIVE
    assert first.presented.papers == {Paper.PHOTO, Paper.PROOF_OF_OFFICE}
    assert (second.row, second.holder, second.form) == (3, 18, CardForm.NAME_ONLY)
    assert second.with_certificates


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "column `holder`"),
        (b"\n\n", "column `holder`"),
        (b"holder\n", "names nobody"),
        (b"holder\n\n , \n", "names nobody"),
        (b"holder,holder\n1,2\n", "each column once"),
        (b"papers\nphoto\n", "column `holder`"),
        (b"holder,name\n17,x\n", "in place 2"),
        (b"12345678903\n17\n", "in place 1"),
        (b"holder\n17\n\x8e\x5a\n", "row 3 .* cp932"),
        (b"holder\r17\r18\r\x8e\x5a\r", "row 4 .* cp932"),
        (b'holder,papers\n17,"photo\n\n\n"\n18,\x8e\x5a\n', "row 3 .* cp932"),
        (b"\x8e\x5a", "row 1 .* cp932"),
        (b"holder\n" + b"1" * 200_000 + b"\n\x8e\x5a\n", "row 2"),
        (b"\xff\xfeh\0o\0", "CSV in UTF-8"),
        (b"\xfe\xff\0h\0o", "CSV in UTF-8"),
        (b"PK\x03\x04\x14\0", "spreadsheet's own file"),
        (b"holder\n1\x007\n", "row 2 .* no text: save it as CSV"),
        (b"holder;papers\n17;photo\n", "separated by commas"),
        (b"holder\tpapers\n17\tphoto\n", "separated by commas"),
        (b"\nholder\n17\n", "row 1 of a list is a head"),
        (b"17,1,,yes,holder,photo\n", "row 1, .* in place 1, 2, 3, 4"),
        (b"holder,papers,,\n17,photo,,\n", "in place 3, 4"),
        (b"sep=,\nholder\n17\n", "in place 1"),
        (b"Holder\n17\n", "in place 1"),
        (b"holder,form,form\n17,1,2\n", "each column once"),
        (b"holder\n17\n" + b"," * 200_000 + b'"', "row 3"),
        (b'holder\n"17\n', "row 2 .* quotation"),
        (b'holder\n"17"8\n', "row 2"),
        (b"holder\n" + b"1" * 200_000, "row 2"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no text in utf-8"),
    ],
)
def test_what_is_no_list_is_refused_whole(raw: bytes, why: str) -> None:
    with pytest.raises(PeopleRefused, match=why) as refused:
        read_people(raw, HERE)
    assert "12345678903" not in str(refused.value)


def test_a_list_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeopleRefused, match="16 MiB"):
        read_people(b" " * (module.MAX_BYTES + 1), HERE)
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    assert len(read("holder\n1\n2\n3\n").people) == 3
    with pytest.raises(PeopleRefused, match="3 rows"):
        read("holder\n1\n2\n3\n4\n")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("", "number of a record"),
        ("0", "number of a record"),
        ("-1", "number of a record"),
        ("１７", "number of a record"),
        ("17.0", "number of a record"),
        ("9" * 19, "number of a record"),
        ("18,3", "form"),
        ("18,2", "photo"),
        ("18,1,a.jp2", "photo"),
        ("18,2,/etc/a.jp2", "beside the list"),
        ("18,2,../a.jp2", "beside the list"),
        ("18,2,b/../../a.jp2", "beside the list"),
        ("18,2,..", "beside the list"),
        ("18,2,\\\\host\\a.jp2", "beside the list"),
        ("18,2,C:a.jp2", "beside the list"),
        ("18,2,a\x1b[2J.jp2", "beside the list"),
        ("=1+1", "number of a record"),
        ("@SUM(1)", "number of a record"),
        ("1_8", "number of a record"),
        ("+18", "number of a record"),
        ("18,2," + "a" * 2000, "name of a file"),
        ("18,1,,perhaps", "certificates"),
        ("18,1,,yes,neighbour", "by says"),
        ("18,1,,yes,holder,licence", "papers says"),
        ("18,1,,yes,holder,photo,12345678903", "7 cells"),
        ("17", "row 2 already"),
    ],
)
def test_a_row_that_cannot_be_is_told_and_the_others_go_on(row: str, why: str) -> None:
    cells = row.split(",")
    whole = ",".join(cells + [""] * (6 - len(cells)))
    found = read(f"holder,form,photo,certificates,by,papers\n17,,,,,\n{whole}\n19,,,,,\n")
    if not whole.strip(","):
        assert len(found.people) == 2
        whole = "x,,,,,"
        found = read(f"holder,form,photo,certificates,by,papers\n17,,,,,\n{whole}\n19,,,,,\n")
    [bad] = found.bad
    assert bad.row == 3
    assert why in str(bad.why)
    assert [one.holder for one in found.people] == [17, 19]
    assert "12345678903" not in str(bad.why)


def test_a_list_of_a_spreadsheet_in_japan_is_read_when_it_is_said_so() -> None:
    raw = "holder,form,photo\r\n17,2,写真①.jp2\r\n".encode("cp932")
    with pytest.raises(PeopleRefused, match="--encoding cp932"):
        read_people(raw, HERE)
    [one] = read_people(raw, HERE, encoding="cp932").people
    assert one.photo == HERE / "写真①.jp2"
    with pytest.raises(PeopleRefused, match="one of utf-8, cp932"):
        read_people(raw, HERE, encoding="shift_jisx0213")
    assert read("\ufeffholder\n17\n").people[0].holder == 17


def test_a_photo_is_read_when_its_row_is_made(tmp_path: Path) -> None:
    found = read_people(b"holder,form,photo\n17,2,a.jp2\n", tmp_path).people[0]
    with pytest.raises(RowRefused, match="cannot be read"):
        found.wish()
    (tmp_path / "a.jp2").write_bytes(b"GIF89a")
    with pytest.raises(RowRefused, match="JPEG 2000"):
        found.wish()
    (tmp_path / "a.jp2").write_bytes(JPEG + bytes(module.MAX_PHOTO))
    with pytest.raises(RowRefused, match="64 KiB"):
        found.wish()
    (tmp_path / "a.jp2").write_bytes(JPEG)
    assert found.wish().photo == JPEG
    with pytest.raises(RowRefused):
        replace(found, photo=tmp_path).wish()


def test_rows_end_as_any_system_ends_them_and_count_as_a_spreadsheet_counts() -> None:
    found = read('holder,papers\r\n17,photo\r18,"photo\n"\n\n19,photo,\r\nx,photo\n20,photo')
    assert [(one.row, one.holder) for one in found.people] == [(2, 17), (3, 18), (7, 20)]
    assert [one.row for one in found.bad] == [5, 6]


def test_a_list_is_a_file_that_everybody_can_read(tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    reads, writes = os.pipe()
    os.write(writes, b"holder\n17\n")
    os.close(writes)
    handed = Path(f"/dev/fd/{reads}")
    try:
        for path, why in (
            (pipe, "named pipe"),
            (tmp_path, "directory"),
            (loop, "cannot be read"),
            (tmp_path / "none", "cannot be read"),
            (Path("a" * 5000), "cannot be read"),
            (Path("a\0b"), "no file has such a name"),
            (Path("/dev/null"), "has to be a file"),
            (Path("/dev/zero"), "device"),
            (handed, "every process reads it"),
        ):
            with pytest.raises(PeopleRefused, match=why):
                PeopleFile(path).read()
    finally:
        os.close(reads)


@pytest.mark.parametrize("longer", [True, False])
def test_a_list_that_is_still_written_is_not_read_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longer: bool
) -> None:
    """What is cut off in the middle of a number would be another person's."""
    path = tmp_path / "people.csv"
    path.write_text("holder\n17")

    def read(path: Path, limit: int, check: Callable[[os.stat_result], object]) -> bytes:
        raw = read_input(path, limit, check)
        if longer:
            with path.open("a") as file:
                file.write("4\n")
        else:
            (tmp_path / "new").write_text("holder\n18")
            (tmp_path / "new").replace(path)
        return raw

    monkeypatch.setattr(module, "read_input", read)
    with pytest.raises(PeopleRefused, match="changed while it was read"):
        PeopleFile(path).read()
    monkeypatch.undo()
    assert [one.holder for one in PeopleFile(path).read().people] == [174 if longer else 18]


def test_a_list_that_was_changed_meanwhile_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("holder\n17\n")
    batch = PeopleFile(path).read().batch
    assert PeopleFile(path, batch=batch).read().people
    path.write_text("holder\n18\n")
    with pytest.raises(PeopleRefused, match="changed"):
        PeopleFile(path, batch=batch).read()
    with pytest.raises(PeopleRefused, match="cannot be read"):
        PeopleFile(tmp_path).read()


ANYTHING = st.binary(max_size=300) | st.text(max_size=200).map(
    lambda text: f"holder,papers\n{text}".encode("utf-8", "replace")
)


@given(ANYTHING)
def test_any_bytes_are_a_list_or_refused_in_words(raw: bytes) -> None:
    found = None
    with suppress(PeopleRefused):
        found = read_people(raw, HERE)
    if found is not None:
        rows = [one.row for one in found.people] + [one.row for one in found.bad]
        assert len(rows) == len(set(rows)) > 0

"""The list of people for whom cards are made: a CSV file of record numbers, nothing personal.

It names records, never a code, a name or a number of a card: what goes onto a card comes from the
register. So who has the list, or what is left of a run, knows nothing of anybody.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final, TypeVar

from jukihost.inputs import read_input
from jukihost.models import CardForm
from jukihost.workflows.errors import WorkflowError
from jukihost.workflows.making import CardWish
from jukihost.workflows.presenting import Presented
from jukihost.workflows.rules import Paper, PresentedBy

MAX_BYTES: Final = 16 << 20
MAX_ROWS: Final = 100_000
MAX_PHOTO: Final = 64 << 10
ENCODINGS: Final = ("utf-8", "cp932")
"""What a list may be written in; Shift_JIS is cp932."""
COLUMNS: Final = ("holder", "form", "photo", "certificates", "by", "papers")
EXAMPLE: Final = """\
holder,form,photo,certificates,by,papers
17,1,,yes,holder,photo
18,1,,no,legal_representative,photo proof_of_office
42,2,photos/42.jp2,yes,holder,other
"""
"""What a list looks like."""
_FORMS: Final = {"": CardForm.NAME_ONLY, "1": CardForm.NAME_ONLY, "2": CardForm.WITH_PHOTO}
_YES_NO: Final = {"": True, "yes": True, "no": False}
_LONGEST_NUMBER: Final = 18
_JPEG_2000: Final = (bytes.fromhex("0000000C6A502020"), bytes.fromhex("FF4FFF51"))
_MOST_NAME: Final = 1000
_ELSEWHERE: Final = re.compile(r"^/|^\.\.$|^\.\./|/\.\.(/|$)|[\\:\x00-\x1f\x7f]")
"""In the name of a photo: another folder's, on any system."""
_OTHER_SEPARATOR: Final = re.compile("[;\t]")
_NO_CSV: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff")
"""How files of spreadsheets begin, and texts in UTF-16."""
_SAME: Final = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
T = TypeVar("T")


class PeopleRefused(WorkflowError):
    """The list cannot be read as one: nothing was done for anybody."""


class RowRefused(WorkflowError):
    """A row of the list says what cannot be; what stands in it is not repeated."""


@dataclass(frozen=True, slots=True)
class Person:
    """A row: its number as spreadsheets count (the head is 1), the record, and what is wished.

    photo: a file, of form 2.
    """

    row: int
    holder: int
    form: CardForm
    photo: Path | None
    with_certificates: bool
    presented: Presented

    def wish(self) -> CardWish:
        """Return what the card is to be; the photo is read. RowRefused."""
        photo = None if self.photo is None else _photo(self.photo)
        return CardWish(form=self.form, photo=photo, with_certificates=self.with_certificates)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row for which nothing is done, and why; `holder` where it says one."""

    row: int
    holder: int | None
    why: WorkflowError


@dataclass(frozen=True, slots=True)
class PeopleList:
    """A list that was read. batch: what it is known by, from the bytes of its file."""

    batch: str
    people: tuple[Person, ...]
    bad: tuple[BadRow, ...]

    def by_row(self) -> dict[int, Person]:
        """Return the rows by their numbers."""
        return {one.row: one for one in self.people}


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """Where a list is, so that every process reads it for itself; `batch` is what it has to be."""

    path: Path
    encoding: str = "utf-8"
    batch: str | None = None

    def read(self) -> PeopleList:
        """Read the list. PeopleRefused, also where it is not the one that it was before."""
        raw = self._bytes()
        found = read_people(raw, self.path.parent, encoding=self.encoding)
        if self.batch not in (None, found.batch):
            raise PeopleRefused(
                "the list was changed while cards were made for it: begin again with it as it is "
                "now; whatever was made is known"
            )
        return found

    def _bytes(self) -> bytes:
        """Return the file as it is, whole. PeopleRefused."""
        seen: list[os.stat_result] = []
        try:
            raw = read_input(self.path, MAX_BYTES, seen.append)
            after = os.stat(self.path)
        except OSError as error:
            raise PeopleRefused(f"the list cannot be read: {error.strerror}") from None
        except ValueError:
            raise PeopleRefused("the list cannot be read: no file has such a name") from None
        [before] = seen
        if not stat.S_ISREG(before.st_mode):
            raise PeopleRefused("the list has to be a file: every process reads it for itself")
        if any(getattr(before, name) != getattr(after, name) for name in _SAME):
            raise PeopleRefused(
                "the list was changed while it was read: run this again once it is whole"
            )
        return raw


def read_people(raw: bytes, folder: Path, *, encoding: str = "utf-8") -> PeopleList:
    """Read a list from the bytes of its file; photos are named from `folder`. PeopleRefused.

    Rows that cannot be are apart, each with its reason. encoding: one of `ENCODINGS`.
    """
    if len(raw) > MAX_BYTES:
        raise PeopleRefused(f"the list has more than {MAX_BYTES >> 20} MiB: split it")
    rows = _rows(_text(raw, encoding))
    head = next(rows, (1, []))[1]
    columns = _columns(head)
    people: list[Person] = []
    bad: list[BadRow] = []
    seen: dict[int, int] = {}
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(people) + len(bad) >= MAX_ROWS:
            raise PeopleRefused(f"the list has more than {MAX_ROWS} rows: split it")
        holder = None
        try:
            said = _said(columns, cells)
            holder = _holder(said["holder"])
            if holder in seen:
                raise RowRefused(f"this record stands in row {seen[holder]} already")
            people.append(_person(number, holder, said, folder))
            seen[holder] = number
        except RowRefused as why:
            bad.append(BadRow(number, holder, why))
    if not people and not bad:
        raise PeopleRefused(f"the list names nobody; it looks like this\n\n{EXAMPLE}")
    return PeopleList(hashlib.sha256(raw).hexdigest(), tuple(people), tuple(bad))


def _text(raw: bytes, encoding: str) -> str:
    if encoding not in ENCODINGS:
        raise PeopleRefused(f"a list is written in one of {', '.join(ENCODINGS)}")
    if raw.startswith(_NO_CSV):
        raise PeopleRefused(
            "the list is a spreadsheet's own file, or Unicode text of another kind: save it as CSV "
            "in UTF-8"
        )
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        row = _row_at_the_end(raw[: error.start].decode(encoding, "replace"))
        other = next(one for one in ENCODINGS if one != encoding)
        raise PeopleRefused(
            f"row {row} of the list is no text in {encoding}; say so if it is {other} "
            f"(--encoding {other})"
        ) from None
    if "\0" in text:
        row = _row_at_the_end(text[: text.index("\0")])
        raise PeopleRefused(f"row {row} of the list is no text: save it as CSV")
    return text


def _row_at_the_end(text: str) -> int:
    """Return the number of the row in which a beginning of a list ends."""
    rows = csv.reader(StringIO(f"{text}x", newline=""))
    number = 0
    with suppress(csv.Error):  # a cell too long: the row is that one
        for _ in rows:
            number += 1
        return number
    return number + 1


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with their numbers, as spreadsheets count them. PeopleRefused."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise PeopleRefused(
                f"row {number} of the list is no CSV: a quotation mark, or a cell without an end"
            ) from None
        yield number, cells


def _columns(head: list[str]) -> list[str]:
    """Return the names of the columns. PeopleRefused, which repeats nothing that stands there."""
    names = [cell.strip() for cell in head]
    if len(names) == 1 and _OTHER_SEPARATOR.search(names[0]):
        raise PeopleRefused("the cells of a list are separated by commas: save it as CSV with them")
    unknown = [str(place) for place, name in enumerate(names, 1) if name not in COLUMNS]
    if unknown:
        raise PeopleRefused(
            f"the head of the list, row 1, has what is no column, in place "
            f"{', '.join(unknown[:9])}; there is {', '.join(COLUMNS)}. Names, codes and numbers of "
            "persons have no place in it"
        )
    if "holder" not in names or len(set(names)) != len(names):
        raise PeopleRefused(
            "row 1 of a list is a head with the column `holder`, and each column once; it looks "
            f"like this\n\n{EXAMPLE}"
        )
    return names


def _said(columns: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        raise RowRefused(f"it has {len(cells)} cells, and the head has {len(columns)}")
    said = dict.fromkeys(COLUMNS, "")
    return said | {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}


def _holder(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and int(text)):
        raise RowRefused("holder is the number of a record in the register, in digits")
    return int(text)


def _person(row: int, holder: int, said: dict[str, str], folder: Path) -> Person:
    form = _chosen("form", said["form"], _FORMS.get)
    photo = said["photo"]
    if (form is CardForm.WITH_PHOTO) != bool(photo):
        raise RowRefused("a card of form 2 has a photo, and no other has one")
    if len(photo) > _MOST_NAME or _ELSEWHERE.search(photo):
        raise RowRefused("photo is the name of a file beside the list, or in a folder there")
    by = _chosen("by", said["by"] or PresentedBy.HOLDER.value, _member(PresentedBy))
    papers = [_chosen("papers", word, _member(Paper)) for word in said["papers"].split()]
    return Person(
        row=row,
        holder=holder,
        form=form,
        photo=folder / photo if photo else None,
        with_certificates=_chosen("certificates", said["certificates"], _YES_NO.get),
        presented=Presented(by, frozenset(papers)),
    )


def _member(kind: Callable[[str], T]) -> Callable[[str], T | None]:
    def find(text: str) -> T | None:
        try:
            return kind(text)
        except ValueError:
            return None

    return find


def _chosen(column: str, text: str, find: Callable[[str], T | None]) -> T:
    found = find(text)
    if found is None:
        raise RowRefused(f"{column} says what is not known; see the manual for what there is")
    return found


def _photo(path: Path) -> bytes:
    """Return the photo in a file. RowRefused."""
    try:
        raw = read_input(path, MAX_PHOTO)
    except (OSError, ValueError):
        raise RowRefused(
            f"the photo cannot be read: it is no file of at most {MAX_PHOTO >> 10} KiB beside the "
            "list"
        ) from None
    if not raw.startswith(_JPEG_2000):
        raise RowRefused("the photo is no JPEG 2000 file")
    return raw

"""A copy of the resident record in another town than one's own (広域交付), as a PDF file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from jukihost.conversation.secrets import written_date
from jukihost.models import Purpose, ResidentCode, Sex
from jukihost.paper import Block, Fields, Heading, Paragraph, make_pdf
from jukihost.register import AsReceived, ChangeReason, Item, Provided, Use, search_key
from jukihost.workflows.asking import Step, verify_pin
from jukihost.workflows.elsewhere import asking_for, check_code, meet_any, registers_of
from jukihost.workflows.errors import Impossible
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.identifying import WITH_CARD
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_presented
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

TITLE: Final = "住民票の写し(広域交付)"


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """A copy of the records of a person, or of their household, of whom it was asked for first.

    town: whose residents they are. pdf: the copy to be handed over.
    """

    town: str
    members: tuple[Provided, ...]
    pdf: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Shown:
    """What a document with a photo says of who shows it. `repr` shows nothing of it."""

    name: AsReceived
    born: date

    def __repr__(self) -> str:
        return "<Shown>"


def copy_by_card(
    desk: Desk,
    hand: CardAtDesk,
    presented: Presented = WITH_CARD,
    *,
    household: bool = False,
) -> RecordCopy:
    """Make a copy of the record of a card's holder, who types the PIN before it is handed over.

    household: of everybody in the same household. Impossible for a card of this town;
    AddressRestricted: the holder is sent to their own town; PaperError; as `identify` for the card.
    """
    with Procedure(desk, Task.WIDE_AREA) as run, hand.session(desk, allow_suspended=True) as juki:
        met = meet_any(run, hand, juki)
        if met.own is not None:
            raise _not_elsewhere()
        office = desk.office
        juki.authenticate(Purpose.WIDE_AREA_ISSUANCE, office.custody, floor=office.key_floor)
        desk.talk.progress(Step.PIN)
        verify_pin(desk.talk, juki)
        code = juki.read_code()
        check_code(run, met, code)
        members = _records(run, met.town, code, household)
        return _copy(run, met.town, members, presented)


def copy_by_document(
    desk: Desk,
    town: str,
    code: ResidentCode,
    shown: Shown,
    presented: Presented,
    *,
    household: bool = False,
) -> RecordCopy:
    """Make a copy for who shows a document with a photo, and says their town and code.

    Impossible where the document is not of who has this code, without a word of what differs; else
    as `copy_by_card`. UnknownResident.
    """
    with Procedure(desk, Task.WIDE_AREA) as run:
        run.about(resident=code)
        if town == desk.office.municipality:
            raise _not_elsewhere()
        members = _records(run, town, code, household)
        if not _same(shown, members[0]):
            raise Impossible("the document is not of the person whose record was asked for")
        return _copy(run, town, members, presented)


def _not_elsewhere() -> Impossible:
    return Impossible("this is the resident's own town: an ordinary copy is made here")


def _records(
    run: Procedure, town: str, code: ResidentCode, household: bool
) -> tuple[Provided, ...]:
    asking = asking_for(run, Use.WIDE_AREA)
    registers = registers_of(run)
    if household:
        return registers.household_copy(town, code, asking)
    return (registers.copy_of_record(town, code, asking),)


def _same(shown: Shown, record: Provided) -> bool:
    """Tell whether a document is of a record's resident, by name or alias however written."""
    names = [name for name in (record[Item.NAME], record[Item.ALIAS]) if name is not None]
    key = search_key(shown.name.text)
    return record[Item.BORN] == shown.born and any(key == search_key(one.text) for one in names)


def _copy(
    run: Procedure,
    town: str,
    members: tuple[Provided, ...],
    presented: Presented,
) -> RecordCopy:
    """Print the copy and finish: nothing is handed over that the log does not have."""
    check_presented(run, presented, members[0][Item.BORN])
    at, font = run.by.at, run.desk.office.font
    blocks = [*_printed(members), Paragraph(_end(town, run.desk.office.municipality, run.day))]
    made = RecordCopy(town, members, make_pdf(TITLE, blocks, at=at, font=font))
    with run.finish():
        pass
    return made


def _printed(members: tuple[Provided, ...]) -> Iterator[Block]:
    for number, record in enumerate(members, 1):
        if len(members) > 1:
            yield Heading(f"{number}")
        yield Fields(tuple(_rows(record)))


def _rows(record: Provided) -> Iterator[tuple[str, str]]:
    foreign = record[Item.RESIDENCE_UNTIL] is not None
    yield "氏名", record[Item.NAME].text
    if record[Item.ALIAS] is not None:
        yield "通称", record[Item.ALIAS].text
    yield "生年月日", written_date(record[Item.BORN], foreign=foreign)
    yield "性別", _SEX[record[Item.SEX]]
    yield "住所", record[Item.ADDRESS].text
    yield "続柄", record[Item.RELATION]
    if foreign:
        yield "在留期間の満了日", written_date(record[Item.RESIDENCE_UNTIL], foreign=True)
    yield "異動", f"{_REASON[record[Item.REASON]]} {written_date(record[Item.CHANGED])}"


def _end(town: str, here: str, today: date) -> str:
    return (
        f"この写しは、住民票の原本と相違ないことを証明する。\n{written_date(today)}\n"
        f"住民票のある市区町村 {town}  交付した市区町村 {here}\n"
        "住民票コード、戸籍の表示は省略"
    )


_SEX: Final = {Sex.MALE: "男", Sex.FEMALE: "女", Sex.NOT_APPLICABLE: "-"}
_REASON: Final = {
    ChangeReason.BIRTH: "出生",
    ChangeReason.MOVED_IN: "転入",
    ChangeReason.MOVED_WITHIN: "転居",
    ChangeReason.NAME_CHANGED: "氏名変更",
    ChangeReason.CODE_CHANGED: "住民票コード変更",
    ChangeReason.CORRECTED: "修正",
    ChangeReason.HOUSEHOLD_CHANGED: "世帯変更",
    ChangeReason.STAY_EXTENDED: "在留期間更新",
    ChangeReason.MOVED_OUT: "転出",
    ChangeReason.DIED: "死亡",
    ChangeReason.STRUCK_OFF: "職権消除",
}
"""What a copy calls each reason of a change."""

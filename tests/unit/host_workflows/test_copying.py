"""Copies in another town: by card and PIN or a document, of one's own household, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any, Final

import pytest

from jukihost.ledger import By
from jukihost.paper import Block, Fields
from jukihost.register import (
    AddressRestricted,
    AsReceived,
    Body,
    Item,
    RestrictionKind,
    UnknownResident,
    Use,
    restrict,
)
from jukihost.workflows import (
    Cancelled,
    ForeignTown,
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    RecordCopy,
    Shown,
    Task,
    copy_by_card,
    copy_by_document,
)
from tests.support.host.counters import CLERK, PIN, Clerk
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN, code
from tests.support.host.towns import Towns

WITH_PHOTO: Final = Presented(papers=frozenset({Paper.PHOTO}))
DOCUMENT: Final = Shown(AsReceived("渡辺 𠮷之助"), RESIDENT.born)


@pytest.fixture(autouse=True)
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be drawn on each copy, without a font."""
    texts: list[str] = []

    def draw(title: str, blocks: Iterable[Block], **_: object) -> bytes:
        said = [title]
        for block in blocks:
            rows = block.rows if isinstance(block, Fields) else ((block.text,),)
            said += [text for row in rows for text in row]
        texts.append("\n".join(said))
        return b"%PDF-"

    monkeypatch.setattr("jukihost.workflows.copying.make_pdf", draw)
    return texts


def copied(towns: Towns, **wishes: Any) -> RecordCopy:
    with towns.there.on_desk(towns.here.card) as (hand, _):
        return copy_by_card(towns.there.desk(talk=Clerk(PIN)), hand, **wishes)


def family(towns: Towns) -> None:
    """Give the resident a wife, and a neighbour in another household."""
    towns.here.another_resident("wife", relation="妻", name=AsReceived("渡邉 花子"))
    towns.here.another_resident("neighbour", household=8, name=AsReceived("隣 人"))


def test_p12_a_copy_elsewhere_by_card_and_pin(towns: Towns, printed: list[str]) -> None:
    family(towns)
    copy = copied(towns)
    assert (copy.town, len(copy.members), copy.pdf) == (TOWN, 1, b"%PDF-")
    (text,) = printed
    for shown in (RESIDENT.name.text, RESIDENT.address.text, "1970年2月28日", "世帯主", "転入"):
        assert shown in text
    for hidden in (RESIDENT.domicile, RESIDENT.family_head):
        assert hidden is not None
        assert hidden.text not in text
    assert RESIDENT.code.reveal() not in text
    assert RESIDENT.name.text not in repr(copy)
    assert towns.there.told() == [("wide_area_issuance", "done", "")]
    assert towns.here.told()[-1][:2] == ("copy_of_record, wide_area", "done")


def test_p21_a_foreign_resident_is_on_the_copy_with_alias_and_stay(
    towns: Towns, printed: list[str]
) -> None:
    copied(towns)
    assert RESIDENT.alias is not None
    assert f"通称\n{RESIDENT.alias.text}" in printed[0]
    assert "在留期間の満了日\n2016年5月5日" in printed[0]


def test_the_dates_of_a_japanese_resident_are_those_of_the_eras(
    towns: Towns, printed: list[str]
) -> None:
    born, changed = date(1989, 1, 7), date(1989, 1, 8)
    towns.here.another_resident(
        "wife", relation="妻", residence_until=None, born=born, changed=changed
    )
    copied(towns, household=True)
    assert "生年月日\n昭和64年1月7日" in printed[0]
    assert "転入 平成元年1月8日" in printed[0]
    assert "\n平成26年4月1日\n" in printed[0], "the day of the copy"


def test_p12_a_copy_of_the_same_household_and_of_nobody_else(
    towns: Towns, printed: list[str]
) -> None:
    family(towns)
    copy = copied(towns, household=True)
    assert len(copy.members) == 2
    assert "渡邉 花子" in printed[0]
    assert "隣 人" not in printed[0]
    uses = [use for use in towns.here.uses() if use.purpose.startswith("household_copy")]
    key = towns.here.office.pseudonyms
    assert {use.resident for use in uses} == {
        key.resident(RESIDENT.code),
        key.resident(code("wife")),
    }


def test_nothing_is_made_before_the_pin_was_typed(towns: Towns, printed: list[str]) -> None:
    with towns.there.on_desk(towns.here.card) as (hand, _), pytest.raises(Cancelled):
        copy_by_card(towns.there.desk(), hand)
    assert printed == []
    assert not [use for use in towns.here.uses() if use.purpose.startswith("copy")]


@pytest.mark.parametrize("household", [False, True])
@pytest.mark.parametrize("whose", [1, 2])
def test_a_restriction_of_anybody_in_the_household_refuses(
    towns: Towns, printed: list[str], household: bool, whose: int
) -> None:
    family(towns)
    with towns.here.database.begin() as connection:
        by = By.at_terminal(towns.here.database, CLERK)
        restrict(connection, [whose], RestrictionKind.VIOLENCE, date(2015, 3, 31), by)
    with pytest.raises(AddressRestricted, match="own town"):
        copied(towns, household=household)
    with pytest.raises(AddressRestricted, match="own town"):
        copy_by_document(
            towns.there.desk(), TOWN, RESIDENT.code, DOCUMENT, WITH_PHOTO, household=household
        )
    assert printed == []
    assert towns.there.told()[-1] == ("wide_area_issuance", "refused", "address_restricted")
    assert towns.here.told()[-1][1] == "refused"


def test_a_copy_in_ones_own_town_is_another_procedure(towns: Towns) -> None:
    with towns.here.on_desk() as (hand, _), pytest.raises(Impossible, match="ordinary"):
        copy_by_card(towns.here.desk(talk=Clerk(PIN)), hand)
    with pytest.raises(Impossible, match="ordinary"):
        copy_by_document(towns.here.desk(), TOWN, RESIDENT.code, DOCUMENT, WITH_PHOTO)


# -- by a document ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["渡辺 𠮷之助", "渡邉\U000e0101 𠮷之助", "神田 アリ"])
def test_p12_a_document_with_a_photo_does_instead(
    towns: Towns, printed: list[str], name: str
) -> None:
    shown = Shown(AsReceived(name), RESIDENT.born)
    copy = copy_by_document(towns.there.desk(), TOWN, RESIDENT.code, shown, WITH_PHOTO)
    assert copy.members[0][Item.NAME] == RESIDENT.name
    assert len(printed) == 1
    assert name not in repr(shown)


@pytest.mark.parametrize(
    ("shown", "presented"),
    [
        (replace(DOCUMENT, born=date(1970, 2, 27)), WITH_PHOTO),
        (replace(DOCUMENT, name=AsReceived("渡辺 一郎")), WITH_PHOTO),
        (replace(DOCUMENT, name=AsReceived("渡辺")), WITH_PHOTO),
        (DOCUMENT, Presented(papers=frozenset({Paper.OTHER}))),
        (DOCUMENT, Presented(PresentedBy.PROXY, frozenset({Paper.PHOTO}))),
        (DOCUMENT, Presented(PresentedBy.LEGAL_REPRESENTATIVE, frozenset({Paper.PHOTO}))),
    ],
)
def test_a_document_of_somebody_else_or_no_photo_gets_nothing(
    towns: Towns, printed: list[str], shown: Shown, presented: Presented
) -> None:
    with pytest.raises(Impossible) as raised:
        copy_by_document(towns.there.desk(), TOWN, RESIDENT.code, shown, presented)
    assert "渡" not in str(raised.value)
    assert printed == []


def test_who_is_not_there_has_no_copy(towns: Towns) -> None:
    for town, who in ((TOWN, code("nobody")), ("01202", RESIDENT.code)):
        with pytest.raises(UnknownResident):
            copy_by_document(towns.there.desk(), town, who, DOCUMENT, WITH_PHOTO)
    desk = towns.there.desk()
    desk.office = replace(desk.office, registers=None)
    with pytest.raises(ForeignTown):
        copy_by_document(desk, TOWN, RESIDENT.code, DOCUMENT, WITH_PHOTO)


def test_p25_the_town_that_is_asked_gives_this_for_nothing_else(towns: Towns) -> None:
    copied(towns, household=True)
    bodies = {use.body for use in towns.here.uses()}
    assert bodies == {f"{Body.OTHER_TOWN.value} {OTHER_TOWN}"}
    assert {use.purpose.split(", ")[1] for use in towns.here.uses()} == {
        Use.WIDE_AREA.value,
        Use.CARD_SEEN.value,
    }


# -- cut ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [one for one in CUTS if "put back" not in str(one.id)])
def test_a_copy_cut_anywhere_changes_nothing(towns: Towns, printed: list[str], cut: Cut) -> None:
    there = towns.visited()
    before = towns.here.ledger()

    in_log: list[int] = [0]

    def check(done: bool) -> None:
        """What was drawn is in the log, also where the program was killed as it left the card."""
        in_log.append([one[:2] for one in there.told()].count((Task.WIDE_AREA.value, "done")))
        drawn = in_log[-1] - in_log[-2]
        assert drawn == len(printed)
        assert drawn == done or (drawn and cut.killed)
        printed.clear()
        assert towns.here.ledger() == before

    cutting = Cutting(there, Task.WIDE_AREA, lambda: None, copy_by_card, check, (PIN,))
    assert cutting.at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_a_copy_in_trouble_is_in_the_log_or_not_handed_over(towns: Towns, trouble: Trouble) -> None:
    there = towns.visited()
    cutting = Cutting(there, Task.WIDE_AREA, lambda: None, copy_by_card, lambda _: None, (PIN,))
    assert cutting.at_every_transaction(trouble) == 1

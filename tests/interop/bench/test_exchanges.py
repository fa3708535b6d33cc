"""The list of exchanges in a browser: searched, paused, filtered; and hazards that happened."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page as Tab, expect

from jukihost import CardRemoved
from tests.interop.bench.conftest import Opened
from tests.unit.bench.conftest import Page
from tests.unit.bench.onbench import READ_CODE, SELECT, WRONG, said


def test_what_is_searched_is_what_is_shown(page: Page, tab: Tab) -> None:
    said(page, SELECT, READ_CODE)
    rows = tab.locator("#rows > li")
    for searched, found in (
        ("", 3),
        ("why", 1),
        ("reset, the card", 1),
        ("00 a4 04", 1),
        ("00A4040C", 1),
        ("6982 needs", 0),
        ("card 1", 3),
        ("number", 0),  # how a row is told, not what it shows
        ("notes", 0),
        ("seconds", 0),
    ):
        tab.locator("#search").fill(searched)
        expect(rows).to_have_count(found)
    tab.locator("#language").select_option("ja")
    tab.locator("#search").fill("先に証明すべき")
    expect(rows).to_have_count(1)


def test_what_is_looked_at_stays_during_a_pause(page: Page, tab: Tab) -> None:
    rows = tab.locator("#rows > li")
    said(page, SELECT, WRONG)
    expect(rows).to_have_count(3)
    tab.get_by_role("button", name="Pause").click()
    last = page.bench.exchanges.last
    slot = page.slots[0]._card
    slot.power_on()
    for _ in range(600):
        slot.transmit(READ_CODE)
    page.bench.pull(0)
    expect(tab.locator("#slot-0")).to_contain_text("no card")  # all before it has arrived too
    tab.get_by_label("refused only").check()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("VERIFY")
    tab.get_by_label("refused only").uncheck()
    expect(rows).to_have_count(3)
    tab.get_by_role("button", name="Pause").click()
    expect(rows).to_have_count(500)
    expect(rows.first).to_contain_text("pulled out of slot 0")
    expect(tab.locator("#gone")).to_have_text(
        f"{page.bench.exchanges.last - 500} earlier exchanges are not shown"
    )
    assert last == 3


def test_a_card_that_is_taken_away_is_filtered_for_no_more(page: Page, tab: Tab) -> None:
    said(page, SELECT)
    tab.locator("[data-key='card-1-fork']").click()
    tab.locator("#of").select_option("2")
    expect(tab.locator("#rows > li")).to_have_count(1)
    expect(tab.locator("#save")).to_have_attribute("href", "session/2.html")
    tab.locator("[data-key='card-2-away']").click()
    expect(tab.locator("#of")).to_have_value("all")
    expect(tab.locator("#rows > li")).to_have_count(3)
    expect(tab.locator("#save")).to_have_attribute("href", "session/all.html")


def test_what_has_happened_is_told_apart_and_a_pulled_card_is_seen(page: Page, tab: Tab) -> None:
    page.bench.set_hazard(1, "Pulled", {})
    hazards = tab.locator("#card-1 .hazards")
    expect(hazards).to_contain_text("will happen: Pulled(")
    with pytest.raises(CardRemoved):
        said(page, SELECT)
    expect(hazards).to_contain_text("has happened: Pulled(")
    expect(hazards).to_contain_text("so often altogether: 1")
    expect(hazards).not_to_contain_text("will happen")
    expect(tab.locator("#slot-0 > .told")).to_contain_text("pulled out by what was to happen")
    expect(tab.locator("#rows > li").first).to_contain_text("failed no answer: CardNotPresent")
    tab.get_by_label("refused only").check()
    expect(tab.locator("#rows > li")).to_have_count(1)
    tab.locator("[data-key='slot-0-back']").click()
    expect(tab.locator("#slot-0 > .told")).not_to_contain_text("pulled out")
    tab.locator("[data-key='card-1-clear']").click()
    expect(hazards).to_have_count(0)


def test_in_japanese_nothing_of_the_page_itself_is_english(page: Page, open_tab: Opened) -> None:
    with open_tab(page.server.link, locale="ja-JP") as tab:
        tab.locator("[data-key='card-1-hazard']").click()
        dialog = tab.get_by_role("dialog")
        expect(dialog).to_contain_text("「挿し直す」を押すまで戻りません")
        dialog.locator("#hazard-kind").select_option("PowerCut")
        expect(dialog).to_contain_text("メモリへの書き込みの途中で")
        expect(dialog).to_contain_text("何回目の書き込みで")
        dialog.locator("#field-at").fill("0")
        dialog.get_by_role("button", name="起こす").click()
        expect(dialog).to_contain_text("0 回目はありません")
        tab.keyboard.press("Escape")
        tab.locator("[data-key='slot-0-reset']").click()
        expect(tab.locator("#problem")).to_contain_text("電源が入っていないため")
        tab.locator("[data-key='slot-0-pull']").click()
        expect(tab.locator("#rows")).to_contain_text("操作 スロット 0 から抜きました")
        tab.locator("[data-key='card-1-snapshot']").click()
        expect(tab.locator("#before option")).to_have_count(2)
        tab.locator("[data-key='card-1-suspend']").click()
        expect(tab.locator("#card-1 .chip")).to_have_text("一時停止")
        tab.locator("#before").select_option("snapshot:1")
        tab.locator("#after").select_option("card:1")
        tab.locator("#compare button").click()
        expect(dialog.locator("tbody")).to_contain_text("一時停止")
        tab.keyboard.press("Escape")
        tab.locator("summary[data-key='card-1-D3921000310001010401-summary']").click()
        juki = tab.locator("details[data-key='card-1-D3921000310001010401'] table")
        expect(juki).to_contain_text("可変長レコード")

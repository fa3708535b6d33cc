"""What is seen, heard and reached on the bench's page: each sign of it, in a real browser."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import pytest
from playwright.sync_api import Page as Tab, expect

from jukicard import Card, issue_card
from jukicard.cli.bench.looks import look_at
from jukicard.cli.bench.pane import Pane
from jukicard.transport import SlotState, SlotStatus
from tests.interop.bench.conftest import Opened
from tests.unit.bench.conftest import Page, open_page
from tests.unit.bench.onbench import SELECT, WRONG, said

# -- heard, and reached ----------------------------------------------------------------------------


def test_a_refusal_is_spoken_and_the_line_and_problems_are_announced(page: Page, tab: Tab) -> None:
    expect(tab.locator("#spoken")).to_have_role("status")
    expect(tab.locator("#connection")).to_have_role("status")
    expect(tab.locator("#problem")).to_have_role("alert")
    said(page, SELECT, WRONG)
    expect(tab.locator("#spoken")).to_have_text("card 1 answers 63C2 failed, 2 tries left")


def test_buttons_of_one_name_say_of_which_card_or_slot_they_are(page: Page, tab: Tab) -> None:
    tab.locator("[data-key='card-1-fork']").click()
    expect(tab.locator("#card-2")).to_be_visible()
    tab.locator("[data-key='card-1-snapshot']").click()
    expect(tab.locator("#snapshots button")).to_have_count(3)
    buttons = tab.locator("#bench button:not([type='submit'])").all()
    assert len(buttons) >= 12
    for one in buttons:
        described = one.get_attribute("aria-describedby")
        expect(tab.locator(f"[id='{described}']")).not_to_be_empty()
    names = {(one.inner_text(), one.get_attribute("aria-describedby")) for one in buttons}
    assert len(names) == len(buttons)


def test_what_has_the_focus_is_seen_and_the_way_past_the_cards_is_named(tab: Tab) -> None:
    tab.locator("body").press("Tab")
    assert tab.evaluate("() => document.activeElement.textContent") == "To the exchanges"
    tab.keyboard.press("Enter")
    expect(tab.locator("#exchanges")).to_be_focused()
    for _ in range(3):
        tab.keyboard.press("Tab")
        style = tab.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid"


def test_the_keyboard_goes_on_where_what_was_pressed_is_gone(page: Page, tab: Tab) -> None:
    def press(key: str, then: str) -> None:
        tab.locator(f"[data-key='{key}']").focus()
        tab.keyboard.press("Enter")
        expect(tab.locator(then)).to_be_focused()

    press("slot-0-pull", "[data-key='slot-0-which']")
    press("slot-0-insert", "[data-key='slot-0-pull']")
    press("card-1-suspend", "[data-key='card-1-suspend']")
    press("card-1-snapshot", "[data-key='card-1-snapshot']")
    expect(tab.locator("#snapshots button")).to_have_count(3)
    press("snapshot-1-drop", "#snapshots")
    press("card-1-fork", "[data-key='card-1-fork']")
    expect(tab.locator("#card-2")).to_be_visible()
    press("card-2-away", "#beside")


def test_a_dialog_gives_the_focus_back_to_what_was_drawn_anew(page: Page, tab: Tab) -> None:
    tab.locator("[data-key='card-1-hazard']").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#hazard-kind")).to_be_focused()
    said(page, SELECT, WRONG)
    expect(tab.locator("#card-1 .low")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("[data-key='card-1-hazard']")).to_be_focused()


def test_enter_in_the_search_leaves_the_page_as_it_is(page: Page, tab: Tab) -> None:
    said(page, SELECT)
    tab.locator("#search").fill("select")
    tab.locator("#search").press("Enter")
    expect(tab.locator("#rows > li")).to_have_count(1)
    assert tab.url == page.server.link


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_a_narrow_window_has_one_column_and_nothing_beside_it(
    page: Page, open_tab: Opened, locale: str
) -> None:
    with open_tab(page.server.link, locale=locale) as tab:
        tab.set_viewport_size({"width": 360, "height": 800})
        said(page, SELECT, WRONG)
        tab.locator("summary[data-key='card-1-D3921000310001010401-summary']").click()
        cards, exchanges = (tab.locator(one).bounding_box() for one in ("#left", "#exchanges"))
        assert cards
        assert exchanges
        assert exchanges["y"] >= cards["y"] + cards["height"]
        assert tab.evaluate("() => document.documentElement.scrollWidth") == 360
        path = tab.locator("#card-1 th > code", has_text="001C")
        assert path.evaluate("one => one.getClientRects().length") == 1


def test_colours_follow_the_system(page: Page, open_tab: Opened) -> None:
    back = "() => getComputedStyle(document.body).backgroundColor"
    seen, light = set(), ""
    for scheme in ("light", "dark"):
        with open_tab(page.server.link, scheme=scheme) as tab:
            seen.add(tab.evaluate(back))
            tab.locator("#theme").select_option("light")
            light = tab.evaluate(back)
    assert len(seen) == 2
    assert light in seen


# -- seen ------------------------------------------------------------------------------------------


def test_proofs_messaging_and_what_failed_stand_at_the_card(
    page: Page, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(card: Card) -> dict[str, Any]:
        channel = {"number": 1, "chained": False, "aid": "D392", "kind": "juki", "ef": "0002"}
        proofs = {"verified": ["001C"], "authenticated": ["COUNTER"], "messaging": True}
        return look_at(card) | {"channels": [channel | proofs], "failed": "the disk is away"}

    monkeypatch.setattr("jukicard.cli.bench.bench.look_at", look)
    page.bench.suspend(1)
    channels = tab.locator("#card-1 [data-key='card-1-channels']")
    expect(channels).to_contain_text(
        "Channel 1: juki D392, EF 0002 · PIN verified: 001C · proven: COUNTER · secure messaging"
    )
    expect(tab.locator("#card-1 strong", has_text="the disk is away")).to_be_visible()
    page.bench.tell(SlotStatus(0, SlotState.FAULT, "", "the line is broken"))
    expect(tab.locator("#slot-0 > .told")).to_contain_text("the line is broken")


def test_a_row_that_is_opened_has_what_the_list_leaves_out(page: Page, tab: Tab) -> None:
    said(page, SELECT)
    row = tab.locator("#rows > li", has_text="SELECT")
    row.locator("summary").click()
    expect(row).to_contain_text("D3921000310001010401, channel 0")
    expect(row).to_contain_text("the card took")


def test_a_fork_of_a_snapshot_is_what_was_kept(page: Page, tab: Tab) -> None:
    tab.locator("[data-key='card-1-snapshot']").click()
    expect(tab.locator("#snapshots button")).to_have_count(3)
    said(page, SELECT, WRONG)
    expect(tab.locator("#card-1 .low")).to_be_visible()
    tab.locator("[data-key='snapshot-1-fork']").click()
    expect(tab.locator("#card-2 .chip")).to_be_visible()
    expect(tab.locator("#card-2 .low")).to_have_count(0)


def test_a_box_that_is_ticked_is_said(page: Page, tab: Tab) -> None:
    tab.locator("[data-key='card-1-hazard']").click()
    tab.locator("#hazard-kind").select_option("PowerCut")
    tab.get_by_label("the write has just landed").check()
    tab.locator("#hazard button").click()
    expect(tab.locator("#card-1 .hazards")).to_contain_text("landed=True")


def test_wrong_values_are_counted_down_in_japanese_too(page: Page, open_tab: Opened) -> None:
    with open_tab(page.server.link, locale="ja-JP") as tab:
        said(page, SELECT, WRONG)
        expect(tab.locator("#rows > li.refused")).to_contain_text("値が違います。残り 2 回")


LOG: Final = {
    "origin": "town/uses", "size": 3, "root": "00", "queued": 0, "queued_since": None, "hold": True,
    "restored": "2014-05-01", "checkpoint": {"size": 2, "signed": "2014-04-01", "witnessed": None,
    "witnesses": []},
}  # fmt: skip
LEDGER: Final = {
    "kind": "postgresql", "counts": [], "cards": [], "intents": {"rows": [], "count": 7}, "gaps": 3,
    "log": LOG,
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (LEDGER, ("from a server", "7 more are not shown", "has settled: 3", "from a backup on "
         "2014-05-01", "publishes nothing without one", "none")),
        (LEDGER | {"log": None}, ("No log was begun yet",)),
        (LEDGER | {"log": LOG | {"hold": False}}, ("by no witness yet",)),
        (LEDGER | {"log": LOG | {"checkpoint": None}}, ("none yet (jukihost log publish)",)),
        (LEDGER | {"stopped": ""}, ("the emergency stop cannot be read",)),
        ({"problem": {"code": "x", "en": "it is away", "ja": "ありません"}}, ("it is away",)),
    ],
)  # fmt: skip
def test_whatever_there_is_to_know_of_a_ledger_is_said(
    told: dict[str, Any], words: tuple[str, ...], open_tab: Opened
) -> None:
    class View:
        def look(self) -> dict[str, Any]:
            return told

    with contextlib.ExitStack() as stack:
        pane = stack.enter_context(Pane(View()))
        page = stack.enter_context(open_page(issue_card("juki-v1", seed=1), pane=pane))
        tab = stack.enter_context(open_tab(page.server.link))
        tab.get_by_role("tab", name="Ledger").click()
        for said_there in words:
            expect(tab.locator("#ledger")).to_contain_text(said_there)

"""The views beside the cards in a real browser: the ledger of a terminal, and the rules."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab, expect
from sqlalchemy import text

from jukicard import issue_card
from jukihost import TcpConnection
from jukihost.ledger import By, PersonAct, Reason, find_card, lift_stop, move_card, stop
from tests.interop.bench.conftest import Opened
from tests.interop.bench.ledgers import SCRIPT, Office, open_office
from tests.support.host.ledgers import ADMIN
from tests.unit.bench.conftest import Page, open_page

ACTIVE = 0x2A02
TO_BE_TYPED = (
    "jukihost code read --tcp HOST:PORT --keys test.keys --purpose RESIDENT_IDENTIFICATION"
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened


@pytest.fixture
def tab(office: Office, open_tab: Opened) -> Iterator[Tab]:
    with open_tab(office.page.server.link) as opened:
        ledger(opened)
        yield opened


def ledger(tab: Tab, name: str = "Ledger") -> None:
    tab.get_by_role("tab", name=name, exact=True).click()
    expect(tab.locator("#ledger-body h3").first).to_be_visible()


def test_cards_intents_and_the_log_are_shown(office: Office, tab: Tab) -> None:
    body = tab.locator("#ledger")
    expect(body).to_contain_text("Cards: 10")
    expect(body.locator(".counts li")).to_have_count(10)
    expect(body.locator("[data-key='ledger-cards'] tbody tr")).to_have_count(10)
    expect(body).to_contain_text("…2A02")
    expect(body).to_contain_text("None: nothing is under way on a card")
    expect(body).to_contain_text("town.example/uses")
    expect(body).to_contain_text("3 entries, signed 2014-04-01 12:00:00 JST")
    expect(body).to_contain_text("1, the first since 2014-04-01 12:05:00 JST")
    expect(body).to_contain_text("prefecture.example")
    for hidden in ("0000000000002A02", "clerk-1", "管理", str(office.file)):
        expect(body).not_to_contain_text(hidden)


def test_it_follows_what_terminals_do_in_two_browsers(
    office: Office, tab: Tab, open_tab: Opened
) -> None:
    with open_tab(office.page.server.link, locale="ja-JP") as other:
        ledger(other, "台帳")
        office.intent(ACTIVE, "unblock_pin")
        row = "[data-key='ledger-intents'] tbody tr"
        expect(tab.locator(row)).to_contain_text("unblock_pin")
        expect(other.locator(row)).to_contain_text("…2A02")
        expect(other.locator("#ledger")).to_contain_text("未完了の変更：1 件")
        with office.database.begin() as connection:
            card = find_card(connection, ACTIVE.to_bytes(8))
            by = By("clerk-1", "counter-2", office.database.clock.now())
            move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, by)
        first = "[data-key='ledger-cards'] tbody tr >> nth=0"
        expect(tab.locator(first)).to_contain_text("suspended, returns to active")
        expect(other.locator(first)).to_contain_text("一時停止（解除後は有効）")
        expect(other.locator(first)).to_contain_text("counter-2")


def test_a_database_that_goes_away_is_told_and_shown_again(
    office: Office, tab: Tab, tmp_path: Path
) -> None:
    office.database.close()
    aside = tmp_path / "aside.db"
    for end in ("", "-wal", "-shm"):
        if (piece := Path(f"{office.file}{end}")).exists():
            shutil.move(piece, f"{aside}{end}")
    expect(tab.locator("#ledger-problem")).to_contain_text("The ledger cannot be seen")
    expect(tab.locator("#ledger-problem")).to_contain_text("the database is away")
    expect(tab.locator("#ledger-body")).to_be_empty()
    tab.locator("#language").select_option("ja")
    expect(tab.locator("#ledger-problem")).to_contain_text("台帳を見られません")
    for end in ("", "-wal", "-shm"):
        if (piece := Path(f"{aside}{end}")).exists():
            shutil.move(piece, f"{office.file}{end}")
    expect(tab.locator("#ledger-problem")).to_be_empty()
    expect(tab.locator("#ledger")).to_contain_text("カード：10 枚")


def test_in_an_emergency_the_cards_are_gone(office: Office, tab: Tab) -> None:
    with office.database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "a drill")
    expect(tab.locator("#ledger .stopped")).to_contain_text("since 2014-04-01 12:00:00 JST")
    expect(tab.locator("#ledger")).not_to_contain_text("…2A02")
    expect(tab.locator("#ledger")).to_contain_text("town.example/uses")
    with office.database.begin() as connection:
        lift_stop(connection, ADMIN, "admin-2", "over")
    expect(tab.locator("#ledger")).to_contain_text("…2A02")


def test_nothing_that_the_ledger_holds_runs_as_script(tmp_path: Path, open_tab: Opened) -> None:
    with open_office(tmp_path, terminal=SCRIPT) as office:
        office.intent(ACTIVE, SCRIPT, terminal=SCRIPT)
        with office.database.begin() as connection:
            for change in (
                "UPDATE ledger_cards SET state = :said WHERE state = 'lost'",
                "UPDATE ledger_events SET act = :said, terminal = :said",
                "UPDATE log_heads SET origin = :said",
            ):
                connection.execute(text(change), {"said": SCRIPT})
            note = connection.execute(text("SELECT note FROM log_checkpoints")).scalar_one()
            hostile = note.replace(b"prefecture.example", b"<script>hit=1</script>")
            connection.execute(text("UPDATE log_checkpoints SET note = :n"), {"n": hostile})
        with open_tab(office.page.server.link) as tab:
            ledger(tab)
            expect(tab.locator("#ledger")).to_contain_text("<img src=x onerror=hit=1>")
            expect(tab.locator("#ledger")).to_contain_text("<script>hit=1</script>")
            assert tab.evaluate("() => typeof window.hit") == "undefined"
            assert tab.locator("script").count() == 1
            assert tab.locator("img, iframe, object, embed, svg, style").count() == 0


def test_tabs_go_by_arrows_and_one_view_is_shown(office: Office, tab: Tab) -> None:
    tab.get_by_role("tab", name="Cards", exact=True).click()
    for key, name, view in (
        ("ArrowRight", "Ledger", "ledger"),
        ("ArrowRight", "Rules", "rules"),
        ("ArrowRight", "Cards", "bench"),
        ("ArrowLeft", "Rules", "rules"),
        ("Home", "Cards", "bench"),
        ("End", "Rules", "rules"),
    ):
        tab.keyboard.press(key)
        expect(tab.get_by_role("tab", name=name, exact=True)).to_be_focused()
        expect(tab.get_by_role("tab", selected=True)).to_have_text(name)
        expect(tab.get_by_role("tabpanel")).to_have_id(view)


# -- the rules, with or without a ledger -----------------------------------------------------------


@pytest.fixture
def plain() -> Iterator[Page]:
    with open_page(issue_card("juki-v1", seed=1)) as opened:
        yield opened


def test_without_a_ledger_there_is_no_tab_for_it(plain: Page, open_tab: Opened) -> None:
    with open_tab(plain.server.link) as tab:
        expect(tab.locator("#card-1 .chip")).to_be_visible()
        expect(tab.get_by_role("tab")).to_have_text(["Cards", "Rules"])
        tab.get_by_role("tab", name="Cards").focus()
        tab.keyboard.press("ArrowRight")
        expect(tab.get_by_role("tabpanel")).to_have_id("rules")


def test_a_rule_is_opened_by_its_anchor(plain: Page, open_tab: Opened) -> None:
    with open_tab(f"{plain.server.link}#rule-6982") as tab:
        expect(tab.get_by_role("tabpanel")).to_have_id("rules")
        expect(tab.locator("#rule-6982")).to_be_focused()
        expect(tab.locator("#rule-6982")).to_be_in_viewport()
        expect(tab.locator("#rule-6982")).to_contain_text("status-words.md#status-6982")
        for said in (TO_BE_TYPED, "any one of the rights", "a plain VERIFY is useless"):
            expect(tab.locator("#rule-6982")).to_contain_text(said, ignore_case=True)
        expect(tab.locator("#rule-list > dl")).to_contain_text("an EF is a file in it")
        assert tab.locator("#rule-list section").count() > 30
        tab.locator("#language").select_option("ja")
        expect(tab.locator("#rule-6982")).to_contain_text("先に証明すべきことがあります")


@pytest.mark.parametrize("hash", ["#rule-0000", "#rule-%", "#<script>", "#rule-__proto__", "#"])
def test_an_anchor_that_is_none_opens_nothing(hash: str, plain: Page, open_tab: Opened) -> None:
    with open_tab(f"{plain.server.link}{hash}") as tab:
        expect(tab.locator("#card-1 .chip")).to_be_visible()
        expect(tab.get_by_role("tabpanel")).to_have_id("bench")


def test_a_refusal_leads_to_its_rule(plain: Page, open_tab: Opened) -> None:
    with open_tab(plain.server.link) as tab:
        with TcpConnection("127.0.0.1", plain.slots[0].port) as terminal:
            terminal.transmit(bytes.fromhex("00A4040C0AD3921000310001010401"))
            terminal.transmit(bytes.fromhex("00B2011400"))
        for _ in range(2):  # also when it is there already
            tab.get_by_role("tab", name="Cards").click()
            tab.locator("#rows > li.refused").get_by_role("button").click()
            tab.get_by_role("dialog").get_by_role("link", name="6982").click()
            expect(tab.get_by_role("dialog")).to_be_hidden()
            expect(tab.locator("#rule-6982")).to_be_focused()
        assert tab.url.endswith("#rule-6982")

"""The bench's page in a real browser: every button, every choice, and what a newcomer finds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab, expect

from jukicard import issue_card
from jukicard.testing import HAZARDS
from jukihost import TcpConnection
from tests.interop.bench.conftest import Opened
from tests.unit.bench.conftest import Page, open_page
from tests.unit.bench.onbench import READ_CODE, SELECT, VERIFY, WRONG, said


@pytest.fixture
def page() -> Iterator[Page]:
    with open_page(issue_card("juki-v1", seed=1), issue_card("mynumber", seed=1)) as opened:
        yield opened


def terminal(page: Page) -> TcpConnection:
    return TcpConnection("127.0.0.1", page.slots[0].port)


def press(tab: Tab, where: str, name: str) -> None:
    tab.locator(where).get_by_role("button", name=name, exact=True).click()


def rows(tab: Tab) -> list[str]:
    return tab.locator("#rows > li").all_inner_texts()


# -- what is seen ----------------------------------------------------------------------------------


def test_a_newcomer_finds_why_and_what_to_send_instead(page: Page, tab: Tab) -> None:
    said(page, SELECT, READ_CODE)
    refused = tab.locator("#rows > li.refused")
    expect(refused).to_contain_text("READ RECORD: record 1 of SFI 02")
    expect(refused).to_contain_text("needs Authenticated(RESIDENT_IDENTIFICATION")
    refused.get_by_role("button").click()
    dialog = tab.get_by_role("dialog")
    for sentence in ("something must be proven first", "GET CHALLENGE", "00 84 00 00 08",
                     "MUTUAL AUTHENTICATE", "81 RESIDENT_IDENTIFICATION", "9C for 001C",
                     "class byte 0C", "Any one of the rights", "Pages of the manual",
                     "docs/card.md", "One of several conversations",
                     "Lc says how many bytes"):  # fmt: skip
        expect(dialog).to_contain_text(sentence)
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_what_the_page_names_to_be_typed_reads_the_code(
    page: Page, tab: Tab, tmp_path: Path
) -> None:
    """Each word of the page's commands is taken as it stands there; the address is the slot's."""
    said(page, SELECT, READ_CODE)
    tab.locator("#rows > li.refused").get_by_role("button").click()
    commands = tab.get_by_role("dialog").locator("pre").inner_text().splitlines()
    address = re.search(r"at (127\.0\.0\.1:\d+)", tab.locator("#slot-0 > .told").inner_text())
    assert address
    assert len(commands) == 2
    printed = ""
    for command in commands:
        program, *words = command.replace("HOST:PORT", address[1]).split()
        assert program == "jukihost"
        words += ["--pin-file", "-"] if "--tcp" in words else []
        done = subprocess.run(
            [sys.executable, "-m", program, *words],
            cwd=tmp_path,
            input="1234\n",
            capture_output=True,
            text=True,
            env={**os.environ, "JUKIHOST_PASSPHRASE": "correct horse battery"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout.strip()
    assert re.fullmatch(r"\d{11}", printed)
    tab.keyboard.press("Escape")
    expect(tab.locator("#rows")).to_contain_text("READ RECORD: record 1 [secure messaging]")
    expect(tab.locator("#rows")).not_to_contain_text(printed)


def test_tries_and_proofs_are_shown_as_they_change(page: Page, tab: Tab) -> None:
    channel = tab.locator("#card-1 [data-key='card-1-channels']")
    expect(channel).to_contain_text("The card has no power")
    with terminal(page) as connection:
        connection.transmit(SELECT)
        connection.transmit(WRONG)
        expect(tab.locator("#card-1 .low")).to_contain_text("PIN 001C: 2 of 3")
        expect(tab.locator("#slot-0")).to_contain_text("a reader is connected")
        connection.transmit(VERIFY)
        expect(channel).to_contain_text("PIN verified: 001C")
        expect(tab.locator("#card-1 .low")).to_have_count(0)
    expect(channel).to_contain_text("The card has no power")


@pytest.mark.soak
def test_an_exchange_is_in_the_page_within_a_tenth_of_a_second(page: Page, tab: Tab) -> None:
    tab.evaluate(
        "() => { window.seen = []; new MutationObserver(() => window.seen.push(Date.now()))"
        ".observe(document.getElementById('rows'), {childList: true}) }"
    )
    took = []
    with terminal(page) as connection:
        time.sleep(0.5)
        for _ in range(10):
            tab.evaluate("() => { window.seen = [] }")
            begun = time.time() * 1000
            connection.transmit(READ_CODE)
            tab.wait_for_function("() => window.seen.length > 0")
            took.append(tab.evaluate("() => window.seen[0]") - begun)
    assert sorted(took)[5] < 100


def test_details_that_are_open_stay_open_and_focus_stays(page: Page, tab: Tab) -> None:
    juki = tab.locator("details[data-key='card-1-D3921000310001010401']")
    juki.locator("summary").click()
    expect(juki.locator("table")).to_be_visible()
    pin = juki.get_by_role("row", name="001C PIN")
    expect(pin).to_contain_text("3 of 3")
    juki.locator("summary").focus()
    said(page, SELECT, WRONG)
    expect(pin).to_contain_text("2 of 3")
    expect(juki.locator("table")).to_be_visible()
    assert tab.evaluate("() => document.activeElement.closest('details').dataset.key").endswith(
        "401"
    )


def test_search_filter_pause_and_clear(page: Page, tab: Tab) -> None:
    said(page, SELECT, WRONG, READ_CODE)
    list_of_rows = tab.locator("#rows > li")
    expect(list_of_rows).to_have_count(4)
    tab.get_by_label("refused only").check()
    expect(list_of_rows).to_have_count(2)
    tab.get_by_label("refused only").uncheck()
    tab.get_by_label("Search").fill("read record")
    expect(list_of_rows).to_have_count(1)
    tab.get_by_label("Search").fill("")
    tab.locator("#of").select_option("2")
    expect(list_of_rows).to_have_count(0)
    assert tab.locator("#save").get_attribute("href") == "session/2.html"
    tab.locator("#of").select_option("all")
    expect(list_of_rows).to_have_count(4)
    tab.get_by_role("button", name="Pause").click()
    said(page, SELECT)
    time.sleep(0.5)
    assert len(rows(tab)) == 4
    tab.get_by_role("button", name="Pause").click()
    expect(list_of_rows).to_have_count(6)
    tab.get_by_role("button", name="Clear").click()
    expect(list_of_rows).to_have_count(0)
    expect(tab.locator("#none")).to_be_visible()


def test_a_row_opens_and_shows_the_bytes_without_the_pin(page: Page, tab: Tab) -> None:
    said(page, SELECT, VERIFY)
    row = tab.locator("#rows > li").first
    expect(row).to_contain_text("VERIFY")
    row.locator("summary").click()
    expect(row).to_contain_text("00 20 00 9C 04 <4 bytes>")
    assert "31323334" not in tab.content().replace(" ", "")


def test_a_session_is_saved_and_needs_no_server(page: Page, tab: Tab, tmp_path: Path) -> None:
    said(page, SELECT, READ_CODE)
    expect(tab.locator("#rows > li")).to_have_count(3)
    with tab.expect_download() as saving:
        tab.get_by_role("link", name="Save as one HTML file").click()
    path = tmp_path / "session.html"
    saving.value.save_as(path)
    page.server.close()
    tab.goto(path.as_uri())
    expect(tab.locator("body")).to_contain_text("READ RECORD")
    expect(tab.locator("body")).to_contain_text("needs Authenticated(")


# -- every button ----------------------------------------------------------------------------------


def test_pull_insert_put_back_and_reset(page: Page, tab: Tab) -> None:
    press(tab, "#slot-0", "Pull")
    expect(tab.locator("#slot-0")).to_contain_text("no card")
    expect(tab.locator("#beside #card-1")).to_be_visible()
    assert not page.slots[0].occupied
    press(tab, "#slot-0", "Insert")
    expect(tab.locator("#slot-0 #card-1")).to_be_visible()
    press(tab, "#slot-0", "Reset")
    expect(tab.locator("#problem")).to_have_text("the card has no power, there is nothing to reset")
    with terminal(page) as connection:
        connection.transmit(SELECT)
        expect(tab.locator("#slot-0")).to_contain_text("power on")
        press(tab, "#slot-0", "Reset")
        expect(tab.locator("#rows")).to_contain_text("reset by another program")
        expect(tab.locator("#problem")).to_be_empty()
        press(tab, "#slot-0", "Put back")
        expect(tab.locator("#slot-0")).to_contain_text("power off")


def test_suspend_and_resume(page: Page, tab: Tab) -> None:
    press(tab, "#card-1", "Suspend")
    expect(tab.locator("#card-1 .chip")).to_have_text("suspended")
    said(page, SELECT, VERIFY)
    expect(tab.locator("#rows > li.refused").first).to_contain_text("6985")
    press(tab, "#card-1", "Resume")
    expect(tab.locator("#card-1 .chip")).to_have_text("activated")


@pytest.mark.parametrize("name", [kind.__name__ for kind in HAZARDS if isinstance(kind, type)])
def test_every_hazard_is_set_and_cleared(page: Page, tab: Tab, name: str) -> None:
    press(tab, "#card-1", "Let something happen…")
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("What happens").select_option(name)
    dialog.get_by_role("button", name="Let it happen").click()
    expect(dialog).to_be_hidden()
    expect(tab.locator("#card-1 .hazards")).to_contain_text(f"will happen: {name}(")
    press(tab, "#card-1", "Let nothing more happen")
    expect(tab.locator("#card-1 .hazards")).to_have_count(0)


def test_a_hazard_takes_what_is_said_of_it_and_says_what_is_wrong(page: Page, tab: Tab) -> None:
    press(tab, "#card-1", "Let something happen…")
    dialog = tab.get_by_role("dialog")
    dialog.get_by_label("What happens").select_option("StatusInstead")
    dialog.get_by_label("status word (hexadecimal)").fill("zz")
    dialog.get_by_role("button", name="Let it happen").click()
    expect(dialog).to_contain_text("status word (hexadecimal): zz")
    dialog.get_by_label("status word (hexadecimal)").fill("6581")
    dialog.get_by_label("of commands with INS only (hexadecimal)").fill("20")
    dialog.get_by_label("how often in a row").fill("")
    dialog.get_by_role("button", name="Let it happen").click()
    expect(tab.locator("#card-1 .hazards")).to_contain_text("status=25985")
    with terminal(page) as connection:
        assert connection.transmit(SELECT) == b"\x90\x00"
        assert connection.transmit(VERIFY) == b"\x65\x81"
    expect(tab.locator("#rows .note.hazard").first).to_contain_text("StatusInstead")


def test_snapshot_compare_restore_fork_drop_and_take_away(page: Page, tab: Tab) -> None:
    press(tab, "#card-1", "Snapshot")
    kept = tab.locator("#snapshots li", has_text="card 1")
    expect(kept).to_have_count(1)
    said(page, SELECT, WRONG)
    tab.locator("#before").select_option("snapshot:1")
    tab.locator("#after").select_option("card:1")
    press(tab, "#compare", "Compare")
    dialog = tab.get_by_role("dialog")
    expect(dialog.locator("tbody tr")).to_have_count(1)
    expect(dialog).to_contain_text("tries/001C")
    expect(dialog).to_contain_text("2 left")
    dialog.get_by_role("button", name="Close").click()
    kept.get_by_role("button", name="Restore").click()
    expect(tab.locator("#card-1 .low")).to_have_count(0)
    press(tab, "#compare", "Compare")
    expect(dialog).to_contain_text("Nothing differs.")
    tab.keyboard.press("Escape")
    kept.get_by_role("button", name="Fork").click()
    expect(tab.locator("#beside #card-3")).to_be_visible()
    press(tab, "#card-1", "Fork")
    expect(tab.locator("#beside #card-4")).to_be_visible()
    press(tab, "#card-4", "Take away")
    expect(tab.locator("#card-4")).to_have_count(0)
    press(tab, "#slot-0", "Pull")
    tab.get_by_label("Card to insert").select_option("3")
    press(tab, "#slot-0", "Insert")
    expect(tab.locator("#slot-0 #card-3")).to_be_visible()
    kept.get_by_role("button", name="Drop").click()
    expect(tab.locator("#snapshots")).to_contain_text("None yet.")


def test_help_language_and_colours(page: Page, tab: Tab) -> None:
    tab.get_by_role("button", name="What is this?").click()
    expect(tab.get_by_role("dialog")).to_contain_text("A software card lies in each slot.")
    tab.keyboard.press("Escape")
    said(page, SELECT, READ_CODE)
    expect(tab.locator("#rows > li.refused")).to_have_count(1)
    tab.get_by_label("Language").select_option("ja")
    assert tab.locator("html").get_attribute("lang") == "ja"
    expect(tab.get_by_role("heading", name="やりとり")).to_be_visible()
    expect(tab.locator("#rows > li.refused")).to_contain_text("先に証明すべきことがあります")
    tab.locator("#rows > li.refused").get_by_role("button").click()
    expect(tab.get_by_role("dialog")).to_contain_text("暗証番号が、このチャネルで照合済み")
    tab.keyboard.press("Escape")
    back = "() => getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(back)
    tab.locator("#theme").select_option("dark")
    assert tab.evaluate(back) != light
    tab.reload()
    expect(tab.get_by_role("heading", name="やりとり")).to_be_visible()
    assert tab.evaluate(back) != light


def test_a_japanese_browser_gets_japanese(page: Page, open_tab: Opened) -> None:
    with open_tab(page.server.link, locale="ja-JP") as tab:
        expect(tab.locator("#card-1 .chip")).to_have_text("有効")


def test_everything_is_reached_and_pressed_with_the_keyboard(page: Page, tab: Tab) -> None:
    tab.locator("body").press("Tab")
    assert tab.evaluate("() => document.activeElement.className") == "skip"
    seen = set()
    for _ in range(60):
        tab.keyboard.press("Tab")
        seen.add(tab.evaluate("() => document.activeElement.textContent.trim()"))
        if tab.evaluate("() => document.activeElement.dataset.key") == "slot-0-pull":
            break
    assert {"What is this?"} <= seen
    tab.keyboard.press("Enter")
    expect(tab.locator("#slot-0")).to_contain_text("no card")
    tab.locator("[data-key='slot-0-insert']").focus()
    tab.keyboard.press("Space")
    expect(tab.locator("#slot-0 #card-1")).to_be_visible()

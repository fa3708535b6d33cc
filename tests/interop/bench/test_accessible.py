"""An accessibility checker finds nothing on the bench's page; and the pictures of the manual."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Tab, expect

from jukihost import TcpConnection
from tests.interop.bench.conftest import Opened
from tests.interop.bench.ledgers import open_office
from tests.support.tree import ROOT
from tests.unit.bench.conftest import Page

PICTURES: Final = ROOT / "docs" / "pictures"
LARGEST: Final = 180_000
"""The most bytes of a picture."""
TELLS: Final = (
    bytes.fromhex("00A4040C0AD3921000310001010401"),
    bytes.fromhex("00B2011400"),
    bytes.fromhex("0020009C04") + b"9999",
)
"""SELECT, READ RECORD of the code, and a wrong PIN."""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with open_office(tmp_path) as office:
        office.intent(0x2A02, "unblock_pin")
        yield office.page


def nothing(tab: Tab) -> None:
    """The page as it is when it is opened."""


def rule(tab: Tab) -> None:
    tab.locator("#rows > li.refused", has_text="READ RECORD").get_by_role("button").click()


def hazard(tab: Tab) -> None:
    tab.locator("[data-key='card-1-hazard']").click()


def files(tab: Tab) -> None:
    tab.locator("summary[data-key='card-1-D3921000310001010401-summary']").click()
    expect(tab.locator("details[data-key='card-1-D3921000310001010401'] table")).to_be_visible()
    tab.locator("#rows summary").first.click()
    tab.locator("#card-1 .applications").evaluate("one => one.scrollIntoView()")


def much(tab: Tab) -> None:
    """Snapshots, a fork beside the slots, a slot without a card, and a problem."""
    for key in ("card-1-snapshot", "card-1-fork", "slot-0-pull", "slot-1-reset"):
        tab.locator(f"[data-key='{key}']").click()
    expect(tab.locator("#problem")).not_to_be_empty()
    expect(tab.locator("[data-key='slot-0-insert']")).to_be_visible()


def comparison(tab: Tab) -> None:
    tab.locator("#before").select_option("card:1")
    tab.locator("#after").select_option("card:2")
    tab.locator("#compare button").click()
    expect(tab.locator("#dialog tbody tr").first).to_be_visible()


def ledger(tab: Tab) -> None:
    tab.locator("#tab-ledger").click()
    expect(tab.locator("[data-key='ledger-intents'] tbody tr")).to_have_count(1)


def rules(tab: Tab) -> None:
    tab.locator("#tab-rules").click()
    expect(tab.locator("#rule-9000, #rule-6982")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
@pytest.mark.parametrize("view", [nothing, files, rule, hazard, much, comparison, ledger, rules])
def test_the_checker_finds_nothing(
    page: Page, open_tab: Opened, view: Callable[[Tab], None], locale: str, scheme: str
) -> None:
    with open_tab(page.server.link, locale=locale, scheme=scheme) as tab:
        shown(page, tab)
        view(tab)
        found = Axe().run(tab).response
    assert len(found["passes"]) > 15, "the checker looked at nothing"
    assert not found["violations"], "\n".join(map(told, found["violations"]))


def test_the_checker_would_find_something(page: Page, open_tab: Opened) -> None:
    with open_tab(page.server.link) as tab:
        tab.evaluate("() => document.querySelector('#filter').append("
                     "document.createElement('input'))")  # fmt: skip
        assert Axe().run(tab).response["violations"]


def told(violation: dict[str, Any]) -> str:
    where = [node["html"][:160] for node in violation["nodes"]]
    return f"{violation['id']}: {violation['help']}\n  " + "\n  ".join(where[:5])


def shown(page: Page, tab: Tab) -> None:
    """Have a terminal say something that is refused, and wait until it is shown."""
    with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
        for command in TELLS:
            terminal.transmit(command)
    expect(tab.locator("#rows > li.refused")).to_have_count(2)
    expect(tab.locator("#card-1 .low")).to_be_visible()
    expect(tab.locator("#card-2 .chip")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "view", "locale", "scheme"),
    [
        ("bench", nothing, "en-GB", "light"),
        ("bench-rule", rule, "en-GB", "light"),
        ("bench-ja", files, "ja-JP", "dark"),
        ("bench-ledger", ledger, "en-GB", "light"),
    ],
)
def test_the_pictures_of_the_manual_are_of_this_page(
    page: Page,
    open_tab: Opened,
    name: str,
    view: Callable[[Tab], None],
    locale: str,
    scheme: str,
) -> None:
    """JUKICARD_PICTURES=1 makes them anew; otherwise those that are there are compared in size."""
    with open_tab(page.server.link, locale=locale, scheme=scheme) as tab:
        tab.set_viewport_size({"width": 1000, "height": 560})
        shown(page, tab)
        view(tab)
        tab.mouse.move(0, 0)
        taken = tab.screenshot()
    path = PICTURES / f"{name}.png"
    if os.environ.get("JUKICARD_PICTURES") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(taken)
    kept = path.read_bytes()
    assert len(kept) < LARGEST
    assert size(kept) == size(taken) == (1000, 560)
    assert f"pictures/{name}.png" in (ROOT / "docs" / "bench.md").read_text("utf-8")


def size(picture: bytes) -> tuple[int, int]:
    """Width and height that a PNG says it has (its first chunk)."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


def test_every_picture_of_the_manual_is_made_here() -> None:
    made = {"bench.png", "bench-rule.png", "bench-ja.png", "bench-ledger.png"}
    assert {path.name for path in Path(PICTURES).iterdir()} == made

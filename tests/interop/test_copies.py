"""A copy of the resident record as a PDF file, with a font that has the names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import pytest
from pypdf import PdfReader

from jukihost.clock import MovableClock
from jukihost.paper import GlyphMissing
from jukihost.register import AsReceived
from jukihost.workflows import copy_by_card
from tests.support.host.counters import PIN, Clerk
from tests.support.host.databases import clock, postgresql_server, sqlite_template
from tests.support.host.residents import RESIDENT, code
from tests.support.host.towns import two_towns
from tests.support.interop.missing import require

__all__ = ["clock", "postgresql_server", "sqlite_template"]

FONT: Final = Path("/usr/share/fonts/truetype/ipamj/ipamjm.ttf")
ADDRESS: Final = AsReceived("東京都千代田区霞が関二丁目9番23号")

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def _font() -> None:
    require("IPAmj Mincho (fonts-ipamj-mincho)", [] if FONT.exists() else [str(FONT)])


def test_a_copy_shows_the_name_as_it_is_and_nothing_of_the_family_register(
    request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock
) -> None:
    with two_towns(request, tmp_path, clock, "sqlite") as towns:
        name = AsReceived("渡邉\U000e0112 𠮷之助")
        holder = towns.here.another_resident(
            "on paper", name=name, alias=AsReceived("神田 アリ"), address=ADDRESS, household=9
        )
        card, _ = towns.here.issued_card(holder, code("on paper").reveal())
        with towns.there.on_desk(card) as (hand, _):
            copy = copy_by_card(towns.there.desk(talk=Clerk(PIN)), hand, household=True)
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(copy.pdf)).pages)
    for shown in ("住民票の写し", name.text, ADDRESS.text, "神田 アリ", "2016年5月5日"):
        assert shown in text
    assert RESIDENT.domicile is not None
    assert RESIDENT.domicile.text not in text
    assert code("on paper").reveal() not in text


def test_a_character_that_the_font_has_not_makes_no_copy(
    request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock
) -> None:
    with two_towns(request, tmp_path, clock, "sqlite") as towns:
        visited = towns.visited()
        with visited.on_desk() as (hand, _), pytest.raises(GlyphMissing):
            copy_by_card(visited.desk(talk=Clerk(PIN)), hand)
        assert visited.told() == [("wide_area_issuance", "refused", "glyph_missing")]

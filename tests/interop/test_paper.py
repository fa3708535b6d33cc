"""PDF with a real font, read by programs that are not ours: names are drawn, kept as they are."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pypdf import PdfReader

from jukihost import cli
from jukihost.database import Clock, open_database
from jukihost.keys.envelope import ScryptCost
from jukihost.log import (
    KeyUse,
    NoteKey,
    Outcome,
    PseudonymKey,
    append_use,
    new_log_key,
    print_disclosure,
)
from jukihost.paper import (
    Attachment,
    DocumentTooLong,
    Fields,
    FontMissing,
    FontUnfit,
    GlyphMissing,
    Heading,
    PaperExtraMissing,
    Paragraph,
    document,
    find_font,
    glyphs,
    make_pdf,
)
from tests.support.host.cli import PASSPHRASE
from tests.support.host.town import CODES, POLICY, town
from tests.support.interop.missing import require

AT = datetime(2015, 4, 1, 9, tzinfo=UTC)
FONT = Path("/usr/share/fonts/truetype/ipamj/ipamjm.ttf")
BASE = "邉"
VARIATIONS = [f"{BASE}{chr(0xE0110 + at)}" for at in range(10)]
"""Ways to write one character that the font tells apart."""

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def _font() -> None:
    require("IPAmj Mincho (fonts-ipamj-mincho)", [] if FONT.exists() else [str(FONT)])


def pixels(pdf: bytes) -> bytes:
    """Return the first page as it looks, by PDFium."""
    return bytes(pypdfium2.PdfDocument(pdf)[0].render(scale=1.5).buffer)


def written(pdf: bytes) -> str:
    """Return the text layer, by pypdf."""
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_every_variation_of_a_character_looks_another_way() -> None:
    looks = {pixels(make_pdf("氏", [Paragraph(one)], at=AT)) for one in (BASE, *VARIATIONS)}
    assert len(looks) == 1 + len(VARIATIONS)


def test_names_are_in_the_text_layer_as_they_were_given() -> None:
    names = ["𠮷野", "髙橋", "渡邉", *VARIATIONS, "\U0002000b", "Ångström"]
    pdf = make_pdf("名", [Fields(tuple(("氏名", name) for name in names))], at=AT)
    text = written(pdf)
    for name in names:
        assert name in text, [f"{ord(one):X}" for one in name]
    assert "1 / 1" in text


@pytest.mark.parametrize(
    ("text", "points"),
    [
        (f"{BASE}\U000e0100", "U+9089 U+E0100"),  # a sequence of another collection
        ("甲\ue000", "U+E000"),
        ("甲\u200b", "U+200B"),
        ("甲\x07", "U+0007"),
        ("\U000e0110", "U+E0110"),
        (f"甲{VARIATIONS[0]}\U000e0110", "U+E0110"),
        ("\ud842", "U+D842"),
        ("甲\u202e乙", "U+202E"),
    ],
)
def test_what_the_font_has_not_is_refused_and_never_another_glyph(text: str, points: str) -> None:
    for block in (Paragraph(text), Heading(text), Fields(((text, ""),)), Fields((("", text),))):
        with pytest.raises(GlyphMissing) as refused:
            make_pdf("題", [block], at=AT)
        assert points in str(refused.value)
        assert "甲" not in str(refused.value)
    with pytest.raises(GlyphMissing):
        make_pdf(text, [], at=AT)


def test_many_pages_are_numbered_and_a_book_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "\n".join(f"第{at}行" for at in range(100))
    pdf = make_pdf("題", [Paragraph(lines)], at=AT)
    text = written(pdf)
    assert all(f"第{at}行" in text for at in range(100))
    assert "2 / 3" in text
    monkeypatch.setattr(document, "MOST_PAGES", 2)
    with pytest.raises(DocumentTooLong):
        make_pdf("題", [Paragraph(lines)], at=AT)


def test_a_disclosure_on_paper_carries_its_proofs() -> None:
    code = CODES[0]
    disclosure = town().disclosure(code)
    found = disclosure.check(code, POLICY)
    pdf = print_disclosure(disclosure, found, ZoneInfo("Asia/Tokyo"), at=AT)
    reader = PdfReader(io.BytesIO(pdf))
    assert reader.attachments["disclosure.json"] == [bytes(disclosure)]
    assert json.loads(reader.attachments["disclosure.json"][0])["format"]
    text = written(pdf).replace("\n", "")
    assert "Uses of your data" in text
    assert found.uses[0].purpose in text
    assert code.reveal().encode() not in pdf
    assert code.reveal() not in text
    assert reader.metadata is not None
    assert reader.metadata.title == f"Uses of your data: {len(found.uses)}"


def test_a_disclosure_is_printed_from_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    monkeypatch.chdir(tmp_path)
    cost = ScryptCost(1 << 10)
    key = {
        use: new_log_key(Path(use), lambda: PASSPHRASE, use, cost=cost)
        for use in (KeyUse.LOG, KeyUse.PSEUDONYMS)
    }
    public = NoteKey.of("a.example", Ed25519PrivateKey.from_private_bytes(key[KeyUse.LOG]))
    Path("code").write_text(CODES[0].reveal())
    assert cli.main(["log", "create", "terminal.db", "--origin", "a.example"]) == 0
    with (
        open_database("terminal.db", clock=Clock(), terminal="t") as opened,
        opened.begin() as connection,
    ):
        append_use(
            connection,
            PseudonymKey(key[KeyUse.PSEUDONYMS]),
            at=opened.clock.now(),
            operator="髙𠮷",
            terminal="t",
            body="試験町",
            purpose="写しの交付",
            outcome=Outcome.DONE,
            resident=CODES[0],
        )
    assert cli.main(["log", "publish", "terminal.db", "--key", KeyUse.LOG]) == 0
    disclose = ["log", "disclose", "terminal.db", "--pseudonyms", KeyUse.PSEUDONYMS]
    who = ["--operator", "o", "--body", "b", "--code-file", "code", "--log-key", str(public)]
    assert cli.main([*disclose, *who, "--out", "told.json", "--pdf", "told.pdf"]) == 0
    pdf = Path("told.pdf").read_bytes()
    text = written(pdf)
    assert "髙𠮷" in text
    assert "写しの交付" in text
    attached = PdfReader(io.BytesIO(pdf)).attachments["disclosure.json"]
    assert attached == [Path("told.json").read_bytes()]
    monkeypatch.setenv("JUKIHOST_FONT", "none")
    capsys.readouterr()
    assert cli.main([*disclose, *who, "--out", "other.json", "--pdf", "other.pdf"]) == 2
    assert "fonts-ipamj-mincho" in capsys.readouterr().err
    assert not Path("other.pdf").exists()


def test_attached_files_and_the_title_are_as_given() -> None:
    made = make_pdf("題", [], at=AT, attachment=Attachment("a.bin", "application/x", bytes(300)))
    assert PdfReader(io.BytesIO(made)).attachments["a.bin"] == [bytes(300)]


def test_fonts_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_font = tmp_path / "font.ttf"
    for content in (b"", b"no font", FONT.read_bytes()[:5000]):
        no_font.write_bytes(content)
        with pytest.raises(FontUnfit):
            make_pdf("題", [], at=AT, font=no_font)
    with pytest.raises(FontMissing, match="fonts-ipamj-mincho"):
        find_font(tmp_path / "none")
    monkeypatch.setenv("JUKIHOST_FONT", str(no_font))
    assert find_font() == no_font
    monkeypatch.setattr(glyphs, "_EXTRA", ("no_such_library",))
    with pytest.raises(PaperExtraMissing, match="paper"):
        make_pdf("題", [], at=AT, font=FONT)

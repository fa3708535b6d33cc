"""What people are told, in Japanese too: nothing is missing, and what is shipped is written."""

from __future__ import annotations

import ast
import io
import sys
from gettext import GNUTranslations
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from jukicard.apdu import Ins, StatusWord
from jukihost.errors import PinRejected
from jukihost.texts import catalogue, said, said_of_error
from jukihost.workflows import explain

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs"))

import errorpages  # noqa: E402 - it stands beside the manual's configuration

FOLDER = ROOT / "host/jukihost/locale/ja/LC_MESSAGES"
SAYERS = sorted((ROOT / "host/jukihost").rglob("*.py"))


def test_what_is_shipped_is_what_is_written() -> None:
    written = read_po(io.BytesIO((FOLDER / "jukihost.po").read_bytes()), locale="ja")
    made = io.BytesIO()
    write_mo(made, written)
    shipped = (FOLDER / "jukihost.mo").read_bytes()
    assert entries(made.getvalue()) == entries(shipped), "run `make texts`"
    assert (files("jukihost") / "locale/ja/LC_MESSAGES/jukihost.mo").is_file()


def entries(compiled: bytes) -> dict[str, str]:
    """The entries of a compiled catalogue, without its head."""
    found = dict(vars(GNUTranslations(io.BytesIO(compiled)))["_catalog"])
    del found[""]
    return found


@pytest.mark.parametrize("kind", errorpages.errors(), ids=errorpages.code)
def test_every_error_has_words_in_japanese(kind: type) -> None:
    text = said_of_error(errorpages.code(kind), "ja")
    assert text, "write it into locale/ja/LC_MESSAGES/jukihost.po, and run `make texts`"
    assert any(ord(one) > 0x3000 for one in text)


def test_no_two_errors_have_one_code() -> None:
    codes = [errorpages.code(kind) for kind in errorpages.errors()]
    assert len(codes) == len(set(codes)) > 150


def test_an_error_is_explained_in_the_language_of_who_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for language, words in (("ja", "暗証番号が違います。"), ("C", None)):
        monkeypatch.setenv("LANGUAGE", language)
        catalogue.cache_clear()
        told = explain(PinRejected(StatusWord(0x63C2), Ins.VERIFY))
        assert (told.code, told.tries_left, told.said) == ("pin_rejected", 2, words)
    catalogue.cache_clear()
    assert said("nothing of the kind", "ja") == "nothing of the kind"


def test_whatever_the_counter_says_is_in_the_catalogue() -> None:
    asked = {
        node.args[0].value
        for path in SAYERS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "said"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
    assert [text for text in asked if said(text, "ja") == text] == []

"""Who types at the counter's command line: what is shown, what is not, and what silence means."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukihost.cli.counter.conversing import Typed
from jukihost.cli.output import UsageError
from jukihost.errors import CardRemoved
from jukihost.texts import catalogue
from jukihost.workflows import Cancelled, Paused, PinUse, PinWanted, Question, Step
from tests.support.host.cli import Typed as Keyboard
from tests.support.host.counters import PIN
from tests.support.host.operators import PASSWORD
from tests.support.host.shops import PASSPHRASE, Shop, opened_shop, served, told, town_files

LOST = Paused(CardRemoved("the card is gone"), bytes(8), 1)


class Hidden:
    """Types what is not shown, and keeps what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *typed: str) -> None:
        self.prompts: list[str] = []
        self.typed = list(typed)
        monkeypatch.setattr(getpass, "getpass", self)
        monkeypatch.setattr("sys.stdin", Keyboard("", terminal=True))

    def __call__(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.typed.pop(0)


def clerk() -> tuple[Typed, list[Step]]:
    steps: list[Step] = []
    return Typed(steps.append), steps


def test_a_new_secret_is_typed_until_both_are_alike(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = Hidden(monkeypatch, "4711", "4712", "2580", "2580")
    assert clerk()[0].secret(PinWanted(PinUse.NEW_COMMON, None)) == "2580"
    assert len(hidden.prompts) == 4
    said = capsys.readouterr()
    assert "not the same" in said.err
    assert not [one for one in ("4711", "4712", "2580") if one in said.err + said.out]


@pytest.mark.parametrize("use", [one for one in PinUse if not one.value.startswith("new_")])
def test_the_tries_stand_before_each_secret(use: PinUse, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = Hidden(monkeypatch, "4711", "")
    assert clerk()[0].secret(PinWanted(use, 2)) == "4711"
    assert "tries left: 2" in hidden.prompts[0]
    with pytest.raises(Cancelled):
        clerk()[0].secret(PinWanted(use, 2))


@pytest.mark.parametrize(
    ("typed", "agreed"), [("yes\n", True), ("no\n", False), ("\n", False), ("", False)]
)
@pytest.mark.parametrize("question", Question)
def test_silence_is_no(
    question: Question, typed: str, agreed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(typed, terminal=True))
    assert clerk()[0].agree(question) is agreed
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    assert not clerk()[0].agree(question)


@pytest.mark.parametrize(("typed", "goes_on"), [("\n", True), ("q\n", False), ("", False)])
def test_a_card_is_waited_for_or_it_is_broken_off(
    typed: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(typed, terminal=True))
    assert clerk()[0].paused(LOST) is goes_on
    monkeypatch.setattr("sys.stdin", Keyboard(typed))
    assert not clerk()[0].paused(LOST)


def test_names_are_shown_and_codes_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = Hidden(monkeypatch, "12345678903", "")
    assert clerk()[0].private("code") == "12345678903"
    assert hidden.prompts == ["holder: resident record code: "]
    with pytest.raises(Cancelled):
        clerk()[0].private("my_number")
    monkeypatch.setattr("sys.stdin", Keyboard("渡辺\n", terminal=True))
    assert clerk()[0].text("name") == "渡辺"
    assert "12345678903" not in "".join(capsys.readouterr())
    for silence in (Keyboard("\n", terminal=True), Keyboard("", terminal=True), Keyboard("x\n")):
        monkeypatch.setattr("sys.stdin", silence)
        with pytest.raises(Cancelled):
            clerk()[0].text("address")


def test_without_a_terminal_nobody_can_type_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("4711\n"))
    with pytest.raises(UsageError, match="--script"):
        clerk()[0].secret(PinWanted(PinUse.JUKI, 3))
    with pytest.raises(UsageError, match="--script"):
        clerk()[0].private("code")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with town_files(tmp_path) as folder, opened_shop(folder / "shop") as shop:
        yield shop


@pytest.mark.parametrize(("language", "prompt"), [("C", "PIN of the card"), ("ja", "暗証番号")])
def test_a_holder_types_at_the_counter(
    shop: Shop, language: str, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    catalogue.cache_clear()
    hidden = Hidden(monkeypatch, PASSWORD, "9999", PIN)
    with served(shop.clerk.card) as operator, served(shop.counter.card) as card:
        answer = told(
            "counter", "identify", "--office", str(shop.office),
            "--operator-tcp", f"127.0.0.1:{operator}", "--tcp", f"127.0.0.1:{card}",
        )  # fmt: skip
    catalogue.cache_clear()
    assert answer.code == 0, answer.errors
    assert [prompt in one for one in hidden.prompts] == [False, True, True]
    assert [one[-4:-2] for one in hidden.prompts] == ["3)", "3)", "2)"]
    assert PIN not in answer.errors


def test_who_opens_several_keys_is_told_which(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUKIHOST_PASSPHRASE")
    hidden = Hidden(monkeypatch, PASSPHRASE, PASSPHRASE, "wrong")
    with served(shop.clerk.card) as operator:
        where = ("--office", str(shop.office), "--operator-tcp", f"127.0.0.1:{operator}")
        answer = told("counter", "find", "--name", "x", *where)
    assert answer.code != 0
    assert hidden.prompts[:2] == [
        f"passphrase of the key store {one}: " for one in ("town.keys", "town.pseudonyms")
    ]

"""Every card that any release has kept is read by this one, and answers as it did then."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import jukicard
from jukicard import Card, MemorySnapshot
from jukicard.environment import CardEnvironment
from jukicard.filesystem.files import EfNode, TransparentFile
from jukicard.kit.fileapplet import FileApplet
from jukicard.memory import PersistentMemory, SqliteBackend, list_cards
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.state_findings import Known, find
from tests.support.cards.states import (
    CARD_ID,
    INTENT,
    STATES,
    STORIES,
    files,
    keep,
    kept,
    kept_in_files,
    make,
    make_file,
    stem_of,
)
from tests.support.naive.terminal import JUKI, PURPOSES, NaiveTerminal, keys_of
from tests.support.published.transcript import play

KEPT = list(kept())
KEPT_IN_FILES = list(kept_in_files())
FOUND = sorted(STATES.glob("*/*.json"))
CHANGELOG = STATES.parents[1] / "CHANGELOG.md"
RELEASED = re.findall(r"^## (\d+\.\d+\.\d+)(?! \(unreleased\))\b", CHANGELOG.read_text(), re.M)


def test_every_release_has_kept_its_own() -> None:
    assert RELEASED, "the changelog names no release"
    for version in RELEASED:
        folder = STATES / version
        names = {path.stem for path in folder.glob("*.card")}
        assert names, f"nothing of {version}"
        assert {path.stem for path in folder.glob("*.txt")} == names
        assert {path.stem for path in folder.glob("*.json")} == names
        assert {stem for file, _, stem in _in_files() if file.parent == folder} == names


def test_this_release_keeps_its_own_when_it_is_one() -> None:
    """What a version that is still being made keeps would not be what it will have kept."""
    folder = STATES / jukicard.__version__
    if jukicard.__version__ in RELEASED:
        assert {path.stem for path in folder.glob("*.card")} == {stem_of(name) for name in STORIES}
        assert {path.stem for path in folder.glob("*.juki")} == set(files()), (
            "run `python -m tests.support.cards.states` once when the version changes"
        )
    else:
        assert not folder.exists()


def _in_files() -> Iterator[tuple[Path, str, str]]:
    for file, card_id, script in KEPT_IN_FILES:
        yield file, card_id, script.stem


@contextmanager
def opened(file: Path, card_id: str, folder: Path) -> Iterator[Card]:
    """The card of a copy of a file: what it does there stays in the copy."""
    backend = SqliteBackend(shutil.copy(file, folder / file.name), card_id)
    try:
        yield Card(CardEnvironment(memory=PersistentMemory(backend)), on_bug=raise_bug)
    finally:
        backend.close()


@pytest.mark.parametrize(
    ("file", "card_id", "script"),
    KEPT_IN_FILES,
    ids=[f"{file.parent.name}-{file.stem}-{card_id}" for file, card_id, _ in KEPT_IN_FILES],
)
class TestACardInAFileOfAnOldRelease:
    """It is opened, used and kept on in the file, as if it were of this release."""

    def test_answers_as_then(self, file: Path, card_id: str, script: Path, tmp_path: Path) -> None:
        with opened(file, card_id, tmp_path) as card:
            text = script.read_text(encoding="ascii")
            assert f"# ATR {card.power_on().hex().upper()}" in text
            play(card, text)

    def test_shows_a_terminal_what_it_showed_then(
        self, file: Path, card_id: str, script: Path, tmp_path: Path
    ) -> None:
        kept_then = json.loads(script.with_suffix(".json").read_text())
        with opened(file, card_id, tmp_path) as card:
            assert find(card, Known(**kept_then["known"])) == kept_then["found"]
        with opened(tmp_path / file.name, card_id, _made(tmp_path / "again")) as card:
            again = find(card, Known(**kept_then["known"]))
        for what, tries in kept_then["found"].items():
            if what.endswith(" tries afterwards"):
                assert again[what.removesuffix(" afterwards")] == tries

    def test_keeps_the_name_of_its_profile(
        self, file: Path, card_id: str, script: Path, tmp_path: Path
    ) -> None:
        entries = {entry.card_id: entry.meta for entry in list_cards(file)}
        with opened(file, card_id, tmp_path) as card:
            assert entries[card_id] == {"profile": card.profile}
            assert script.stem.startswith(card.profile)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("found", FOUND, ids=[f"{p.parent.name}-{p.stem}" for p in FOUND])
def test_a_snapshot_of_an_old_release_shows_a_terminal_what_it_showed_then(found: Path) -> None:
    kept_then = json.loads(found.read_text())
    snapshot = MemorySnapshot.from_bytes(found.with_suffix(".card").read_bytes())
    card = Card.restore(snapshot, on_bug=raise_bug)
    assert find(card, Known(**kept_then["known"])) == kept_then["found"]


def test_what_a_terminal_finds_is_what_matters() -> None:
    """PINs verified, codes read, signatures made, tries counted: somewhere on the kept cards."""
    found = [json.loads(path.read_text())["found"] for path in FOUND]
    for what, answer in (
        ("juki COUNTER code", r"\d{11}"),
        ("juki tries", "0"),
        ("juki tries", "1"),
        ("juki guess", "63CE"),
        ("juki guess", "63CB"),
        ("jpki SIGNATURE signs", "1024 bits"),
        ("jpki SIGNATURE tries", "3"),
        ("jpki AUTHENTICATION signs", "2048 bits"),
        ("surface number B", "done"),
        ("surface number B tries", "8"),
        ("text number A tries", "9"),
        ("common PIN", "done"),
    ):
        assert any(re.fullmatch(answer, one.get(what, "")) for one in found), (what, answer)


@pytest.mark.parametrize(
    ("image", "script"), KEPT, ids=[f"{i.parent.name}-{i.stem}" for i, _ in KEPT]
)
def test_a_card_of_an_old_release_is_read_and_answers_as_then(image: Path, script: Path) -> None:
    card = Card.restore(MemorySnapshot.from_bytes(image.read_bytes()), on_bug=raise_bug)
    text = script.read_text(encoding="ascii")
    assert f"# ATR {card.power_on().hex().upper()}" in text
    play(card, text)


@pytest.mark.parametrize("image", [image for image, _ in KEPT], ids=lambda image: image.stem)
def test_a_file_of_an_old_release_is_as_long_as_one_of_this_and_filled_up(image: Path) -> None:
    card = Card.restore(MemorySnapshot.from_bytes(image.read_bytes()), on_bug=raise_bug)
    looked_at = 0
    for application in card.applications:
        applet = application.applet
        assert isinstance(applet, FileApplet)
        for node in applet.tree.walk():
            if not (isinstance(node, EfNode) and isinstance(node.spec, TransparentFile)):
                continue
            kept_then = applet.files.partition.get(node.content_key) or b""
            content = applet.files.content(node)
            fill = bytes((node.spec.fill,))
            assert content == kept_then + fill * (node.spec.size - len(kept_then))
            looked_at += 1
    assert looked_at >= 3


def test_cards_are_kept_in_every_state_that_changes_what_they_answer() -> None:
    """GET DATA of the card's state and of the residence state, ISO/IEC 7816-4:2020, 7.4.10."""
    scripts = [script.read_text(encoding="ascii") for _, script in KEPT]
    for answer in (
        "00CA008A00 -> 8A01059000",
        "00CA008A00 -> 8A01049000",
        "00CA008A00 -> 8A010C9000",
        "00CA00C100 -> C101009000",
        "00CA00C100 -> C101019000",
    ):
        assert any(answer in script for script in scripts), answer


@pytest.mark.parametrize(
    ("stem", "opened_to"),
    [
        ("juki-v1_as_issued", {1, 2, 3, 4, 5}),
        ("juki-v1_suspended", {4}),
        ("juki-v1_moved_out", {3, 4}),
        ("juki-v1_terminated", set()),
    ],
)
def test_a_kept_card_still_knows_which_systems_it_lets_in(stem: str, opened_to: set[int]) -> None:
    images = [image for image, _ in KEPT if image.stem == stem]
    assert images
    for image in images:
        snapshot = MemorySnapshot.from_bytes(image.read_bytes())
        for reference, purpose in PURPOSES.items():
            card = Card.restore(snapshot, on_bug=raise_bug)
            card.power_on()
            number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
            terminal = NaiveTerminal(card.transmit, number)
            terminal.select(JUKI)
            terminal.get_challenge()
            keys = keys_of(number, purpose)
            answer = terminal.mutual_authenticate(keys, 0x80 | reference)
            assert (answer.status == 0x9000) is (reference in opened_to), (image, purpose)


@pytest.mark.parametrize("name", STORIES)
def test_the_same_card_is_made_the_same_way(name: str) -> None:
    assert make(name) == make(name)


NOT_KEPT_YET = [name for name in STORIES if not list(STATES.glob(f"*/{stem_of(name)}.json"))]


@pytest.mark.parametrize("name", NOT_KEPT_YET or [*STORIES][:1])
def test_what_no_release_has_kept_yet_can_be_kept(name: str, tmp_path: Path) -> None:
    """Snapshot, answers, what a terminal finds, and the card in a file: as the release will."""
    image, script, findings = keep(tmp_path / stem_of(name), name)
    then = json.loads(findings.read_text())
    card = Card.restore(MemorySnapshot.from_bytes(image.read_bytes()), on_bug=raise_bug)
    card.power_on()
    play(card, script.read_text(encoding="ascii"))
    make_file(tmp_path / "card.juki", {CARD_ID: name})
    with opened(tmp_path / "card.juki", CARD_ID, _made(tmp_path / "again")) as kept_in_file:
        assert find(kept_in_file, Known(**then["known"])) == then["found"]


_UNSEEN = "juki-v1 receipts unseen"


def test_what_a_release_will_keep_has_issuer_operator_and_receipts(tmp_path: Path) -> None:
    found = {}
    for name in (
        "juki-v1 issuer keys replaced",
        "juki-v1 application locked",
        "operator locked",
        "juki-v1 receipts",
        _UNSEEN,
    ):
        *_, findings = keep(tmp_path / stem_of(name), name)
        found[name] = json.loads(findings.read_text())["found"]
    assert found["juki-v1 issuer keys replaced"]["issuer opens"] == "done"
    assert "version=2" in found["juki-v1 issuer keys replaced"]["issuer keys"]
    assert "locked" in found["juki-v1 application locked"]["issuer applications"]
    assert found["operator locked"]["operator key"] == "done"
    assert found["operator locked"]["operator tries"] == "0"
    receipts = [found[name]["juki receipt"] for name in ("juki-v1 receipts", _UNSEEN)]
    assert receipts == [
        "change 0, seen, intent none",
        f"change 2, not seen, intent {INTENT.hex().upper()}",
    ]

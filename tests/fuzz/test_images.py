"""Damaged card images: found before the first answer, in words, or nothing is changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from jukicard import cli
from tests.fuzz import images
from tests.fuzz.images import CHANGES, Subject, damage, judge, judge_without_digests, make
from tests.support.cards.states import ASKED, STATES
from tests.support.soak import times

HARMLESS = {"appended to"}
"""What SQLite has not taken into the file: it is not looked at, and overwritten one day."""
OF_FORMAT_2 = {"the list changed", "the tables changed", "a card changed", "a card lost or added"}
"""Changes of what an image of 0.1.0 has not."""


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    return make(tmp_path_factory.mktemp("images"))


@pytest.mark.parametrize("kind", CHANGES)
def test_damage_is_found_before_the_first_answer_or_changes_nothing(
    subjects: dict[str, Subject], kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "card.juki"
    found: Counter[bool] = Counter()
    for subject in subjects.values():
        for seed in range(times(10, soak=200)):
            damage(subject, kind, seed, path)
            found[judge(subject, path) > 0] += 1
    assert found[True] or kind in HARMLESS, found
    assert found[True] >= found[False] or kind in {
        "bits", "bytes overwritten", "the header", "bytes moved", "a row added", *HARMLESS
    }, found  # fmt: skip


def test_a_thousand_flipped_bits(subjects: dict[str, Subject], tmp_path: Path) -> None:
    """One bit each: most hit a value, and none changes what a card answers."""
    path = tmp_path / "card.juki"
    for seed in range(times(1_000, soak=10_000)):
        damage(subjects["juki-v1"], "a bit where something is", seed, path)
        judge(subjects["juki-v1"], path)


@pytest.mark.parametrize("stem", ["juki-v1_as_issued", "mynumber_as_issued", "juki-v1"])
@pytest.mark.parametrize("kind", [kind for kind in CHANGES if kind not in OF_FORMAT_2])
def test_damage_of_an_image_of_0_1_0_shows_no_bug(stem: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "card.juki"
    subject = Subject.of_0_1_0(STATES / "0.1.0" / f"{stem}.juki")
    commands = [bytes.fromhex(command) for command in ASKED[stem.partition("_")[0]]]
    for seed in range(times(3, soak=100)):
        damage(subject, kind, seed, path)
        judge_without_digests(subject, path, commands)


@pytest.mark.parametrize("kind", CHANGES)
def test_the_command_line_tells_damage_in_a_sentence(
    subjects: dict[str, Subject], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.juki"
    for seed in range(times(2, soak=50)):
        damage(subjects["juki-v1"], kind, seed, path)
        is_damaged = bool(judge(subjects["juki-v1"], path))
        damage(subjects["juki-v1"], kind, seed, path)
        for command in (["inspect", str(path)], ["inspect", "--json", f"{path}#card"]):
            code = cli.main(command)
            said = capsys.readouterr()
            assert "Traceback" not in said.err
            assert (code, bool(said.err)) in {(0, False), (1, True)}
            assert len(said.err.splitlines()) <= 1
            assert is_damaged or code == 0


def test_the_same_seed_does_the_same(subjects: dict[str, Subject], tmp_path: Path) -> None:
    for kind in CHANGES:
        made = []
        for name in ("one", "two"):
            damage(subjects["several"], kind, 1, tmp_path / name)
            made.append((tmp_path / name).read_bytes())
        assert made[0] == made[1], kind


def test_the_judge_sees_a_change_that_is_not_found(
    subjects: dict[str, Subject], tmp_path: Path
) -> None:
    path = tmp_path / "card.juki"
    path.write_bytes(subjects["juki-v1"].earlier)
    with pytest.raises(AssertionError, match="in silence"):
        judge(subjects["juki-v1"], path)
    assert images.found(lambda: 1, 1) is False

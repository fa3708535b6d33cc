"""The transcripts of the manual run, and say of every command of the counter a good and a bad run.

JUKICARD_TRANSCRIPTS=1 writes what is printed today into the manual: look at it, then commit it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from jukihost.cli.counter.commands import ACTIONS, SHELL_ACTIONS
from tests.support.transcripts.playing import Player, rewrite_asked_for
from tests.support.transcripts.reading import ANYTHING, NoTranscript, Page, Step
from tests.support.transcripts.town import Town
from tests.support.tree import ROOT

PAGES = sorted((ROOT / "docs").glob("counter*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_transcript_is_what_happens(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page.read(path)
    with Town(tmp_path, monkeypatch) as town:
        player = Player(town, monkeypatch)
        player.play(page)
    if rewrite_asked_for():
        path.write_text(page.rewritten(player.wrong()), "utf-8")
        return
    for step, said in player.wrong():
        assert said == step.output, step.line


def test_what_is_typed_is_what_a_shell_reads(tmp_path: Path) -> None:
    """Every command as it stands in the manual, with the text below it, is a command for bash."""
    blocks = [
        re.sub(r"^[$>] ", "", "".join(re.findall(r"^[$>] .*\n", block, re.M)), flags=re.M)
        for path in PAGES
        for block in re.findall(r"^```console\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)
    ]
    script = tmp_path / "typed.sh"
    script.write_text("\n".join(blocks), "utf-8")
    assert len(blocks) > 30
    read = subprocess.run(
        ["bash", "-n", str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (read.returncode, read.stderr) == (0, "")


def shown() -> dict[str, list[tuple[str, int]]]:
    """What each command of the counter prints in the manual, and its exit code."""
    found: dict[str, list[tuple[str, int]]] = {}
    for path in PAGES:
        for words, output, code in Page.read(path).runs():
            if "counter" in words:
                found.setdefault(words[words.index("counter") + 1], []).append((output, code))
    return found


def refused(output: str) -> bool:
    """Whether a command was refused with an error's code, and not only misunderstood."""
    found = re.search(r"\[([a-z_]+)\]$|\"code\": \"([a-z_]+)\"", output, re.M)
    return found is not None and "usage" not in found.groups()


@pytest.mark.parametrize("name", [action.name for action in ACTIONS])
def test_every_command_is_shown_when_it_is_done_and_when_it_is_refused(name: str) -> None:
    runs = shown().get(name, [])
    assert any(code == 0 for _, code in runs), "a run that is done"
    assert any(code != 0 and refused(output) for output, code in runs), "a run that is refused"


@pytest.mark.parametrize("name", ["office", "rules", "shell"])
def test_so_are_those_that_are_no_procedure(name: str) -> None:
    assert {code == 0 for _, code in shown()[name]} == {True, False}


@pytest.mark.parametrize("name", [action.name for action in SHELL_ACTIONS])
def test_what_only_the_shell_does_is_shown_there(name: str) -> None:
    lines = [
        line
        for path in PAGES
        for step in Page.read(path).steps
        if isinstance(step, Step) and "shell" in step.words
        for line in (step.given or "").splitlines()
    ]
    assert name in lines


def test_it_is_shown_in_japanese() -> None:
    steps = [step for path in PAGES for step in Page.read(path).steps if isinstance(step, Step)]
    assert any(step.line.startswith("LANGUAGE=ja jukihost counter") for step in steps)


def test_little_is_left_open() -> None:
    """What differs each time is what was drawn at random, and no more: the outputs say it all."""
    steps = [step for path in PAGES for step in Page.read(path).steps if isinstance(step, Step)]
    open_ = [line for step in steps for line in step.output.splitlines() if ANYTHING in line]
    assert len(open_) <= 9
    assert all(line.replace(ANYTHING, "") != line for line in open_)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```console\nan output\n```\n", "begins with a command"),
        ("```console\n$ jukihost --version\n> more\n```\n", "gone on with"),
        ("```console\n$ jukihost counter shell <<.\n> lock\n```\n", "does not end with a point"),
    ],
)
def test_what_is_no_transcript_is_said_to_be_none(tmp_path: Path, text: str, why: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(NoTranscript, match=why):
        Page.read(page)


def test_a_port_that_begins_like_another_stays_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path, monkeypatch)
    town._ports = {4001: 50011, 5001: 40019, 400: 5001}
    for shown, real in (("127.0.0.1:4001", "127.0.0.1:50011"), ("127.0.0.1:400", "127.0.0.1:5001")):
        assert town.real(shown) == real
        assert town.shown(real) == shown
    assert town.real("127.0.0.1:40017") == "127.0.0.1:40017"


def test_an_output_that_is_another_one_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ jukihost counter office please\n$ jukihost --version\njukihost …1\n```\n"
    )
    folder = tmp_path / "stage"
    folder.mkdir()
    with Town(folder, monkeypatch) as town:
        player = Player(town, monkeypatch)
        player.play(Page.read(page))
    assert [step.line for step, _ in player.wrong()] == [
        "jukihost counter office please",
        "jukihost --version",
    ]
    assert "$ echo $?\n2\n" in player.wrong()[0][1], "an exit code is never left out"

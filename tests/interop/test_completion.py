"""The tab key in real shells: commands, options, values, files and readers, and nothing private."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard.cli import main as jukicard
from jukihost.cli import build_parser, completion, main as jukihost
from jukihost.errors import PcscUnavailable
from tests.support.interop.missing import require

BIN = Path(sys.executable).parent
SCRIPTS = {
    "bash": """
source <("$1" completion bash)
COMP_LINE=$2; COMP_POINT=${#COMP_LINE}; COMP_WORDS=($COMP_LINE); COMP_TYPE=9
_python_argcomplete "$1"
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { : }
_describe() { print -l -- $completions }
source <("$1" completion zsh)
BUFFER=$2; CURSOR=$#BUFFER; words=(${(z)BUFFER})
_python_argcomplete
""",
    "fish": """
$argv[1] completion fish | source
complete -C $argv[2]
""",
}


@pytest.fixture(params=[*SCRIPTS])
def shell(request: pytest.FixtureRequest) -> str:
    """A shell that is installed."""
    name = str(request.param)
    require("shell to press the tab key in", [] if shutil.which(name) else [name])
    return name


def offered(shell: str, line: str, folder: Path) -> list[str]:
    """What a shell offers behind a line, without what it says about it."""
    program = line.split(maxsplit=1)[0]
    words = [shell, "-c", SCRIPTS[shell], *(["tab"] if shell != "fish" else []), program, line]
    said = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = (line.partition("\t")[0] for line in said.stdout.splitlines())
    kept = [one.partition(":")[0] if shell == "zsh" else one for one in lines if one.strip()]
    return [one.strip() for one in kept]


@pytest.mark.interop
@pytest.mark.parametrize(
    ("line", "expected", "never"),
    [
        ("jukihost coun", {"counter"}, {"card"}),
        ("jukihost counter emerg", {"emergency-stop"}, {"enter-operator"}),
        (
            "jukihost counter emergency-stop --second",
            {"--second-reader", "--second-tcp"},
            {"--why"},
        ),
        ("jukihost counter sign --form ", {"raw", "cms", "pdf", "xml"}, set()),
        ("jukihost counter recover --script s", {"said.jsonl"}, {"office.toml"}),
        ("jukihost counter suspend --holder ", set(), {"said.jsonl", "office.toml"}),
        ("jukihost pin verify --pin-file ", {"office.toml"}, {"1234"}),
        ("jukicard ser", {"serve"}, {"feed"}),
        ("jukicard serve --card juki", {"juki-v1", "juki-v2"}, {"mynumber"}),
        ("jukicard inspect o", {"office.toml"}, {"said.jsonl"}),
    ],
)
def test_a_shell_offers_what_may_come_next(
    shell: str, line: str, expected: set[str], never: set[str], tmp_path: Path
) -> None:
    for name in ("said.jsonl", "office.toml"):
        (tmp_path / name).touch()
    found = set(offered(shell, line, tmp_path))
    assert expected <= found
    assert not never & found


def test_readers_are_offered_where_a_reader_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> tuple[object, ...]:
        raise PcscUnavailable("nobody answers")

    class Named:
        name = "Virtual PCD 00 00"

    monkeypatch.setattr("jukihost.transport.pcsc.connection.list_readers", lambda **_: (Named(),))
    asked: list[argparse.Action] = [
        one
        for one in every_action(build_parser())
        if any(name.endswith("reader") for name in one.option_strings)
    ]
    assert {one.option_strings[0] for one in asked} >= {"--reader", "--operator-reader"}
    for one in asked:
        assert completion._values(prefix="", action=one) == ["Virtual PCD 00 00"]
    monkeypatch.setattr("jukihost.transport.pcsc.connection.list_readers", away)
    assert completion._values(prefix="", action=asked[0]) == []


def every_action(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of a command line."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from every_action(one)


@pytest.mark.parametrize("program", ["jukihost", "jukicard"])
def test_without_the_extra_it_is_said_what_to_install(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    main = {"jukihost": jukihost, "jukicard": jukicard}[program]
    assert main(["completion", "bash"]) == 2
    assert "pip install 'jukicard[completion]'" in capsys.readouterr().err
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    assert main([program]) == 2

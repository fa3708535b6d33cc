"""Every command that the manual shows is one: the program, its actions and options are there."""

from __future__ import annotations

import pytest

from tests.support.manual.commands import commands, wrong_with
from tests.support.tree import ROOT, tracked

PAGES = [str(path) for path in tracked() if path.suffix == ".md" and path.parts[0] != "vectors"]
NO_COMMAND = {"jukicard never imports jukihost."}
"""What only looks like one."""


def shown() -> list[tuple[str, str]]:
    """Every command with its page."""
    return [
        (page, command)
        for page in PAGES
        if page != "CHANGELOG.md"  # says what was called otherwise before
        for command in commands((ROOT / page).read_text("utf-8"))
        if command not in NO_COMMAND
    ]


def test_every_command_is_there() -> None:
    found = shown()
    assert len(found) > 150, "nothing was looked at"
    wrong = [(page, command, told) for page, command in found if (told := wrong_with(command))]
    assert not wrong


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("jukicard serve juki-v1:1 --tcp 127.0.0.1:4000", ""),
        ("jukicard serve --no-such-option", "no --no-such-option"),
        ("jukihost log verify DATABASE --log-key KEY", ""),
        ("jukihost log falsify DATABASE", "no 'falsify' after what stands before it"),
        ("jukihost counter --json", ""),
        ("jukihost code read --test-keys", "no --test-keys"),
        ("jukihost nothing", "no 'nothing' after what stands before it"),
    ],
)
def test_what_is_not_there_is_found_out(command: str, told: str) -> None:
    assert wrong_with(command) == told


def test_how_commands_are_found() -> None:
    page = """
Words on `jukicard new FILE`, `jukicard.kit` and `jukihost`.

```sh
echo 1234 | .venv/bin/jukihost pin verify --pin-file - &
jukicard serve juki-v1:1 \\
    --tcp 127.0.0.1:4000      # on a port
```

```text
$ jukihost readers
```
"""
    assert list(commands(page)) == [
        "jukihost pin verify --pin-file -",
        "jukicard serve juki-v1:1 --tcp 127.0.0.1:4000",
        "jukihost readers",
        "jukicard new FILE",
    ]

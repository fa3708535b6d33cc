"""What `jukicard serve` cannot obey is refused, and not ignored."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from jukicard.cli import main
from jukicard.cli.cards import add_issue_arguments


def run(*arguments: str, expect: int = 0) -> None:
    assert main(arguments) == expect


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    run("new", "--seed", "1", str(path))
    return path


def acceptable(action: argparse.Action) -> str:
    """Return a value that an option takes."""
    for value in (*(str(choice) for choice in action.choices or ()), "1", "2010-06-01"):
        try:
            action.type(value) if callable(action.type) else None
        except (ValueError, argparse.ArgumentTypeError):
            continue
        return value
    raise AssertionError(f"no value for {action.option_strings}")


@pytest.mark.parametrize("where", ["--tcp", "--vpcd", "--vpcd-listen"])
def test_a_slot_beyond_the_last_port(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("serve", where, "127.0.0.1:65535", "juki-v1:1", "juki-v1:2", expect=2)
    captured = capsys.readouterr()
    assert "slot 1 would have port 65536" in captured.err
    assert captured.out == ""


def test_every_option_of_issuing_is_refused_for_a_card_in_a_file(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser(add_help=False)
    add_issue_arguments(parser)
    assert {"--seed", "--contactless"} <= set(parser._option_string_actions)
    for option, action in parser._option_string_actions.items():
        value = [] if action.nargs == 0 else [acceptable(action)]
        run("serve", "--image", str(image), option, *value, expect=2)
        assert f"{option} is for issuing a card" in capsys.readouterr().err

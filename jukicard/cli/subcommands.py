"""How a command, and an action of one, looks in its help: the same everywhere."""

from __future__ import annotations

import argparse
from typing import TypeVar

Parser = TypeVar("Parser", bound=argparse.ArgumentParser)


def add_subcommand(
    choices: argparse._SubParsersAction[Parser],
    name: str,
    summary: str,
    examples: str,
) -> Parser:
    """Add one to what there is to choose from; its arguments are for the caller to add."""
    return choices.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

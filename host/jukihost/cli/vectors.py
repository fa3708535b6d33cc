"""`jukihost vectors run`: published vectors put to a card in any reader."""

from __future__ import annotations

import argparse
from collections import Counter

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_connection, add_group
from jukihost.cli.reach import watched


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(commands, "vectors", "put published test vectors to a card")
    run = add_command(
        actions,
        "run",
        "send the cases that are a card's, and say which it answers as it should; nothing on the "
        "card is proven or changed",
        _run,
    )
    run.add_argument(
        "folder",
        nargs="?",
        default="vectors",
        metavar="FOLDER",
        help="the vectors, as they are in the source distribution (default: %(default)s)",
    )
    add_connection(run)


def _run(arguments: argparse.Namespace) -> int:
    from jukihost.testing.vectorrun import VectorError, card_cases, run_vectors

    try:
        cases = card_cases(arguments.folder)
    except VectorError as error:
        raise output.UsageError(f"these vectors cannot be used: {error}") from None
    with watched(arguments, verifies=False) as (connection, _):
        verdicts = sorted(run_vectors(cases, connection), key=lambda one: cases.index(one.case))
    if arguments.json:
        output.print_json(
            [
                {
                    "file": case.file,
                    "tcId": case.number,
                    "outcome": outcome,
                    "why": why,
                    "flags": [*case.flags],
                }
                for case, outcome, why in verdicts
            ]
        )
    else:
        for case, outcome, why in verdicts:
            if outcome != "passed":
                print(f"{case.file} {case.number}: {outcome}, {why} ({', '.join(case.flags)})")
    count = Counter(verdict.outcome for verdict in verdicts)
    told = f"{count['passed']} passed, {count['failed']} failed, {count['left out']} left out"
    if count["failed"] or not count["passed"]:
        return output.fail(told, output.REFUSED)
    if not arguments.json:
        print(told)
    return output.OK

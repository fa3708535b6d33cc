"""Every command of `jukihost`, with what it cannot do without, in a process without any extra.

A program of its own: it prints of each command its words, the exit code or what it raised, how many
lines of standard output are results, and the rest of it all. See test_without_extras.py.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout

EXTRAS = (
    "alembic", "argcomplete", "dask", "distributed", "fontTools", "lxml", "pkcs11", "psycopg",
    "pyhanko", "signxml", "smartcard", "sqlalchemy", "starlette", "uharfbuzz", "uvicorn",
)  # fmt: skip
SAMPLES = {
    "_time": "08:00", "application": "F04255532D31", "card_number": "8139200000000001",
    "day": "2014-04-01", "named_address": "127.0.0.1:1", "number": "1", "town": "27230",
}  # fmt: skip
"""Something that an argument may be, by the name of what reads it."""


def leaves(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Give every command, by its words, with what reads its arguments."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not groups:
        yield words, parser
    for group in groups:
        for name, one in group.choices.items():
            yield from leaves(one, (*words, name))


def needed(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Give the arguments without which a command is wrong usage."""
    one_of = [group._group_actions[0] for group in parser._mutually_exclusive_groups]
    required = [
        one
        for one, group in zip(one_of, parser._mutually_exclusive_groups, strict=True)
        if group.required
    ]
    for one in [*(it for it in parser._actions if it.required and it.nargs != "*"), *required]:
        yield from one.option_strings[:1]
        if one.nargs != 0:
            sample = SAMPLES.get(getattr(one.type, "__name__", ""), "1")
            yield str(next(iter(one.choices))) if one.choices else sample


def main() -> None:
    """Run them all, as people and as programs would."""
    for name in EXTRAS:
        sys.modules[name] = None  # type: ignore[assignment]  # as if it were not there
    from jukihost import cli

    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - until the process ends
    for words, parser in leaves(cli.build_parser()):
        takes_json = any("--json" in one.option_strings for one in parser._actions)
        for more in ([], ["--json"]) if takes_json else ([],):
            argv, out, errors = [*words, *needed(parser), *more], io.StringIO(), io.StringIO()
            ended: object
            with redirect_stdout(out), redirect_stderr(errors):
                try:
                    ended = cli.main(argv)
                except BaseException as error:  # noqa: BLE001 - it is told
                    ended = repr(error)
            lines = out.getvalue().splitlines()
            results = sum('"type": "result"' in line for line in lines)
            print(json.dumps([argv, ended, results, out.getvalue() + errors.getvalue()]))


if __name__ == "__main__":
    main()

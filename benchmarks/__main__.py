"""Runs the benchmarks: all of them, or those that are named."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PARTS: Final = {
    "inprocess": "commands in one process, and on vicc",
    "reader": "commands over PC/SC, and on vicc and a bare card",
    "ccid": "commands through libccid and a serial reader, and how soon pcscd has one",
    "comparison": "beside vicc and recorded mocks, what docs/comparison.md says",
    "startup": "process start, memory and time of a further card",
    "secure": "mutual authentication, protected reading, a whole transaction",
    "kept": "a card in a file: opening, power on, a write",
    "signature": "signatures over PC/SC, and memory after many",
    "testers": "a card for a test, a thousand tests, a start of pytest without any",
    "page": "the bench's page: what it costs an exchange, how soon it shows one",
    "many": "very many cards: forks, and all of them behind one port",
}
"""Every benchmark by its module's name."""


def main() -> int:
    """Measure what the command line names; the exit code is 0 when it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a short look, with much noise")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no {sorted(unknown)[0]}; there is {', '.join(PARTS)}")
    # the tests' helpers and the host library, which is not installed where only the card is
    sys.path[:0] = [str(ROOT), str(ROOT / "host")]
    os.chdir(ROOT)
    from benchmarks import interpreter
    from benchmarks.timing import Effort

    effort = Effort(rounds=2, seconds=0.02) if arguments.quick else Effort()
    print(interpreter.build())
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}")
    for name in arguments.parts or PARTS:
        print(f"\n== {PARTS[name]}", flush=True)
        importlib.import_module(f"benchmarks.{name}").measure(effort)
    return 0


if __name__ == "__main__":
    sys.exit(main())

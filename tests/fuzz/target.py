"""What coverage-guided fuzzing runs: any bytes at all, and the seeds it starts from."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fuzz.cards import NAMES, card
from tests.fuzz.steps import Run, decode, parse_text

CORPUS = Path(__file__).parent / "corpus"


def run_input(data: bytes) -> Run | None:
    """Run one input: its first byte chooses the card, the rest is the sequence.

    What fails is printed step by step, ready for tests/fuzz/regressions/.
    """
    if not data:
        return None
    name = NAMES[data[0] % len(NAMES)]
    done = []
    run = Run(card(name))
    try:
        for step in decode(data[1:]):
            done.append(str(step))
            run.do(step)
        run.finish()
    except BaseException:
        print(f"# fails on {name!r}", *done, sep="\n", file=sys.stderr)
        raise
    return run


def seeds() -> dict[str, bytes]:
    """Return every seed sequence for every card, by a name; LookupError when there is none."""
    found = {}
    for script in sorted(CORPUS.glob("*.txt")):
        steps = b"".join(step.encode() for step in parse_text(script.read_text()))
        for number, _ in enumerate(NAMES):
            found[f"{number}-{script.stem}"] = bytes((number,)) + steps
    if not found:
        raise LookupError(f"there is no seed sequence in {CORPUS}")
    return found

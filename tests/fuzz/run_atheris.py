"""Coverage-guided fuzzing of a card: any bytes are a sequence of commands, resets and power cuts.

    python tests/fuzz/run_atheris.py -max_total_time=60

Options are libFuzzer's. Starts from the sequences in tests/fuzz/corpus/*.txt; what it finds worth
keeping goes to tests/fuzz/corpus-local/, which git ignores. A sequence that fails is printed step
by step, ready for tests/fuzz/regressions/. Needs the package atheris (make fuzz installs it).
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "host")]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["jukicard"]):
    from tests.fuzz.cards import NAMES, card
    from tests.fuzz.target import run_input, seeds

LOCAL = Path(__file__).parent / "corpus-local"


def one_input(data: bytes) -> None:
    """Run one input; libFuzzer wants nothing back."""
    run_input(data)


def write_seeds(folder: Path) -> int:
    """Write every seed sequence for every card into `folder` and return how many there are."""
    folder.mkdir(exist_ok=True)
    found = seeds()
    for name, data in found.items():
        (folder / f"seed-{name}").write_bytes(data)
    return len(found)


def main() -> None:
    """Prepare cards and seeds, then hand over to libFuzzer, which does not return."""
    for name in NAMES:
        card(name)
    print(f"{write_seeds(LOCAL)} seeds in {LOCAL.relative_to(ROOT)}", file=sys.stderr)
    arguments = [sys.argv[0], "-timeout=20", "-max_len=4096", *sys.argv[1:], str(LOCAL)]
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

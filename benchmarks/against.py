"""This tree and another one, in one run: processor time of commands, of a start, of a fork.

    git worktree add /tmp/before v0.1.0
    python -m benchmarks.against /tmp/before [ROUNDS]

Each tree's card is a process of its own; they are asked in turn, in many short rounds, and what is
told is the median of the rounds' ratios: other programs disturb both alike.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.timing import micro, ratio, table

HERE: Final = Path(__file__).resolve().parents[1]
CALLS: Final = 4_000
STARTS: Final = {
    "start: import jukicard": "import jukicard",
    "start: issue_card": "from jukicard import issue_card; issue_card('juki-v1', seed=1)",
    "start: the command line": "import jukicard.cli.serve",
}
_SERVED: Final = "from benchmarks.against import serve; serve()"


def serve() -> None:
    """Answer with the seconds of one call for every name of a work that is read."""
    from benchmarks import tasks
    from jukicard import issue_card

    works: dict[str, tuple[Callable[[], object], int]] = {}
    for task in tasks.OURS:
        card = issue_card("juki-v1", seed=1, pin="1234")
        card.power_on()
        works[task.name] = task.start(card.transmit), CALLS
    works["fork, power on"] = (lambda: card.fork().power_on()), CALLS // 10
    print(*works, sep="\t", flush=True)
    for line in sys.stdin:
        work, calls = works[line.rstrip("\n")]
        begun = time.process_time()
        for _ in range(calls):
            work()
        print((time.process_time() - begun) / calls, flush=True)


def _python(tree: Path, code: str) -> list[str]:
    # the other tree's jukicard before all, this one's benchmarks
    path = [str(tree), str(tree / "host"), str(HERE)]
    said = f"import sys; sys.path[:0] = {path!r}; import benchmarks; "
    if tree != HERE:  # the other tree may have other benchmarks, or none of this name
        said += f"benchmarks.__path__ = [{str(HERE / 'benchmarks')!r}]; "
    return [sys.executable, "-c", said + code]


def _started(code: str, tree: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(_python(tree, code), check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _compare(measure: Callable[[Path], float], trees: list[Path], rounds: int) -> tuple[str, ...]:
    taken: dict[Path, list[float]] = {tree: [] for tree in trees}
    for turn in range(rounds + 1):
        for tree in trees if turn % 2 else trees[::-1]:
            seconds = measure(tree)
            if turn:  # the first is not counted: it may write bytecode
                taken[tree].append(seconds)
    here, there = (taken[tree] for tree in trees)
    ratios = [other / own for own, other in zip(here, there, strict=True)]
    return (micro(min(here)), micro(min(there)), ratio(statistics.median(ratios), 1))


def main() -> None:
    """Compare this tree with the one that the command line names."""
    trees = [HERE, Path(sys.argv[1]).resolve()]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 31
    with ExitStack() as stack:
        cards = {tree: stack.enter_context(_card(tree)) for tree in trees}
        ready = [_read(card).split("\t") for card in cards.values()]
        rows = [(name, *_compare(partial(_ask, cards, name), trees, rounds)) for name in ready[0]]
        for card in cards.values():
            card.communicate()
    for name, code in STARTS.items():
        rows.append((name, *_compare(partial(_started, code), trees, rounds)))
    head = ("what", "here", "there", "there / here, median")
    table(f"Processor time, best of {rounds} rounds each, in turn", head, rows)


def _card(tree: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(_python(tree, _SERVED), text=True, stdin=pipe, stdout=pipe)


def _ask(cards: dict[Path, subprocess.Popen[str]], name: str, tree: Path) -> float:
    card = cards[tree]
    assert card.stdin is not None
    print(name, file=card.stdin, flush=True)
    return float(_read(card))


def _read(card: subprocess.Popen[str]) -> str:
    assert card.stdout is not None
    line = card.stdout.readline()
    if not line:
        raise RuntimeError("a tree's card has ended: its own words are above")
    return line.rstrip("\n")


if __name__ == "__main__":
    main()

"""Where the time of a call goes, by layer: a profile whose shares are put on the measured time.

The profiler makes every call dearer, small ones most; the shares say what to look at, the time
itself is measured without it.
"""

from __future__ import annotations

import cProfile
import pstats
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.timing import Effort, micro, table

_ROOT = Path(__file__).resolve().parents[1]
_HOST = "host/jukihost/"


def layer_of(filename: str) -> str:
    """Return the layer a file belongs to: the package of the card, or of the host, or outside."""
    path = Path(filename)
    if not path.is_relative_to(_ROOT) or ".venv" in path.parts:
        if "cryptography" in path.parts:
            return "cryptography"
        return "Python built in" if filename in ("~", "") else "standard library"
    relative = path.relative_to(_ROOT).as_posix()
    if relative.startswith("benchmarks/"):
        return "benchmark"
    if relative.startswith(_HOST):
        return f"host: {relative.removeprefix(_HOST).removesuffix('.py')}"
    return relative.removeprefix("jukicard/").removesuffix(".py")


def show(name: str, work: Callable[[], object], *, calls: int = 3000, most: int = 9) -> None:
    """Print how the time of one call is shared out."""
    seconds = Effort(rounds=3, seconds=0.05).best(work)
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(calls):
        work()
    profile.disable()
    shares = _shares(pstats.Stats(profile))
    whole = sum(shares.values())
    ordered = sorted(shares.items(), key=lambda item: -item[1])[:most]
    rows = [
        (layer, f"{100 * share / whole:.0f} %", micro(seconds * share / whole))
        for layer, share in ordered
    ]
    table(f"{name}: {micro(seconds)}, by layer", ("layer", "share", "of the time"), rows)


def _shares(stats: pstats.Stats) -> dict[str, float]:
    """Add up own time by layer; what is built in counts for the layer that called it."""
    shares: dict[str, float] = defaultdict(float)
    entries: dict[tuple[str, int, str], tuple[int, int, float, float, dict[object, object]]]
    entries = stats.stats  # type: ignore[attr-defined]
    for (filename, _, _), (_, _, own, _, callers) in entries.items():
        if filename != "~":
            shares[layer_of(filename)] += own
            continue
        for caller, (_, _, part, _) in _callers(callers):
            shares[layer_of(caller[0])] += part
    shares.pop("benchmark", None)
    return shares


def _callers(
    callers: dict[object, object],
) -> Iterable[tuple[tuple[str, int, str], tuple[int, int, float, float]]]:
    return callers.items()  # type: ignore[return-value]

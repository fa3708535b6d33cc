"""What other distributions offer, looked up once for as long as nothing is installed or repaired.

A look-up reads the metadata of everything that is installed, some milliseconds; a module that fails
is run again each time. So both are remembered for the process. What is remembered is used only
while it would be found again: the path is the same, no folder on it was changed, and of a package
that failed no file was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS: Final = "jukicard.applets"
"""The entry-point group in which distributions offer applications, this one too."""
_MOST_FILES: Final = 1_000
"""Of a package with more files nothing is remembered: to look at all of them is no gain."""

_Stat = tuple[str, int, int]


class _Found(NamedTuple):
    """What was offered, and where everything lay when that was looked up.

    packages: the names of the distributions that were asked for, by the identity of their points.
    """

    places: tuple[object, ...]
    points: tuple[EntryPoint, ...]
    packages: dict[int, str]


class _Failure(NamedTuple):
    """Why a class could not be had, and what its package's files were then."""

    places: tuple[object, ...]
    files: tuple[_Stat, ...]
    said: str


_FOUND: Final[list[_Found]] = []
"""What was found last, and no more."""
_FAILED: Final[dict[str, _Failure]] = {}


def offered() -> tuple[EntryPoint, ...]:
    """Return all entry points of applications."""
    places = _places()
    for known in _FOUND:
        if known.places == places:
            return known.points
    from importlib import metadata

    found = _Found(places, tuple(metadata.entry_points(group=ENTRY_POINTS)), {})
    _FOUND[:] = [found]
    return found.points


def package(point: EntryPoint) -> str:
    """Return the distribution that offers an entry point, empty where it is of none."""
    if point.dist is None:
        return ""
    names = next((one.packages for one in _FOUND if any(point is it for it in one.points)), {})
    if id(point) not in names:
        names[id(point)] = point.dist.name
    return names[id(point)]


def failure(point: EntryPoint) -> str:
    """Return how an entry point failed; empty where it never did, or may not any more."""
    known = _FAILED.get(point.value)
    if known is None:
        return ""
    if known.places == _places() and known.files == _files(point):
        return known.said
    del _FAILED[point.value]
    return ""


def remember(point: EntryPoint, said: str) -> None:
    """Remember how an entry point failed."""
    files = _files(point)
    if files:
        _FAILED[point.value] = _Failure(_places(), files, said)


def _places() -> tuple[object, ...]:
    """Return what decides what there is: who finds modules, the path, the state of its folders."""
    from importlib import metadata

    return (metadata.entry_points, *sys.meta_path, *map(_stat, sys.path))


def _stat(place: str) -> _Stat:
    try:
        found = os.stat(place or os.curdir)
    except (OSError, ValueError):
        return (place, 0, 0)
    return (place, found.st_mtime_ns, found.st_size)


def _files(point: EntryPoint) -> tuple[_Stat, ...]:
    """Return the state of all modules of an entry point's package; none where it has too many."""
    files = tuple(islice(_modules(point.module.partition(".")[0]), _MOST_FILES + 1))
    return files if len(files) <= _MOST_FILES else ()


def _modules(top: str) -> Iterator[_Stat]:
    from importlib.util import find_spec

    try:
        spec: Any = find_spec(top)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.origin:
        yield _stat(spec.origin)
    for folder in spec.submodule_search_locations or ():
        for at, _, names in os.walk(folder):
            yield from (_stat(os.path.join(at, name)) for name in names if name.endswith(".py"))

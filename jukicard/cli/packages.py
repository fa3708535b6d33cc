"""A package with applications, wherever it lies: installed, a folder, or a wheel; code is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import invalidate_caches, metadata
from pathlib import Path
from typing import Any, Final

from jukicard.cli.problems import UserError
from jukicard.runtime.applet import Applet
from jukicard.runtime.installed import ENTRY_POINTS
from jukicard.runtime.kinds import load_point

_OURS: Final = frozenset({"jukicard", "jukihost"})


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution: name, version, and the classes of its applications by the kinds' names."""

    name: str
    version: str
    kinds: dict[str, type[Applet[Any]]]


@contextmanager
def loaded(place: str) -> Iterator[Package]:
    """Have a package, by the name it is installed under, a folder or a wheel, in `with`. UserError.

    What is not installed can be imported inside only: two versions of one package share names.

    A folder is one with a `pyproject.toml`, or one that packages were installed into (`pip install
    --target`). UnknownAppletError for an application that cannot be used.
    """
    path = Path(place)
    installed = _installed(place) if path.name == place else None
    if installed is not None:
        yield _package(installed.name, installed.version, _points(installed))
        return
    if not path.exists():
        raise UserError("there is no installed package, no folder and no wheel of this name")
    root, name, version, points = _found(path)
    with _at(root, points):
        yield _package(name, version, points)


def _found(path: Path) -> tuple[Path, str, str, list[metadata.EntryPoint]]:
    if (path / "pyproject.toml").is_file():
        return _source(path)
    if path.is_file() and path.suffix != ".whl":
        raise UserError(f"{path} is neither a folder nor a wheel")
    found = [one for one in metadata.distributions(path=[str(path)]) if _points(one)]
    if len(found) != 1:
        names = ", ".join(sorted(one.name for one in found)) or "none"
        raise UserError(f"one package in {path} must offer applications; there are: {names}")
    return path, found[0].name, found[0].version, _points(found[0])


def _installed(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return None


def _points(found: metadata.Distribution) -> list[metadata.EntryPoint]:
    return [point for point in found.entry_points if point.group == ENTRY_POINTS]


def _source(folder: Path) -> tuple[Path, str, str, list[metadata.EntryPoint]]:
    """Find a package that was not built yet, as its `pyproject.toml` says."""
    import tomllib

    said = folder / "pyproject.toml"
    try:
        project = tomllib.loads(said.read_text("utf-8"))["project"]
        name, version = str(project["name"]), str(project.get("version", "0"))
        offered = project.get("entry-points", {}).get(ENTRY_POINTS, {})
        points = [metadata.EntryPoint(key, value, ENTRY_POINTS) for key, value in offered.items()]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{said} cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{said} describes no package: it needs [project] with a name") from None
    source = folder / "src"
    return source if source.is_dir() else folder, name, version, points


def _package(name: str, version: str, points: list[metadata.EntryPoint]) -> Package:
    if not points:
        raise UserError(f"{name} offers no application in the entry-point group {ENTRY_POINTS!r}")
    return Package(name, version, {point.name: load_point(point) for point in points})


@contextmanager
def _at(root: Path, points: list[metadata.EntryPoint]) -> Iterator[None]:
    """Have modules found at `root` first, and forget them behind it."""
    tops = {point.module.partition(".")[0] for point in points}
    if tops & _OURS:
        raise UserError(f"{root} would stand in the place of {', '.join(sorted(tops & _OURS))}")

    def theirs() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] in tops]

    before = {name: sys.modules.pop(name) for name in theirs()}
    sys.path.insert(0, str(root.resolve()))
    invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root.resolve()))
        for name in theirs():
            del sys.modules[name]
        sys.modules.update(before)

"""What an installation brings along: the distributions that others ask for, from their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Environment = Mapping[str, str]
"""Values of environment markers that stand for another machine, such as `sys_platform`."""


def needed_by(name: str, extra: str, environment: Environment | None = None) -> list[Requirement]:
    """What an installed distribution needs, on this machine unless another environment is given.

    Nothing for one that is not installed.
    """
    try:
        texts = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    where = {**(environment or {}), "extra": extra}
    requirements = [Requirement(text) for text in texts]
    return [r for r in requirements if r.marker is None or r.marker.evaluate(where)]


def everything(
    wanted: Iterable[Requirement], environment: Environment | None = None
) -> frozenset[str]:
    """The canonical names of all that comes with what is wanted, itself included."""
    waiting = list(wanted)
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            waiting += needed_by(name, extra, environment)
    return frozenset(name for name, _ in seen)

"""What the sources of the tests read of the vectors, and on whose side; nothing is run for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

Side = Literal["card", "host"]

DESCRIPTION: Final = frozenset({"title", "source", "notes", "licence", "flags"})
"""Keys of a vector file that say where it comes from, and hold no value."""


@dataclass(frozen=True)
class Reader:
    """A module of tests: the vector files it loads, the sides it tests, and its texts."""

    files: frozenset[str]
    sides: frozenset[Side]
    texts: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    def reads(self, key: str) -> bool:
        """Tell whether the key stands in the source, as a text or made by an f-string."""
        return key in self.texts or any(pattern.fullmatch(key) for pattern in self.patterns)


def reader_of(source: str) -> Reader:
    """Return what Python source loads and names."""
    nodes = list(ast.walk(ast.parse(source)))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant))
    return Reader(
        frozenset(loads_in(nodes)),
        _sides(frozenset(_imports(nodes))),
        frozenset(text for text in texts if isinstance(text, str)),
        tuple(_patterns(nodes)),
    )


def readers(folder: Path, *, but: Iterable[Path] = ()) -> tuple[Reader, ...]:
    """Return the modules of tests below `folder` that load a vector file."""
    left_out = set(but)
    found = (
        reader_of(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("test_*.py"))
        if path not in left_out
    )
    return tuple(reader for reader in found if reader.files)


def loads_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the literal names given to `load(...)` or `vectors.load(...)`."""
    for node in nodes:
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        argument = node.args[0]
        if (
            name == "load"
            and isinstance(argument, ast.Constant)
            and isinstance(argument.value, str)
        ):
            yield argument.value


def keys_of(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of a document, without the positions in lists."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if path or key not in DESCRIPTION:
                yield (*path, key)
                yield from keys_of(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, path)


def single_keys(value: Any, *, inner: bool = False) -> Iterator[str]:
    """Yield the keys that a file has once: those that lie in no list."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            if inner or key not in DESCRIPTION:
                yield key
                yield from single_keys(below, inner=True)


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _sides(modules: frozenset[str]) -> frozenset[Side]:
    """Wire types are both sides'; a test of both ends at once is no test of either alone."""
    card = {name for name in modules if f"{name}.".startswith("jukicard.")}
    wire = {name for name in card if f"{name}.".startswith("jukicard.apdu.")}
    host = any(f"{name}.".startswith("jukihost.") for name in modules)
    if card - wire:
        return frozenset() if host else frozenset({"card"})
    if host:
        return frozenset({"host"})
    return frozenset({"card", "host"}) if wire else frozenset()


def _patterns(nodes: Iterable[ast.AST]) -> Iterator[re.Pattern[str]]:
    """Yield what an f-string may become, when enough of it is fixed to say something."""
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else None for part in node.values
            ]
            if sum(len(part) for part in parts if part) >= 2:
                yield re.compile("".join(re.escape(part) if part else r"\w+" for part in parts))

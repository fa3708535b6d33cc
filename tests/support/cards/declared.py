"""Which access rules an application declares, by name: whoever walks it has to know them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from jukicard.filesystem.access import NEVER, AccessCondition
from jukicard.filesystem.files import AccessRules, FileTree


def declared(tree: FileTree, card_rules: AccessRules | None = None) -> set[str]:
    """Return `0001 read`, `C2 write`, `card activate`: every condition but those of nobody."""
    things: list[tuple[str, object]] = [
        *((f"{fid:04X}", ef.spec) for fid, ef in tree.root.efs.items()),
        *((f"{tag:X}", spec) for tag, spec in tree.root.objects.items()),
        ("card", card_rules or AccessRules()),
    ]
    return {f"{name} {right}" for name, spec in things for right in _rights(spec)}


def _rights(spec: object) -> Iterator[str]:
    for part in fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, part.name)
        if isinstance(value, AccessRules):
            yield from _rights(value)
        elif isinstance(value, AccessCondition) and value is not NEVER:
            yield part.name

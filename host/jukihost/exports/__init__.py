"""What leaves a terminal's database for a place of somebody's choosing: only who has the right.

A backup, or bringing one back, needs the right `EXPORT`; to read the log for a resident needs
`READ_LOG`. Each is asked of an operator of the database concerned, and stands in its log whatever
came of it. Nothing leaves while the emergency stop is on. A database that has no operators yet has
nobody to ask: what is done then stands in the log all the same. Extra `terminal`. The names are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.exports.backups import (
        BACKUP as BACKUP,
        RESTORE as RESTORE,
        export_backup as export_backup,
        restore_backup as restore_backup,
    )
    from jukihost.exports.disclosures import read_disclosure as read_disclosure

_HOMES: Final = {
    "backups": "BACKUP RESTORE export_backup restore_backup",
    "disclosures": "read_disclosure",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.exports' has no attribute {name!r}")
    from importlib import import_module

    _ = import_module("jukihost.database").metadata  # says which extra is missing
    value = globals()[name] = getattr(import_module(f"jukihost.exports.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

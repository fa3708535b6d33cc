"""The terminal's database and clock: one engine, one set of tables, one history of their changes.

Under register, ledger and log alike, so that a procedure's changes and its entry in the log are
one transaction. A file (SQLite) for one machine, a PostgreSQL server beyond it. Extra `terminal`;
for PostgreSQL also `ledger-postgresql`. The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.clock import (
        JAPAN as JAPAN,
        Clock as Clock,
        ClockRanBackwards as ClockRanBackwards,
        ClocksDisagree as ClocksDisagree,
        MovableClock as MovableClock,
        day_in_japan as day_in_japan,
    )
    from jukihost.database.address import (
        Address as Address,
        read_address as read_address,
    )
    from jukihost.database.backup import (
        backup_database as backup_database,
        restore_database as restore_database,
    )
    from jukihost.database.engine import (
        Database as Database,
        open_database as open_database,
    )
    from jukihost.database.errors import (
        AddressError as AddressError,
        AlreadyStored as AlreadyStored,
        DatabaseAway as DatabaseAway,
        DatabaseDamaged as DatabaseDamaged,
        DatabaseError as DatabaseError,
        DatabaseExtraMissing as DatabaseExtraMissing,
        DatabaseFailed as DatabaseFailed,
        DatabaseFull as DatabaseFull,
        DatabaseLocked as DatabaseLocked,
        DatabaseReadOnly as DatabaseReadOnly,
        DatabaseRefused as DatabaseRefused,
        NetworkDrive as NetworkDrive,
        NoSchema as NoSchema,
        NotProtected as NotProtected,
        SchemaNewer as SchemaNewer,
        SchemaOlder as SchemaOlder,
    )
    from jukihost.database.schema import (
        upgrade_database as upgrade_database,
    )
    from jukihost.database.tables import (
        Instant as Instant,
        metadata as metadata,
    )

_HOMES: Final = {
    "jukihost.clock": "JAPAN Clock ClockRanBackwards ClocksDisagree MovableClock day_in_japan",
    "address": "Address read_address",
    "backup": "backup_database restore_database",
    "engine": "Database open_database",
    "errors": "AddressError AlreadyStored DatabaseAway DatabaseDamaged DatabaseError "
    "DatabaseExtraMissing DatabaseFailed DatabaseFull DatabaseLocked "
    "DatabaseReadOnly DatabaseRefused NetworkDrive NoSchema NotProtected "
    "SchemaNewer SchemaOlder",
    "schema": "upgrade_database",
    "tables": "Instant metadata",
}
"""Where the names are at home: below this package, or where it says."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}
_WITHOUT_EXTRA: Final = frozenset({"jukihost.clock", "errors"})

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.database' has no attribute {name!r}")
    from importlib import import_module, util

    if home not in _WITHOUT_EXTRA and not (
        util.find_spec("sqlalchemy") and util.find_spec("alembic")
    ):
        raise import_module("jukihost.database.errors").DatabaseExtraMissing("terminal")
    place = home if home.startswith("juki") else f"jukihost.database.{home}"
    value = globals()[name] = getattr(import_module(place), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

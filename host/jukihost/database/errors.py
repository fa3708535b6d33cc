"""What can go wrong with a database, in words that say what to do; never with a row's values."""

from __future__ import annotations

from typing import ClassVar

from jukihost.errors import TerminalError


class DatabaseError(TerminalError):
    """Everything that goes wrong with the terminal's database; what was not committed is undone."""


class DatabaseExtraMissing(DatabaseError, ImportError):
    """The libraries of the extra `terminal` or `ledger-postgresql` are not installed."""

    def __str__(self) -> str:
        extra = self.args[0]
        return (
            f"this needs further libraries; install them with pip install 'jukicard[{extra}]' "
            f"(in a clone of the project '.[{extra}]')"
        )


class AddressError(DatabaseError):
    """The address of the database cannot be understood, or asks for what is not offered."""


class NotProtected(AddressError):
    """The address would carry residents' data to another machine without proof of who that is."""


class NetworkDrive(AddressError):
    """The file lies on a network drive, where SQLite's locks do not hold."""


class _Told(DatabaseError):
    """An error of a database, whose own words may hold values and are not repeated."""

    what: ClassVar[str] = "the database refused; nothing was changed"

    def __str__(self) -> str:
        return self.what + (f" ({self.args[0]})" if self.args else "")


class DatabaseAway(_Told):
    """Nobody answers, or no longer: the server, the network, or the folder of the file."""

    what = (
        "the database is away, or lets nobody in: see that its file is there, or that its server "
        "runs, is reached and knows this database, user and certificate, then look what is stored: "
        "only a change that was just being confirmed may be there"
    )


class DatabaseRefused(_Told):
    """The server does not let this terminal in, or not do this."""

    what = (
        "the database lets this terminal not in, or not do this; check user, password, certificate "
        "and rights"
    )


class DatabaseLocked(_Told):
    """Another terminal or program is at the same rows, or at the file, for too long."""

    what = "another program holds the database; nothing was changed, try again"


class DatabaseFull(_Told):
    """There is no room left on the disk."""

    what = "the disk of the database is full; nothing was changed: make room, then do it again"


class DatabaseReadOnly(_Told):
    """The file, its folder or the server cannot be written to."""

    what = (
        "the database is read-only; nothing was changed: give this user the right to write its "
        "file and folder, or address the server that takes changes"
    )


class DatabaseDamaged(_Told):
    """The file is no database, or is damaged."""

    what = "the file is no database, or is damaged; bring back the last backup"


class DatabaseFailed(_Told):
    """The database refused a statement for another reason."""


class AlreadyStored(_Told):
    """What should be unique is there already, or what is referred to is not."""

    what = "it is stored already, or what it belongs to is not; nothing was changed"


class NoSchema(DatabaseError):
    """The database has no tables of a terminal yet."""

    def __str__(self) -> str:
        return (
            "the database has no tables of a terminal yet; make them with upgrade_database "
            "(jukihost database create)"
        )


class SchemaOlder(DatabaseError):
    """The tables are those of an earlier version."""

    def __init__(self, found: str) -> None:
        super().__init__(found)

    def __str__(self) -> str:
        return (
            f"the database's tables are of an earlier version ({self.args[0]}); make a backup, "
            "then bring them to this one with upgrade_database (jukihost database upgrade)"
        )


class SchemaNewer(DatabaseError):
    """The tables are those of a later version than this program's."""

    def __init__(self, found: str) -> None:
        super().__init__(found)

    def __str__(self) -> str:
        return (
            f"the database's tables are of a later version ({self.args[0]}); install that version "
            "of the program on this machine: this one would not understand them"
        )

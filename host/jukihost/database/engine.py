"""Opens a database and hands out its transactions."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, case, create_engine, event, select
from sqlalchemy.exc import DBAPIError

from jukihost.clock import TOLERANCE, Clock, ClockRanBackwards, ClocksDisagree, readable
from jukihost.database.address import WAIT, Address, read_address
from jukihost.database.errors import AddressError, DatabaseError, DatabaseReadOnly, NotProtected
from jukihost.database.schema import check_schema
from jukihost.database.tables import INSERTS, clocks
from jukihost.database.told import told

CLOCKS_APART: Final = timedelta(seconds=60)
"""How far two terminals' clocks may be apart."""
LOOK_EVERY: Final = 60.0
"""Seconds between two looks at the other terminals' clocks, and at one's own of before."""
_UNFIT: Final = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")
_WRITES: Final = "jukihost_writes"
_DURABLE: Final = "jukihost_durable"
_LOGGED_AS: Final = "jukihost"


def _without_rows(record: logging.LogRecord) -> bool:
    """Keep what SQLAlchemy logs, but for the rows of a result, which are residents' data."""
    return not str(record.msg).startswith(("Row ", "Col "))


logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGED_AS}").addFilter(_without_rows)


class Database:
    """A terminal's database, open; made by `open_database`.

    `begin` and `read` are the only ways to it, and each is one transaction. It may be shared
    between threads, never between processes: open it after a process has been started.
    """

    def __init__(
        self, engine: Engine, clock: Clock, terminal: str, *, read_only: bool = False
    ) -> None:
        self.engine, self.clock, self.terminal = engine, clock, terminal
        self._read_only = read_only
        self._process = os.getpid()
        self._looked: float | None = None
        self._lock = threading.Lock()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give a connection in a transaction that may write; all of it lands at the end, or none.

        On SQLite it holds the file for itself from the start, and `durable=False` does not wait
        for the disk: after a power cut it may be forgotten whole. DatabaseError for whatever the
        database says, ClockRanBackwards, ClocksDisagree.
        """
        self._look_at_clocks()
        with self._connected({_WRITES: True, _DURABLE: durable}) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees the database as it is now, whatever others do meanwhile."""
        with self._connected({_WRITES: False}) as connection:
            yield connection

    def accept_clock(self) -> bool:
        """Forget what this terminal's clock said before, after it was set right; whether it had."""
        with self._connected({_WRITES: True}) as connection:
            ours = clocks.delete().where(clocks.c.terminal == self.terminal)
            known = connection.execute(ours).rowcount > 0
        self._looked = None
        return known

    def close(self) -> None:
        """Close every connection; what `begin` has not ended is undone."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _connected(self, options: dict[str, object]) -> Iterator[Connection]:
        if options[_WRITES] and self._read_only:
            raise DatabaseReadOnly("it was opened to be read")
        if os.getpid() != self._process:
            raise DatabaseError("this database was opened by another process; open it in each")
        with told(), self._begun(options) as connection:
            yield connection

    @contextmanager
    def _begun(self, options: dict[str, object]) -> Iterator[Connection]:
        """Give a connection whose transaction has begun, a new one where a kept one is dead.

        To begin is the first that is said to the server, and changes nothing: so it shows, without
        going there and back for that alone, whether anybody still listens.
        """
        for again in (True, False):
            with self.engine.connect().execution_options(**options) as connection:
                try:
                    transaction = connection.begin()
                except DBAPIError as error:
                    if again and error.connection_invalidated:
                        continue
                    raise
                with transaction:
                    yield connection
            return

    def _look_at_clocks(self) -> None:
        with self._lock:
            if self._looked is not None and time.monotonic() - self._looked < LOOK_EVERY:
                return
            with self._connected({_WRITES: True, _DURABLE: False}) as connection:
                self._compare_clocks(connection)
            self._looked = time.monotonic()

    def _compare_clocks(self, connection: Connection) -> None:
        rows = connection.execute(select(clocks.c.terminal, clocks.c.seen)).all()
        ours = self.clock.now()  # after the rows: what they say is from before
        for row in rows:
            if row.terminal == self.terminal and row.seen - ours > TOLERANCE:
                raise ClockRanBackwards(
                    f"the clock ran backwards: this terminal said {readable(row.seen)} before and "
                    f"says {readable(ours)} now; set its clock right. If it was ahead before, "
                    "say so with accept_clock (jukihost database accept-clock)"
                )
            if row.terminal != self.terminal and row.seen - ours > CLOCKS_APART:
                raise ClocksDisagree(
                    f"the clocks disagree: terminal {row.terminal} has said {readable(row.seen)} "
                    f"already, this one says {readable(ours)}; set the wrong one right"
                )
        made = INSERTS[self.dialect](clocks)
        new = made.excluded.seen
        later = case((clocks.c.seen > new, clocks.c.seen), else_=new)  # of two that look at once
        connection.execute(
            made.values(terminal=self.terminal, seen=ours).on_conflict_do_update(
                index_elements=["terminal"], set_={"seen": later}
            )
        )


def open_database(
    address: str | Path, *, clock: Clock, terminal: str, read_only: bool = False
) -> Database:
    """Open the database at an address (see `read_address`) whose tables are of this version.

    `terminal` names this terminal among those on the same database, one clock each. With
    `read_only` nothing can be written: every `begin` is DatabaseReadOnly.
    AddressError, NetworkDrive, NotProtected, NoSchema, SchemaOlder, SchemaNewer, DatabaseError.
    """
    if not terminal or _UNFIT.search(terminal):
        raise AddressError(
            "a terminal needs a name among those on the same database, in plain characters"
        )
    engine = make_engine(read_address(address), read_only=read_only)
    database = Database(engine, clock, terminal, read_only=read_only)
    try:
        with database.read() as connection:
            check_schema(connection)
    except BaseException:
        engine.dispose()
        raise
    return database


def make_engine(address: Address, *, create: bool = False, read_only: bool = False) -> Engine:
    """Return the engine of an address; nothing is opened yet. `create` may make the file."""
    arguments: dict[str, Any] = dict(address.arguments)
    if address.file is not None:
        arguments = {"timeout": WAIT, "check_same_thread": False, "isolation_level": None}
    engine = create_engine(
        address.url,
        connect_args=arguments,
        hide_parameters=True,
        logging_name=_LOGGED_AS,
        pool_timeout=WAIT,
        isolation_level="AUTOCOMMIT" if address.file is None else None,
    )
    if address.file is None:
        event.listen(engine, "connect", _check_peer)
        event.listen(engine, "begin", _begin_postgresql)
        event.listen(engine, "do_execute", _do_execute)
    else:
        mode = "rwc" if create else "ro" if read_only else "rw"
        event.listen(engine, "do_connect", _opener(address.file, mode))
        event.listen(engine, "connect", _limit_sqlite if read_only else _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _opener(file: Path, mode: str) -> Any:
    """Return what opens a file: `ro` and `rw` one that is there, `rwc` makes it."""

    def connect(dialect: object, record: object, args: object, kwargs: dict[str, Any]) -> object:
        return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, **kwargs)

    return connect


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # WAL stays in the file; the others are the connection's.
    connection.execute("PRAGMA journal_mode=WAL")
    _limit_sqlite(connection, record)


def _limit_sqlite(connection: sqlite3.Connection, record: object) -> None:
    for pragma in ("foreign_keys=ON", "secure_delete=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    writes, durable = options.get(_WRITES), options.get(_DURABLE, True)
    driver: Any = connection.connection.dbapi_connection  # SQLAlchemy takes ten times as long
    driver.execute(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # The driver leaves transactions alone (AUTOCOMMIT), and ends the one that is begun here.
    reads = connection.get_execution_options().get(_WRITES) is False
    how = " ISOLATION LEVEL REPEATABLE READ, READ ONLY" if reads else ""
    connection.exec_driver_sql(f"BEGIN{how}")


def _do_execute(cursor: Any, statement: str, parameters: Any, context: object) -> bool:
    """Run a BEGIN as it is: prepared, it would take longer, not less."""
    begins = statement.startswith("BEGIN")
    if begins:
        cursor.execute(statement, prepare=False)
    return begins


def _check_peer(connection: Any, record: object) -> None:
    """Check who a new connection has really reached, whatever a name was resolved to."""
    from ipaddress import ip_address

    info = connection.info
    address = info.hostaddr
    if address and not ip_address(address).is_loopback and not connection.pgconn.ssl_in_use:
        connection.close()
        raise NotProtected("the database's host is another machine, and the connection is plain")

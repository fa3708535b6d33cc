"""Where a database is: the address is read once, and what would be unsafe there is refused."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from jukihost.database.errors import (
    AddressError,
    DatabaseExtraMissing,
    NetworkDrive,
    NotProtected,
)

WAIT: Final = 10
"""Seconds that anything waits for a lock, a server or a free connection."""
LONGEST_STATEMENT: Final = 120
"""Seconds after which a PostgreSQL server stops one statement."""
LONGEST_IDLE: Final = 30
"""Seconds after which a PostgreSQL server ends who holds a transaction and sends nothing."""
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_TLS: Final = ("sslcert", "sslkey", "sslrootcert", "sslcrl")
_OPTIONS: Final = frozenset({"host", "port", "sslmode", "connect_timeout", *_TLS})
_NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|ceph|glusterfs|lustre|beegfs|ocfs2|gfs2|orangefs|9p|davfs"
    r"|vboxsf|virtiofs|vmhgfs|fuse\.(sshfs|ceph|glusterfs|rclone|s3fs|davfs2?|smbnetfs|curlftpfs"
    r"|gcsfuse|vmhgfs-fuse)"
)
"""Kinds of file system on which two machines, or two systems on one, may write to one file."""


@dataclass(frozen=True, slots=True)
class Address:
    """A database's address as SQLAlchemy takes it; `file` for SQLite, None for a server.

    `remote` says that the server is another machine. The password is in `url`, which hides it.
    """

    url: URL
    file: Path | None = None
    remote: bool = False
    arguments: dict[str, str | int] = field(default_factory=dict, repr=False)
    """What the driver is told beside the URL."""


def read_address(text: str | Path) -> Address:
    """Read a path, `sqlite:///path`, or `postgresql://user@host/name` (`postgres://` too).

    A server on another machine is reached by TLS only, where each side proves who it is:
    `sslmode` is `verify-full` (said or not), and `sslcert` and `sslkey` are the terminal's own.
    AddressError, NotProtected, NetworkDrive, DatabaseExtraMissing.
    """
    if isinstance(text, Path) or "://" not in text:
        return _file(Path(text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # its text may hold the password
        raise AddressError(
            "the database's address cannot be read; write a path, sqlite:///PATH or "
            "postgresql://USER@HOST/NAME"
        ) from None
    if url.drivername in _SQLITE:
        if url.query or url.host or not url.database or url.database == ":memory:":
            raise AddressError(
                "an address of a file is sqlite:///PATH, with nothing behind it; a path alone does "
                "too"
            )
        return _file(Path(url.database))
    if url.drivername in _POSTGRESQL:
        return _server(url)
    raise AddressError(
        "this kind of database is not offered; write a path (SQLite) or postgresql://..."
    )


# -- a file ----------------------------------------------------------------------------------------


def _file(path: Path) -> Address:
    path = path.absolute()
    try:
        is_folder, has_folder = path.is_dir(), path.parent.is_dir()
    except OSError as error:
        raise AddressError(
            f"the database's file cannot be reached ({error.strerror}); ask the owner of its "
            "folder for access, or name another place"
        ) from None
    if is_folder:
        raise AddressError("the database's address is a folder; name a file in it")
    if not has_folder:
        raise AddressError("the folder of the database's file is not there; make it first")
    kind = kind_of_drive(path, Path("/proc/self/mountinfo"))
    if kind is not None and _NETWORK.fullmatch(kind):
        raise NetworkDrive(
            f"the database's file would lie on a network drive ({kind}), where two machines can "
            "spoil it; put it on a disk of this machine, or use a PostgreSQL server"
        )
    return Address(URL.create("sqlite+pysqlite", database=str(path)), path)


def kind_of_drive(place: Path, mounts: Path) -> str | None:
    """Return the kind of file system a file really is on (proc(5)); None where not known."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    place = Path(os.path.realpath(place))
    kind, depth = None, -1
    for line in lines:
        before, _, after = line.partition(" - ")
        escaped = before.split()[4]
        point = Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), escaped))
        if place.is_relative_to(point) and len(point.parts) >= depth:  # the last one covers others
            kind, depth = after.split()[0], len(point.parts)
    return kind


# -- a server --------------------------------------------------------------------------------------


def _server(url: URL) -> Address:
    if importlib.util.find_spec("psycopg") is None:
        raise DatabaseExtraMissing("ledger-postgresql")
    if strange := url.query.keys() - _OPTIONS:
        raise AddressError(
            f"the database's address has {', '.join(sorted(strange))}, which is not offered; it "
            f"may have {', '.join(sorted(_OPTIONS))}"
        )
    options = {name: value for name, value in url.query.items() if isinstance(value, str)}
    host = options.pop("host", url.host or os.environ.get("PGHOST") or "/var/run/postgresql")
    if not all(isinstance(value, str) for value in url.query.values()) or "," in host:
        raise AddressError("the database's address names one host, and each option once")
    arguments: dict[str, str | int] = {
        "connect_timeout": WAIT,
        **options,
        "host": host,
        "hostaddr": "",  # not what the environment says: `host` was looked at
        "application_name": "jukihost",
        "client_encoding": "utf8",
        "tcp_user_timeout": WAIT * 1000,
        "gssencmode": "disable",
        "options": f"-c lock_timeout={WAIT}s -c statement_timeout={LONGEST_STATEMENT}s "
        f"-c idle_in_transaction_session_timeout={LONGEST_IDLE}s",
    }
    remote = not is_this_machine(host)
    if remote:
        arguments |= _mutual_tls(options)
    plain = url.set(drivername="postgresql+psycopg", host=None, query={})
    return Address(plain, None, remote, arguments)


def _mutual_tls(options: dict[str, str]) -> dict[str, str]:
    if options.get("sslmode", "verify-full") != "verify-full":
        raise NotProtected(
            "a database on another machine is reached with sslmode=verify-full only: residents' "
            "data goes to nobody who has not proven who they are"
        )
    if "sslcert" not in options or "sslkey" not in options:
        raise NotProtected(
            "a database on another machine must see this terminal's certificate; give "
            "?sslcert=FILE&sslkey=FILE, and sslrootcert=FILE where the server's authority is "
            "your own"
        )
    return {"sslmode": "verify-full", "sslrootcert": options.get("sslrootcert", "system")}


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine: a folder of sockets, localhost, or a loopback address."""
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

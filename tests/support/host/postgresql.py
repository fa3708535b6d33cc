"""A PostgreSQL server of the tests' own: Debian's, a new cluster, one socket, not as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from tests.support.interop.missing import require

PROGRAMS: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
WAIT: Final = 120.0
USER: Final = "jukihost"


@dataclass(frozen=True)
class Server:
    """A server that runs; `folder` has its socket."""

    folder: Path

    def address(self, name: str) -> str:
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def connect(self, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.folder), user=USER, dbname=name, autocommit=True, connect_timeout=60
        )

    def make(self, name: str, template: str = "template0") -> str:
        """Make a database and return its address."""
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.address(name)

    def drop(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@contextmanager
def running(*settings: str, files: Mapping[str, bytes] | None = None) -> Iterator[Server]:
    """Run a server; `settings` are its own, as `name=value`; `files` lie where its data is."""
    require("PostgreSQL server", [] if PROGRAMS else ["postgresql"])
    folder = Path(tempfile.mkdtemp(prefix="jukihost-pg-"))
    try:
        user = _give_away(folder)
        _run(user, "initdb", "-D", str(folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8",
             "--no-locale", "--no-sync")  # fmt: skip
        for name, content in (files or {}).items():
            path = folder / "data" / name
            path.write_bytes(content)
            path.chmod(0o600)
            if user is not None:
                shutil.chown(path, user)
        options = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", *settings]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *_as(user, "--pdeathsig", "INT"),
                    str(PROGRAMS[0] / "postgres"),
                    "-D",
                    str(folder / "data"),
                    *(part for option in options for part in ("-c", option)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            server = Server(folder)
            _await(server, process)
            yield server
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_away(folder: Path) -> str | None:
    """Return the user as whom the server must run, who then owns the folder; None for this one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            os.chown(folder, found.pw_uid, found.pw_gid)
            return name
    raise AssertionError("there is no user as whom a server could run")


def _as(user: str | None, *more: str) -> list[str]:
    change = (
        [] if user is None else [f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups"]
    )
    return ["setpriv", *change, *more, "--"]


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _run(user: str | None, program: str, *arguments: str) -> None:
    done = subprocess.run(
        [*_as(user), str(PROGRAMS[0] / program), *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
    )
    assert done.returncode == 0, done.stderr


def _await(server: Server, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        assert process.poll() is None, (server.folder / "log").read_text()
        with suppress(psycopg.OperationalError), server.connect():
            return
        time.sleep(0.05)
    raise AssertionError((server.folder / "log").read_text())


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(2)  # fast shutdown (PostgreSQL 15, 19.5)
    try:
        process.wait(WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(WAIT)

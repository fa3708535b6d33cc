"""A server on another machine: each side proves who it is, or there is no connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from jukihost.clock import MovableClock
from jukihost.database import DatabaseAway, NotProtected, open_database, upgrade_database
from jukihost.database.address import read_address
from jukihost.database.engine import make_engine
from tests.support.host.databases import NOON
from tests.support.host.postgresql import USER, Server
from tests.support.host.tls import HOST, UNNAMED, Authority, address, proven_server

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("postgresql")]


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """Run the server."""
    with proven_server() as authority:
        yield authority


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take loopback addresses for those of other machines."""
    monkeypatch.setattr("jukihost.database.address.is_this_machine", lambda host: False)


@pytest.mark.usefixtures("elsewhere")
def test_both_sides_are_proven(authority: Authority, tmp_path: Path) -> None:
    upgrade_database(address(tmp_path, authority, authority))
    engine = make_engine(read_address(address(tmp_path, authority, authority)))
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        )
        assert tuple(found.one()) == (True, f"/CN={USER}")
    engine.dispose()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("server_known", "terminal_known", "name"),
    [(False, True, USER), (True, False, USER), (True, True, "somebody")],
    ids=["unknown server", "unknown terminal", "terminal of another name"],
)
def test_whoever_is_not_proven_is_not_talked_to(
    authority: Authority, tmp_path: Path, server_known: bool, terminal_known: bool, name: str
) -> None:
    place = address(
        tmp_path,
        authority if server_known else Authority(),
        authority if terminal_known else Authority(),
        name,
    )
    with pytest.raises(DatabaseAway, match="knows this database, user and certificate"):
        upgrade_database(place)


@pytest.mark.usefixtures("elsewhere")
def test_a_certificate_is_for_the_host_that_was_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    place = address(tmp_path, authority, authority).replace(HOST, UNNAMED)
    with pytest.raises(DatabaseAway):
        upgrade_database(place)


def test_a_name_that_leads_to_another_machine_gets_no_plain_connection(
    postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the address said: who was really reached is looked at."""
    monkeypatch.setattr(psycopg.ConnectionInfo, "hostaddr", "192.0.2.7")
    place = postgresql_server.address("jukihost_template")
    with pytest.raises(NotProtected, match="another machine, and the connection is plain"):
        open_database(place, clock=MovableClock(NOON), terminal="a")
    monkeypatch.setattr(psycopg.ConnectionInfo, "hostaddr", "127.0.0.9")
    open_database(place, clock=MovableClock(NOON), terminal="a").close()

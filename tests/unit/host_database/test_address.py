"""Addresses of databases: read once, normalised; unsafe ones refused, their passwords hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from jukihost.database.address import is_this_machine, kind_of_drive, read_address
from jukihost.database.errors import AddressError, NetworkDrive, NotProtected

SECRET: Final = "swordfish"
TLS: Final = "sslcert=/t.crt&sslkey=/t.key"


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_a_file_is_named_in_several_ways(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a b#?.db"
    text = form.format(path if "://" not in form else tmp_path / "a.db")
    address = read_address(text)
    assert address.file == (path if "://" not in form else tmp_path / "a.db")
    assert read_address(path).file == path


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_is_named_in_several_ways(scheme: str) -> None:
    address = read_address(f"{scheme}://ward:{SECRET}@localhost:5433/juki")
    assert address.url.drivername == "postgresql+psycopg"
    assert (address.url.username, address.url.port, address.url.database) == ("ward", 5433, "juki")
    assert address.arguments["host"] == "localhost"
    assert not address.remote
    assert SECRET not in repr(address)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("/var/run/postgresql", True),
        ("@hidden", True),
        ("192.168.0.1", False),
        ("::", False),
        ("0.0.0.0", False),
        ("localhost.city.example", False),
        ("db", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, here: bool) -> None:
    assert is_this_machine(host) is here


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db.example/juki",
        "postgresql://db.example/juki?sslmode=disable",
        f"postgresql://db.example/juki?sslmode=prefer&{TLS}",
        f"postgresql://db.example/juki?sslmode=verify-ca&{TLS}",
        "postgresql://db.example/juki?sslmode=verify-full",
        "postgresql://db.example/juki?sslcert=/t.crt",
        "postgresql://localhost/juki?host=db.example",
        "postgresql:///juki?host=10.0.0.1",
        "postgres://u@[2001:db8::1]/juki?sslmode=require",
    ],
)
def test_a_plain_connection_to_another_machine_is_refused(address: str) -> None:
    with pytest.raises(NotProtected):
        read_address(address)


def test_to_another_machine_both_sides_prove_who_they_are() -> None:
    address = read_address(f"postgresql://db.example/juki?{TLS}&sslrootcert=/ca.crt")
    assert address.remote
    wanted = {"sslmode": "verify-full", "sslcert": "/t.crt", "sslkey": "/t.key"}
    assert address.arguments.items() >= {**wanted, "sslrootcert": "/ca.crt"}.items()
    assert address.arguments["gssencmode"] == "disable", "which would take the place of TLS"
    default = read_address(f"postgresql://db.example/juki?{TLS}")
    assert default.arguments["sslrootcert"] == "system"


def test_the_environment_does_not_send_it_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOSTADDR", "10.0.0.1")
    assert read_address("postgresql://localhost/juki").arguments["hostaddr"] == ""
    monkeypatch.setenv("PGHOST", "db.example")
    assert read_address("postgresql://localhost/juki").arguments["host"] == "localhost"
    with pytest.raises(NotProtected):
        read_address("postgresql:///juki")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"mysql://u:{SECRET}@h/d", "not offered"),
        (f"postgresql+asyncpg://u:{SECRET}@h/d", "not offered"),
        (f"postgresql://u:{SECRET}@h:port/d", "cannot be read"),
        (
            f"postgresql://u:{SECRET}@localhost/d?hostaddr=10.0.0.1",
            "hostaddr, which is not offered",
        ),
        (f"postgresql://u:{SECRET}@localhost/d?service=x", "service, which"),
        (f"postgresql://u:{SECRET}@localhost/d?options=-c%20x", "options, which"),
        (f"postgresql://u:{SECRET}@/d?host=/a&host=/b", "one host"),
        (f"postgresql://u:{SECRET}@/d?host=localhost,db.example", "one host"),
        ("sqlite://", "sqlite:///PATH"),
        ("sqlite:///:memory:", "sqlite:///PATH"),
        ("sqlite:///a.db?mode=ro", "sqlite:///PATH"),
        ("/", "a folder"),
        ("/nowhere/at/all.db", "make it first"),
    ],
)
def test_an_address_that_is_not_offered_is_said(address: str, said: str) -> None:
    with pytest.raises(AddressError, match=said) as raised:
        read_address(address)
    assert SECRET not in f"{raised.value} {raised.value!r}"
    assert raised.value.__context__ is None or raised.value.__suppress_context__


MOUNTS: Final = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /mnt/town\040hall rw - {kind} server:/export rw
31 30 0:41 / /mnt/town\040hall/local rw - xfs /dev/vdb rw
32 22 0:42 / /srv rw - xfs /dev/vdc rw
33 22 0:43 / /srv rw - {kind} server:/srv rw
"""


@pytest.mark.parametrize(
    "kind", ["nfs4", "cifs", "fuse.sshfs", "9p", "virtiofs", "vmhgfs", "fuse.vmhgfs-fuse"]
)
def test_a_network_drive_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.format(kind=kind))
    assert kind_of_drive(Path("/mnt/town hall/x"), table) == kind
    assert kind_of_drive(Path("/mnt/town hall/local/x"), table) == "xfs"
    assert kind_of_drive(Path("/mnt/town halls"), table) == "ext4"
    assert kind_of_drive(Path("/srv"), table) == kind, "mounted over the one before"
    assert kind_of_drive(tmp_path, tmp_path / "missing") is None
    monkeypatch.setattr("jukihost.database.address.kind_of_drive", lambda folder, mounts: kind)
    with pytest.raises(NetworkDrive, match=rf"network drive \({kind}\).*PostgreSQL"):
        read_address(tmp_path / "a.db")


def test_a_link_to_a_file_on_a_network_drive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that leads over another link, that leads nowhere yet, or to a mounted file."""
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.db").touch()
    (tmp_path / "here.db").symlink_to("far/a.db")
    (tmp_path / "twice.db").symlink_to("here.db")
    (tmp_path / "new.db").symlink_to("far/new.db")
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 1 0:1 / / rw - ext4 x rw\n2 1 0:2 / {tmp_path}/far rw - nfs4 s rw\n"
        f"3 1 0:3 / {tmp_path}/one.db rw - virtiofs s rw\n"
    )
    monkeypatch.setattr(
        "jukihost.database.address.kind_of_drive", lambda place, mounts: kind_of_drive(place, table)
    )
    read_address(tmp_path / "a.db")
    for name in ("here.db", "twice.db", "new.db", "one.db"):
        with pytest.raises(NetworkDrive):
            read_address(tmp_path / name)
    (tmp_path / "back.db").symlink_to(tmp_path / "back.db")
    read_address(tmp_path / "back.db")  # opening it says that it is not there


def test_this_machines_own_mounts_are_read(tmp_path: Path) -> None:
    assert kind_of_drive(tmp_path, Path("/proc/self/mountinfo"))

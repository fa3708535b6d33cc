"""Bulk issue over Dask: machines of which one is killed half-way, and who may be reached how."""

from __future__ import annotations

import os
import pickle
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from jukicard import Card
from jukihost.workflows import Fleet, Scheduler, SchedulerRefused
from jukihost.workflows.bulk.fleet import make_row
from tests.support.host.bulk_office import PASSPHRASE, BulkOffice, bulk_office, lines
from tests.support.host.databases import made, postgresql_server, sqlite_template
from tests.support.host.issuing_office import quick_keys
from tests.support.host.tls_files import tls_files

__all__ = ["postgresql_server", "quick_keys", "sqlite_template"]
pytestmark = pytest.mark.usefixtures("quick_keys")


HERE: Final = "127.0.0.1"
WAYS: Final = [
    pytest.param(
        "tls",
        "postgresql",
        marks=[pytest.mark.interop, pytest.mark.xdist_group("postgresql")],
    ),
    pytest.param("tcp", "sqlite", marks=pytest.mark.soak),
]
"""How the machines reach the scheduler, and what database they are on."""


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BulkOffice]:
    pytest.importorskip("distributed", reason="needs the extra `fleet`")
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    kind = getattr(request, "param", "sqlite")
    with (
        made(kind, request, tmp_path) as address,
        bulk_office(tmp_path, people=8, feeds=2, address=address) as office,
    ):
        yield office


@contextmanager
def scheduler(folder: Path, tls: tuple[Path, Path, Path] | None = None) -> Iterator[str]:
    """Run a scheduler of Dask's, and give its address."""
    told = folder / "scheduler.json"
    words = ["--host", HERE, "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    words += ["--dashboard-address", f"{HERE}:0"]
    if tls:
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        words += [word for name, file in zip(names, tls, strict=True) for word in (name, str(file))]
    with subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "True"},
    ) as process:
        try:
            import json

            deadline = time.monotonic() + 60
            while not told.exists() or not told.read_text().strip():
                assert time.monotonic() < deadline, "the scheduler did not start"
                assert process.poll() is None
                time.sleep(0.1)
            yield str(json.loads(told.read_text())["address"])
        finally:
            process.kill()


def files(tls: tuple[Path, Path, Path] | None) -> list[str]:
    """What the command line says of certificates."""
    names = ("--tls-ca", "--tls-cert", "--tls-key")
    return [f"{name}={file}" for name, file in zip(names, tls or (), strict=bool(tls))]


def serving(shop: BulkOffice, address: str, place: int, *more: str) -> subprocess.Popen[str]:
    """Start a machine that serves, with a feed of its own in the first place."""
    ports = shop.ports
    shop.ports = ports[place:] + ports[:place]
    try:
        started = shop.started("--serve", address, *more)
    finally:
        shop.ports = ports
    assert started.stdout is not None
    said = []
    for line in started.stdout:  # the operator card is free for the next one then
        said.append(line)
        if line.startswith("making cards"):
            return started
    started.wait(60)
    raise AssertionError("".join(("the machine did not begin to serve:\n", *said)))


def after_three(make: Callable[[int], Card], goes_on: threading.Event) -> Callable[[int], Card]:
    """Let a feed give three cards, and more once that is said: until then no run is over."""

    def later(place: int) -> Card:
        assert place <= 3 or goes_on.wait(60)
        return make(place)

    return later


@pytest.mark.parametrize(("way", "shop"), WAYS, indirect=["shop"])
def test_of_two_machines_one_is_killed_half_way(
    way: str, shop: BulkOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = threading.Event()
    for feed in shop.feeds:
        monkeypatch.setattr(feed, "make", after_three(feed.make, killed))
    tls = tls_files(shop.folder) if way == "tls" else None
    with scheduler(shop.folder, tls) as address, ExitStack() as stack:
        assert address.startswith(f"{way}://")
        machines = [serving(shop, address, place, *files(tls)) for place in range(2)]
        for one in machines:
            stack.callback(one.communicate)
            stack.callback(one.kill)
        if tls:
            check_others_are_not_let_in(shop, address)
        ports, shop.ports = shop.ports, []
        run = shop.started("--scheduler", address, *files(tls))
        shop.ports = ports
        deadline = time.monotonic() + 120
        while shop.made() < 3 and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert run.poll() is None, run.communicate()
        check_nothing_is_plain_beyond_here([one.pid for one in machines])
        machines[0].kill()
        killed.set()
        said, _ = run.communicate(timeout=120)
        assert run.returncode == 0, said
        result = lines(said)[-1]
        assert result["done"] is True
        assert result["result"]["made"] + result["result"]["before"] == 8
        assert shop.made() == 8
    shop.check_each_has_one()


def check_others_are_not_let_in(shop: BulkOffice, address: str) -> None:
    """Whoever has another authority's certificate gets no rows and gives none; nor who has none."""
    other = Scheduler(address, *(str(file) for file in tls_files(shop.folder, "stranger")))
    with pytest.raises(SchedulerRefused, match="same authority"):
        list(Fleet(other, "0" * 64).outcomes([2]))
    with pytest.raises(SchedulerRefused, match="does not answer"):
        list(Fleet(Scheduler(address.replace("tls", "tcp")), "0" * 64).outcomes([2]))


def check_nothing_is_plain_beyond_here(machines: list[int]) -> None:
    """The ports that a machine has open beyond itself speak TLS, and let nobody in without."""
    psutil = pytest.importorskip("psutil", reason="comes with the extra `fleet`")
    for pid in machines:
        open_ones = [
            one.laddr
            for one in psutil.Process(pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        ]
        assert open_ones
        for ip, port in open_ones:
            if ip_address(ip).is_loopback:
                continue
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with (
                socket.create_connection((ip, port), timeout=20) as plain,
                context.wrap_socket(plain) as inside,
            ):
                assert inside.version() is not None
                told = b""
                with suppress(OSError):  # it may say why, in a word of TLS, or be closed
                    told = inside.recv(1)
                assert told == b""


def test_files_that_are_none_for_tls_are_said_to_be(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra `fleet`")
    ca, certificate, key = tls_files(tmp_path)
    _, _, other = tls_files(tmp_path, "other")
    words = tmp_path / "words.pem"
    words.write_text("no certificate")
    locked = tmp_path / "locked.pem"
    found = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    assert Scheduler("tls://10.0.0.1:1", str(ca), str(certificate), str(key)).security()
    for files, why in (
        ((words, certificate, key), "authority's certificate"),
        ((ca, words, key), "certificate and its key"),
        ((ca, certificate, other), "fit each other"),
        ((ca, certificate, locked), "no passphrase"),
        ((ca, certificate, tmp_path / "none.pem"), "certificate and its key"),
    ):
        scheduler = Scheduler("tls://10.0.0.1:1", *map(str, files))
        with pytest.raises(SchedulerRefused, match=why):
            scheduler.security()


def test_a_task_carries_the_lists_hash_and_a_row() -> None:
    task = pickle.dumps((make_row, "0" * 64, 17))
    assert len(task) < 200, "a reference to a function, a hash and a number, and nothing else"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://10.0.0.1:8786", "tls://"),
        ("tcp://scheduler.example:8786", "tls://"),
        ("tls://10.0.0.1:8786", "certificate"),
        ("10.0.0.1:8786", "tcp://HOST:PORT"),
        ("tcp://127.0.0.1", "tcp://HOST:PORT"),
        ("tcp://127.0.0.1:99999", "tcp://HOST:PORT"),
    ],
)
def test_p28_a_scheduler_is_reached_here_or_with_certificates(address: str, why: str) -> None:
    with pytest.raises(SchedulerRefused, match=why):
        Scheduler(address)


def test_a_scheduler_that_is_not_there_is_said_to_be(
    shop: BulkOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.ports = []
    run = shop.started("--scheduler", "tcp://127.0.0.1:1")
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 2, said
    assert lines(said)[-1]["error"]["code"] == "scheduler_refused"
    assert "Traceback" not in said

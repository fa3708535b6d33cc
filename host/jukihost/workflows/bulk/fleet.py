"""Cards made on several machines: rows go over Dask, which runs each task at least once.

A task carries the list's hash and a row's number, never a card or a key: each machine has its own
log-in, keys, cards and the list. Run twice, a row is made once: its claim is in the ledger.
Whoever reaches the scheduler can have programs run on these machines, so it is reached on this
machine only, or by TLS with certificates of one's own. Extra `fleet`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jukihost.errors import CardError
from jukihost.workflows.bulk.processes import (
    Ended,
    EndedElsewhere,
    WorkersGone,
)
from jukihost.workflows.bulk.rows import Bench, CardsEnded, Outcome
from jukihost.workflows.errors import WorkflowError
from jukihost.workflows.explained import explain

if TYPE_CHECKING:
    from distributed import Client, Future

_RESOURCE: Final = "jukihost"
"""What a worker that makes cards offers, one of it: others are given no row."""
_AHEAD: Final = 2
"""How many rows wait for each worker, that under way among them."""
_LOOK: Final = 2.0
_PATIENCE: Final = 60.0
"""Seconds without any worker after which a run ends."""
_benches: dict[str, Bench] = {}
_one_at_a_time = threading.Lock()


class FleetExtraMissing(WorkflowError):
    """The extra `fleet` is not installed."""

    def __str__(self) -> str:
        return "cards on several machines need Dask: pip install 'jukicard[fleet]'"


class SchedulerRefused(WorkflowError):
    """The scheduler's address is none, cannot be reached, or is reached without protection."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Where a scheduler is: `tcp://127.0.0.1:8786` on this machine, `tls://` beyond it.

    ca, certificate, key: files in PEM, for `tls://`. SchedulerRefused, FleetExtraMissing.
    """

    address: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        found = urlsplit(self.address)
        try:
            named = found.scheme in ("tcp", "tls") and found.hostname and found.port
        except ValueError:
            named = None
        if not named:
            raise SchedulerRefused("a scheduler is tcp://HOST:PORT or tls://HOST:PORT")
        if found.scheme == "tcp" and not _is_here(found.hostname or ""):
            raise SchedulerRefused(
                "whoever reaches a scheduler can have programs run where keys are: beyond this "
                "machine it is reached by tls://, with certificates of your own"
            )
        if found.scheme == "tls" and not (self.ca and self.certificate and self.key):
            raise SchedulerRefused("tls:// needs the authority's certificate, one's own, and a key")

    @property
    def here(self) -> bool:
        """Whether it is reached on this machine only."""
        return self.address.startswith("tcp:")

    def security(self) -> Any:
        """Return how it is reached, as Dask takes it. FleetExtraMissing, SchedulerRefused."""
        if find_spec("distributed") is None:
            raise FleetExtraMissing
        from distributed.security import Security

        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said here

        if self.here:
            return Security()
        self._check_files()
        return Security(
            require_encryption=True,
            tls_ca_file=self.ca,
            tls_client_cert=self.certificate,
            tls_client_key=self.key,
            tls_worker_cert=self.certificate,
            tls_worker_key=self.key,
        )

    def _check_files(self) -> None:
        """Check that the files for TLS are what they should be, before Dask takes them."""
        context, what = ssl.create_default_context(), "authority's certificate"
        try:
            context.load_verify_locations(self.ca)
            what = "certificate and its key"
            context.load_cert_chain(self.certificate or "", self.key, password=_no_passphrase)
        except (OSError, ValueError):
            raise SchedulerRefused(
                f"the {what} cannot be used for TLS: they are files in PEM that fit each other, "
                "and the key has no passphrase"
            ) from None

    @property
    def advice(self) -> str:
        """What is to be done where it does not answer."""
        files = "" if self.here else " with certificates of the same authority"
        return f"start one (dask scheduler){files}"


@dataclass
class Fleet:
    """A crew of whatever machines serve a scheduler (`serve`)."""

    scheduler: Scheduler
    batch: str
    _ended: dict[str, Ended] = field(default_factory=dict, init=False)
    _again: list[int] = field(default_factory=list, init=False)
    _over: Ended | None = field(default=None, init=False)

    def outcomes(self, rows: Iterable[int]) -> Iterator[Outcome]:
        """Have the rows made. SchedulerRefused, WorkersGone, CardsEnded, EndedElsewhere."""
        security = self.scheduler.security()
        from distributed import Client

        given = iter(rows)
        try:
            client = Client(self.scheduler.address, security=security, timeout=10)
        except (OSError, TimeoutError):
            raise SchedulerRefused(
                f"the scheduler does not answer: {self.scheduler.advice}, and workers (jukihost "
                "issue --serve), then run this again"
            ) from None
        with client:
            yield from self._served(client, given)
        if self._over is not None:
            why = self._over.why
            raise EndedElsewhere(why.code, why.meaning, why.retry.value)
        if self._again or next(given, None) is not None:
            raise CardsEnded("no machine has a blank card left: put some in, and run this again")

    def _served(self, client: Client, given: Iterator[int]) -> Iterator[Outcome]:
        from distributed import wait

        under_way: dict[Future[Any], int] = {}
        seen = time.monotonic()
        while True:
            workers = self._workers(client)
            self._give(client, workers, given, under_way)
            if not under_way and (workers or self._ended or self._over):
                return
            if workers:
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE:
                raise WorkersGone(
                    f"no machine serves the scheduler, for {_PATIENCE:g} s: start some (jukihost "
                    "issue --serve), and run this again"
                )
            if not under_way:
                time.sleep(_LOOK / 10)
                continue
            with suppress(TimeoutError):
                wait(list(under_way), timeout=_LOOK, return_when="FIRST_COMPLETED")
            for future in [one for one in under_way if one.done()]:
                yield from self._heard(future, under_way.pop(future))

    def _workers(self, client: Client) -> list[str]:
        """Return the addresses of those who make cards and have some."""
        info = client.scheduler_info(n_workers=-1)["workers"]
        return [
            address
            for address, one in info.items()
            if _RESOURCE in one.get("resources", {}) and address not in self._ended
        ]

    def _give(
        self,
        client: Client,
        workers: list[str],
        given: Iterator[int],
        under_way: dict[Future[Any], int],
    ) -> None:
        while workers and self._over is None and len(under_way) < _AHEAD * len(workers):
            row = self._again.pop() if self._again else next(given, None)
            if row is None:
                return
            future = client.submit(
                make_row,
                self.batch,
                row,
                workers=workers,
                resources={_RESOURCE: 1},
                pure=False,
            )
            under_way[future] = row

    def _heard(self, future: Future[Any], row: int) -> Iterator[Outcome]:
        if future.status != "finished":
            why = WorkersGone("machines died over this row: issue it at the counter")
            yield Outcome(row, 0, made=False, why=explain(why))
            return
        address, said = future.result()
        for one in said:
            if isinstance(one, Outcome):
                yield one
                continue
            self._again.append(row)
            if one.cards:
                self._ended[address] = one
            else:
                self._over = one


def make_row(batch: str, row: int) -> tuple[str, list[Outcome | Ended]]:
    """Make the card of a row, in a process that serves; the task that Dask carries."""
    from distributed import get_worker

    address: str = get_worker().address
    bench = _benches.get(batch)
    if bench is None:
        why = WorkersGone("a machine that serves has another list: start it with this one")
        return address, [Ended(explain(why), cards=True)]
    said: list[Outcome | Ended] = []
    with _one_at_a_time:
        try:
            said.extend(bench.make(row))
        except CardError as why:
            said.append(Ended(explain(why), isinstance(why, CardsEnded)))
    return address, said


def serve(bench: Bench, scheduler: Scheduler) -> None:
    """Make cards for whoever gives the scheduler rows of the bench's list, until it goes away.

    SchedulerRefused, FleetExtraMissing.
    """
    security = scheduler.security()
    _benches[bench.people.batch] = bench
    try:
        asyncio.run(_serve(scheduler, security))
    except (OSError, TimeoutError):
        raise SchedulerRefused(f"the scheduler does not answer: {scheduler.advice}") from None
    finally:
        del _benches[bench.people.batch]


async def _serve(scheduler: Scheduler, security: Any) -> None:
    from distributed import Worker

    async with Worker(
        scheduler.address,
        nthreads=1,
        resources={_RESOURCE: 1},
        security=security,
        host="127.0.0.1" if scheduler.here else None,
        dashboard_address="127.0.0.1:0",  # its pages are plain HTTP
        death_timeout=10,
    ) as worker:
        await worker.finished()


def _no_passphrase() -> str:
    """Keep OpenSSL from asking for one at the terminal."""
    raise ValueError


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

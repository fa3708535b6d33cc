"""A bench with its page, cards and slots, and a client that asks it byte by byte."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from jukicard import Card, issue_card
from jukicard.cli.bench.bench import Bench
from jukicard.cli.bench.pane import Pane
from jukicard.cli.bench.server import BenchServer
from jukicard.environment import SeededRandom
from jukicard.transport.tcp import TcpServer


@dataclass
class Page:
    """The page of a bench as a program sees it."""

    bench: Bench
    server: BenchServer
    slots: list[TcpServer]
    host: str = field(init=False)
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.host = f"127.0.0.1:{self.server.port}"
        self.path = self.server.link.partition(self.host)[2]

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def ask(
        self,
        path: str = "",
        *,
        method: str = "GET",
        body: bytes | None = None,
        whole: str | None = None,
        **headers: Any,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Ask for something below the token, or for a `whole` path; a header None is left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        said: dict[str, str | None] = {"host": self.host}
        if method == "POST":
            said |= {
                "origin": self.origin,
                "content-type": "application/json",
                "content-length": str(len(body or b"")),
            }
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            target = self.path + path if whole is None else whole
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in said.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def do(self, **request: object) -> tuple[int, Any]:
        status, _, body = self.ask("do", method="POST", body=json.dumps(request).encode())
        return status, json.loads(body)

    @contextlib.contextmanager
    def stream(self, last: str | None = None) -> Iterator[Events]:
        sock = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
        with contextlib.closing(sock):
            again = "" if last is None else f"Last-Event-ID: {last}\r\n"
            sock.sendall(
                f"GET {self.path}events HTTP/1.1\r\nHost: {self.host}\r\n{again}\r\n".encode()
            )
            events = Events(sock)
            with contextlib.closing(events):
                yield events


class Events:
    """Server-sent events as they come."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")
        self.last = ""
        self._latest: dict[str, Any] = {}
        head = self._file.readline()
        assert b" 200 " in head, head
        while self._file.readline().strip():
            pass
        self._events = self._all()

    def close(self) -> None:
        self._file.close()

    def _all(self) -> Iterator[tuple[str, Any]]:
        name = ""
        for raw in self._lines():
            line = raw.decode()
            if line.startswith("id: "):
                self.last = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines within the chunks (RFC 9112, 7.1)."""
        rest = b""
        while size := int(self._file.readline().strip() or b"0", 16):
            rest += self._file.read(size)
            self._file.readline()
            *lines, rest = rest.split(b"\n")
            yield from lines

    def until(self, wanted: str, holds: Callable[[Any], bool] = lambda data: True) -> Any:
        """Return the first event of this name that is as it should be.

        Of bench and card, which say how things are, the last one that came before counts too.
        """
        end = time.monotonic() + 60
        if wanted in {"bench", "card"} and wanted in self._latest and holds(self._latest[wanted]):
            return self._latest[wanted]
        for name, data in self._events:
            self._latest[name] = data
            if name == wanted and holds(data):
                return data
            assert time.monotonic() < end, f"no such event: {wanted}"
        raise AssertionError(f"the stream ended without {wanted}")


@contextlib.contextmanager
def open_page(
    *cards: Card, label: str = "card {}", port: int = 0, pane: Pane | None = None
) -> Iterator[Page]:
    """Serve a page for cards, each in a slot on TCP."""
    bench = Bench([(label.format(at), card) for at, card in enumerate(cards)])
    with contextlib.ExitStack() as stack:
        slots = [
            stack.enter_context(TcpServer(card, index=at, on_status=bench.tell))
            for at, card in enumerate(bench.ports)
        ]
        bench.serve(slots)
        server = stack.enter_context(BenchServer(bench, SeededRandom(1), port, pane=pane))
        yield Page(bench, server, slots)


@pytest.fixture
def page() -> Iterator[Page]:
    with open_page(issue_card("juki-v1", seed=1)) as opened:
        yield opened

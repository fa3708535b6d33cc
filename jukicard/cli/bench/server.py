"""Serves the page of a bench to the browsers of this machine, as long as a `with` block lasts."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from importlib import resources
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jukicard.apdu.trace.html import to_html
from jukicard.cli.bench.actions import Malformed, act
from jukicard.cli.bench.bench import Bench, NotPossible
from jukicard.cli.bench.guard import MAX_BODY, Guard
from jukicard.cli.bench.pane import Pane
from jukicard.cli.bench.stream import Stream
from jukicard.environment import RandomSource
from jukicard.transport.address import listen

HOST: Final = "127.0.0.1"
"""The page is on this machine only (RFC 1122, 3.2.1.3); there is no other choice."""
TOKEN_BYTES: Final = 24
MOST_CONNECTIONS: Final = 64
_CLOSE_SECONDS: Final = 5.0
_BODY_SECONDS: Final = 5.0
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_FIRST: Final = "index.html"
_ALONE: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""What a session that is handed out may do in a browser: be read."""


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return the page's files, by name, with the type of each: nothing else is ever read."""
    folder = resources.files("jukicard.cli.bench") / "page"
    return {
        file.name: (file.read_bytes(), _TYPES[file.name[file.name.rindex(".") :]])
        for file in folder.iterdir()
        if file.is_file()
    }


class BenchServer:
    """The page of one bench on a port of this machine, in a thread of its own."""

    def __init__(
        self, bench: Bench, random: RandomSource, port: int = 0, pane: Pane | None = None
    ) -> None:
        """The token of the link is drawn from `random`; `port` 0 takes any free one.

        `pane` is the second view, where there is one; it is the caller's to begin and to end.
        """
        self.port = port
        self._token = base64.urlsafe_b64encode(random.take(TOKEN_BYTES)).decode()
        self._boot = random.take(4).hex()
        self._bench = bench
        self._pane = pane
        self._files = page_files()
        self._stream: Stream | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="bench-page", daemon=True)
        self._ready = threading.Event()

    def __repr__(self) -> str:
        return f"<BenchServer at {HOST}:{self.port}>"

    @property
    def link(self) -> str:
        """Where the page is; who has this has the cards, so it is shown to one person only."""
        return f"http://{HOST}:{self.port}/{self._token}/"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Listen and serve; return when browsers may come. OSError, ValueError for the port."""
        self._socket = listen(HOST, self.port)
        self.port = self._socket.getsockname()[1]
        hosts = frozenset({f"{HOST}:{self.port}", f"localhost:{self.port}"})
        config = uvicorn.Config(
            Guard(self._app(), self._token, hosts),
            access_log=False,
            h11_max_incomplete_event_size=MAX_BODY,
            http="h11",
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            log_config=None,
            log_level="error",  # what strangers send to the port is no matter of this program's
            loop="asyncio",
            date_header=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=5,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread.start()
        self._ready.wait(_CLOSE_SECONDS)

    def close(self) -> None:
        """Tell every page that it is over, cut all off, and end; again does nothing."""
        if self._server is None or self._loop is None or self._stream is None:
            return
        self._server.should_exit = True
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stream.ending.set)
            self._thread.join(_CLOSE_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        assert self._server is not None  # noqa: S101 - `start` has made it
        self._loop = asyncio.get_running_loop()
        self._stream = Stream(self._bench, self._boot, self._pane)
        self._ready.set()
        await self._server.serve(sockets=[self._socket])

    # -- what is answered -------------------------------------------------------------------------

    def _app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/", self._file, methods=["GET"]),
                Route("/events", _Events(self), methods=["GET"]),
                Route("/do", self._do, methods=["POST"]),
                Route("/session/{card}.html", self._session, methods=["GET"]),
                Route("/{name}", self._file, methods=["GET"]),
            ]
        )
        app.router.redirect_slashes = False  # a path that is not there is not there
        return app

    async def _file(self, request: Request) -> Response:
        found = self._files.get(request.path_params.get("name", _FIRST))
        if found is None:
            return PlainTextResponse("there is nothing here\n", 404)
        return Response(found[0], media_type=found[1])

    async def _do(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await request.body()
            done = await self._unless_ending(body)
        except TimeoutError:
            return _json({"problem": "the request did not come"}, 408)
        except Malformed as error:
            return _json({"problem": str(error)}, 400)
        except NotPossible as error:
            return _json({"problem": str(error)}, 409)
        return _json({"done": done}, 200)

    async def _unless_ending(self, body: bytes) -> object:
        """Do what is asked for; where all ends meanwhile, leave it to itself. NotPossible."""
        assert self._stream is not None  # noqa: S101 - the server runs
        action = asyncio.ensure_future(run_in_threadpool(act, self._bench, body))
        ending = asyncio.ensure_future(self._stream.ending.wait())
        try:
            await asyncio.wait({action, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not action.done():
                raise NotPossible("jukicard bench ends now")
            return action.result()
        finally:
            ending.cancel()

    async def _session(self, request: Request) -> Response:
        named = request.path_params["card"]
        if named != "all" and not (named.isascii() and named.isdecimal() and len(named) < 7):
            return PlainTextResponse("there is nothing here\n", 404)
        card = None if named == "all" else int(named)
        trace = self._bench.exchanges.trace("What terminal and card said", card)
        text = await run_in_threadpool(to_html, trace)
        said = {
            "content-security-policy": _ALONE,
            "content-disposition": 'attachment; filename="session.html"',
        }
        return Response(text, media_type=_TYPES[".html"], headers=said)


class _Events:
    """Answers `events` with a stream, or says that there are too many already."""

    def __init__(self, server: BenchServer) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._server._stream
        if stream is None or stream.full or stream.ending.is_set():
            refusal = PlainTextResponse("as many pages are open as there may be\n", 503)
            return await refusal(scope, receive, send)
        last = Request(scope).headers.get("last-event-id", "")
        await stream.serve(scope, receive, send, last)
        return None


def _json(said: object, status: int) -> Response:
    return Response(json.dumps(said), status, media_type="application/json")

"""Who may ask the bench's page for anything: only whoever has the link, from this page itself.

What is checked stands here, before any other code sees a request: the address it was sent to (a
name that an attacker has pointed at this machine is another one), where it comes from, the token in
its path, its method, and how long it is. Every refusal is short and says nothing of what is there.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 16_384
"""The longest body of a request, in bytes."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What every answer says unless it says otherwise: what it may load, and who may show it."""


class Guard:
    """Stands before the page's application; the path it hands on has no token any more."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        """`hosts` are the names, each with its port, under which the page is asked for."""
        self._app = app
        self._token = token.encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] != "http":
            return  # no lifespan is asked for, and there are no web sockets
        answering = _with_headers(send)
        refusal = self._refusal(scope)
        if refusal is not None:
            await PlainTextResponse(f"{refusal[1]}\n", refusal[0])(scope, receive, answering)
            return
        await self._app(_without_token(scope), receive, answering)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the words of a refusal, None for a request that may pass."""
        found = _Headers(scope)
        host = found.only("host")
        if host is None or host not in self._hosts:
            return 421, "this is not the address of the page"
        origin = f"http://{host}"
        if found.only("origin", origin) != origin:
            return 403, "this was not asked for by the page itself"
        if found.only("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return 403, "this was not asked for by the page itself"
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            return 405, "only GET, HEAD and POST are answered"
        if not self._has_token(scope):
            return 404, "there is nothing here: open the link that jukicard bench has shown"
        if scope["query_string"]:
            return 400, "there is nothing to ask for behind a question mark"
        if scope["method"] == "POST":
            return _refused_body(found, origin)
        if found.has("transfer-encoding") or found.only("content-length", "0") != "0":
            return 400, "this takes no body"
        return None

    def _has_token(self, scope: Scope) -> bool:
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        first = path.removeprefix(b"/").partition(b"/")
        return hmac.compare_digest(first[0], self._token) and bool(first[1])


def _refused_body(found: _Headers, origin: str) -> tuple[int, str] | None:
    if found.only("origin") != origin:
        return 403, "this was not asked for by the page itself"
    if found.only("content-type") != "application/json":
        return 415, "a request is application/json"
    length = found.only("content-length")
    if found.has("transfer-encoding") or length is None or not _is_number(length):
        return 411, "a request says how long it is"
    if int(length) > MAX_BODY:
        return 413, f"a request has at most {MAX_BODY} bytes"
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


class _Headers:
    """The headers of a request; one that comes twice has no value."""

    def __init__(self, scope: Scope) -> None:
        self._all: list[tuple[bytes, bytes]] = list(scope["headers"])

    def has(self, name: str) -> bool:
        return any(key == name.encode() for key, _ in self._all)

    def only(self, name: str, absent: str | None = None) -> str | None:
        values = [value for key, value in self._all if key == name.encode()]
        if not values:
            return absent
        return values[0].decode("latin-1") if len(values) == 1 else None


def _without_token(scope: Scope) -> dict[str, Any]:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    rest = b"/" + raw.removeprefix(b"/").partition(b"/")[2]
    return {**scope, "path": rest.decode("latin-1"), "raw_path": rest, "root_path": ""}


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds what every answer says."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            said = {key.lower() for key, _ in headers}
            for name, value in HEADERS.items():
                if name.encode() not in said:
                    headers.append((name.encode(), value.encode()))
            message = {**message, "headers": headers}
        await send(message)

    return sending

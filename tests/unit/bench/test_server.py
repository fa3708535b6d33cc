"""The server of the bench's page: who is let in, what is refused, what is told as it happens."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest

from jukicard import issue_card
from jukicard.cli.bench.actions import ACTIONS
from jukicard.cli.bench.bench import Bench
from jukicard.cli.bench.guard import HEADERS, MAX_BODY
from jukicard.cli.bench.server import BenchServer, page_files
from jukicard.environment import SeededRandom, SystemRandom
from jukihost import TcpConnection
from tests.support.ports import kept_port
from tests.support.stalls import Within
from tests.unit.bench.conftest import Page, open_page
from tests.unit.bench.onbench import READ_CODE, SELECT, WRONG, said

# -- who is let in --------------------------------------------------------------------------------


def test_the_page_comes_with_its_files_and_a_strict_policy(page: Page) -> None:
    status, headers, body = page.ask()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body == page_files()["index.html"][0]
    for name, value in HEADERS.items():
        assert headers[name] == value
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers
    for name, (content, kind) in page_files().items():
        status, headers, body = page.ask(name)
        assert (status, body, headers["content-type"]) == (200, content, kind)


def test_every_answer_tells_the_browser_what_it_may_do(page: Page) -> None:
    """Each word by hand: what is asked of the constant alone would be lost with it."""
    for _, headers, _ in (
        page.ask(),
        page.ask("main.js"),
        page.ask("nothing"),
        page.ask(whole="/"),
    ):
        assert sorted(headers["content-security-policy"].split("; ")) == [
            "base-uri 'none'",
            "connect-src 'self'",
            "default-src 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "img-src 'self'",
            "require-trusted-types-for 'script'",
            "script-src 'self'",
            "style-src 'self'",
            "trusted-types 'none'",
        ]
        assert {name: headers[name] for name in headers if name.startswith(("cross", "x-"))} == {
            "cross-origin-embedder-policy": "require-corp",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
    saved = page.ask("session/all.html")[1]["content-security-policy"]
    assert saved == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def test_a_link_is_drawn_from_the_environment_and_another_one_each_time() -> None:
    links = {BenchServer(Bench([]), SystemRandom(), 8000).link for _ in range(10)}
    assert len(links) == 10
    assert all(len(link.split("/")[3]) == 32 for link in links)
    same = {BenchServer(Bench([]), SeededRandom(7), 8000).link for _ in range(2)}
    assert len(same) == 1
    server = BenchServer(Bench([]), SeededRandom(7), 8000)
    assert server.link.split("/")[3] not in repr(server)


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("no token", {"whole": "/"}, 404),
    ("no token, a file", {"whole": "/main.js"}, 404),
    ("another token", {"whole": f"/{'A' * 32}/"}, 404),
    ("an empty token", {"whole": "//"}, 404),
    ("a token behind another", {"whole": "/x{path}"}, 404),
    ("a token without a slash", {"whole": "{bare}"}, 404),
    ("a token with a different end", {"whole": "{bare}A/"}, 404),
    ("a long path", {"path": "a" * 5000}, 404),
    ("a path outside", {"path": "../../../../etc/passwd"}, 404),
    ("a path outside, encoded", {"path": "..%2f..%2f..%2fetc%2fpasswd"}, 404),
    ("a file beside the page's", {"path": "..%2fserver.py"}, 404),
    ("a folder", {"path": "page/"}, 404),
    ("a file of no page", {"path": "__init__.py"}, 404),
    ("an address as the target", {"whole": "http://example.com/"}, 404),
    ("a question", {"path": "main.js?x=1"}, 400),
    ("another host", {"host": "example.com"}, 421),
    ("another host that resolves here", {"host": "127.0.0.1.example.com:{port}"}, 421),
    ("another port", {"host": "127.0.0.1:1"}, 421),
    ("a host without port", {"host": "127.0.0.1"}, 421),
    ("another origin", {"origin": "https://example.com"}, 403),
    ("no origin of its own", {"origin": "null"}, 403),
    ("another port as the origin", {"origin": "http://127.0.0.1:1"}, 403),
    ("another site", {"sec_fetch_site": "cross-site"}, 403),
    ("the same site", {"sec_fetch_site": "same-site"}, 403),
    ("a body where there is none", {"body": b"x", "content_length": "1"}, 400),
    ("a body of unknown length", {"transfer_encoding": "chunked", "body": b"0\r\n\r\n"}, 400),
    ("a session of no card", {"path": "session/x.html"}, 404),
    ("a session outside", {"path": "session/..%2f1.html"}, 404),
    *(
        (f"the method {method}", {"method": method}, 405)
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
    ),
    ("the wrong method for the page", {"method": "POST", "body": b"{}"}, 405),
    ("the wrong method for an action", {"path": "do"}, 404),
    ("HEAD of an action", {"path": "do", "method": "HEAD"}, 404),
]


@pytest.mark.parametrize(
    ("asked", "status"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_wrong_request_is_refused(page: Page, asked: dict[str, Any], status: int) -> None:
    values = {"path": page.path, "bare": page.path[:-1], "port": page.server.port}
    filled: dict[str, Any] = {
        name: value.format(**values) if isinstance(value, str) else value
        for name, value in asked.items()
    }
    found, headers, body = page.ask(**filled)
    assert found == status
    assert headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert len(body) < 200
    assert page.path[1:-1].encode() not in body


PULL = json.dumps({"do": "pull", "slot": 0}).encode()
WRONG_ACTIONS: list[tuple[str, dict[str, Any], int]] = [
    ("no token", {"whole": "/do", "body": PULL}, 404),
    ("no origin", {"body": PULL, "origin": None}, 403),
    ("another origin", {"body": PULL, "origin": "https://example.com"}, 403),
    ("another host", {"body": PULL, "host": "example.com"}, 421),
    ("a form", {"body": PULL, "content_type": "application/x-www-form-urlencoded"}, 415),
    ("plain text", {"body": PULL, "content_type": "text/plain"}, 415),
    ("no type", {"body": PULL, "content_type": None}, 415),
    ("no length", {"body": None, "content_length": None}, 411),
    ("chunks", {"body": b"0\r\n\r\n", "content_length": None, "transfer_encoding": "chunked"}, 411),
    ("too long", {"body": b" " * (MAX_BODY + 1)}, 413),
    ("too long, only said", {"body": b"", "content_length": "999999999"}, 413),
    ("nothing", {"body": b""}, 400),
    ("no JSON", {"body": b"{"}, 400),
    ("no text", {"body": b"\xff\xfe"}, 400),
    ("no object", {"body": b"[]"}, 400),
    ("a number", {"body": b"1"}, 400),
    ("deep", {"body": b"[" * 16_000}, 400),
    ("no number", {"body": b'{"do": "pull", "slot": NaN}'}, 400),
    ("a number without end", {"body": b'{"do": "pull", "slot": ' + b"9" * 9000 + b"}"}, 400),
    ("said twice", {"body": b'{"do": "pull", "slot": 0, "slot": 1}'}, 400),
    ("no action", {"body": b"{}"}, 400),
    ("an action of another type", {"body": b'{"do": ["pull"]}'}, 400),
    ("an unknown action", {"body": b'{"do": "__init__"}'}, 400),
    ("a field too few", {"body": b'{"do": "pull"}'}, 400),
    ("a field too many", {"body": b'{"do": "pull", "slot": 0, "self": 1}'}, 400),
    ("a field of another type", {"body": b'{"do": "pull", "slot": "0"}'}, 400),
    ("a flag for a number", {"body": b'{"do": "pull", "slot": true}'}, 400),
    ("a negative number", {"body": b'{"do": "pull", "slot": -1}'}, 400),
    ("a half number", {"body": b'{"do": "pull", "slot": 0.5}'}, 400),
    ("a slot that is not there", {"body": b'{"do": "pull", "slot": 9}'}, 409),
    (
        "a name that cannot be shown",
        {"body": b'{"do": "snapshot", "card": 1, "name": "\\u0007"}'},
        400,
    ),
    ("a state that is none", {"body": b'{"do": "compare", "before": {}, "after": {}}'}, 400),
    ("a hazard that is none", {"body": b'{"do": "hazard", "card": 1, "name": "Rain"}'}, 409),
]


@pytest.mark.parametrize(
    ("asked", "status"), [case[1:] for case in WRONG_ACTIONS], ids=[c[0] for c in WRONG_ACTIONS]
)
def test_a_wrong_action_is_refused_and_nothing_happens(
    page: Page, asked: dict[str, Any], status: int
) -> None:
    asked = {"path": "do", "method": "POST", **asked}
    found, headers, body = page.ask(**asked)
    assert found == status
    assert len(body) < 400
    assert headers["x-content-type-options"] == "nosniff"
    assert page.slots[0].occupied
    assert page.bench.overview()["snapshots"] == []


def test_headers_that_come_twice_are_refused(page: Page) -> None:
    for name, value in (("Origin", page.origin), ("Sec-Fetch-Site", "same-origin")):
        with socket.create_connection(("127.0.0.1", page.server.port), timeout=60) as sock:
            twice = f"{name}: {value}\r\n{name}: {value}\r\n"
            sock.sendall(f"GET {page.path} HTTP/1.1\r\nHost: {page.host}\r\n{twice}\r\n".encode())
            assert b" 403 " in sock.recv(100)
    with socket.create_connection(("127.0.0.1", page.server.port), timeout=60) as sock:
        twice = f"Host: {page.host}\r\nHost: {page.host}\r\n"
        sock.sendall(f"GET {page.path} HTTP/1.1\r\n{twice}\r\n".encode())
        assert b" 4" in sock.recv(100)[:12]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
    ids=[
        "zeros",
        "no version",
        "a strange version",
        "TLS",
        "a zero in a header",
        "a length without end",
        "long headers",
    ],
)
def test_what_is_no_request_is_cut_off_and_the_page_goes_on(page: Page, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page.server.port), timeout=60) as sock:
        try:
            sock.sendall(raw)
            answer = sock.recv(1000)
        except ConnectionError:
            answer = b""
        assert not answer.startswith(b"HTTP/1.1 200")
    assert page.ask()[0] == 200


def test_a_body_that_does_not_come_is_not_waited_for_without_end(page: Page) -> None:
    head = (
        f"POST {page.path}do HTTP/1.1\r\nHost: {page.host}\r\nOrigin: {page.origin}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", page.server.port), timeout=15) as sock:
        sock.sendall(head.encode())
        assert b" 408 " in sock.recv(100)


# -- what is done ---------------------------------------------------------------------------------


def test_every_action_does_what_its_button_says(page: Page) -> None:
    done: list[str] = []

    def do(action: str, **fields: object) -> Any:
        status, answer = page.do(do=action, **fields)
        assert status == 200, answer
        done.append(action)
        return answer["done"]

    [slot] = page.slots
    do("pull", slot=0)
    assert page.bench.overview()["slots"][0]["card"] is None
    assert not slot.occupied
    do("insert", card=1, slot=0)
    assert page.bench.overview()["slots"][0]["card"] == 1
    kept = do("snapshot", card=1, name="first")
    said(page, SELECT, WRONG)
    assert [
        row["after"] for row in do("compare", before={"snapshot": kept}, after={"card": 1})
    ] == ["2 left"]
    do("restore", snapshot=kept)
    assert do("compare", before={"snapshot": kept}, after={"card": 1}) == []
    do("suspend", card=1)
    assert said(page, WRONG) == [b"\x69\x85"]
    do("resume", card=1)
    do("hazard", card=1, name="StatusInstead", values={"status": 0x6581, "times": None})
    assert said(page, SELECT) == [b"\x65\x81"]
    do("clear", card=1)
    assert said(page, SELECT) == [b"\x90\x00"]
    fork = do("fork", snapshot=kept)
    do("take away", card=fork)
    do("drop", snapshot=kept)
    with TcpConnection("127.0.0.1", slot.port) as terminal:
        terminal.transmit(SELECT)
        do("reset", slot=0)
        assert terminal.transmit(WRONG) != b"\x63\xc2"  # nothing is selected any more
    assert set(done) == set(ACTIONS)


def test_what_is_not_possible_is_said(page: Page) -> None:
    assert page.do(do="insert", card=2, slot=0) == (
        409,
        {"problem": "there is no such card on the bench"},
    )
    page.do(do="suspend", card=1)
    status, answer = page.do(do="suspend", card=1)
    assert status == 409
    assert answer["problem"].startswith("the card does not do that: ")


# -- a session as a file --------------------------------------------------------------------------


def test_a_session_is_handed_out_as_one_page_that_runs_nothing(page: Page) -> None:
    page.bench.begin_looking()
    said(page, SELECT, WRONG, READ_CODE)
    for name in ("all", "1"):
        status, headers, body = page.ask(f"session/{name}.html")
        text = body.decode()
        assert status == 200
        assert "attachment" in headers["content-disposition"]
        assert "script" not in headers["content-security-policy"]
        assert "VERIFY" in text
        assert "needs Authenticated(" in text
        assert "39393939" not in text.replace(" ", "")
        assert "<script" not in text
        assert "src=" not in text
    assert "VERIFY" not in page.ask("session/2.html")[2].decode()


# -- the end --------------------------------------------------------------------------------------


def test_the_server_ends_at_once_with_pages_open() -> None:
    with kept_port() as port, open_page(issue_card("juki-v1", seed=1), port=port) as page:
        with page.stream() as first, page.stream() as second:
            first.until("card")
            second.until("card")
            with Within(2):
                page.server.close()
            assert first.until("end") == {}
            assert second.until("end") == {}
        page.server.close()
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", page.server.port), timeout=1)
        assert said(page, SELECT) == [b"\x90\x00"]  # the card is served on


def test_the_server_ends_while_an_action_waits() -> None:
    with open_page(issue_card("juki-v1", seed=1)) as page:
        page.bench.set_hazard(1, "Delayed", {"seconds": 3.0})
        slot = page.slots[0]._card
        slot.power_on()
        worker = threading.Thread(target=slot.transmit, args=(SELECT,))
        asking = threading.Thread(target=lambda: page.do(do="pull", slot=0), daemon=True)
        worker.start()
        time.sleep(0.1)
        asking.start()
        time.sleep(0.2)
        with Within(6):
            page.server.close()
        worker.join()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = BenchServer(Bench([]), SystemRandom(), taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            server.start()
        server.close()

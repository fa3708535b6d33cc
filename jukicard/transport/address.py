"""Addresses, and the rule that a card is served on loopback unless somebody says otherwise."""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

_Found = tuple[int, int, int, str, Any]
_RESOLVER_SECONDS: Final = 10.0
_LAST_PORT: Final = 0xFFFF


class AddressRefused(ValueError):
    """This address is not loopback, and nobody said that this is meant."""


def parse_address(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Read `host:port`, `[v6 address]:port`, or `host` where a default port exists; ValueError.

    The port is decimal or `0x…` as in a reader file of pcscd, 1 to 65535, or 0 for any free one.
    """
    host, colon, port_text = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")) or text.endswith("]"):
        host, port_text = text, ""
    host = host.strip("[]")
    if not host:
        raise ValueError(f"{text!r} names no host; write for example localhost:35963")
    if not port_text:
        if default_port is None:
            raise ValueError(f"{text!r} names no port; write for example localhost:35963")
        return host, default_port
    try:
        port = int(port_text, 0)
    except ValueError:
        port = -1
    if not 0 <= port <= _LAST_PORT:
        raise ValueError(f"{port_text!r} is no port; a port is a number from 0 to 65535")
    return host, port


def port_of_slot(port: int, index: int) -> int:
    """Return the port of slot `index` when slot 0 has `port`: the next ones; 0 stays any free one.

    ValueError where the ports end: the system would take another port without a word.
    """
    if port and port + index > _LAST_PORT:
        raise ValueError(
            f"slot {index} would have port {port + index}, and ports end at {_LAST_PORT}: "
            "begin with a lower one"
        )
    return port + index if port else 0


def format_address(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int, *, allow_remote: bool = False, backlog: int = 8) -> socket.socket:
    """Open a listening TCP socket (port 0: any free one).

    AddressRefused for an address that other machines reach, unless `allow_remote`: the card
    carries keys and its protocols have neither encryption nor a password. OSError as from bind,
    ValueError for a port that cannot be: the system would take any other.
    """
    if not 0 <= port <= _LAST_PORT:
        raise ValueError(f"{port} is no port; a port is a number from 0 to {_LAST_PORT}")
    found = _look_up(host, port)
    # The reader driver speaks IPv4 only, so a name with both addresses means that one.
    family, kind, protocol, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    if not allow_remote and not is_loopback(str(address[0])):
        raise AddressRefused(
            f"{host} can be reached from other machines, and a card carries keys; "
            "listen on 127.0.0.1, or allow it explicitly"
        )
    server = socket.socket(family, kind, protocol)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen(backlog)
    except BaseException:
        server.close()
        raise
    return server


def _look_up(host: str, port: int) -> Sequence[_Found]:
    """Look a host up, in a thread of its own: no signal reaches a resolver. OSError."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    with contextlib.suppress(socket.gaierror):
        return ask(flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST)
    answers: list[Sequence[_Found] | OSError] = []

    def look() -> None:
        try:
            answers.append(ask(flags=socket.AI_PASSIVE))
        except (OSError, UnicodeError) as error:
            known = error if isinstance(error, OSError) else OSError(errno.EINVAL, str(error))
            answers.append(known)

    thread = threading.Thread(target=look, name="resolver", daemon=True)
    thread.start()
    thread.join(_RESOLVER_SECONDS)
    answer = answers[0] if answers else OSError(errno.ETIMEDOUT, f"no answer about {host!r}")
    if isinstance(answer, OSError):
        raise answer
    return answer


def is_loopback(address: str) -> bool:
    """Tell whether a numeric address stays in this machine (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3)."""
    return address.startswith("127.") or address == "::1"

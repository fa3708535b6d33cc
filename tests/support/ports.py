"""Ports of loopback that a test names before anybody listens on them, and that stay its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """Give a port on which nobody listens: who calls is refused, and no other program is given it.

    A socket is bound to it and never listens. Whoever asks the system for any free port is given
    another one; whoever asks for this one by its number and sets SO_REUSEADDR, as every server of
    this project does, may listen on it meanwhile.
    """
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]

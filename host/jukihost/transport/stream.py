"""A TCP connection with a time limit on every step: what the socket transports have in common."""

from __future__ import annotations

import errno
import ipaddress
import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from jukihost.errors import AnswerTimeout, CardRemoved, TransportError, Unreachable
from jukihost.waiting import TELL_AFTER, Late, call_once

T = TypeVar("T")
_Found = tuple[int, int, int, str, Any]
_UNDER_WAY: Final = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, errno.EINTR))


class AddressNotLocal(TransportError):
    """Other machines reach the address, and nobody said that this is meant; nothing was opened."""


_NOT_TAKEN: Final = "the card did not take the command in time; reconnect"
_NOT_ANSWERED: Final = "the card did not answer in time; reconnect, and check what it did"
GONE: Final = "the program that plays the card closed the connection; start it again and reconnect"


Tell = Callable[[str], None]
"""Told what is waited for, when it takes longer than `TELL_AFTER`."""
_ANSWER: Final = "the card to answer"


class Stream:
    """Whole messages over a socket. After any failure it is closed: half a message is worthless.

    AnswerTimeout when the other side is silent for too long, CardRemoved when it went away.
    """

    def __init__(self, sock: socket.socket, tell: Tell) -> None:
        """`tell` is called once for each message and its answer."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        self._tell = tell
        self._told = False

    def send(self, message: bytes, timeout: float) -> None:
        """Send all of `message` within `timeout` seconds, in one piece where it fits."""
        self._told = False
        deadline = time.monotonic() + timeout
        sent = self._wait(partial(self._socket.send, message), deadline, _NOT_TAKEN)
        if sent < len(message):
            rest = memoryview(message)[sent:]
            while rest:
                rest = rest[self._wait(partial(self._socket.send, rest), deadline, _NOT_TAKEN) :]

    def receive(self, count: int, deadline: float) -> bytes:
        """Return exactly `count` bytes, all of them before `deadline` (of time.monotonic)."""
        data = bytearray()
        while len(data) < count:
            some = partial(self._socket.recv, count - len(data))
            piece = self._wait(some, deadline, _NOT_ANSWERED)
            if not piece:
                self.close()
                raise CardRemoved(GONE)
            data += piece
        return bytes(data)

    def _wait(self, work: Callable[[], T], deadline: float, too_late: str) -> T:
        """Do what may block, until `deadline`; tell when it takes long."""
        while True:
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise AnswerTimeout(too_late)
                self._socket.settimeout(min(left, TELL_AFTER))
                return work()
            except TimeoutError:
                if not self._told and left > TELL_AFTER:
                    self._told = True
                    self._tell(_ANSWER)
            except AnswerTimeout:
                self.close()
                raise
            except OSError as error:
                self.close()
                raise CardRemoved(GONE) from error

    def close(self) -> None:
        """Close the socket; closing twice is allowed."""
        self._socket.close()


def dial(host: str, port: int, timeout: float, tell: Tell) -> Stream:
    """Connect to a card program that listens, within `timeout` seconds. Unreachable."""
    deadline = time.monotonic() + timeout
    why: OSError | None = None
    for family, kind, protocol, _, found in resolve(host, port, timeout, tell):
        sock = socket.socket(family, kind, protocol)
        try:
            _connect(sock, found, deadline, partial(tell, f"{address(host, port)} to be reached"))
            # Nobody listens on a port of the ephemeral range: TCP may connect a socket to itself.
            if sock.getsockname() != sock.getpeername():
                return Stream(sock, tell)
        except OSError as error:
            why = error
        except BaseException:
            sock.close()
            raise
        sock.close()
    raise Unreachable(
        f"nobody answers at {address(host, port)}; start the card there, or check host and port"
    ) from why


def _connect(sock: socket.socket, found: Any, deadline: float, tell: Callable[[], None]) -> None:
    """Connect before `deadline`; tell when it takes long. OSError."""
    sock.setblocking(False)
    code = sock.connect_ex(found)
    if code in _UNDER_WAY:
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            if not selector.select(min(TELL_AFTER, deadline - time.monotonic())):
                left = deadline - time.monotonic()
                if left > 0:
                    tell()
                if left <= 0 or not selector.select(left):
                    raise TimeoutError
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def resolve(host: str, port: int, timeout: float, tell: Tell) -> Sequence[_Found]:
    """Look a host up, within `timeout` seconds: no signal reaches a resolver. Unreachable."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        with suppress(socket.gaierror):
            return look_up(flags=socket.AI_NUMERICHOST)
        return call_once("resolver", look_up, timeout, partial(tell, f"the address of {host}"))
    except (OSError, UnicodeError, Late) as error:
        raise Unreachable(f"there is no host {host!r}, or no answer about it") from error


def listen(
    host: str, port: int, *, timeout: float, tell: Tell, allow_remote: bool = False
) -> socket.socket:
    """Listen for a card program that dials in; port 0 takes any free one. Unreachable.

    AddressNotLocal for an address that other machines reach, unless `allow_remote`: whoever
    listens takes what calls for the card, and sends it PINs. `timeout` is for looking the host up.
    """
    family, _, _, _, found = resolve(host, port, timeout, tell)[0]
    try:
        # What was looked at is what is listened at: a name is not looked up a second time.
        if not (allow_remote or _is_loopback(str(found[0]))):
            raise AddressNotLocal(
                f"other machines reach {host}, and the protocol has neither encryption nor a "
                "password; listen on 127.0.0.1, or allow it explicitly"
            )
        return socket.create_server((str(found[0]), port), family=family)
    except OSError as error:
        raise Unreachable(
            f"cannot listen at {address(host, port)}; is the port in use (by pcscd "
            "with its virtual reader?), or the host another machine?"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def accept(listener: socket.socket, timeout: float, tell: Tell) -> Stream:
    """Wait for a card program to dial in. Unreachable when none does in `timeout` seconds."""
    listener.settimeout(timeout)
    try:
        sock, _ = listener.accept()
    except OSError as error:
        raise Unreachable(
            f"no card called within {timeout:g} s; start the card and let it "
            f"connect to {address(*listener.getsockname()[:2])}"
        ) from error
    return Stream(sock, tell)


def address(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

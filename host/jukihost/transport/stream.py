"""A TCP connection with a time limit on every step: what the socket transports have in common."""

from __future__ import annotations

import ipaddress
import socket
import time

from jukihost.errors import AnswerTimeout, CardRemoved, TransportError, Unreachable


class AddressNotLocal(TransportError):
    """Other machines reach the address, and nobody said that this is meant; nothing was opened."""


GONE = "the program that plays the card closed the connection; start it again and reconnect"


class Stream:
    """Whole messages over a socket. After any failure it is closed: half a message is worthless.

    AnswerTimeout when the other side is silent for too long, CardRemoved when it went away.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock

    def send(self, message: bytes, timeout: float) -> None:
        """Send all of `message` in one piece within `timeout` seconds."""
        try:
            self._socket.settimeout(timeout)
            self._socket.sendall(message)
        except TimeoutError:
            self.close()
            raise AnswerTimeout(
                f"the card did not take the command within {timeout:g} s; reconnect"
            ) from None
        except OSError as error:
            self.close()
            raise CardRemoved(GONE) from error

    def receive(self, count: int, deadline: float) -> bytes:
        """Return exactly `count` bytes, all of them before `deadline` (of time.monotonic)."""
        data = bytearray()
        while len(data) < count:
            data += self._receive_some(count - len(data), deadline)
        return bytes(data)

    def _receive_some(self, count: int, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            piece = self._socket.recv(count)
        except TimeoutError:
            self.close()
            raise AnswerTimeout(
                "the card did not answer in time; reconnect, and check what it did"
            ) from None
        except OSError as error:
            self.close()
            raise CardRemoved(GONE) from error
        if not piece:
            self.close()
            raise CardRemoved(GONE)
        return piece

    def close(self) -> None:
        """Close the socket; closing twice is allowed."""
        self._socket.close()


def dial(host: str, port: int, timeout: float) -> Stream:
    """Connect to a card program that listens. Unreachable."""
    try:
        sock = socket.create_connection((host, port), timeout)
    except OSError as error:
        raise Unreachable(
            f"nobody answers at {address(host, port)}; start the card there, or check host and port"
        ) from error
    # Nobody listens on a port of the ephemeral range: TCP may connect a socket to itself.
    if sock.getsockname() == sock.getpeername():
        sock.close()
        raise Unreachable(f"nobody answers at {address(host, port)}; start the card there")
    return Stream(sock)


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """Listen for a card program that dials in; port 0 takes any free one. Unreachable.

    AddressNotLocal for an address that other machines reach, unless `allow_remote`: whoever
    listens takes what calls for the card, and sends it PINs.
    """
    try:
        family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
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


def accept(listener: socket.socket, timeout: float) -> Stream:
    """Wait for a card program to dial in. Unreachable when none does in `timeout` seconds."""
    listener.settimeout(timeout)
    try:
        sock, _ = listener.accept()
    except OSError as error:
        raise Unreachable(
            f"no card called within {timeout:g} s; start the card and let it "
            f"connect to {address(*listener.getsockname()[:2])}"
        ) from error
    return Stream(sock)


def address(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

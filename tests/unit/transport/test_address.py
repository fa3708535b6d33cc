"""Addresses as people and reader files write them, and the loopback rule."""

from __future__ import annotations

import socket

import pytest

from jukicard.transport.address import (
    AddressRefused,
    format_address,
    is_loopback,
    listen,
    parse_address,
    port_of_slot,
)
from jukicard.transport.vpcd import VpcdServer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:35963", ("localhost", 35963)),
        ("localhost:0x8C7B", ("localhost", 35963)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("::1", ("::1", 7)),
        ("[::1]", ("::1", 7)),
        ("card.example", ("card.example", 7)),
    ],
)
def test_parse(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text, 7) == expected


@pytest.mark.parametrize(
    "text", ["", ":1", "localhost:65536", "localhost:-1", "localhost:abc", "localhost:1x", "[]:1"]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|port"):
        parse_address(text, 7)


@pytest.mark.parametrize("text", ["localhost", "localhost:", "127.0.0.1"])
def test_a_port_is_needed_without_a_default(text: str) -> None:
    with pytest.raises(ValueError, match="names no port"):
        parse_address(text)


@pytest.mark.parametrize("address", [("localhost", 1), ("::1", 65535), ("10.0.0.1", 2)])
def test_format_and_parse_agree(address: tuple[str, int]) -> None:
    assert parse_address(format_address(*address)) == address


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("1.127.0.0", False),
    ],
)
def test_loopback(address: str, inside: bool) -> None:
    assert is_loopback(address) is inside


def test_other_machines_are_refused_unless_allowed() -> None:
    with pytest.raises(AddressRefused, match="other machines"):
        listen("0.0.0.0", 0)
    with listen("0.0.0.0", 0, allow_remote=True) as server:
        assert server.getsockname()[0] == "0.0.0.0"


def test_localhost_means_ipv4_because_the_driver_speaks_nothing_else() -> None:
    with listen("localhost", 0) as server:
        assert server.family == socket.AF_INET


def test_a_taken_port_is_an_os_error() -> None:
    with listen("127.0.0.1", 0) as server, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", server.getsockname()[1])


def test_slots_have_the_ports_one_after_the_other_and_none_beyond_the_last() -> None:
    assert [port_of_slot(65534, index) for index in (0, 1)] == [65534, 65535]
    assert [port_of_slot(0, index) for index in (0, 1)] == [0, 0]
    with pytest.raises(ValueError, match="slot 2 would have port 65536"):
        port_of_slot(65534, 2)


@pytest.mark.parametrize("port", [65536, 131072, -1])
def test_a_port_that_cannot_be_is_not_another_one(port: int) -> None:
    with pytest.raises(ValueError, match="is no port"):
        listen("127.0.0.1", port)


@pytest.mark.parametrize("listening", [True, False])
def test_a_reader_of_several_slots_needs_a_port_for_each(listening: bool) -> None:
    server = VpcdServer([None, None], "127.0.0.1", 65535, listen=listening)
    with pytest.raises(ValueError, match="begin with a lower one"):
        server.start()
    assert server.slots == ()

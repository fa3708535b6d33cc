"""Drivers that hang, hang up and send garbage: the card's end of vpcd survives them all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from jukicard.transport import SlotState, readerlink
from tests.support import soak
from tests.support.readers.echo_card import EchoCard
from tests.support.readers.vpcd_driver import ATR, GET_ATR, OFF, ON, RESET, Bench, Driver


def hang(driver: Driver, control: bytes) -> None:
    """Do what pcscd does, then pass a client's one-byte APDU that looks like control."""
    for _ in range(2):
        assert driver.ask(GET_ATR) == ATR
    driver.power_on()
    driver.send(control)


@pytest.mark.parametrize("control", [OFF, ON, RESET])
def test_the_watchdog_frees_a_driver_that_waits_for_the_answer_to_a_control_byte(
    watched: Bench, control: bytes
) -> None:
    with watched.driver() as driver:
        hang(driver, control)
        assert driver.is_closed()
    assert "hangs" in watched.statuses.wait_for(SlotState.LOST).detail
    with watched.driver().power_on() as driver:
        assert driver.ask(b"\0\0\0\0") == b"\0\0\0\0\x90\x00"


def test_without_a_watchdog_the_driver_is_left_alone(bench: Bench) -> None:
    with bench.driver() as driver:
        hang(driver, OFF)
        driver.sock.settimeout(0.6)
        with pytest.raises(TimeoutError):
            driver.sock.recv(1)


@pytest.mark.parametrize(
    "messages",
    [
        [ON],  # a reader that does not poll may be silent as long as it likes
        [ON, GET_ATR, RESET, GET_ATR, OFF],
        [GET_ATR, GET_ATR, ON, GET_ATR],  # silent, but not after a control byte
        [GET_ATR, GET_ATR, ON, b"\0\0\0\0"],
    ],
)
def test_silence_that_is_no_hang(watched: Bench, messages: list[bytes]) -> None:
    with watched.driver() as driver:
        for message in messages:
            driver.send(message)
            if message not in (ON, OFF, RESET):
                driver.receive()
        driver.sock.settimeout(0.6)
        with pytest.raises(TimeoutError):
            driver.sock.recv(1)
        driver.sock.settimeout(60)
        assert driver.ask(GET_ATR) == ATR


@pytest.mark.parametrize("part", [b"\0", b"\0\4", b"\0\4\0\0\0"])
def test_half_a_message_is_not_waited_for_for_ever(
    bench: Bench, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readerlink, "_FRAME_SECONDS", 0.1)
    with bench.driver() as driver:
        driver.sock.sendall(part)
        assert driver.is_closed()
    assert "middle" in bench.statuses.wait_for(SlotState.LOST).detail


@pytest.mark.parametrize("part", [b"", b"\0", b"\0\4", b"\0\4\0\0\0", b"\xff\xff" + bytes(999)])
def test_an_early_close_at_any_place(bench: Bench, part: bytes) -> None:
    with bench.driver() as driver:
        driver.sock.sendall(part)
    with bench.driver().power_on() as driver:
        assert driver.ask(b"\0\0\0\0") == b"\0\0\0\0\x90\x00"


def test_a_reader_that_does_not_read_is_dropped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readerlink, "_FRAME_SECONDS", 0.1)
    with bench.driver().power_on() as driver:
        driver.sock.sendall((b"\0\4\xb0" + (65_000).to_bytes(3, "big")) * 500)
        bench.statuses.wait_for(SlotState.LOST)


@settings(max_examples=soak.times(40, soak=1_000))
@given(noise=st.binary(max_size=200))
def test_garbage_harms_nobody(noise: bytes) -> None:
    bench = Bench([EchoCard()])
    with bench.listener, bench.server:
        with bench.driver() as driver:
            driver.sock.sendall(noise)
        with bench.driver().power_on() as driver:
            assert driver.ask(b"\0\0\0\0") == b"\0\0\0\0\x90\x00"

"""A PC/SC program in a process of its own: whoever has its daemon elsewhere than this process.

libpcsclite asks once in a process where its daemon is, so every other daemon needs another process.
It imports nothing of the card and nothing of the host library.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final, TypeVar

T = TypeVar("T")
_SECONDS: Final = 120  # the longest wait for one call
_POWERING: Final = 2.0  # how long a card that was just put in may take to have a protocol
_held: dict[str, Any] = {}  # in that process: the context, the card and its protocol


class ScardError(Exception):
    """A call of PC/SC that failed: `code` is its result."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code & 0xFFFFFFFF:08X}"


class Terminal:
    """One program with one card at most; each method is the call of PC/SC of that name."""

    def __init__(self, socket: str) -> None:
        self._process = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), _begin, (socket,)
        )

    def _do(self, call: Callable[..., T], *arguments: object) -> T:
        return self._process.submit(call, *arguments).result(_SECONDS)

    def close(self) -> None:
        """End the program."""
        self._process.shutdown()

    def readers(self) -> list[str]:
        """SCardListReaders; an empty list while there is no daemon."""
        return self._do(_readers)

    def forget(self) -> None:
        """SCardReleaseContext: the daemon is another one from now on."""
        self._do(_forget)

    def connect(self, reader: str) -> tuple[int, bytes]:
        """SCardConnect; return the protocol (0 or 1) and the ATR."""
        return self._do(_connect, reader)

    def power_cycle(self) -> None:
        """SCardReconnect that takes the card's power."""
        self._do(_power_cycle)

    def transmit(self, command: bytes) -> bytes:
        """SCardTransmit."""
        return self._do(_transmit, command)

    def control(self, code: int, data: bytes = b"") -> bytes:
        """SCardControl."""
        return self._do(_control, code, data)

    def disconnect(self) -> None:
        """SCardDisconnect, with the card's power taken; nothing without a card."""
        self._do(_disconnect)

    def wait_for(self, reader: str, *, present: bool, seconds: float = 10) -> bytes:
        """SCardGetStatusChange until a card is there, or is not; return the ATR."""
        return self._do(_wait_for, reader, present, seconds)


def _begin(socket: str) -> None:
    os.environ["PCSCLITE_CSOCK_NAME"] = socket
    _held["scard"] = importlib.import_module("smartcard.scard")


def _checked(result: int) -> None:
    if result:
        raise ScardError(result)


def _readers() -> list[str]:
    scard = _held["scard"]
    if "context" not in _held:
        result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if result:
            return []
        _held["context"] = context
    result, names = scard.SCardListReaders(_held["context"], [])
    return [] if result else list(names)


def _forget() -> None:
    if "context" in _held:
        _held["scard"].SCardReleaseContext(_held.pop("context"))


def _connect(reader: str) -> tuple[int, bytes]:
    scard = _held["scard"]
    either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    until = time.monotonic() + _POWERING
    while True:
        result, card, protocol = scard.SCardConnect(
            _held["context"], reader, scard.SCARD_SHARE_EXCLUSIVE, either
        )
        # pcscd tells of a card while it still powers it, and then knows no protocol of it yet
        if result != scard.SCARD_E_PROTO_MISMATCH or time.monotonic() > until:
            break
        time.sleep(0.01)
    _checked(result)
    _held.update(card=card, protocol=protocol)
    result, _, _, _, atr = scard.SCardStatus(card)
    _checked(result)
    return protocol // scard.SCARD_PROTOCOL_T1, bytes(atr)


def _power_cycle() -> None:
    scard = _held["scard"]
    either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    result, protocol = scard.SCardReconnect(
        _held["card"], scard.SCARD_SHARE_EXCLUSIVE, either, scard.SCARD_UNPOWER_CARD
    )
    _checked(result)
    _held["protocol"] = protocol


def _transmit(command: bytes) -> bytes:
    result, answer = _held["scard"].SCardTransmit(_held["card"], _held["protocol"], [*command])
    _checked(result)
    return bytes(answer)


def _control(code: int, data: bytes) -> bytes:
    result, answer = _held["scard"].SCardControl(_held["card"], code, [*data])
    _checked(result)
    return bytes(answer)


def _disconnect() -> None:
    if "card" in _held:
        scard = _held["scard"]
        scard.SCardDisconnect(_held.pop("card"), scard.SCARD_UNPOWER_CARD)


def _wait_for(reader: str, present: bool, seconds: float) -> bytes:
    scard = _held["scard"]
    wanted = scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
    known, waited = scard.SCARD_STATE_UNAWARE, 0.0
    while True:
        result, states = scard.SCardGetStatusChange(_held["context"], 500, [(reader, known)])
        if result == scard.SCARD_E_TIMEOUT:
            waited += 0.5
            if waited >= seconds:
                raise ScardError(result)
            continue
        _checked(result)
        _, known, atr = states[0]
        if known & wanted and not known & scard.SCARD_STATE_MUTE:
            return bytes(atr)

"""A stand-in for `smartcard.scard`: readers and cards in memory, results and errors as PC/SC's.

The numbers are those of PC/SC part 5 as pyscard hands them out, errors with the sign they get.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

PRESENT, EMPTY, CHANGED = 0x20, 0x10, 0x02
LEAVE, UNPOWER = 0, 2
POWERED_UP, POWERED_DOWN = 0x10034, 0x20004
"""States of a card in pcsc-lite, an event counter in the upper half."""
READ_AGAIN = bytes.fromhex("9000")


@dataclass
class FakeReader:
    """A reader; `atr` is that of its card, None when it is empty."""

    name: str
    atr: bytes | None = None
    protocol: int = 2
    answer: Callable[[bytes], bytes] = lambda command: READ_AGAIN
    power: Callable[[int], object] = lambda disposition: None
    """Told what is done to the card: 1 warm reset, 2 power off and, if it goes on, on again."""
    powered: bool = True
    control: Callable[[int, bytes], bytes] = lambda code, data: b""
    """Answers a request to the reader itself."""

    def dispose(self, disposition: int, *, goes_on: bool = True) -> None:
        """Do to the card what was asked for; one that has no power gets it from a reset only."""
        if disposition and self.atr is not None:
            self.power(disposition)
        if disposition != LEAVE:
            self.powered = goes_on or disposition != UNPOWER


@dataclass
class FakeScard:
    """The module's functions; `fail[name]` makes one fail with a code, once for each entry."""

    readers: list[FakeReader] = field(default_factory=list)
    fail: dict[str, list[int]] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    contexts: int = 0
    connected: int = 0
    held: int = 0
    on_look: Callable[[], None] = lambda: None

    def _result(self, name: str, *details: Any) -> int:
        self.calls.append((name, *details))
        codes = self.fail.get(name)
        return _signed(codes.pop(0)) if codes else 0

    def _reader(self, name: str) -> FakeReader | None:
        return next((reader for reader in self.readers if reader.name == name), None)

    def SCardEstablishContext(self, scope: int) -> tuple[int, Any]:
        result = self._result("SCardEstablishContext", scope)
        self.contexts += not result
        return result, 4711

    def SCardReleaseContext(self, context: Any) -> int:
        self.contexts -= 1
        return self._result("SCardReleaseContext")

    def SCardListReaders(self, context: Any, groups: Sequence[str]) -> tuple[int, Sequence[str]]:
        self.on_look()
        result = self._result("SCardListReaders")
        if not result and not self.readers:
            result = _signed(0x8010002E)
        return result, [reader.name for reader in self.readers]

    def SCardGetStatusChange(
        self,
        context: Any,
        timeout: int,
        states: Sequence[tuple[str, int]],
    ) -> tuple[int, Sequence[tuple[str, int, Sequence[int]]]]:
        assert timeout == 0
        for name, _ in states:
            name.encode("ascii")  # as pyscard does: UnicodeEncodeError
        return self._states(states)

    def _states(
        self, states: Sequence[tuple[str, int]]
    ) -> tuple[int, Sequence[tuple[str, int, Sequence[int]]]]:
        found = [(name, self._reader(name)) for name, _ in states]
        return self._result("SCardGetStatusChange"), [
            (
                name,
                CHANGED | (PRESENT if reader and reader.atr is not None else EMPTY),
                list(reader.atr or b"") if reader else [],
            )
            for name, reader in found
        ]

    def pcsclite(self) -> FakeScard.Library:
        """Return what stands for the library that pyscard calls."""
        return self.Library(self)

    @dataclass
    class Library:
        """The one function of it that takes names which pyscard refuses."""

        scard: FakeScard

        def SCardGetStatusChange(self, context: Any, timeout: Any, states: Any, count: Any) -> int:
            assert (context.value, timeout.value, count.value) == (4711, 0, len(states))
            result, found = self.scard._states([(each.name.decode(), 0) for each in states])
            for each, (_, state, atr) in zip(states, found, strict=True):
                each.state, each.size = state, len(atr)
                each.atr[: len(atr)] = list(atr)
            return result

    def SCardConnect(
        self, context: Any, reader: str, share: int, protocols: int
    ) -> tuple[int, Any, int]:
        result = self._result("SCardConnect", reader, share, protocols)
        found = self._reader(reader)
        assert found is not None
        self.connected += not result
        found.powered = True
        return result, found, found.protocol

    def SCardReconnect(
        self, card: FakeReader, share: int, protocols: int, initialization: int
    ) -> tuple[int, int]:
        result = self._result("SCardReconnect", share, protocols, initialization)
        if not result:
            card.dispose(initialization)
        return result, card.protocol

    def SCardDisconnect(self, card: FakeReader, disposition: int) -> int:
        self.connected -= 1
        self.held = 0
        result = self._result("SCardDisconnect", disposition)
        if not result:
            card.dispose(disposition, goes_on=False)
        return result

    def SCardStatus(self, card: FakeReader) -> tuple[int, str, int, int, Sequence[int]]:
        return (
            self._result("SCardStatus"),
            card.name,
            POWERED_UP if card.powered else POWERED_DOWN,
            card.protocol,
            list(card.atr or b""),
        )

    def SCardBeginTransaction(self, card: FakeReader) -> int:
        result = self._result("SCardBeginTransaction")
        self.held += not result
        return result

    def SCardEndTransaction(self, card: FakeReader, disposition: int) -> int:
        result = self._result("SCardEndTransaction", disposition)
        if not result:
            card.dispose(disposition)  # still held: nobody comes in between
        self.held -= 1
        return result

    def SCARD_CTL_CODE(self, number: int) -> int:
        return 0x42000000 + number  # as pcsc-lite makes it

    def SCardControl(
        self, card: FakeReader, code: int, data: Sequence[int]
    ) -> tuple[int, Sequence[int]]:
        result = self._result("SCardControl", code, bytes(data))
        return result, [] if result else list(card.control(code, bytes(data)))

    def SCardTransmit(
        self, card: FakeReader, protocol: int, command: Sequence[int]
    ) -> tuple[int, Sequence[int]]:
        result = self._result("SCardTransmit", protocol, bytes(command))
        return result, list(card.answer(bytes(command)) if card.powered else b"")


def _signed(code: int) -> int:
    """pyscard hands errors out as signed 32-bit numbers on some platforms."""
    return code - 0x100000000 if code & 0x80000000 else code

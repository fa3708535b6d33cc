"""What a reader does on the line to a contact card: PPS, a TPDU of T=0, a block of T=1."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Final

from jukicard.apdu.atr import Atr
from jukicard.transport import CardPort
from jukicard.transport.ccid.messages import ICC_MUTE, PROCEDURE, PROTOCOL, CcidError
from jukicard.transport.tpdu import T0Card, T1Card, WaitPolicy, never

_PPSS: Final = 0xFF
_NULL: Final = 0x60


class WireCard:
    """A card as its contacts show it, and whoever moves the bytes.

    `exchange` is one PC_to_RDR_XfrBlock at TPDU level: a PPS request right after a reset, else
    what the protocol of the slot has. One thread at a time; CardNotPresent and CardFault come
    from the card, CcidError says that it kept silent or made no sense.
    """

    def __init__(self, card: CardPort, wait: WaitPolicy = never) -> None:
        self._card = card
        self._wait = wait
        self._views: dict[int, T0Card | T1Card] = {}
        self._fresh = True
        self.protocol = 0
        """What the card speaks: the first of its ATR, until a PPS chooses another."""

    def power_on(self) -> bytes:
        """Cold reset; return the ATR."""
        return self._begin(self._card.power_on())

    def reset(self) -> bytes:
        """Warm reset; return the ATR."""
        return self._begin(self._card.reset())

    def _begin(self, atr: bytes) -> bytes:
        card = _Powered(self._card, atr)
        self._views, self._fresh = {}, True
        try:
            offered = Atr.parse(atr).protocols
            if 0 in offered:
                self._views[0] = T0Card(card, wait=self._wait)
            if 1 in offered:
                self._views[1] = T1Card(card, wait=self._wait)
        except ValueError:
            offered = ()  # the driver judges it; whatever it sends then, nobody answers
        self.protocol = offered[0] if offered else 0
        for view in self._views.values():
            view.power_on()
        return atr

    def exchange(self, data: bytes, protocol: int) -> bytes:
        """Send what the driver wants sent under its protocol; return what the card says."""
        if self.is_pps(data):
            return self._pps(data)
        if self._fresh and data[:1] == bytes((_PPSS,)):
            raise CcidError(ICC_MUTE)  # a PPS request that is damaged
        self._fresh = False
        view = self._views.get(self.protocol)
        if view is None or protocol != self.protocol:
            raise CcidError(ICC_MUTE)  # the two understand nothing of one another
        answer = tpdu(view.feed, data) if isinstance(view, T0Card) else view.receive(data)
        if not answer:
            raise CcidError(ICC_MUTE)
        return answer

    def is_pps(self, data: bytes) -> bool:
        """Tell whether that is a PPS request, which comes right after a reset only."""
        if not self._fresh or len(data) < 3 or data[0] != _PPSS:
            return False
        return len(data) == 3 + (data[1] >> 4 & 7).bit_count() and not reduce(xor, data)

    def _pps(self, request: bytes) -> bytes:
        """Answer PPS (ISO/IEC 7816-3:2006, 9): accept what the ATR offers, else keep silent."""
        if request[1] & 0x0F not in self._views:
            raise CcidError(ICC_MUTE)
        self.protocol, self._fresh = request[1] & 0x0F, False
        return request


class _Powered:
    """The card behind the views: it has its power already, and theirs is only told."""

    def __init__(self, card: CardPort, atr: bytes) -> None:
        self._card, self.atr = card, atr
        self.transmit = card.transmit

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self._card.reset()

    def power_off(self) -> None:
        self._card.power_off()


def tpdu(line: Callable[[bytes], bytes], command: bytes) -> bytes:
    """Do one T=0 TPDU as a reader does (ISO/IEC 7816-3:2006, 10.3); return data and status.

    command: the header (a case 1 command of 4 bytes gets P3 = 00) with the data that goes down.
    `line` takes bytes to the card and returns those that come back. CcidError when the card keeps
    silent, or says what is no procedure byte; PROTOCOL for a command that is none.
    """
    header, data = command[:5].ljust(5, b"\0"), command[5:]
    if len(command) < 4 or (data and len(data) != header[4]):
        raise CcidError(PROTOCOL)
    wanted = 0 if data else header[4] or 256  # what may come up; nothing has to
    arrived, at, out = line(header), 0, bytearray()
    while True:
        if at == len(arrived):
            raise CcidError(ICC_MUTE)
        byte = arrived[at]
        at += 1
        if byte == _NULL:
            continue
        if byte & 0xF0 in (0x60, 0x90):
            if at == len(arrived):
                raise CcidError(ICC_MUTE)
            return bytes(out) + arrived[at - 1 : at + 1]
        if byte not in (header[1], header[1] ^ 0xFF):
            raise CcidError(PROCEDURE)
        alone = byte != header[1]
        if data:
            sent, data = (data[:1], data[1:]) if alone else (data, b"")
            arrived, at = arrived[at:] + line(sent), 0
        else:
            size = 1 if alone else wanted - len(out)
            if not 0 < size <= len(arrived) - at:
                raise CcidError(PROCEDURE if size < 1 else ICC_MUTE)
            out += arrived[at : at + size]
            at += size

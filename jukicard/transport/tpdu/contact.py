"""A whole contact card: its answer to reset, PPS, one of the protocols it offers, one power."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import reduce
from operator import xor
from typing import Final

from jukicard.apdu.atr import Atr
from jukicard.transport import CardPort
from jukicard.transport.tpdu.power import ContactView, PoweredCard
from jukicard.transport.tpdu.t0 import T0Card
from jukicard.transport.tpdu.t1 import T1Card

DEFAULT_SPEED: Final = 0x11
"""Fi = 372, Di = 1: TA1 and PPS1 when they are absent (ISO/IEC 7816-3:2006, 8.3)."""
_PPSS: Final = 0xFF
_PPS1: Final = 0x10
# ISO/IEC 7816-3:2006, tables 7 and 8; values that are left out are reserved
_FI: Final = dict(
    zip(
        (*range(7), *range(9, 14)),
        (372, 372, 558, 744, 1116, 1488, 1860, 512, 768, 1024, 1536, 2048),
        strict=True,
    )
)
_DI: Final = dict(zip(range(1, 10), (1, 2, 4, 8, 16, 32, 64, 12, 20), strict=True))


class Pps(Enum):
    """What the card does with a well-formed PPS request (ISO/IEC 7816-3:2006, 9.3)."""

    ANSWERED = "answered"
    """Accept the protocol, and the speed when the card can have it."""
    WITHOUT_PPS1 = "without PPS1"
    """Accept the protocol and keep the default speed."""
    REFUSED = "refused"
    """Answer with another protocol, which no reader may take; nothing changes."""
    MUTE = "mute"
    """Say nothing; nothing changes."""


class ContactCard(ContactView):
    """The card's end of its contacts (ISO/IEC 7816-3:2006, 6, 9). One thread; no time.

    After a reset the card speaks the first protocol of its ATR, unless a PPS request comes first
    and chooses another of those it offers. A card with TA2 is in specific mode: it speaks the
    protocol that TA2 names, and PPS means nothing to it. `exchange` raises nothing but what the
    card itself raises, whatever the bytes.

    card: what executes the commands.
    pps: what it does with PPS.
    t0, t1: make its views, to give them options: `partial(T1Card, announced_ifsc=100)`.

    ValueError for an ATR with neither T=0 nor T=1, or whose TA2 names a protocol it has not.
    """

    def __init__(
        self,
        card: CardPort,
        *,
        pps: Pps = Pps.ANSWERED,
        t0: Callable[[CardPort], T0Card] = T0Card,
        t1: Callable[[CardPort], T1Card] = T1Card,
    ) -> None:
        self._pps = pps
        atr = Atr.parse(card.atr)
        power = PoweredCard(card)
        self._views: dict[int, T0Card | T1Card] = {}
        for protocol in atr.protocols:
            if protocol <= 1:
                self._views[protocol] = t1(power) if protocol else t0(power)
        self._specific = atr.specific_mode is not None
        self._first = atr.protocols[0] if atr.specific_mode is None else atr.specific_mode
        if self._first not in self._views:
            raise ValueError(f"the ATR {atr.hex} begins with T={self._first}: it can be T=0 or T=1")
        self._fastest = atr.interface_bytes.get("TA1", DEFAULT_SPEED)
        super().__init__(power)

    def __repr__(self) -> str:
        return f"<ContactCard T={self.protocol} speed={self.speed:02X}>"

    def start(self) -> None:
        """Set everything to what it is after an answer to reset."""
        self.protocol = self._first
        """The T of the protocol that the card speaks."""
        self.speed = self._fastest if self._specific else DEFAULT_SPEED
        """F and D that it keeps to, coded as TA1; announced only, there is no time here."""
        self._negotiable = not self._specific
        for view in self._views.values():
            view.start()

    def exchange(self, data: bytes) -> bytes:
        """Take what a reader sends at once; return what the card sends, empty for silence.

        That is a PPS request right after a reset, any bytes of T=0, or one block of T=1. A PPS
        request that is not accepted leaves everything as it was. CardNotPresent without power;
        what the card raises goes on, and it is then mute until a reset.
        """
        if not self._card.answers or not data:
            return b""
        if self._negotiable and data[0] == _PPSS:
            return self._negotiate(data)
        self._negotiable = False
        view = self._views[self.protocol]
        return view.feed(data) if isinstance(view, T0Card) else view.receive(data)

    @property
    def chaining(self) -> bool:
        """Whether the card has a part of a command that came in a chain of T=1."""
        view = self._views[self.protocol]
        return isinstance(view, T1Card) and view.chaining

    def hears_pps(self, data: bytes) -> bool:
        """Tell whether these bytes are a whole PPS request, and nothing came since the reset."""
        # ISO/IEC 7816-3:2006, 9.2: PPSS, PPS0, PPS1 to PPS3 as PPS0 says, PCK
        if not self._negotiable or len(data) < 3 or data[0] != _PPSS or data[1] & 0x80:
            return False
        return len(data) == 3 + (data[1] & 0x70).bit_count() and not reduce(xor, data)

    def _negotiate(self, request: bytes) -> bytes:
        if not self.hears_pps(request) or self._pps is Pps.MUTE:
            return b""
        protocol, parts = request[1] & 0x0F, request[2:-1]
        if protocol not in self._views:
            return b""
        if self._pps is Pps.REFUSED:
            return _sealed(protocol ^ 1)
        self.protocol, self._negotiable = protocol, False
        asked = parts[0] if request[1] & _PPS1 else DEFAULT_SPEED
        if not request[1] & _PPS1 or self._pps is Pps.WITHOUT_PPS1 or not self._can(asked):
            return _sealed(protocol)
        self.speed = asked
        return _sealed(protocol | _PPS1, asked)

    def _can(self, speed: int) -> bool:
        """Tell whether F and D are from the default to what TA1 offers (9.2)."""
        f, d = _FI.get(speed >> 4), _DI.get(speed & 0x0F)
        most_f, most_d = _FI.get(self._fastest >> 4, 372), _DI.get(self._fastest & 0x0F, 1)
        return f is not None and d is not None and 372 <= f <= max(372, most_f) and d <= most_d


def _sealed(pps0: int, *pps1: int) -> bytes:
    body = bytes((_PPSS, pps0, *pps1))
    return body + bytes((reduce(xor, body),))


def atr_variant(
    atr: bytes,
    protocols: Sequence[int] = (1,),
    *,
    speed: int | None = None,
    guard: int | None = None,
    specific: int | None = None,
    ifsc: int | None = None,
    crc: bool = False,
) -> bytes:
    """Return the ATR of a contact card with these historical bytes and other protocols.

    `issue_card(..., options=lambda o: replace(o, atr=atr_variant(o.atr, (0, 1))))` makes such a
    card. ISO/IEC 7816-3:2006, 8.3 and 11.4:

    atr: whose historical bytes it has.
    protocols: the T that it offers, ascending: `(0,)`, `(1,)` or `(0, 1)`.
    speed: TA1. guard: TC1, the extra guard time N. specific: the T that TA2 insists on.
    ifsc: the first TA for T=1, 1 to 254 bytes. crc: the first TC for T=1 is 01.

    AtrError for an ATR that cannot be; ValueError for other protocols, for `specific` that is not
    among them, and for what is said of T=1 when it is not.
    """
    offered = tuple(protocols)
    if offered not in {(0,), (1,), (0, 1)}:
        raise ValueError("protocols are (0,), (1,) or (0, 1)")
    if specific is not None and specific not in offered:
        raise ValueError(f"specific is T={specific}: it has to be among the protocols")
    if 1 not in offered and (ifsc is not None or crc):
        raise ValueError("ifsc and crc are T=1's: offer it")
    if ifsc is not None and not 1 <= ifsc <= 254:
        raise ValueError("an IFSC is 1 to 254 bytes")
    values = {"TA1": speed, "TC1": guard, "TA2": specific, "TA3": ifsc, "TC3": 1 if crc else None}
    # what TA3 and TC3 are about is the type before them: T=1 is said twice when it is alone
    chain = {(0,): (0,), (1,): (1, 1), (0, 1): (0, 1)}[offered]
    return bytes(
        Atr.build(
            protocols=chain,
            historical_bytes=Atr.parse(atr).historical_bytes,
            interface_bytes={name: value for name, value in values.items() if value is not None},
        )
    )

"""A contactless reader in front of its card: class FF is the reader's own, not the card's.

PC/SC part 3, 3.2.2: GET DATA tells the UID and the historical bytes; the rest is for memory cards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from jukicard.apdu.atr import Atr, AtrError
from jukicard.apdu.command import CommandApdu, MalformedApduError
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.environment import RandomSource, SystemRandom
from jukicard.transport import CardPort

_CLASS: Final = b"\xff"
_GET_DATA: Final = 0xCA
_UID, _HISTORICAL_BYTES = 0x00, 0x01
_FOR_MEMORY_CARDS: Final = frozenset((0x82, 0x86, 0x88, 0xB0, 0xD6))
"""Load keys, general authenticate (two forms), read binary, update binary."""
_UID_LENGTHS: Final = {"A": (4, 7, 10), "B": (4,)}
_RANDOM: Final = b"\x08"
"""What a UID drawn at random begins with (ISO/IEC 14443-3:2018, 6.5.4)."""
_ALL: Final = frozenset((256, 65_536))
"""Ne of Le 00 and 0000: as much as there is."""


@dataclass(frozen=True, slots=True)
class Contactless:
    """What a contactless reader finds, and how it answers.

    uid: the number of the card in the field: Type A 4, 7 or 10 bytes, Type B 4 (its PUPI). None: a
        new one at every activation, as cards do that do not let themselves be followed. It is
        drawn from `random`, and kept until the power is taken (ISO/IEC 14443-3:2018, 6.5.4, 7.9.2).
    pads: what a Le that is larger than the data gets: the data with 6282, or 6CXX (False). Readers
        do one or the other.
    refusal: the answer to what is for memory cards. PC/SC part 3 is not certain here: it has 6A81
        among several.
    """

    uid: bytes | None = field(default=None, repr=False)
    random: RandomSource = field(default_factory=SystemRandom, repr=False)
    pads: bool = True
    refusal: StatusWord = StatusWord.FUNCTION_NOT_SUPPORTED


class ContactlessPort:
    """Fits CardPort: a card as a contactless reader hands it on, which answers class FF itself.

    Put it where a card goes that another program reads through the air: `TcpServer`, a slot of a
    CCID reader at APDU level. `LocalReader` makes one when it is told `contactless`. The reader of
    a card that is served over vpcd is vpcd's driver, which knows nothing of class FF.

    ValueError for a card whose ATR no contactless reader makes, or a `uid` of the wrong length.
    """

    def __init__(self, card: CardPort, reader: Contactless | None = None) -> None:
        self.card = card
        self.reader = reader or Contactless()
        self._historical_bytes = _historical_bytes(card.atr)
        self._type = "B" if self._historical_bytes is None else "A"
        self._uid = self.reader.uid or b""
        if self.reader.uid is not None and len(self._uid) not in _UID_LENGTHS[self._type]:
            raise ValueError(
                f"the UID of a Type {self._type} card has "
                f"{' or '.join(map(str, _UID_LENGTHS[self._type]))} bytes, not {len(self._uid)}"
            )

    def __repr__(self) -> str:
        return f"<ContactlessPort Type {self._type}, {self.card!r}>"

    @property
    def atr(self) -> bytes:
        """The ATR that the reader made."""
        return self.card.atr

    def power_on(self) -> bytes:
        """Find and activate the card."""
        atr = self.card.power_on()
        if self.reader.uid is None:
            drawn = self.reader.random.take(4)
            self._uid = drawn if self._type == "B" else _RANDOM + drawn[1:]
        return atr

    def reset(self) -> bytes:
        """Activate the card again; its UID stays."""
        return self.card.reset()

    def power_off(self) -> None:
        """Take the field away."""
        self.card.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        """Answer class FF, hand on the rest."""
        if command[:1] != _CLASS:
            return self.card.transmit(command)
        try:
            # Not the card's class byte: it need not be one of ISO/IEC 7816-4.
            parsed = CommandApdu.parse(b"\0" + command[1:])
        except MalformedApduError:
            return ResponseApdu(b"", StatusWord.WRONG_LENGTH).encode()
        return self._answer(parsed).encode()

    def _answer(self, command: CommandApdu) -> ResponseApdu:
        if command.ins in _FOR_MEMORY_CARDS:
            return ResponseApdu(b"", self.reader.refusal)
        if command.ins != _GET_DATA:
            return ResponseApdu(b"", StatusWord.INS_NOT_SUPPORTED)
        found = {_UID: self._uid, _HISTORICAL_BYTES: self._historical_bytes}
        if command.p1 not in found or command.p2:
            return ResponseApdu(b"", StatusWord.INCORRECT_P1_P2)
        data = found[command.p1]
        if data is None:
            return ResponseApdu(b"", StatusWord.FUNCTION_NOT_SUPPORTED)
        if command.data or not command.ne:
            return ResponseApdu(b"", StatusWord.WRONG_LENGTH)
        return self._of_length(data, command.ne)

    def _of_length(self, data: bytes, wanted: int) -> ResponseApdu:
        if wanted in _ALL or wanted == len(data):
            return ResponseApdu(data)
        if wanted > len(data) and self.reader.pads:
            return ResponseApdu(data, StatusWord.END_OF_FILE)
        return ResponseApdu(b"", StatusWord(0x6C00 | len(data)))


def as_found(card: CardPort) -> CardPort:
    """Return a card as its reader hands it on: one with a contactless ATR as ContactlessPort."""
    try:
        return ContactlessPort(card)
    except ValueError:
        return card


def _historical_bytes(raw: bytes) -> bytes | None:
    """Return what a Type A card says, None for Type B. ValueError for a contact card's ATR."""
    atr = Atr.parse(raw)
    told = atr.historical_bytes
    # PC/SC part 3, 3.1.3.2.3.1, tables 3-5 and 3-6
    if atr != Atr.contactless_a(told):
        raise AtrError(
            f"no contactless reader makes the ATR {atr.hex}: issue the card with contactless=True"
        )
    # eight bytes, of which the last is MBLI and four zeros: what a reader makes for Type B
    return None if len(told) == 8 and not told[7] & 0x0F else told

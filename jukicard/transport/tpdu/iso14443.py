"""A card in the field of a Type B reader: found, activated, spoken to in frames, deselected."""

from __future__ import annotations

from typing import ClassVar, Final

from jukicard.apdu.atr import Atqb, Atr
from jukicard.transport import CardPort
from jukicard.transport.tpdu.edc import CRC_B, Edc
from jukicard.transport.tpdu.iso14443_blocks import MAX_CID
from jukicard.transport.tpdu.picc import FieldCard, Link, PiccState
from jukicard.transport.tpdu.power import WaitPolicy, never

_EXTENDED_ATQB: Final = 0x10
_WAKE_UP: Final = 0x08
_MAX_SLOTS_CODE: Final = 4


class Iso14443Card(FieldCard):
    """A Type B card (ISO/IEC 14443-3:2018, 7, and 14443-4:2018). One thread; no time.

    `receive` takes a frame with its CRC_B and returns the card's, empty for silence: a frame that
    is damaged, not for this card or out of turn is not answered. Whatever the bytes, it raises
    nothing but what the card itself raises. Below this view are SOF and EOF, bit rates and times.

    `power_on` is the field; the first ATTRIB finds a card just powered on, every later one resets
    it (`CardPort.reset`), which is what a program sees as a warm reset. With more than one slot
    the card always takes the first.

    card: what executes the commands.
    atqb: what it answers to a request; by default what its ATR says (`atqb_from_atr`).
    afi: its application family; 00 answers only to requests for every family.
    mbli: the maximum buffer length index in the answer to ATTRIB, 0 to 15.
    wait: how many S(WTX) requests come before the answer to a command; `multiplier`, 1 to 59, is
        in each.

    ValueError for parameters outside these.
    """

    crc: ClassVar[Edc] = CRC_B
    in_field: ClassVar[PiccState] = PiccState.IDLE

    def __init__(
        self,
        card: CardPort,
        *,
        atqb: Atqb | None = None,
        afi: int = 0,
        mbli: int | None = None,
        wait: WaitPolicy = never,
        multiplier: int = 1,
    ) -> None:
        if atqb is None:
            atqb = atqb_from_atr(Atr.parse(card.atr))
            mbli = Atr.parse(card.atr).historical_bytes[7] >> 4 if mbli is None else mbli
        self._mbli = mbli or 0
        if not (0 <= afi <= 255 and 0 <= self._mbli <= 15):
            raise ValueError("AFI is 0 to 255 and MBLI 0 to 15")
        self.atqb = atqb
        self._afi = afi
        super().__init__(card, wait, multiplier)

    def _answer(self, frame: bytes) -> bytes | None:
        active = self.state is PiccState.ACTIVE
        return self._go_on(frame) if active else self._initialise(frame)

    # -- ISO/IEC 14443-3:2018, 7.4 to 7.12 -------------------------------------------------------

    def _initialise(self, frame: bytes) -> bytes | None:
        match frame[:1]:
            case b"\x05" if len(frame) == 3:
                return self._request(frame[1], frame[2])
            case b"\x1d" if self.state is PiccState.READY and len(frame) >= 9:
                return self._attrib(frame)
            case b"\x50" if self.state is PiccState.READY and frame[1:] == self.atqb.pupi:
                self.state = PiccState.HALT
                return b"\x00"
            case _:
                return None

    def _request(self, afi: int, param: int) -> bytes | None:
        """Answer REQB or WUPB (7.7): the ATQB, for the right family and unless halted."""
        if self.state is PiccState.HALT and not param & _WAKE_UP:
            return None
        if param & 0xE0 or param & 0x07 > _MAX_SLOTS_CODE or not self._is_of_family(afi):
            return None
        self.state = PiccState.READY
        whole = self.atqb.encode()
        return whole if param & _EXTENDED_ATQB else whole[:12]

    def _is_of_family(self, afi: int) -> bool:
        # table 12: 00 is everybody, X0 the family X with all its subfamilies, 0Y subfamily Y
        if afi in (0, self._afi):
            return True
        family, sub = self._afi & 0xF0, self._afi & 0x0F
        return bool(self._afi) and (afi == family or (afi == sub and sub != 0))

    def _attrib(self, frame: bytes) -> bytes | None:
        """Answer ATTRIB (7.10): the card is chosen, and the block protocol begins.

        Higher layer information (from the tenth byte on) is taken and not answered.
        """
        pupi, (_, param2, param3, param4) = frame[1:5], frame[5:9]
        if pupi != self.atqb.pupi or not param3 & 1 or param4 > MAX_CID:
            return None
        self._activate(fsd_code=param2 & 0x0F, cid=param4)
        return bytes((self._mbli << 4 | self._protocol.link.cid,))

    def _link(self, fsd_code: int, cid: int) -> Link:
        # 7.9.4: maximum frame size in the second byte, FWI and FO (NAD, CID) in the third
        _, frame, options = self.atqb.protocol_info[:3]
        return Link.negotiate(
            fsc_code=frame >> 4,
            fsd_code=fsd_code,
            cid=cid,
            has_cid=bool(options & 0x01),
            has_nad=bool(options & 0x02),
        )


def atqb_from_atr(atr: Atr, pupi: bytes = bytes(4)) -> Atqb:
    """Return the ATQB of a card whose reader makes this ATR; `pupi` is 4 bytes, its number.

    The inverse of `Atr.contactless_b` (PC/SC part 3, 3.1.3.2.3.1). ValueError when the ATR is not
    one that a reader makes for a Type B card.
    """
    told = atr.historical_bytes
    if len(told) == 8:
        atqb = Atqb(pupi=pupi, application_data=told[:4], protocol_info=told[4:7])
        if Atr.contactless_b(atqb, told[7] >> 4) == atr:
            return atqb
    raise ValueError(f"no reader makes the ATR {atr.hex} for a Type B card")

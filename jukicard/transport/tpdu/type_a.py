"""A card in the field of a Type A reader, from the moment that anticollision has chosen it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jukicard.apdu.atr import Atr
from jukicard.transport import CardPort
from jukicard.transport.tpdu.edc import CRC_A, Edc
from jukicard.transport.tpdu.iso14443_blocks import MAX_CID
from jukicard.transport.tpdu.picc import FieldCard, Link, PiccState
from jukicard.transport.tpdu.power import WaitPolicy, never


@dataclass(frozen=True, slots=True)
class Ats:
    """What an answer to select says (ISO/IEC 14443-4:2018, 5.2.2 to 5.2.7); else ValueError.

    fsci: the code of the longest frame the card takes, 0 to 12.
    fwi: the code of the frame waiting time, 0 to 14; sfgi: of the time after the answer.
    has_cid, has_nad: whether the card supports card identifiers and node addresses.
    historical_bytes: 0 to 15 bytes.
    """

    fsci: int = 8
    fwi: int = 9
    sfgi: int = 0
    has_cid: bool = True
    has_nad: bool = False
    historical_bytes: bytes = b""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (0 <= self.fsci <= 12 and 0 <= self.fwi <= 14 and 0 <= self.sfgi <= 14):
            raise ValueError("FSCI is 0 to 12, FWI and SFGI are 0 to 14")
        if len(self.historical_bytes) > 15:
            raise ValueError("at most 15 historical bytes")

    def encode(self) -> bytes:
        """Return TL, T0, TA(1) to TC(1) and the historical bytes; 106 kbit/s both ways only."""
        options = self.has_cid << 1 | self.has_nad
        body = bytes((0x70 | self.fsci, 0x80, self.fwi << 4 | self.sfgi, options))
        return bytes((1 + len(body) + len(self.historical_bytes),)) + body + self.historical_bytes


class Iso14443TypeACard(FieldCard):
    """A Type A card (ISO/IEC 14443-4:2018, 5 and 7) that anticollision has just chosen.

    Anticollision works on bits and is below this view: `power_on` leaves the card chosen, `select`
    stands for WUPA and anticollision after the card was halted. `receive` takes frames with CRC_A:
    RATS, PPS, HLTA and blocks. The rest is as with `Iso14443Card`.

    card: what executes the commands.
    ats: what it says of itself; by default with the historical bytes of its ATR.
    wait, multiplier: see `Iso14443Card`.
    """

    crc: ClassVar[Edc] = CRC_A
    in_field: ClassVar[PiccState] = PiccState.READY

    def __init__(
        self,
        card: CardPort,
        *,
        ats: Ats | None = None,
        wait: WaitPolicy = never,
        multiplier: int = 1,
    ) -> None:
        self.ats = ats or Ats(historical_bytes=Atr.parse(card.atr).historical_bytes)
        self._may_negotiate = False
        super().__init__(card, wait, multiplier)

    def select(self) -> None:
        """Wake the card and choose it again: it waits for RATS. CardNotPresent without power."""
        if self._card.answers:
            self.state = PiccState.READY

    def _answer(self, frame: bytes) -> bytes | None:
        if self.state is PiccState.READY:
            return self._choose(frame)
        if self.state is not PiccState.ACTIVE:
            return None
        if self._may_negotiate and self._is_pps(frame):
            self._may_negotiate = False
            return frame[:1]
        answer = self._go_on(frame)
        if answer is not None:
            self._may_negotiate = False
        return answer

    def _choose(self, frame: bytes) -> bytes | None:
        """Answer RATS with the ATS (5.2); take HLTA (ISO/IEC 14443-3:2018, 6.4.3) in silence."""
        if frame == b"\x50\x00":
            self.state = PiccState.HALT
        if len(frame) != 2 or frame[0] != 0xE0 or frame[1] & 0x0F > MAX_CID:
            return None
        self._activate(fsd_code=frame[1] >> 4, cid=frame[1] & 0x0F)
        self._may_negotiate = True
        return self.ats.encode()

    def _is_pps(self, frame: bytes) -> bool:
        # 5.3: PPSS with the CID, PPS0 11, PPS1 with the bit rates; the ATS offers one only
        return frame == bytes((0xD0 | self._protocol.link.cid, 0x11, 0x00))

    def _link(self, fsd_code: int, cid: int) -> Link:
        return Link.negotiate(
            fsc_code=self.ats.fsci,
            fsd_code=fsd_code,
            cid=cid,
            has_cid=self.ats.has_cid,
            has_nad=self.ats.has_nad,
        )

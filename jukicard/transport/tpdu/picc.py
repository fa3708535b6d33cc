"""The block protocol of a contactless card, the same for Type A and Type B (ISO/IEC 14443-4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from jukicard.transport import CardPort
from jukicard.transport.tpdu.edc import Edc
from jukicard.transport.tpdu.iso14443_blocks import (
    CRC_BYTES,
    MAX_WTXM,
    BlockKind,
    PiccBlock,
    frame_size,
    parse,
)
from jukicard.transport.tpdu.power import MAX_COMMAND_BYTES, PoweredCard, WaitPolicy


@dataclass(frozen=True, slots=True)
class Link:
    """What activation agreed on: frame sizes in bytes, the card's CID, and what it supports."""

    fsc: int
    fsd: int
    cid: int
    has_cid: bool
    has_nad: bool

    @classmethod
    def negotiate(
        cls, *, fsc_code: int, fsd_code: int, cid: int, has_cid: bool, has_nad: bool
    ) -> Link:
        """Return the link for two frame size codes; a card without CIDs has number 0."""
        number = cid if has_cid else 0
        return cls(frame_size(fsc_code), frame_size(fsd_code), number, has_cid, has_nad)


class BlockProtocol:
    """The card's end of the half-duplex block protocol, from activation to S(DESELECT).

    `receive` takes a frame without its CRC and returns the card's, or None for silence: a card
    does not report errors, it waits for the reader to ask again (ISO/IEC 14443-4:2018, 7.5.5.2).
    A command is executed once: an I-block with the card's own number is one that came before
    (7.5.3.2, the option in rule D), and is not answered.
    """

    def __init__(self, card: PoweredCard, link: Link, wait: WaitPolicy, multiplier: int) -> None:
        if not 1 <= multiplier <= MAX_WTXM:
            raise ValueError(f"a multiplier of FWT is 1 to {MAX_WTXM}")
        self._card = card
        self.link = link
        self._wait = wait
        self._multiplier = bytes((multiplier,))
        self._number = 1  # rule C
        self._command = bytearray()
        self._answer = b""
        self._waits = 0
        self._nad: int | None = None
        self._last: PiccBlock | None = None
        self._with_cid = False
        self.deselected = False
        """True once S(DESELECT) has been answered: the card then belongs to HALT."""

    def __repr__(self) -> str:
        return f"<BlockProtocol {self.link!r}>"

    def receive(self, frame: bytes) -> bytes | None:
        """Take a frame without CRC, return the card's without CRC; None for silence."""
        if len(frame) + CRC_BYTES > self.link.fsc:
            return None
        block = parse(frame)
        if block is None or not self._is_mine(block):
            return None
        self._with_cid = block.cid is not None
        answer = self._answer_to(block)
        return None if answer is None else answer.encode()

    def _is_mine(self, block: PiccBlock) -> bool:
        # 7.1.2.2: a card with CID 0 also answers to none; one without CIDs to none only
        if block.nad is not None and not self.link.has_nad:
            return False
        if block.cid is None:
            return self.link.cid == 0
        return self.link.has_cid and block.cid == self.link.cid

    def _answer_to(self, block: PiccBlock) -> PiccBlock | None:
        match block.kind:
            case BlockKind.DESELECT:
                self.deselected = True
                return self._block(BlockKind.DESELECT)
            case BlockKind.INFORMATION:
                return self._information(block)
            case BlockKind.WTX:
                return self._extended(block.inf)
            case _ if block.number == self._number:
                return self._last  # rule 11
            case BlockKind.NAK:
                return self._block(BlockKind.ACK, self._number)  # rule 12
            case BlockKind.ACK if self._answer and not self._waits:
                self._number ^= 1  # rule E
                return self._next_part(None)  # rule 13
            case _:
                return None

    def _block(self, kind: BlockKind, number: int = 0, inf: bytes = b"") -> PiccBlock:
        return PiccBlock(kind, number, inf, cid=self.link.cid if self._with_cid else None)

    def _information(self, block: PiccBlock) -> PiccBlock | None:
        if block.number == self._number or self._waits:
            return None
        self._number ^= 1  # rule D
        if not self._command:
            self._nad = None
        if block.nad is not None:
            self._nad = block.nad
        # a command that is longer than any stays so and costs no more memory
        room = MAX_COMMAND_BYTES + 1 - len(self._command)
        self._command += block.inf[:room]
        self._answer = b""
        if block.more:
            self._last = self._block(BlockKind.ACK, self._number)  # rule 2
            return self._last
        return self._execute()

    def _execute(self) -> PiccBlock:
        command = bytes(self._command)
        self._command.clear()
        self._waits = max(0, self._wait(command))
        self._answer = self._card.transmit(command)
        return self._go_on()

    def _go_on(self) -> PiccBlock:
        """Ask for more time, or begin to answer (rules 9 and 10)."""
        if not self._waits:
            return self._next_part(self._nad)
        self._last = self._block(BlockKind.WTX, inf=self._multiplier)
        return self._last

    def _extended(self, inf: bytes) -> PiccBlock | None:
        """Take S(WTX response); one that was not asked for is an error."""
        if not self._waits or inf != self._multiplier:
            return None
        self._waits -= 1
        return self._go_on()

    def _next_part(self, nad: int | None) -> PiccBlock:
        # 7.1.2.3: the node address is in the first block of a chain only
        address = None if nad is None else nad >> 4 & 0x07 | (nad & 0x07) << 4
        prologue = 1 + self._with_cid + (address is not None)
        room = self.link.fsd - CRC_BYTES - prologue
        part, self._answer = self._answer[:room], self._answer[room:]
        self._last = PiccBlock(
            BlockKind.INFORMATION,
            self._number,
            part,
            bool(self._answer),
            self.link.cid if self._with_cid else None,
            address,
        )
        return self._last


class PiccState(Enum):
    """Where a contactless card is between field and block protocol (ISO/IEC 14443-3:2018, 7.4)."""

    IDLE = "idle"
    READY = "ready"
    ACTIVE = "active"
    HALT = "halt"


class FieldCard(ABC):
    """A card in the field of a reader: power, frames with their CRC, and when it is activated."""

    crc: ClassVar[Edc]
    in_field: ClassVar[PiccState]
    """Where the card is when the field has just come."""

    def __init__(self, card: CardPort, wait: WaitPolicy, multiplier: int) -> None:
        self._card = PoweredCard(card)
        self._wait = wait
        self._multiplier = multiplier
        self._protocol = self._open(fsd_code=0, cid=0)
        self._was_active = False
        self.state = PiccState.IDLE
        """Where the card is: READY waits to be activated, ACTIVE is the block protocol."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.value}>"

    @property
    def atr(self) -> bytes:
        """The ATR that a PC/SC reader would make, or whatever the card names; needs no power."""
        return self._card.atr

    def power_on(self) -> bytes:
        """Bring the card into the field; return its `atr`."""
        self.state, self._was_active = self.in_field, False
        return self._card.power_on()

    def power_off(self) -> None:
        """Take the card out of the field; nothing happens when it is in none."""
        self.state = PiccState.IDLE
        self._card.power_off()

    def receive(self, raw: bytes) -> bytes:
        """Take a frame with its CRC, return the card's with its own; empty for silence.

        CardNotPresent without power. What the card raises goes on; the card is then mute until
        it is powered on again.
        """
        if not self._card.answers or not self.crc.fits(raw):
            return b""
        answer = self._answer(raw[: -self.crc.size])
        return b"" if answer is None else self.crc.seal(answer)

    def _activate(self, *, fsd_code: int, cid: int) -> None:
        """Begin the block protocol; of a card that was active before it is a reset."""
        if self._was_active:
            self._card.reset()
        self._was_active = True
        self.state = PiccState.ACTIVE
        self._protocol = self._open(fsd_code=fsd_code, cid=cid)

    def _go_on(self, frame: bytes) -> bytes | None:
        """Answer a frame of the block protocol; S(DESELECT) ends it."""
        answer = self._protocol.receive(frame)
        if self._protocol.deselected:
            self.state = PiccState.HALT
        return answer

    @abstractmethod
    def _answer(self, frame: bytes) -> bytes | None:
        """Answer a frame without its CRC; None for silence."""

    def _open(self, *, fsd_code: int, cid: int) -> BlockProtocol:
        link = self._link(fsd_code, cid)
        return BlockProtocol(self._card, link, self._wait, self._multiplier)

    @abstractmethod
    def _link(self, fsd_code: int, cid: int) -> Link:
        """Return what activation agrees on for what the reader says."""

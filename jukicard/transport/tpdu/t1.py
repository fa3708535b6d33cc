"""A card as T=1 shows it: bytes of one block in, bytes of one block out, errors included."""

from __future__ import annotations

from collections import deque
from typing import Final

from jukicard.apdu.atr import Atr
from jukicard.transport import CardPort
from jukicard.transport.tpdu.edc import Edc
from jukicard.transport.tpdu.power import MAX_COMMAND_BYTES, ContactView, WaitPolicy, never
from jukicard.transport.tpdu.t1_blocks import (
    DEFAULT_IFS,
    MAX_IFS,
    Block,
    BlockError,
    IBlock,
    InvalidBlock,
    RBlock,
    SBlock,
    Supervision,
    T1Parameters,
    decode,
    encode,
    i_block,
    is_valid_nad,
    r_block,
    s_block,
    swapped,
)

ATTEMPTS: Final = 3
"""How many invalid blocks in a row the card reports; after that it only listens (rule 7.4)."""


class T1Card(ContactView):
    """The card's end of T=1 (ISO/IEC 7816-3:2006, 11). One thread; no time, no randomness.

    `receive` takes the bytes of one block and returns those of the block the card answers with,
    empty for silence. Whatever the bytes, it raises nothing but what the card itself raises. A
    command is executed once: a block that comes again is not another command. The exception is
    S(RESYNCH), after which the same command is a new one.

    card: what executes the commands.
    edc: the error detection code, when it is not the one that the ATR names.
    nad: the node address byte that readers send to this card; any other is an error.
    announced_ifsc: with it, the card asks by S(IFS request) for this IFSC before its first
        answer, 1 to 254 bytes.
    wait: how many S(WTX request) come before the answer to a command; `multiplier` is in each.
    buffer: how long a command may get before the card aborts its chain, in bytes.

    ValueError for parameters that T=1 does not allow, or an ATR without T=1.
    """

    def __init__(
        self,
        card: CardPort,
        *,
        edc: Edc | None = None,
        nad: int = 0,
        announced_ifsc: int | None = None,
        wait: WaitPolicy = never,
        multiplier: int = 1,
        buffer: int = MAX_COMMAND_BYTES,
    ) -> None:
        if not is_valid_nad(nad):
            raise ValueError(f"{nad:02X} is no node address")
        if announced_ifsc is not None and not 1 <= announced_ifsc <= MAX_IFS:
            raise ValueError("an IFSC is 1 to 254 bytes")
        if not 1 <= multiplier <= 255:
            raise ValueError("a multiplier of BWT is 1 to 255")
        parameters = T1Parameters.from_atr(Atr.parse(card.atr))
        self._initial_ifsc = parameters.ifsc
        self._edc = edc or parameters.edc
        self._nad = nad
        self._announced = announced_ifsc
        self._wait = wait
        self._multiplier = bytes((multiplier,))
        self._buffer = buffer
        super().__init__(card)

    def __repr__(self) -> str:
        return f"<T1Card IFSC={self.ifsc} IFSD={self.ifsd} {self._edc.name}>"

    def start(self) -> None:
        """Set everything to what it is after an answer to reset."""
        self.ifsc = self._initial_ifsc
        """How many bytes of information the card takes in one block."""
        self.ifsd = DEFAULT_IFS
        """How many bytes of information the card may send in one block."""
        self._expected = 0  # N(S) of the reader's next I-block
        self._number = 0  # N(S) of the card's next I-block
        self._command = bytearray()
        self._answer = b""
        self._outstanding: Block | None = None  # the last I-block sent, until it is acknowledged
        self._last: Block | None = None
        self._requests: deque[Block] = deque()  # S(request)s to be confirmed before the answer
        self._errors = 0
        self._announce = self._announced is not None

    @property
    def chaining(self) -> bool:
        """Whether a part of a command has come, and the next block goes on with it."""
        return bool(self._command)

    # -- one block -------------------------------------------------------------------------------

    def receive(self, raw: bytes) -> bytes:
        """Take a block and return the card's block; empty for silence.

        Empty input is a block of which nothing arrived, so nothing is answered. CardNotPresent
        without power. What the card raises goes on; the card is then mute until a reset.
        """
        if not self._card.answers or not raw:
            return b""
        try:
            block = decode(raw, nad=self._nad, edc=self._edc, ifs=self.ifsc)
        except InvalidBlock as invalid:
            answer = self._invalid(invalid.error)
        else:
            answer = self._valid(block)
        if answer is None:
            return b""
        self._last = answer
        return encode(answer, swapped(self._nad), self._edc)

    def _valid(self, block: Block) -> Block | None:
        match block.pcb:
            case SBlock(kind=Supervision.RESYNCH, response=False):
                # ISO/IEC 7816-3:2006, 11.6.3, rule 6: as after the answer to reset
                self.start()
                return s_block(Supervision.RESYNCH, response=True)
            case RBlock():
                self._errors = 0
                return self._repeat_or_continue(block.pcb.number)
            case SBlock() if block.pcb.response:
                return self._confirmed(block)
            case _ if self._requests:
                return self._invalid(BlockError.OTHER)
            case SBlock():
                return self._requested(block)
            case IBlock() if block.pcb.number == self._expected:
                self._errors = 0
                return self._accept(block.pcb, block.inf)
            case _:
                # a number out of turn: this block has been received before
                return self._invalid(BlockError.OTHER)

    # -- commands in: rules 2 and 5 --------------------------------------------------------------

    def _accept(self, pcb: IBlock, inf: bytes) -> Block:
        self._expected ^= 1
        self._outstanding, self._answer = None, b""
        self._command += inf
        if not pcb.more:
            return self._execute()
        if len(self._command) > self._buffer:
            # rule 9: the receiver of a chain may abort it
            self._command.clear()
            self._requests.append(s_block(Supervision.ABORT))
            return self._requests[0]
        return r_block(self._expected)

    def _execute(self) -> Block:
        command = bytes(self._command)
        self._command.clear()
        waits = self._wait(command)
        self._answer = self._card.transmit(command)
        if self._announce and self._announced is not None:
            self._announce = False
            self._requests.append(s_block(Supervision.IFS, bytes((self._announced,))))
        for _ in range(waits):
            self._requests.append(s_block(Supervision.WTX, self._multiplier))
        return self._requests[0] if self._requests else self._next_part()

    # -- answers out: rules 2 and 5 --------------------------------------------------------------

    def _next_part(self) -> Block:
        part, self._answer = self._answer[: self.ifsd], self._answer[self.ifsd :]
        block = i_block(self._number, part, more=bool(self._answer))
        self._number ^= 1
        self._outstanding = block
        return block

    def _repeat_or_continue(self, number: int) -> Block:
        """Answer R(number): repeat what was lost, go on with a chain, or ask for what was lost."""
        if self._requests:
            return self._requests[0]  # rule 7.3
        sent = self._outstanding
        if sent is not None and isinstance(sent.pcb, IBlock):
            if sent.pcb.number == number:
                return sent  # rule 7.1: the block was not received well
            if sent.pcb.more:
                return self._next_part()  # rule 2.2: it was
        elif self._last is not None and isinstance(self._last.pcb, RBlock):
            return self._last  # rule 7.2
        # the reader waits for a block that the card has not come to: its own was lost
        return r_block(self._expected, BlockError.OTHER)

    # -- supervision: rules 3, 4, 6 and 9 --------------------------------------------------------

    def _requested(self, block: Block) -> Block | None:
        """Answer S(request) of the reader."""
        match block.pcb:
            case SBlock(kind=Supervision.IFS):
                self.ifsd = block.inf[0]
            case SBlock(kind=Supervision.ABORT):
                self._drop_chain()
            case _:
                return self._invalid(BlockError.OTHER)  # rule 3: WTX is the card's to request
        self._errors = 0
        return Block(SBlock(block.pcb | 0x20), block.inf)

    def _drop_chain(self) -> None:
        """Forget the chain that comes in or goes out; a whole answer stays (rule 9)."""
        self._command.clear()
        if self._answer:
            self._answer = b""
            self._outstanding = None

    def _confirmed(self, block: Block) -> Block | None:
        """Take S(response) to what the card requested; any other is an error."""
        if not self._requests or block != Block(
            SBlock(self._requests[0].pcb | 0x20), self._requests[0].inf
        ):
            return self._invalid(BlockError.OTHER)
        self._errors = 0
        request = self._requests.popleft()
        if request.pcb == s_block(Supervision.ABORT).pcb:
            return r_block(self._expected)  # annex A, 26 and 27: the right to send goes back
        if request.pcb == s_block(Supervision.IFS).pcb:
            self.ifsc = request.inf[0]
        return self._requests[0] if self._requests else self._next_part()

    # -- errors: rule 7 --------------------------------------------------------------------------

    def _invalid(self, error: BlockError) -> Block | None:
        """Report an invalid block, or repeat a request; after `ATTEMPTS` say nothing."""
        self._errors += 1
        if self._errors > ATTEMPTS:
            return None
        if self._requests:
            return self._requests[0]  # rule 7.3
        return r_block(self._expected, error)

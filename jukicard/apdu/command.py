"""Command APDUs: the seven encodings of ISO/IEC 7816-3:2006, 12.1, parsed once, typed after."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.cla import CLASS_BYTES, ClassByte
from jukicard.apdu.ins import INSTRUCTIONS, ins_label

MAX_NC: Final = 65_535
"""The largest command data field, in bytes."""
MAX_NE: Final = 65_536
"""The largest number of response bytes a command can ask for."""
_new: Final = object.__new__


class MalformedApduError(ValueError):
    """The bytes are no command (or response) APDU; the text says what is wrong with them."""


class Typed(bytes):
    """A command with what was typed on a reader's pad, on its way to the card.

    Traces show its header, length fields and status, at every level; its repr shows nothing.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes, typed on a pad>"

    __str__ = __repr__


class CommandApdu:
    """One command: class, instruction, parameters, data and the number of bytes expected.

    `ne` is a number: 0 means there is no Le field, 256 is what a short Le of 00 asks for, up to
    65536. `extended` tells which length fields the command had, or will have: it is true by
    itself when data or `ne` need it. `cla` may be given as an int.

    A CommandApdu is not changed after it was made; `replace` makes another. Its repr shows no
    data, because data may be a PIN or a key.
    """

    __slots__ = ("cla", "data", "extended", "ins", "ne", "p1", "p2")

    cla: ClassByte
    ins: int
    p1: int
    p2: int
    data: bytes
    ne: int
    extended: bool

    def __init__(
        self,
        cla: ClassByte | int,
        ins: int,
        p1: int,
        p2: int,
        data: bytes = b"",
        ne: int = 0,
        *,
        extended: bool = False,
    ) -> None:
        """Make a command; ValueError when a field is outside its range."""
        self.cla = cla if isinstance(cla, ClassByte) else ClassByte(cla)
        if not (0 <= ins <= 255 and 0 <= p1 <= 255 and 0 <= p2 <= 255):
            raise ValueError("INS, P1 and P2 are bytes, 0 to 255")
        nc = len(data)
        if nc > MAX_NC:
            raise ValueError(f"a command carries at most {MAX_NC} bytes, not {nc}")
        if not 0 <= ne <= MAX_NE:
            raise ValueError(f"ne is 0 to {MAX_NE}, not {ne}")
        self.ins = INSTRUCTIONS[ins]
        self.p1 = p1
        self.p2 = p2
        self.data = bytes(data)
        self.ne = ne
        self.extended = (extended and (nc > 0 or ne > 0)) or nc > 255 or ne > 256

    @classmethod
    def parse(cls, raw: bytes) -> CommandApdu:
        """Read a command from the wire; MalformedApduError when no case fits.

        Cases 1, 2S, 3S, 4S, 2E, 3E, 4E (ISO/IEC 7816-3:2006, 12.1.3, decoding conventions).
        """
        size = len(raw)
        if size < 4:
            raise MalformedApduError(f"a command APDU has at least 4 bytes, not {size}")
        self = _new(cls)
        if size == 5:  # case 2S
            class_byte, ins, self.p1, self.p2, le = raw
            self.cla = CLASS_BYTES[class_byte]
            self.ins = INSTRUCTIONS[ins]
            self.data = b""
            self.ne = le or 256
            self.extended = False
            return self
        self.cla = CLASS_BYTES[raw[0]]
        self.ins = INSTRUCTIONS[raw[1]]
        self.p1 = raw[2]
        self.p2 = raw[3]
        if size == 4:  # case 1
            self.data = b""
            self.ne = 0
            self.extended = False
            return self
        lc = raw[4]
        if lc:
            body = size - 5 - lc
            if body == 0:  # case 3S
                data = raw[5:]
                self.ne = 0
            elif body == 1:  # case 4S
                data = raw[5:-1]
                self.ne = raw[-1] or 256
            else:
                raise MalformedApduError(f"Lc says {lc} bytes, {size - 5} bytes follow it")
            self.data = data if type(data) is bytes else bytes(data)
            self.extended = False
            return self
        return self._parse_extended(raw, size)

    def _parse_extended(self, raw: bytes, size: int) -> CommandApdu:
        """Finish `parse` for a command whose fifth byte is 00 and is not its last."""
        if size < 7:
            raise MalformedApduError("the extended length field is cut short")
        self.extended = True
        length = raw[5] << 8 | raw[6]
        if size == 7:  # case 2E
            self.data = b""
            self.ne = length or 65_536
            return self
        if length == 0:
            raise MalformedApduError("an extended Lc of 0 is no length")
        body = size - 7 - length
        if body == 0:  # case 3E
            self.data = bytes(raw[7:])
            self.ne = 0
        elif body == 2:  # case 4E
            self.data = bytes(raw[7:-2])
            self.ne = (raw[-2] << 8 | raw[-1]) or 65_536
        else:
            raise MalformedApduError(f"Lc says {length} bytes, {size - 7} bytes follow it")
        return self

    def encode(self) -> bytes:
        """Return the bytes on the wire, in the short form unless `extended`."""
        nc = len(self.data)
        header = bytes((self.cla.value, self.ins, self.p1, self.p2))
        if not self.extended:
            lc = bytes((nc,)) if nc else b""
            le = bytes((self.ne & 0xFF,)) if self.ne else b""
            return header + lc + self.data + le
        le = (self.ne & 0xFFFF).to_bytes(2, "big") if self.ne else b""
        if nc:
            return header + b"\0" + nc.to_bytes(2, "big") + self.data + le
        return header + b"\0" + le

    @property
    def case(self) -> str:
        """The ISO name of this command's case: 1, 2S, 3S, 4S, 2E, 3E or 4E."""
        if not self.data and not self.ne:
            return "1"
        number = 2 if not self.data else 4 if self.ne else 3
        return f"{number}{'E' if self.extended else 'S'}"

    @property
    def label(self) -> str:
        """The printed name of its instruction, which the class byte has a part in."""
        return ins_label(self.ins, proprietary=not self.cla.interindustry)

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2 as they are on the wire."""
        return bytes((self.cla.value, self.ins, self.p1, self.p2))

    def replace(
        self,
        *,
        cla: ClassByte | None = None,
        data: bytes | None = None,
        ne: int | None = None,
        extended: bool | None = None,
    ) -> CommandApdu:
        """Return this command with some parts changed; `extended` False is dropped if needed."""
        return CommandApdu(
            self.cla if cla is None else cla,
            self.ins,
            self.p1,
            self.p2,
            self.data if data is None else data,
            self.ne if ne is None else ne,
            extended=self.extended if extended is None else extended,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CommandApdu):
            return NotImplemented
        return (
            self.cla is other.cla
            and self.ins == other.ins
            and self.p1 == other.p1
            and self.p2 == other.p2
            and self.data == other.data
            and self.ne == other.ne
            and self.extended == other.extended
        )

    def __hash__(self) -> int:
        return hash((self.cla.value, self.ins, self.p1, self.p2, self.data, self.ne, self.extended))

    def __repr__(self) -> str:
        return (
            f"<CommandApdu {self.header.hex(' ').upper()} Nc={len(self.data)} Ne={self.ne}"
            f"{' extended' if self.extended else ''}>"
        )

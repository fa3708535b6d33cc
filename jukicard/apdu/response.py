"""Response APDUs: data and a status word (ISO/IEC 7816-4:2020, 5.3)."""

from __future__ import annotations

from jukicard.apdu.command import MAX_NE, MalformedApduError
from jukicard.apdu.status import StatusWord


class ResponseApdu:
    """One answer: `data` (0 to 65536 bytes) and `status`.

    ValueError when there is more data. Not changed after it was made. Its repr shows no data,
    because data may be personal.
    """

    __slots__ = ("data", "status")

    data: bytes
    status: StatusWord

    def __init__(self, data: bytes = b"", status: StatusWord = StatusWord.OK) -> None:
        if len(data) > MAX_NE:
            raise ValueError(f"a response carries at most {MAX_NE} bytes, not {len(data)}")
        self.data = data if type(data) is bytes else bytes(data)
        self.status = status

    @classmethod
    def parse(cls, raw: bytes) -> ResponseApdu:
        """Read an answer from the wire, 2 to 65538 bytes; MalformedApduError otherwise."""
        if not 2 <= len(raw) <= MAX_NE + 2:
            raise MalformedApduError(f"a response APDU has 2 to {MAX_NE + 2} bytes, not {len(raw)}")
        return cls(bytes(raw[:-2]), StatusWord(raw[-2] << 8 | raw[-1]))

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        return self.data + self.status.to_bytes(2, "big")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ResponseApdu):
            return NotImplemented
        return self.data == other.data and self.status == other.status

    def __hash__(self) -> int:
        return hash((self.data, int(self.status)))

    def __repr__(self) -> str:
        return f"<ResponseApdu {len(self.data)} bytes, {self.status!r}>"

"""The interface device's end of T=0, written from ISO/IEC 7816-3:2006, 10 and 12.2.

A second opinion: it imports nothing of the card. It sends bytes and reads what comes back; bytes
that do not come are a waiting time that has run out, and T=0 has no answer to that but a reset.
"""

from __future__ import annotations

from collections.abc import Callable


class CardMute(Exception):
    """Expected bytes did not come, or a procedure byte made no sense: reset the card."""


class T0Reader:
    """Sends APDUs over `line`, which takes bytes and returns the bytes the card then sends."""

    def __init__(self, line: Callable[[bytes], bytes]) -> None:
        self._line = line
        self._arrived = b""
        self.nulls = 0
        self.headers: list[bytes] = []

    # -- one TPDU (10.3) -------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        self._arrived += self._line(data)

    def _take(self) -> int:
        if not self._arrived:
            raise CardMute
        byte, self._arrived = self._arrived[0], self._arrived[1:]
        return byte

    def tpdu(self, header: bytes, outgoing: bytes = b"", incoming: int = 0) -> tuple[bytes, int]:
        """Exchange one TPDU; return the data that came and the status word."""
        self.headers.append(header)
        self._arrived = b""
        self._send(header)
        rest, received = outgoing, b""
        ins = header[1]
        while True:
            byte = self._take()
            if byte == 0x60:
                self.nulls += 1
                continue
            if byte == ins:
                count = max(len(rest), incoming - len(received))
            elif byte == ins ^ 0xFF:
                count = 1
            elif byte >> 4 in (0x6, 0x9):
                return received, byte << 8 | self._take()
            else:
                raise CardMute
            if outgoing:
                if not rest:
                    raise CardMute
                piece, rest = rest[:count], rest[count:]
                self._send(piece)
            else:
                for _ in range(count):
                    received += bytes((self._take(),))

    # -- APDUs (12.2) ----------------------------------------------------------------------------

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command APDU, return the response APDU; CardMute."""
        header, data, ne = _split(apdu)
        if len(data) > 255:
            data_back, status = self._envelope(apdu)
        elif data:
            data_back, status = self.tpdu(header + bytes((len(data),)), data)
        elif ne:
            data_back, status = self._case_2(header, ne)
        else:
            data_back, status = self.tpdu(header + b"\0")
        if ne:
            # 12.2.5: the rest is fetched as long as there is room for it
            while status >> 8 == 0x61 and len(data_back) < ne:
                part, status = self._fetch(header[0], ne - len(data_back), status & 0xFF)
                data_back += part
        return data_back + status.to_bytes(2, "big")

    def _case_2(self, header: bytes, ne: int) -> tuple[bytes, int]:
        asked = min(ne, 256)
        data, status = self.tpdu(header + bytes((asked & 0xFF,)), incoming=asked)
        if status >> 8 == 0x6C:
            # 12.2.3: the same command with the right length; what it asked for is what counts
            right = status & 0xFF or 256
            if right < asked:
                data, status = self.tpdu(header + bytes((right & 0xFF,)), incoming=right)
        return data, status

    def _fetch(self, cla: int, room: int, announced: int) -> tuple[bytes, int]:
        size = min(room, announced or 256)
        get_response = bytes((cla, 0xC0, 0x00, 0x00, size & 0xFF))
        return self.tpdu(get_response, incoming=size)

    def _envelope(self, apdu: bytes) -> tuple[bytes, int]:
        """Send an APDU in ENVELOPE commands, the last of them empty (12.2.6, 12.2.7)."""
        for start in range(0, len(apdu), 255):
            piece = apdu[start : start + 255]
            data, status = self.tpdu(bytes((apdu[0], 0xC2, 0, 0, len(piece))), piece)
            if status != 0x9000:
                return data, status
        return self.tpdu(bytes((apdu[0], 0xC2, 0, 0, 0)))


def _split(apdu: bytes) -> tuple[bytes, bytes, int]:
    """Return header, data and Ne of a well-formed command APDU (12.1.3)."""
    header, body = apdu[:4], apdu[4:]
    if not body:
        return header, b"", 0
    if len(body) == 1:
        return header, b"", body[0] or 256
    if body[0]:
        size, at, wide = body[0], 1, 1
    else:
        size, at, wide = int.from_bytes(body[1:3], "big"), 3, 2
        if len(body) == 3:
            return header, b"", size or 65_536
    data, le = body[at : at + size], body[at + size :]
    assert len(data) == size
    assert len(le) in (0, wide)
    return header, data, (int.from_bytes(le, "big") or 256**wide) if le else 0

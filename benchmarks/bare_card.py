"""A card that answers at once, whatever it is asked: what PC/SC and the virtual reader cost alone.

    python benchmarks/bare_card.py HOST PORT [SIGNATURE]

It answers 9000; to an instruction below with as many bytes before it as the real card has, to a
signature command with SIGNATURE bytes (128 unless told).
"""

from __future__ import annotations

import socket
import sys

ATR = bytes.fromhex("3BE000FF8131FE4514")
ANSWERS = {0xB0: 256, 0x84: 8}
"""Bytes of the answer by instruction: READ BINARY, GET CHALLENGE."""
SIGN = 0x2A
RSA_1024 = 128


def serve(host: str, port: int, signature: int = RSA_1024) -> None:
    """Answer the reader at an address until it hangs up; a signature has so many bytes."""
    sizes = {**ANSWERS, SIGN: signature}
    answers = [bytes(sizes.get(ins, 0)) + b"\x90\x00" for ins in range(256)]
    frames = [len(answer).to_bytes(2, "big") + answer for answer in answers]
    atr = len(ATR).to_bytes(2, "big") + ATR
    with socket.create_connection((host, port)) as link:
        buffer = b""
        while chunk := link.recv(4096):
            # the driver sends length and body apart and waits for the acknowledgement between
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            buffer += chunk
            while len(buffer) >= 2 and len(buffer) >= 2 + (size := buffer[0] << 8 | buffer[1]):
                message, buffer = buffer[2 : 2 + size], buffer[2 + size :]
                if size > 1:
                    link.sendall(frames[message[1]])
                elif message == b"\x04":
                    link.sendall(atr)


if __name__ == "__main__":
    serve(sys.argv[1], *map(int, sys.argv[2:]))

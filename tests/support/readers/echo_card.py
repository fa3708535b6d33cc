"""A card without ISO 7816-4: it counts what a reader does to it and says back what it was told.

Transports carry bytes and know no commands, so their tests need no more card than this.
"""

from __future__ import annotations

import threading


class PowerCut(BaseException):
    """Stands for a power cut in the middle of a command: no Exception, as in the tearing suite."""


class EchoCard:
    """Answers a command with its bytes and 9000; the commands below do something else.

    `B0 xx xx xx` answers as many bytes as the last three say; `EE` raises ValueError with the
    command in its text; `EF` raises PowerCut; `5C` waits for `gate`.
    """

    def __init__(self, atr: bytes = bytes.fromhex("3BE000FF8131FE4514")) -> None:
        self.atr = atr
        self.powered = False
        self.journal: list[str] = []
        self.gate = threading.Event()
        self.entered = threading.Event()

    def power_on(self) -> bytes:
        assert not self.powered, "a cold reset needs the power off first"
        self.powered = True
        self.journal.append("on")
        return self.atr

    def reset(self) -> bytes:
        assert self.powered
        self.journal.append("reset")
        return self.atr

    def power_off(self) -> None:
        self.powered = False
        self.journal.append("off")

    def transmit(self, command: bytes, /) -> bytes:
        assert self.powered
        if not command or len(command) == 1:
            return bytes.fromhex("6700")
        match command[0]:
            case 0xB0:
                return bytes(int.from_bytes(command[1:4], "big")) + b"\x90\x00"
            case 0xEE:
                raise ValueError(f"secret {command.hex()}")
            case 0xEF:
                raise PowerCut(f"secret {command.hex()}")
            case 0x5C:
                self.entered.set()
                assert self.gate.wait(60)
            case _:
                pass
        return command + b"\x90\x00"

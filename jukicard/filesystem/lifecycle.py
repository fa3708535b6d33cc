"""Life-cycle states and the byte that says them (ISO/IEC 7816-4:2020, 7.4.10, table 14)."""

from __future__ import annotations

from enum import Enum


class LifeCycleState(Enum):
    """The state of a card, an application, a file, a key or a PIN."""

    CREATION = 0x01
    INITIALISATION = 0x03
    DEACTIVATED = 0x04
    ACTIVATED = 0x05
    TERMINATED = 0x0C

    @property
    def byte(self) -> int:
        """The life-cycle status byte, the value of tag 8A."""
        return self.value

    @classmethod
    def from_byte(cls, byte: int) -> LifeCycleState:
        """Return the state a life-cycle status byte says; ValueError for a proprietary one.

        In 04 to 07 the lowest two bits say only "activated or not"; 0C to 0F are all terminated.
        """
        if byte in (0x01, 0x03):
            return cls(byte)
        if 0x04 <= byte <= 0x07:
            return cls.ACTIVATED if byte & 1 else cls.DEACTIVATED
        if 0x0C <= byte <= 0x0F:
            return cls.TERMINATED
        raise ValueError(f"{byte:02X} is no interindustry life-cycle status")

"""The class byte: channel, chaining and secure messaging, decided once for all 256 values."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, Final


class ClassKind(Enum):
    """The coding a class byte follows (ISO/IEC 7816-4:2020, 5.4.1)."""

    FIRST_INTERINDUSTRY = "first interindustry"
    FURTHER_INTERINDUSTRY = "further interindustry"
    RESERVED = "reserved"
    PROPRIETARY = "proprietary"
    INVALID = "invalid"


class SecureMessagingIndication(Enum):
    """What a class byte says about secure messaging (ISO/IEC 7816-4:2020, tables 2 and 3)."""

    NONE = "none"
    PROPRIETARY = "proprietary"
    HEADER_NOT_AUTHENTICATED = "header not authenticated"
    HEADER_AUTHENTICATED = "header authenticated"


_FIRST_SM: Final = (
    SecureMessagingIndication.NONE,
    SecureMessagingIndication.PROPRIETARY,
    SecureMessagingIndication.HEADER_NOT_AUTHENTICATED,
    SecureMessagingIndication.HEADER_AUTHENTICATED,
)


class ClassByte:
    """One of the 256 class bytes, with its meaning; instances are shared and immutable.

    `value` is the byte on the wire, `channel` the logical channel 0 to 19, `chained` says that
    further commands of a chain follow, `secure_messaging` which kind of protection is indicated.

    Proprietary classes (80 to FE) are read as GlobalPlatform Card Specification 2.3.1, 11.1.4
    reads them, which is the interindustry coding with bit 8 set.

    In the further interindustry coding one bit says "secure messaging"; the standard leaves the
    header unmentioned there, this card authenticates it always (ISO/IEC 7816-4:2020, table 3).
    """

    __slots__ = (
        "chained",
        "channel",
        "interindustry",
        "kind",
        "secure",
        "secure_messaging",
        "value",
    )

    value: int
    kind: ClassKind
    interindustry: bool
    channel: int
    chained: bool
    secure_messaging: SecureMessagingIndication
    secure: bool

    _table: ClassVar[tuple[ClassByte, ...]]

    def __new__(cls, value: int) -> ClassByte:
        """Return the one instance for `value`; ValueError when it is not a byte."""
        if not 0 <= value <= 255:
            raise ValueError(f"a class byte is 0 to 255, not {value}")
        return cls._table[value]

    @classmethod
    def _decode(cls, value: int) -> ClassByte:
        self = object.__new__(cls)
        fill = object.__setattr__
        # ISO/IEC 7816-4:2020, 5.4.1, tables 2 and 3
        low = value & 0x7F
        if value == 0xFF:
            kind = ClassKind.INVALID
        elif value & 0x80:
            kind = ClassKind.PROPRIETARY
        elif low & 0x40:
            kind = ClassKind.FURTHER_INTERINDUSTRY
        elif low & 0x20:
            kind = ClassKind.RESERVED
        else:
            kind = ClassKind.FIRST_INTERINDUSTRY
        # A0 to BF are 20 to 3F with bit 8: no coding gives them parts
        usable = value != 0xFF and low & 0x60 != 0x20
        if low & 0x40:
            channel = 4 + (low & 0x0F)
            messaging = (
                SecureMessagingIndication.HEADER_AUTHENTICATED
                if low & 0x20
                else SecureMessagingIndication.NONE
            )
        else:
            channel = low & 0x03
            messaging = _FIRST_SM[low >> 2 & 0x03]
        fill(self, "value", value)
        fill(self, "kind", kind)
        fill(
            self,
            "interindustry",
            kind in (ClassKind.FIRST_INTERINDUSTRY, ClassKind.FURTHER_INTERINDUSTRY),
        )
        fill(self, "channel", channel if usable else 0)
        fill(self, "chained", bool(usable and low & 0x10))
        fill(self, "secure_messaging", messaging if usable else SecureMessagingIndication.NONE)
        fill(self, "secure", usable and messaging is not SecureMessagingIndication.NONE)
        return self

    @classmethod
    def build(
        cls,
        *,
        channel: int = 0,
        chained: bool = False,
        secure: bool = False,
        proprietary: bool = False,
    ) -> ClassByte:
        """Build a class byte for `channel` 0 to 19.

        `secure` asks for secure messaging with authenticated header (0C, or 60 from channel 4).
        ValueError when the channel cannot be expressed.
        """
        if not 0 <= channel <= 19:
            raise ValueError(f"a logical channel is 0 to 19, not {channel}")
        if channel < 4:
            value = channel | (0x0C if secure else 0)
        else:
            value = 0x40 | channel - 4 | (0x20 if secure else 0)
        if chained:
            value |= 0x10
        if proprietary:
            value |= 0x80
        if value == 0xFF:
            raise ValueError(
                "proprietary, secure, chained on channel 19 would be FF, which is no class byte"
            )
        return cls._table[value]

    def replace(
        self, *, channel: int | None = None, chained: bool | None = None, secure: bool | None = None
    ) -> ClassByte:
        """Return this class byte with some of its parts changed and all others as they are.

        Which kind of secure messaging is indicated stays where the coding of the new channel can
        say it (channels 0 to 3). ValueError for a class that has no such parts (20 to 3F, A0 to
        BF, FF), and where the result would be FF.
        """
        if self.value & 0x60 == 0x20 or self.kind is ClassKind.INVALID:
            raise ValueError(f"class {self.value:02X} has no channel, chaining or secure messaging")
        changed = ClassByte.build(
            channel=self.channel if channel is None else channel,
            chained=self.chained if chained is None else chained,
            secure=self.secure if secure is None else secure,
            proprietary=self.kind is ClassKind.PROPRIETARY,
        )
        if secure is None and not (self.value | changed.value) & 0x40:
            return ClassByte._table[changed.value & ~0x0C | self.value & 0x0C]
        return changed

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a ClassByte cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a ClassByte cannot be changed")

    def __int__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self is other if isinstance(other, ClassByte) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"ClassByte(0x{self.value:02X})"

    def __reduce__(self) -> tuple[type[ClassByte], tuple[int]]:
        return ClassByte, (self.value,)


ClassByte._table = tuple(ClassByte._decode(value) for value in range(256))
CLASS_BYTES: Final[tuple[ClassByte, ...]] = ClassByte._table
"""All 256 class bytes, indexed by their value."""

"""Application identifiers and the partial names that select them (ISO/IEC 7816-5)."""

from __future__ import annotations

from typing import Final

_CATEGORIES: Final = {
    0xA: "international",
    0xD: "national",
    0xE: "standard",
    0xF: "proprietary",
}


class Aid(bytes):
    """An application identifier, 5 to 16 bytes (ISO/IEC 7816-4:2020, 12.2.2).

    A shorter or longer value is a ValueError: what a terminal selects with may be shorter (a
    truncated DF name) and is therefore plain `bytes`, see `matches`.
    """

    __slots__ = ()

    def __new__(cls, value: bytes | str) -> Aid:
        """Make an AID from bytes or from hexadecimal digits."""
        raw = bytes.fromhex(value) if isinstance(value, str) else bytes(value)
        if not 5 <= len(raw) <= 16:
            raise ValueError(f"an AID has 5 to 16 bytes, not {len(raw)}")
        return super().__new__(cls, raw)

    def matches(self, partial: bytes) -> bool:
        """Tell whether a full or truncated DF name (its first 1 to 16 bytes) names this AID.

        ISO/IEC 7816-4:2020, 11.2.2: right truncation; an empty name matches everything.
        """
        return self.startswith(partial)

    @property
    def rid(self) -> bytes:
        """The registered application provider identifier, 5 bytes."""
        return self[:5]

    @property
    def pix(self) -> bytes:
        """The proprietary application identifier extension, 0 to 11 bytes."""
        return self[5:]

    @property
    def category(self) -> str:
        """Who registered it: international (A), national (D), standard (E), proprietary (F).

        `reserved` for every other first nibble (ISO/IEC 7816-4:2020, table 134).
        """
        return _CATEGORIES.get(self[0] >> 4, "reserved")

    @property
    def country(self) -> str | None:
        """The ISO 3166-1 numeric country code of a national AID (`392` is Japan), else None."""
        return self.hex()[1:4] if self[0] >> 4 == 0xD else None

    def __repr__(self) -> str:
        return f"Aid('{self}')"

    def __str__(self) -> str:
        return self.hex().upper()

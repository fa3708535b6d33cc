"""What a card's maker decides once: ATR, channels and the few points where real cards differ."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache

from jukicard.apdu.status import StatusWord
from jukicard.channel.logical import MAX_CHANNELS


@dataclass(frozen=True, slots=True)
class CardOptions:
    """Properties of a card that hold for its life; kept in its memory.

    atr: the answer to reset, or over the contactless interface the one the reader makes.
    contactless: a warm reset then keeps the basic channel's selection and security status, as
        measured on real cards through contactless readers; a contact card forgets all.
    blocked_status: what VERIFY answers for a blocked PIN, 6984 (as real cards) or 6983.
    lenient_verify: answer the five-byte VERIFY with Le as a query, not with 6700.
    reselect_keeps_status: selecting the selected application again keeps what was proven.
    triple_des: whether keys for the triple DES suite of 2003 may be used.
    channels: how many logical channels there are, 1 to 20.
    quota: how many bytes the applications that come after issue may keep, all together.
    """

    atr: bytes
    contactless: bool = False
    blocked_status: StatusWord = StatusWord.REFERENCE_DATA_NOT_USABLE
    lenient_verify: bool = False
    reselect_keeps_status: bool = True
    triple_des: bool = False
    channels: int = 20
    quota: int = 65_536

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise ValueError(f"a card has 1 to {MAX_CHANNELS} channels, not {self.channels}")
        if self.quota < 0:
            raise ValueError("a quota of memory is 0 bytes or more")

    def to_bytes(self) -> bytes:
        """Return what memory keeps."""
        values = asdict(self)
        values["atr"] = self.atr.hex()
        values["blocked_status"] = int(self.blocked_status)
        return json.dumps(values, sort_keys=True).encode()

    @classmethod
    @lru_cache(maxsize=64)
    def from_bytes(cls, raw: bytes) -> CardOptions:
        """Read what `to_bytes` wrote; the forks of one card share it."""
        values = json.loads(raw)
        values["atr"] = bytes.fromhex(values["atr"])
        values["blocked_status"] = StatusWord(values["blocked_status"])
        return cls(**values)

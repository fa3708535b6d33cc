"""What an application trusts when a system shows certificates, and its chip's own key."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Final

from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.cvc import Certificate, CertificateError, Holder, trust_anchor
from jukicard.crypto.private import load_private_key
from jukicard.memory import ApplicationMemory

_ANCHOR: Final = "anchor/"
_DATE: Final = "date"
CHIP_KEY: Final = "chip key"
"""Where the chip's key stands, and what sessions from chip authentication rest on."""


class TrustStore:
    """What an application trusts: authorities, the newest date it has seen, the chip's own key.

    end_proofs: told of a chip key that is replaced, the context's; by default nobody is.
    """

    __slots__ = ("_end_proofs", "_memory")

    def __init__(
        self, memory: ApplicationMemory, end_proofs: Callable[[str], None] = lambda of: None
    ) -> None:
        self._memory = memory
        self._end_proofs = end_proofs

    def anchors(self) -> Iterator[Holder]:
        """Yield the authorities whose certificates are accepted."""
        for key, raw in self._memory.items():
            if key.startswith(_ANCHOR):
                size = 2 + int.from_bytes(raw[:2], "big")
                yield trust_anchor(Certificate.parse_content(raw[size:]), raw[2:size])

    def check_kept(self) -> None:
        """Refuse an authority, a date or a key that is none. ValueError."""
        try:
            list(self.anchors())
        except CertificateError:
            raise ValueError("what it trusts is no authority's certificate") from None
        _ = self.date, self.chip_key()

    def add_anchor(self, holder: Holder) -> None:
        """Trust an authority from now on, with the rights that were left of its own."""
        mask = holder.authorization.mask
        self._memory.put(
            f"{_ANCHOR}{holder.reference.hex().upper()}",
            len(mask).to_bytes(2, "big") + mask + holder.certificate.content,
        )

    @property
    def date(self) -> datetime.date:
        """The card's date: the newest effective date of an accepted certificate."""
        raw = self._memory.get(_DATE)
        return datetime.date.min if raw is None else datetime.date.fromisoformat(raw.decode())

    def set_date(self, date: datetime.date) -> None:
        """Move the card's date."""
        self._memory.put(_DATE, date.isoformat().encode())

    def set_chip_key(self, der: bytes) -> None:
        """Give the chip its key pair of an elliptic curve, PKCS #8; ValueError for another."""
        if not isinstance(load_private_key(der), EcPrivateKey):
            raise ValueError("the chip's key is one of an elliptic curve")
        self._end_proofs(CHIP_KEY)
        self._memory.put(CHIP_KEY, der)

    def chip_key(self) -> EcPrivateKey | None:
        """Return the chip's key, None when it has none."""
        raw = self._memory.get(CHIP_KEY)
        key = None if raw is None else load_private_key(raw)
        return key if isinstance(key, EcPrivateKey) else None

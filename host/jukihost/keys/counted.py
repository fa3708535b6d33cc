"""A custody that counts what it hands out, so that the log can say how often which key was used."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jukihost.keys.custody import CardKeys, KeyCustody, KeyInfo


class CountedCustody:
    """A key custody that counts, by system and version, the cards whose keys it was asked for.

    Who steals keys through a terminal that may use them leaves more of them than uses of cards.
    Refused derivations count too: they were asked for. Threads may share one.
    """

    def __init__(self, custody: KeyCustody) -> None:
        self._custody = custody
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, int]] = Counter()

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        """Count, and return what the custody returns, see `KeyCustody`."""
        with self._lock:
            self._counts[system, version] += 1
        return self._custody.derive_card_keys(system, card_number, aid, version)

    def newest_version(self, system: str) -> int:
        """Return the version that new cards get. UnknownKey."""
        return self._custody.newest_version(system)

    def inventory(self) -> tuple[KeyInfo, ...]:
        """Return what may be told about every master key, by system and version."""
        return self._custody.inventory()

    @contextmanager
    def taken(self) -> Iterator[Mapping[tuple[str, int], int]]:
        """Give what was counted since the last time, by system and version, to be written down.

        Put the transaction that writes inside: where that fails, it is counted again.
        """
        with self._lock:
            counts, self._counts = self._counts, Counter()
        try:
            yield dict(sorted(counts.items()))
        except BaseException:
            with self._lock:
                self._counts.update(counts)
            raise

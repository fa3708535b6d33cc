"""Faults on demand: a backend that loses power, or refuses, at the write of the caller's choice."""

from __future__ import annotations

from jukicard.memory.backend import Backend, Changes, Contents, MemoryFailureError, PowerLoss


class FaultyBackend:
    """Passes everything on to another backend, counts the writes, and fails at the chosen one.

    `cut_after=n`: at the n-th write (1 is the first) the power goes and `PowerLoss` is raised;
    `landed` says whether that write had just landed or not. From then on there is no power: every
    further write raises `PowerLoss` too and changes nothing, until `load` powers the card on.
    `fail_after=n`: the n-th write raises `MemoryFailureError` and changes nothing; later ones work.

    All four may be changed while a card is running. A write counts in `writes` whatever becomes of
    it, except where the power is off already.
    """

    def __init__(
        self,
        inner: Backend,
        cut_after: int | None = None,
        *,
        landed: bool = False,
        fail_after: int | None = None,
    ) -> None:
        for number in (cut_after, fail_after):
            if number is not None and number < 1:
                raise ValueError("the first write is number 1")
        self.cut_after = cut_after
        self.landed = landed
        self.fail_after = fail_after
        self.writes = 0
        self._inner = inner
        self._powered = True

    @property
    def cut_to_come(self) -> bool:
        """Whether the write at which the power goes is still to come."""
        return self.cut_after is not None and self.cut_after > self.writes

    def load(self) -> Contents:
        """Power on, and return what has landed."""
        self._powered = True
        return self._inner.load()

    def write(self, changes: Changes) -> None:
        """Write, or raise `PowerLoss` or `MemoryFailureError` where that was asked for."""
        if not self._powered:
            raise PowerLoss("the power is off")
        self.writes += 1
        if self.writes == self.fail_after:
            raise MemoryFailureError(f"write {self.writes} failed, as asked")
        if self.writes == self.cut_after:
            self._powered = False
            if self.landed:
                self._inner.write(changes)
            raise PowerLoss(f"the power went at write {self.writes}")
        self._inner.write(changes)

    def close(self) -> None:
        """Close the backend behind it."""
        self._inner.close()

    def __repr__(self) -> str:
        state = "on" if self._powered else "off"
        return f"<FaultyBackend, {self.writes} writes, power {state}, over {self._inner!r}>"

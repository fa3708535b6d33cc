"""What hypothesis may do to a line, and the promise that every view has to keep over a bad one."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.readers.tpdu_line import CountingCard, Fault, Kind, answer_to, numbered

FAULTS = st.lists(
    st.builds(
        Fault,
        kind=st.sampled_from([Kind.OK, Kind.OK, *Kind]),
        place=st.integers(0, 300),
        mask=st.integers(1, 255),
    ),
    max_size=14,
)
"""Fates of the next blocks, both ways in turn; after them all goes well."""

BOUNDARIES = (0, 1, 11, 12, 13, 31, 32, 33, 63, 64, 65, 253, 254, 255, 256, 257, 508, 509, 700)
"""Lengths around information fields and frames."""

SIZES = st.sampled_from(BOUNDARIES)


class Exchanges:
    """The commands sent so far and what became of them.

    A command that completed was executed once and its answer is its own. One whose exchange was
    given up was executed once or not at all. Nothing that was never sent was executed.
    """

    def __init__(self, card: CountingCard) -> None:
        self._card = card
        self._sent: dict[bytes, bool] = {}

    def next_command(self, nc: int, size: int) -> bytes:
        """Return a command that was never sent."""
        command = numbered(len(self._sent), nc, size)
        self._sent[command] = False
        return command

    def completed(self, command: bytes, answer: bytes, size: int) -> None:
        """Check an answer and remember that there was one."""
        assert answer == answer_to(command, size)
        self._sent[command] = True

    def check(self) -> None:
        """Check all promises."""
        for command, done in self._sent.items():
            count = self._card.executed[command]
            assert count == 1 if done else count <= 1, f"executed {count} times"
        assert set(self._card.executed) <= set(self._sent), "a command nobody sent"

"""For people who test with the card: its faults, and applications that nothing may reach.

    >>> from jukicard import PersistentMemory, RamBackend
    >>> from jukicard.testing import FaultyBackend
    >>> memory = PersistentMemory(FaultyBackend(RamBackend(), cut_after=3))  # fails at write 3

This is the face; what is imported from here stays where it is when modules move.
"""

from jukicard.testing.applets import ForbiddenApplet, ForbiddenReachedError, with_forbidden
from jukicard.testing.faults import FaultyBackend

__all__ = ["FaultyBackend", "ForbiddenApplet", "ForbiddenReachedError", "with_forbidden"]

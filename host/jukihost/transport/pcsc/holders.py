"""Who of this program holds which card: a thread that waited for itself would wait for ever."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final

from jukihost.errors import CardHeldHere
from jukihost.transport.pcsc.scard import Scard


class _Holder:
    """Whose transaction it is: a connection, and the thread that began it."""

    def __init__(self, connection: object) -> None:
        self.thread = threading.get_ident()
        self._connection = weakref.ref(connection)

    def is_(self, connection: object) -> bool:
        """Whether it is this connection's; one that is no more holds nothing."""
        return self._connection() in (connection, None)


_holders: Final[dict[tuple[int, str], _Holder]] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_holders.clear)  # a child holds no transaction


def hold(scard: Scard, reader: str, connection: object) -> None:
    """Note that a connection began a transaction in this thread."""
    _holders[id(scard), reader] = _Holder(connection)


def let_go(connection: object) -> None:
    """Note that a connection holds nothing any more."""
    if _holders:
        for key, holder in list(_holders.items()):
            if holder.is_(connection):
                _holders.pop(key, None)


def refuse_second(scard: Scard, reader: str, connection: object) -> None:
    """CardHeldHere when another connection of this thread is inside a transaction."""
    if not _holders:
        return
    holder = _holders.get((id(scard), reader))
    if holder is None or holder.thread != threading.get_ident() or holder.is_(connection):
        return
    raise CardHeldHere(
        f"this program holds the card in {reader} itself, in a transaction of another "
        "connection: use that one, or end its `with` block first"
    )

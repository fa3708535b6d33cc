"""Readers of any name: pyscard lists them and connects, and cannot ask how those beyond ASCII are.

Where one is among the readers, pcsc-lite is asked itself; the context is its own.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any, Final

from jukihost.errors import ProtocolError, TransportError
from jukihost.transport.pcsc.scard import STATE_UNAWARE, Scard

States = Sequence[tuple[str, int, Sequence[int]]]
_LIBRARY: Final = "libpcsclite.so.1"


class _ReaderState(ctypes.Structure):
    """SCARD_READERSTATE of pcsc-lite on Linux."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
        ("known", ctypes.c_ulong),
        ("state", ctypes.c_ulong),
        ("size", ctypes.c_ulong),
        ("atr", ctypes.c_ubyte * 33),
    )


def list_names(scard: Scard, context: Any) -> tuple[int, Sequence[str]]:
    """Do SCardListReaders. ProtocolError for a name that is no UTF-8."""
    try:
        return scard.SCardListReaders(context, [])
    except (SystemError, UnicodeDecodeError):  # what pyscard makes of such a name
        raise ProtocolError(
            "a reader has a name that is no UTF-8, and none can be listed; give it another one, "
            "for example in /etc/reader.conf.d"
        ) from None


def get_states(scard: Scard, context: Any, names: Sequence[str]) -> tuple[int, States]:
    """Do SCardGetStatusChange without waiting. TransportError where a name cannot be asked for."""
    try:
        return scard.SCardGetStatusChange(context, 0, [(name, STATE_UNAWARE) for name in names])
    except UnicodeEncodeError:
        return _get_states(context, names)


def _get_states(context: int, names: Sequence[str]) -> tuple[int, States]:
    states = (_ReaderState * len(names))(*(_ReaderState(name.encode()) for name in names))
    result = _pcsclite().SCardGetStatusChange(
        ctypes.c_long(context), ctypes.c_ulong(0), states, ctypes.c_ulong(len(names))
    )
    return result, [
        (name, each.state, each.atr[: each.size]) for name, each in zip(names, states, strict=True)
    ]


def _pcsclite() -> ctypes.CDLL:
    try:
        if sys.platform != "linux":
            raise OSError
        return ctypes.CDLL(_LIBRARY)
    except OSError:
        raise TransportError(
            "pyscard cannot ask for a reader whose name is not ASCII here; give that one another "
            "name, or unplug it"
        ) from None

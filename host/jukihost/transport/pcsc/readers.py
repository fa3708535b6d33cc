"""Which readers there are, and which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jukihost.errors import AmbiguousReader, NoCard, NoReader, ProtocolError
from jukihost.models import Reader
from jukihost.transport.pcsc import scard as pcsc
from jukihost.transport.pcsc.names import get_states, list_names
from jukihost.transport.pcsc.scard import Scard, code_of, expect_service


def look(scard: Scard, context: Any) -> tuple[Reader, ...]:
    """Return all readers as they are now."""
    result, names = list_names(scard, context)
    if code_of(result) == pcsc.NO_READERS_AVAILABLE or (not code_of(result) and not names):
        return ()
    expect_service(result, "SCardListReaders")
    result, states = get_states(scard, context, names)
    if code_of(result) == pcsc.UNKNOWN_READER:  # unplugged between the two calls
        return ()
    expect_service(result, "SCardGetStatusChange")
    return tuple(
        _reader(index, name, state, atr) for index, (name, state, atr) in enumerate(states)
    )


def _reader(index: int, name: str, state: int, atr: Sequence[int]) -> Reader:
    present = bool(state & pcsc.STATE_PRESENT)
    return Reader(index, name, present, to_bytes(atr) if present and atr else None)


def choose(readers: Sequence[Reader], wanted: int | str | None) -> str:
    """Return the name of the one reader to use. NoReader, AmbiguousReader, NoCard."""
    fitting = fitting_readers(readers, wanted)
    if wanted is not None and len(fitting) > 1:
        raise AmbiguousReader(
            f"{wanted!r} fits several readers, name one exactly: {_names(fitting)}"
        )
    with_card = [reader for reader in fitting if reader.card_present]
    if not with_card:
        raise NoCard(f"no card is in {_names(fitting)}; put one in")
    if len(with_card) > 1:
        raise AmbiguousReader(
            f"cards are in several readers, name the one to use: {_names(with_card)}"
        )
    name = with_card[0].name
    if sum(reader.name == name for reader in readers) > 1:
        raise AmbiguousReader(
            f"several readers have the name {name!r}, and PC/SC cannot tell them apart; unplug all "
            "but one of them"
        )
    return name


def fitting_readers(readers: Sequence[Reader], wanted: int | str | None) -> list[Reader]:
    """Return the readers that are meant, with a card or without, at least one. NoReader."""
    fitting = _fitting(readers, wanted)
    if not fitting:
        raise NoReader(
            "no reader is attached; plug one in"
            if not readers
            else f"no reader fits {wanted!r}; attached: {_names(readers)}"
        )
    return fitting


def _fitting(readers: Sequence[Reader], wanted: int | str | None) -> list[Reader]:
    """Readers by index, by exact name, or by a part of the name in either case of letters."""
    if wanted is None:
        return list(readers)
    if isinstance(wanted, int):
        return [reader for reader in readers if reader.index == wanted]
    exact = [reader for reader in readers if reader.name == wanted]
    part = wanted.casefold()
    return exact or [reader for reader in readers if part and part in reader.name.casefold()]


def _names(readers: Sequence[Reader]) -> str:
    return ", ".join(f"{reader.index}: {reader.name}" for reader in readers)


def to_bytes(values: Sequence[int]) -> bytes:
    """Return what PC/SC gave as a list of numbers. ProtocolError."""
    try:
        return bytes(values)
    except ValueError:
        raise ProtocolError("the PC/SC service returned what are no bytes") from None

"""Looks into a card where no answer tells: which session is open, what it decrypts, what landed."""

from __future__ import annotations

from jukicard import Card
from jukicard.securemessaging.iso7816 import Iso7816Session
from tests.support.naive.sm_setup import CountingCipher


def session_of(card: Card, channel: int = 0) -> Iso7816Session | None:
    """The session that is open on a channel, None when there is none."""
    pipeline = card._pipeline
    assert pipeline is not None
    state = pipeline.channels.get(channel).state
    session = state.messaging
    assert session is None or isinstance(session, Iso7816Session)
    return session


def count_ciphers(card: Card, channel: int = 0) -> CountingCipher:
    """Put a counting cipher under the session that is open on a channel."""
    session = session_of(card, channel)
    assert session is not None
    assert session._keys is not None
    counting = CountingCipher(session._keys)
    session._keys = counting
    return counting


def kept(card: Card) -> object:
    """All that the card keeps without power, but for where its generator stands."""
    return card.environment.memory.snapshot().contents()

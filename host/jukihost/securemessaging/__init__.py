"""The terminal's side of secure messaging.

Written from the published protocols and tested against published examples, apart from the card's
side: two ends that share one mistake would pass every test that only joins them.
"""

from jukihost.securemessaging.protocol import SecureMessagingSession
from jukihost.securemessaging.secure_channel import SecureChannel
from jukihost.securemessaging.session import AnswerNotAuthentic, Iso7816Session, SessionOver

__all__ = [
    "AnswerNotAuthentic",
    "Iso7816Session",
    "SecureChannel",
    "SecureMessagingSession",
    "SessionOver",
]

"""Which sessions the terminal's library has: every class of one that names its application."""

from __future__ import annotations

from jukihost.conversation.session import AppletSession


def shipped_sessions() -> list[type[AppletSession]]:
    """Return the sessions of the library, not those that tests or examples add."""
    found: list[type[AppletSession]] = []
    left: list[type[AppletSession]] = [AppletSession]
    while left:
        below = left.pop().__subclasses__()
        left += below
        found += [kind for kind in below if kind.__module__.startswith("jukihost.sessions.")]
    return sorted(set(found), key=lambda kind: kind.__name__)

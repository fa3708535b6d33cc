"""The authentications that begin a session, the terminal's part: shared keys, EAC, PACE.

Written from the published protocols and tested against published examples, apart from the card's
side: two ends that share one mistake would pass every test that only joins them.
"""

from jukihost.authentication.mutual import MutualAuthentication, Suite, authenticate

__all__ = ["MutualAuthentication", "Suite", "authenticate"]

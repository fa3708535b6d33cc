"""What can go wrong while cards are made, in words that say what to do and name nobody."""

from __future__ import annotations

from jukihost.errors import CardError, TerminalError


class AuthorityError(TerminalError):
    """Everything that goes wrong with who certifies or signs what is on cards."""


class AuthorityMissing(AuthorityError):
    """No package that is installed offers it under this name."""


class AuthorityBroken(AuthorityError):
    """The package that offers it cannot be loaded, or offers something else."""


class AuthorityRefused(AuthorityError):
    """It does not do what was asked; its own words say why."""


class AuthorityAway(AuthorityError):
    """It cannot be reached now: its register, its file, its server."""


class CertificateUnknown(AuthorityError):
    """It never issued a certificate of this number."""


class CertificateWrong(AuthorityError):
    """What it issued is not what was ordered: nothing of it belongs on a card."""


class IssueEnded(CardError):
    """Nothing of this kind is issued on this day: the time for it is over, or has not begun."""

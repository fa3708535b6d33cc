"""Authorities by name: packages offer them in an entry-point group, and nobody imports anybody."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from os import PathLike
from typing import Any, Final

from jukihost.issuing.authority import CertificateAuthority
from jukihost.issuing.errors import AuthorityAway, AuthorityBroken, AuthorityMissing
from jukihost.issuing.records import RecordSigner

AUTHORITIES: Final = "jukihost.authorities"
"""The entry-point group of certificate authorities.

Each names what makes one: it is called with the path of the file that its register is kept in, or
None, and returns what fits `CertificateAuthority`.
"""
_METHODS: Final = (
    "issue",
    "authority",
    "revoke",
    "release",
    "revocation",
    "crl",
    "certificates",
)
SIGNERS: Final = "jukihost.recordsigners"
"""The entry-point group of record signers; each names what makes one, without arguments."""
_SIGNERS_METHODS: Final = (
    "certificate",
    "upper_certificate",
    "authority_key",
    "named_key",
    "delivery_key",
    "sign",
    "text_image",
)


def list_authorities() -> tuple[str, ...]:
    """Return the names of the certificate authorities that are installed here."""
    return names_in(AUTHORITIES)


def find_authority(name: str, register: str | PathLike[str] | None = None) -> CertificateAuthority:
    """Return the certificate authority of a name, with its register in a file or in memory.

    AuthorityMissing lists those that there are; AuthorityBroken when its package cannot be loaded,
    or gives no authority; AuthorityAway when the file cannot be used.
    """
    found: CertificateAuthority = make(AUTHORITIES, name, _METHODS, register)
    return found


def list_signers() -> tuple[str, ...]:
    """Return the names of the record signers that are installed here."""
    return names_in(SIGNERS)


def find_signer(name: str) -> RecordSigner:
    """Return the record signer of a name. Errors as `find_authority`."""
    found: RecordSigner = make(SIGNERS, name, _SIGNERS_METHODS)
    return found


def names_in(group: str) -> tuple[str, ...]:
    """Return the names that packages offer in a group."""
    return tuple(sorted({point.name for point in entry_points(group=group)}))


def make(group: str, name: str, methods: tuple[str, ...], *arguments: object) -> Any:
    """Return what a package offers under a name, made with the arguments; see `find_authority`."""
    point = _point(group, name)
    package = point.dist.name if point.dist is not None else "the package that offers it"
    try:
        maker: Callable[..., object] = point.load()
    except Exception as failure:
        raise AuthorityBroken(
            f"{package}, which offers {name!r} of {group}, cannot be loaded "
            f"({type(failure).__name__}): repair or update it, or uninstall it and name another"
        ) from failure
    try:
        found = maker(*arguments)
    except OSError as error:
        raise AuthorityAway(f"{name!r} of {group} cannot be used now: {error}") from None
    except Exception as failure:
        raise AuthorityBroken(
            f"{name!r} of {group} of {package} cannot be made ({type(failure).__name__}): "
            "repair or update it"
        ) from failure
    lacking = [method for method in methods if not callable(getattr(found, method, None))]
    if lacking:
        raise AuthorityBroken(
            f"what {package} offers as {name!r} lacks {', '.join(lacking)}: update {package}"
        )
    return found


def _point(group: str, name: str) -> EntryPoint:
    points = list(entry_points(group=group, name=name))
    if not points:
        there = ", ".join(names_in(group)) or "none"
        raise AuthorityMissing(
            f"there is none called {name!r} here; there is {there}; install the package that "
            f"offers it (in the group {group!r})"
        )
    packages = sorted({point.dist.name for point in points if point.dist is not None})
    if len(packages) > 1:
        raise AuthorityBroken(
            f"{name!r} of {group} is offered by {' and '.join(packages)}: uninstall all but one"
        )
    return points[0]

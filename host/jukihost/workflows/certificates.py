"""Tells the certificate authority what became of certificates: after the ledger, until it knows.

What it is to be told was written with the change of the card, in one transaction. It is told by the
procedure that made the change, once that has landed; where it was away, or the program died, by the
next procedure of any terminal. Telling it twice does no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukihost.issuing import (
    AuthorityError,
    AuthorityRefused,
    CertificateUnknown,
    RevocationReason,
    hold_certificate,
    release_certificate,
    revoke_certificate,
)
from jukihost.ledger import (
    CardCertificate,
    CertificateState,
    check_running,
    note_refused,
    note_told,
    untold_certificates,
)
from jukihost.workflows.errors import code_of

if TYPE_CHECKING:
    from jukihost.issuing import CertificateAuthority
    from jukihost.workflows.office import Office


def tell_authority(office: Office) -> int:
    """Tell the authority what is still to be told; return how much is left.

    What it refuses is kept with what it said, and left. An authority that is away is left alone.
    Stopped, DatabaseError.
    """
    with office.database.read() as connection:
        left = untold_certificates(connection)
        if left and office.authority is not None:
            check_running(connection)
    if office.authority is None:
        return len(left)
    told = 0
    for one in left:
        try:
            _tell(office.authority, one)
        except (AuthorityRefused, CertificateUnknown) as refusal:
            with office.database.begin() as connection:
                note_refused(connection, one, code_of(refusal))
        except AuthorityError:
            break
        else:
            with office.database.begin() as connection:
                note_told(connection, one)
            told += 1
    return len(left) - told


def _tell(authority: CertificateAuthority, certificate: CardCertificate) -> None:
    serial, since = certificate.serial, certificate.since
    if since is None or certificate.reason is None:
        release_certificate(authority, serial)
    elif certificate.state is CertificateState.HELD:
        hold_certificate(authority, serial, since)
    else:
        revoke_certificate(authority, serial, RevocationReason(certificate.reason), since)

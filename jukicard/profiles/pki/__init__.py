"""Test certificate authorities after the JPKI profiles, under an obviously synthetic O=JPKI-TEST.

The keys are public and worth nothing: no one is to trust what they sign outside a test.
"""

from jukicard.profiles.pki.authorities import (
    Authority,
    authentication_authority,
    governor_authority,
    signature_authority,
)
from jukicard.profiles.pki.certificates import (
    Certificate,
    authentication_certificate,
    certificate_expiry,
    juki_certificate_expiry,
    signature_certificate,
)
from jukicard.profiles.pki.keys import PublishedKey, issuer_key, pick_key, sign_pkcs1_sha256
from jukicard.profiles.pki.revocation import Register, Revocation, RevocationReason

__all__ = [
    "Authority",
    "Certificate",
    "PublishedKey",
    "Register",
    "Revocation",
    "RevocationReason",
    "authentication_authority",
    "authentication_certificate",
    "certificate_expiry",
    "governor_authority",
    "issuer_key",
    "juki_certificate_expiry",
    "pick_key",
    "sign_pkcs1_sha256",
    "signature_authority",
    "signature_certificate",
]

"""Test certificate authorities after the JPKI profiles, under an obviously synthetic O=JPKI-TEST.

The keys are public and worth nothing: no one is to trust what they sign outside a test.

What is known of the real certificates and what is not:

- certain: names, string types, order and criticality of the extensions of certificates for
  signatures and of the authorities, the policies, the end of the day at 14:59:59 UTC, the dates
  and numbers of the authorities' first three certificates;
- likely: the pattern of the common names, the fields of certificates for authentication;
- inferred: era 0 in the birth date of foreign residents, an alias in brackets after the name, a
  list of revoked certificates for authentication that names no town, three years of a Juki card's
  certificate that end on the eve of the anniversary;
- made up: the governors' names, keys and dates, all about operators, the authorities after the
  third, the OCSP responder, which substitute stands for which character. Juki
  certificates are signed with RSA and SHA-1 unless asked for SHA-256; OpenSSL verifies them at
  security level 0 only.
"""

from jukicard.synthetic.pki.authorities import (
    Authority,
    authentication_authority,
    governor_authority,
    operator_authority,
    signature_authority,
)
from jukicard.synthetic.pki.certificates import (
    Certificate,
    authentication_certificate,
    certificate_expiry,
    juki_certificate_expiry,
    operator_certificate,
    signature_certificate,
)
from jukicard.synthetic.pki.keys import PublishedKey, issuer_key, pick_key, sign_pkcs1_sha256

__all__ = [
    "Authority",
    "Certificate",
    "PublishedKey",
    "authentication_authority",
    "authentication_certificate",
    "certificate_expiry",
    "governor_authority",
    "issuer_key",
    "juki_certificate_expiry",
    "operator_authority",
    "operator_certificate",
    "pick_key",
    "sign_pkcs1_sha256",
    "signature_authority",
    "signature_certificate",
]

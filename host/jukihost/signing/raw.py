"""Bare signatures: RSASSA-PKCS1-v1_5 over the hash of some bytes, and no container."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from jukihost.crypto.foreign import CertificateUnreadable, check_certificate
from jukihost.signing.key import DEFAULT_HASH, HashName, SigningError, SigningKey, sign_digest


class SignatureInvalid(SigningError):
    """The signature does not belong to this content, or is no signature at all."""


def sign_raw(key: SigningKey, data: bytes, name: HashName = DEFAULT_HASH) -> bytes:
    """Return the signature of `data`, as long as the key. WrongCardSignature, StatusError."""
    return sign_digest(key, name.digest(data), name)


def verify_raw(
    certificate: x509.Certificate, data: bytes, signature: bytes, name: HashName = DEFAULT_HASH
) -> None:
    """Check the signature of `data` with the certificate's key. SignatureInvalid.

    The certificate itself is not looked at: that is `jukihost.signing.validity`.
    """
    try:
        key = check_certificate(certificate).public_key()
    except CertificateUnreadable as error:
        raise SignatureInvalid(str(error)) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise SignatureInvalid("the certificate's key is no RSA key")
    try:
        key.verify(signature, data, padding.PKCS1v15(), name.algorithm)
    except InvalidSignature:
        raise SignatureInvalid(
            "the signature does not belong to this content and certificate"
        ) from None

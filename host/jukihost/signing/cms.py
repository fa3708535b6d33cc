"""CMS signatures (RFC 5652): made with the base installation, checked with the extra `sign`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from jukihost.signing.key import DEFAULT_HASH, HashName, RemoteRsaKey, SigningError, SigningKey
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.report import (
    VerifiedSignature,
    any_usage,
    certificate_of,
    embedded_certificates,
    need_extra,
    readable,
    run,
)
from jukihost.signing.validity import Trust

_HASHES: Final[Mapping[HashName, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    HashName.SHA256: hashes.SHA256(),
    HashName.SHA384: hashes.SHA384(),
    HashName.SHA512: hashes.SHA512(),
}


def sign_cms(
    key: SigningKey, data: bytes, *, detached: bool = True, name: HashName = DEFAULT_HASH
) -> bytes:
    """Return SignedData in DER, with the data inside unless `detached`, and the certificates.

    The signed attributes are content type, digest and the present time. SigningError for SHA-1,
    WrongCardSignature, StatusError.
    """
    if name not in _HASHES:
        raise SigningError("CMS is not signed with SHA-1 any more; use SHA-256")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data)
    builder = builder.add_signer(key.certificate, RemoteRsaKey(key), _HASHES[name])
    for authority in key.authorities:
        builder = builder.add_certificate(authority)
    options = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    if detached:
        options.append(pkcs7.PKCS7Options.DetachedSignature)
    return builder.sign(Encoding.DER, options)


def verify_cms(signature: bytes, trust: Trust, data: bytes | None = None) -> VerifiedSignature:
    """Check SignedData in DER, over `data` when it is detached, and its signer's certificate.

    SignatureInvalid for a wrong signature, or one that is not of this form; CertificateNotValid and
    its kinds as `Trust.check`; ExtraMissing without the extra `sign`.
    """
    need_extra()
    from asn1crypto import cms
    from pyhanko.sign.validation.generic_cms import extract_self_reported_ts

    with readable("the signature"):
        content = cms.ContentInfo.load(signature, strict=True)
        if content["content_type"].native != "signed_data":
            raise SignatureInvalid("the file is CMS, but no signature")
        signed = content["content"]
        if len(signed["signer_infos"]) != 1:
            count = len(signed["signer_infos"]) or "no"
            raise SignatureInvalid(
                f"the file has {count} signatures, and one is checked here; have each made as a "
                "file of its own"
            )
        inside = signed["encap_content_info"]["content"].native
        others = embedded_certificates(signed)
    covered = inside if data is None else data
    if covered is None:
        raise SignatureInvalid("the content is not in the signature; give it as well")
    if inside is not None and inside != covered:
        raise SignatureInvalid("the signature holds another content than the one given")
    status = _status(signed, covered, trust, attached=inside is not None)
    if not (status.intact and status.valid):
        raise SignatureInvalid("the signature does not belong to this content")
    with readable("the signature"):
        signer = certificate_of(status.signing_cert)
        claimed = extract_self_reported_ts(signed["signer_infos"][0])
    trust.check(signer, others)
    return VerifiedSignature(signer, claimed, covered)


def _status(signed: Any, covered: bytes, trust: Trust, *, attached: bool) -> Any:
    from pyhanko.sign.validation import async_validate_cms_signature, async_validate_detached_cms

    context, usage = trust.context(), any_usage()
    with readable("the signature"):
        if attached:
            return run(
                async_validate_cms_signature(
                    signed, validation_context=context, key_usage_settings=usage
                )
            )
        return run(
            async_validate_detached_cms(
                covered, signed, signer_validation_context=context, key_usage_settings=usage
            )
        )

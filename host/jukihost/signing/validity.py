"""Is a certificate valid: chain, dates and revocation, from what the caller gives and nothing else.

RFC 5280, 6, by the library pyhanko-certvalidator (extra `sign`); nothing is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from jukihost.crypto.breadth import can_be_followed
from jukihost.crypto.foreign import (
    CertificateUnreadable,
    check_certificate,
    check_ocsp_response,
    check_revocation_list,
)
from jukihost.signing.key import SigningError
from jukihost.signing.report import certificate_of, load, need_extra, run

if TYPE_CHECKING:
    from pyhanko_certvalidator import ValidationContext
    from pyhanko_certvalidator.path import ValidationPath

_MODERN_RSA_BITS: Final = 2048
_HISTORIC_RSA_BITS: Final = 1024
_BROKEN: Final = frozenset({"md2", "md5"})


class CertificateNotValid(SigningError):
    """The certificate is not valid; a subclass says why."""


class CertificateExpired(CertificateNotValid):
    """Its last day has passed, or that of a certificate above it."""


class CertificateNotYetValid(CertificateNotValid):
    """Its first day has not come, or that of a certificate above it."""


class CertificateRevoked(CertificateNotValid):
    """Its authority has taken it back."""


class CertificateNotTrusted(CertificateNotValid):
    """No right chain leads from it to a trust anchor."""


class RevocationUnknown(CertificateNotValid):
    """Nothing that was given tells whether it was revoked, and that must be known."""


@dataclass(frozen=True)
class Trust:
    """What certificates are checked against.

    `anchors` are trusted as they are; `at` is the time that counts, with a time zone (ValueError);
    `crls` and `ocsps` are revocation lists and OCSP responses in DER. CertificateUnreadable and
    RevocationUnreadable for what is none, see `load_certificates` for files. With
    `require_revocation` every certificate below the anchor must be covered by one of them; without
    it, those that are given count and what they do not cover passes. `historic` accepts RSA-1024
    and SHA-1, which the cards before 2016 have and nobody should trust for anything new.
    """

    anchors: tuple[x509.Certificate, ...]
    at: datetime
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    require_revocation: bool = False
    historic: bool = False

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError("the time to check at needs a time zone")
        for anchor in self.anchors:
            check_certificate(anchor, "the trust anchor")
        for crl in self.crls:
            check_revocation_list(crl)
        for response in self.ocsps:
            check_ocsp_response(response)

    def check(
        self, certificate: x509.Certificate, intermediates: tuple[x509.Certificate, ...] = ()
    ) -> tuple[x509.Certificate, ...]:
        """Return the chain from the trust anchor down to `certificate`.

        CertificateExpired, CertificateNotYetValid, CertificateRevoked, CertificateNotTrusted,
        RevocationUnknown; ExtraMissing without the extra `sign`.
        """
        need_extra()
        try:
            for each in (certificate, *intermediates):
                check_certificate(each, "the certificate" if each is certificate else "one above")
            if not can_be_followed([certificate], intermediates):
                raise CertificateNotTrusted(
                    "more ways lead up from the certificate than can be followed; give only the "
                    "certificates of its chain"
                )
            _check_usage(certificate)
            self._check_strength(certificate)
            path = run(self._path(certificate, intermediates))
        except SigningError:
            raise
        except CertificateUnreadable as error:
            raise CertificateNotValid(str(error)) from None
        except Exception as error:
            raise _reason(error) from error
        return tuple(certificate_of(found) for found in path.iter_certs(include_root=True))

    async def _path(
        self, certificate: x509.Certificate, intermediates: tuple[x509.Certificate, ...]
    ) -> ValidationPath:
        from pyhanko_certvalidator import CertificateValidator

        context = self.context()
        others = [load(intermediate) for intermediate in intermediates]
        validator = CertificateValidator(load(certificate), others, validation_context=context)
        path = await validator.async_validate_path()
        for found in path.iter_certs(include_root=False):
            await self._check_revocation(found, path, context)
        return path

    async def _check_revocation(
        self, certificate: Any, path: ValidationPath, context: ValidationContext
    ) -> None:
        """Look a certificate up in every list and response that was given.

        The library itself looks only where the certificate says that there is something to find.
        """
        from pyhanko_certvalidator import errors
        from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
        from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response

        covered, unusable = False, False
        try:
            await verify_crl(certificate, path, context)
            covered = True
        except errors.CRLNoMatchesError:
            pass
        except errors.CRLValidationIndeterminateError:
            unusable = True
        try:
            await verify_ocsp_response(certificate, path, context)
            covered = True
        except errors.OCSPNoMatchesError:
            pass
        except errors.OCSPValidationIndeterminateError as error:
            # A response about another certificate of the same authority is no failure.
            unusable = unusable or error.suspect_stale is not None
        if unusable and not covered:
            raise RevocationUnknown(
                "the revocation data of the certificate's authority is out of date or not "
                "authentic; get it anew"
            )
        if self.require_revocation and not covered:
            raise RevocationUnknown(
                "nothing tells whether the certificate was revoked; give a revocation list or an "
                "OCSP response of its authority"
            )

    def _check_strength(self, certificate: x509.Certificate) -> None:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < self._rsa_bits:
            raise CertificateNotTrusted("the certificate's key is too weak")

    @property
    def _rsa_bits(self) -> int:
        return _HISTORIC_RSA_BITS if self.historic else _MODERN_RSA_BITS

    def context(self) -> ValidationContext:
        """Return the same for the library's own functions; it fetches nothing."""
        from pyhanko_certvalidator import ValidationContext
        from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy

        policy: Any = DisallowWeakAlgorithmsPolicy
        return ValidationContext(
            trust_roots=[load(anchor) for anchor in self.anchors],
            moment=self.at,
            allow_fetching=False,
            crls=list(self.crls),
            ocsps=list(self.ocsps),
            revocation_mode="soft-fail",
            algorithm_usage_policy=policy(
                weak_hash_algos=_BROKEN if self.historic else _BROKEN | {"sha1"},
                rsa_key_size_threshold=self._rsa_bits,
            ),
        )


def _check_usage(certificate: x509.Certificate) -> None:
    # RFC 5280, 4.2.1.3: documents are signed with one of these, or with a key for anything
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise CertificateNotValid("the certificate's key is not for signatures")


def _reason(error: Exception) -> CertificateNotValid:
    """Return what a library's refusal means.

    Certificates come from strangers, and for malformed ones the libraries have no one exception.
    """
    from pyhanko_certvalidator import errors

    kinds: tuple[tuple[type[Exception], type[CertificateNotValid], str], ...] = (
        (errors.RevokedError, CertificateRevoked, "the certificate was revoked"),
        (errors.ExpiredError, CertificateExpired, "the certificate has expired"),
        (errors.NotYetValidError, CertificateNotYetValid, "the certificate is not valid yet"),
        (
            errors.DisallowedAlgorithmError,
            CertificateNotTrusted,
            "the certificate's authority uses an algorithm or a key that is too weak",
        ),
        (
            errors.PathBuildingError,
            CertificateNotTrusted,
            "no chain leads from the certificate to a trust anchor; give the one of its authority",
        ),
        (
            errors.ValidationError,
            CertificateNotTrusted,
            "the chain of the certificate is not right",
        ),
    )
    for kind, meaning, text in kinds:
        if isinstance(error, kind):
            return meaning(text)
    return CertificateNotValid(
        "the certificate, one above it or its revocation data is malformed; get them anew"
    )

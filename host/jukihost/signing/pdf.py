"""Signatures in PDF files (PAdES baseline), by the library pyHanko (extra `sign`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jukihost.errors import CardError
from jukihost.signing.key import DEFAULT_HASH, HashName, SigningError, SigningKey, sign_digest
from jukihost.signing.pdfreader import open_pdf
from jukihost.signing.raw import SignatureInvalid
from jukihost.signing.report import (
    VerifiedSignature,
    any_usage,
    certificate_of,
    embedded_certificates,
    load,
    need_extra,
    readable,
    run,
)
from jukihost.signing.validity import Trust

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer
    from pyhanko_certvalidator import ValidationContext

FIELD: Final = "Signature1"
"""The name of the signature field, unless told."""
_SAVE_ANEW: Final = "save or print it into a new PDF file, and sign that"
_ASK_THE_SIGNER: Final = "check it with another program, or ask the signer for another file"


class PdfNotSignable(SigningError):
    """The file is no PDF file that a signature can be put into; nothing was signed."""


def sign_pdf(
    pdf: bytes,
    key: SigningKey,
    *,
    field: str = FIELD,
    reason: str | None = None,
    location: str | None = None,
    name: HashName = DEFAULT_HASH,
) -> bytes:
    """Return the file with an invisible signature appended; what was there stays, byte for byte.

    PdfNotSignable (encrypted, damaged, with two contents, a field of this name signed already),
    SigningError for SHA-1, WrongCardSignature, StatusError, ExtraMissing.
    """
    need_extra()
    if name is HashName.SHA1:
        raise SigningError("PDF files are not signed with SHA-1 any more; use SHA-256")
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.general import SigningError as LibraryError
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

    metadata = PdfSignatureMetadata(
        field_name=field,
        md_algorithm=name.name.lower(),
        reason=reason,
        location=location,
        subfilter=SigSeedSubFilter.PADES,
    )
    reader = open_pdf(pdf, PdfNotSignable, _SAVE_ANEW)
    try:
        if field in {it.field_name for it in reader.embedded_signatures}:
            raise PdfNotSignable(
                f"the PDF file has a signature in the field {field!r} already; name another field"
            )
        signing = PdfSigner(metadata, _card_signer(key)).async_sign_pdf(
            IncrementalPdfFileWriter.from_reader(reader)
        )
        written: Any = run(signing)
        signed: bytes = written.getvalue()
        _check_made(signed, key)
    except CardError:  # the card's, or about it
        raise
    except LibraryError:
        raise PdfNotSignable(
            "the PDF file does not let this signature be added: it is certified or locked, or has "
            f"another field of this name; name another field, or {_SAVE_ANEW}"
        ) from None
    except Exception:  # noqa: BLE001 - of strangers' files anything may come
        raise PdfNotSignable(
            f"the PDF file cannot be signed: a part of it is not as it should be; {_SAVE_ANEW}"
        ) from None
    return signed


def verify_pdf(pdf: bytes, trust: Trust) -> tuple[VerifiedSignature, ...]:
    """Check every signature in the file and their certificates; return them, oldest first.

    Each signature's `content` is the revision of the file that it covers. What was added after the
    last signature makes it SignatureInvalid, and so does a file without any signature.
    CertificateNotValid and its kinds, ExtraMissing.
    """
    need_extra()
    reader = open_pdf(pdf, SignatureInvalid, _ASK_THE_SIGNER)
    with readable("the PDF file"):
        signatures = list(reader.embedded_regular_signatures)
    if not signatures:
        raise SignatureInvalid("the PDF file has no signature")
    return tuple(
        _verify(pdf, signature, trust, last=signature is signatures[-1]) for signature in signatures
    )


def _verify(pdf: bytes, signature: Any, trust: Trust, *, last: bool) -> VerifiedSignature:
    with readable("the signature in the PDF file"):
        others = embedded_certificates(signature.signed_data)
        status = _status(signature, trust.context())
        if not (status.intact and status.valid):
            raise SignatureInvalid("the PDF file was changed after it was signed")
        if not _is_complete(status, last=last):
            raise SignatureInvalid("something was added to the PDF file after it was signed")
        signer = certificate_of(status.signing_cert)
        trust.check(signer, others)
        end = signature.byte_range[2] + signature.byte_range[3]
        return VerifiedSignature(signer, status.signer_reported_dt, pdf[:end])


def _check_made(signed: bytes, key: SigningKey) -> None:
    """Read what was made, as anybody will check it. PdfNotSignable when nobody could accept it."""
    from pyhanko_certvalidator import ValidationContext

    reader = open_pdf(signed, PdfNotSignable, _SAVE_ANEW)
    context = ValidationContext(trust_roots=[load(key.certificate)], allow_fetching=False)
    status = _status(list(reader.embedded_regular_signatures)[-1], context)
    if not (status.intact and status.valid and _is_complete(status, last=True)):
        raise PdfNotSignable(
            "the PDF file cannot be signed with this certificate so that others could check it; "
            f"{_SAVE_ANEW}"
        )


def _status(signature: Any, context: ValidationContext) -> Any:
    from pyhanko.sign.validation import async_validate_pdf_signature

    return run(
        async_validate_pdf_signature(
            signature, signer_validation_context=context, key_usage_settings=any_usage()
        )
    )


def _is_complete(status: Any, *, last: bool) -> bool:
    """Tell whether a signature covers all that there was when it was made, and still is."""
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import SignatureCoverageLevel

    covers = (
        status.coverage == SignatureCoverageLevel.ENTIRE_FILE
        # Proofs for the long term are added behind the signature that they are for.
        or status.modification_level == ModificationLevel.LTA_UPDATES
        or (not last and status.coverage == SignatureCoverageLevel.ENTIRE_REVISION)
    )
    return bool(covers and status.docmdp_ok)


def _card_signer(key: SigningKey) -> Signer:
    """Return pyHanko's signer for a key that signs elsewhere."""
    from pyhanko.sign.signers import Signer
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class CardSigner(Signer):
        """Asks the card for the signature, and nobody when only the size is wanted."""

        async def async_sign_raw(
            self, data: bytes, digest_algorithm: str, dry_run: bool = False
        ) -> bytes:
            if dry_run:
                return bytes(key.public_key.key_size // 8)
            name = HashName[digest_algorithm.upper()]
            return sign_digest(key, name.digest(data), name)

    make_store: Any = SimpleCertificateStore
    store = make_store()
    store.register_multiple([load(authority) for authority in key.authorities])
    return CardSigner(signing_cert=load(key.certificate), cert_registry=store)

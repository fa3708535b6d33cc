"""`jukihost jpki verify`: check a signature and its certificate; needs no card."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_json
from jukihost.cli.output import UsageError
from jukihost.clock import Clock

if TYPE_CHECKING:
    from cryptography import x509

    from jukihost.signing.report import VerifiedSignature
    from jukihost.signing.validity import Trust


FORMS: Final = ("raw", "cms", "cms-attached", "pdf", "xml", "xml-detached")
"""The forms a signature can have; by default the one that fits the file's name."""


def form_of(arguments: argparse.Namespace) -> str:
    """Return the form of signature that was asked for, or that fits the file's name."""
    name: str = arguments.file.lower()
    guess = next((form for form in ("pdf", "xml") if name.endswith(f".{form}")), "cms")
    return arguments.form or guess


def add_verify(commands: Commands) -> None:
    """Add the command of this module."""
    parser = add_command(
        commands,
        "verify",
        "check a signature and the certificate it was made with; needs no card",
        _verify,
    )
    parser.add_argument("file", metavar="FILE", help="the signature, or the signed file")
    parser.add_argument(
        "--form",
        choices=FORMS,
        help="the form of the signature (default: pdf or xml for files so named, else cms)",
    )
    parser.add_argument(
        "--content", metavar="FILE", help="what was signed, where it is not in the signature"
    )
    parser.add_argument(
        "--certificate",
        metavar="FILE",
        help="the signer's certificate, for a raw signature, with those above it if it has any",
    )
    parser.add_argument(
        "--anchor",
        metavar="FILE",
        action="append",
        required=True,
        help="certificates to trust, PEM (of any number) or DER; may be repeated",
    )
    for option, what in (
        ("--crl", "a revocation list, PEM or DER"),
        ("--ocsp", "an OCSP response in DER"),
    ):
        parser.add_argument(
            option,
            metavar="FILE",
            action="append",
            default=[],
            help=f"{what}; may be repeated",
        )
    parser.add_argument(
        "--require-revocation",
        action="store_true",
        help="fail unless it is known that nothing was revoked",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        type=_time,
        help="the time that counts, for example 2026-04-01T12:00:00+09:00 (default: now)",
    )
    parser.add_argument(
        "--historic",
        action="store_true",
        help="accept the algorithms of cards before 2016, RSA-1024 and SHA-1",
    )
    add_json(parser)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("this is no time in ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _verify(arguments: argparse.Namespace) -> int:
    from jukihost.signing.report import need_extra

    need_extra()
    signature = output.read_file(arguments.file, "the signature")
    content = (
        None if arguments.content is None else output.read_file(arguments.content, "the content")
    )
    found = _check(arguments, form_of(arguments), signature, content, _trust(arguments))
    rows = [
        {
            "signer": one.signer.subject.rfc4514_string(),
            "claimed_time": None if one.claimed_time is None else one.claimed_time.isoformat(),
        }
        for one in found
    ]
    if arguments.json:
        output.print_json(rows)
    else:
        for row in rows:
            claimed = f", says on {row['claimed_time']}" if row["claimed_time"] else ""
            print(output.shown(f"right: signed by {row['signer']}{claimed}"))
    return output.OK


def _check(
    arguments: argparse.Namespace, form: str, signature: bytes, content: bytes | None, trust: Trust
) -> Sequence[VerifiedSignature]:
    from jukihost.signing.cms import verify_cms
    from jukihost.signing.pdf import verify_pdf
    from jukihost.signing.xmldsig import verify_xml

    checks: dict[str, Callable[[], Sequence[VerifiedSignature]]] = {
        "raw": lambda: [_check_raw(arguments, signature, content, trust)],
        "cms": lambda: [verify_cms(signature, trust, content)],
        "cms-attached": lambda: [verify_cms(signature, trust, content)],
        "pdf": lambda: verify_pdf(signature, trust),
        "xml": lambda: [verify_xml(signature, trust, document=content)],
        "xml-detached": lambda: [verify_xml(signature, trust, document=content)],
    }
    return checks[form]()


def _check_raw(
    arguments: argparse.Namespace, signature: bytes, content: bytes | None, trust: Trust
) -> VerifiedSignature:
    from jukihost.signing.raw import SignatureInvalid, verify_raw
    from jukihost.signing.report import VerifiedSignature

    if content is None or arguments.certificate is None:
        raise UsageError("a raw signature needs --content and --certificate")
    certificates = certificates_of(arguments.certificate, "the certificate")
    for signer in certificates:  # the others may be those above it, in any order
        with suppress(SignatureInvalid):
            verify_raw(signer, content, signature)
            break
    else:
        verify_raw(signer, content, signature)
    trust.check(signer, tuple(it for it in certificates if it is not signer))
    return VerifiedSignature(signer, None, content)


def _trust(arguments: argparse.Namespace) -> Trust:
    from jukihost.crypto.foreign import MAX_REVOCATION, check_ocsp_response, load_revocation_lists
    from jukihost.signing.validity import Trust

    anchors = [
        one for path in arguments.anchor for one in certificates_of(path, "the trust anchor")
    ]
    crls: list[bytes] = []
    for path in arguments.crl:
        crls += load_revocation_lists(output.read_file(path, "the revocation list", MAX_REVOCATION))
    ocsps = [output.read_file(path, "the OCSP answer", MAX_REVOCATION) for path in arguments.ocsp]
    for answer in ocsps:
        check_ocsp_response(answer)
    return Trust(
        tuple(anchors),
        arguments.at or Clock().now(),
        tuple(crls),
        tuple(ocsps),
        arguments.require_revocation,
        arguments.historic,
    )


def certificates_of(path: str, what: str) -> tuple[x509.Certificate, ...]:
    """Return all certificates of a file. CertificateUnreadable."""
    from jukihost.crypto.foreign import MAX_CERTIFICATES, load_certificates

    return load_certificates(output.read_file(path, what, MAX_CERTIFICATES), what)
